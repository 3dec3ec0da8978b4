//! What is on record for the client of a question.

use std::sync::Arc;

use lessor_core::{Binding, ClientKey};

use super::{
    super::{Basis, Octets},
    Subject,
};

impl Subject {
    /// Returns the binding that says more about the client: that of its key, or otherwise the
    /// latest one that matches what is given about client and line.
    pub(super) fn binding_on_record(&self, place: &Basis<'_>) -> Option<Arc<Binding>> {
        let key = match (&self.client_identifier, self.hardware_address) {
            (Some(Octets(octets)), _) => Some(ClientKey::Identifier(octets.clone().into())),
            (None, Some(address)) => Some(ClientKey::Hardware(address)),
            (None, None) => None,
        };
        let shards = place.engines;
        let mut found = None;
        if let Some(key) = &key {
            shards.for_each(|engine| {
                let binding = engine.binding_of(key).filter(|binding| self.fits(binding));
                found = later(found.take(), binding.map(Arc::new));
            });
        }
        if found.is_some()
            || (key.is_none() && self.circuit_id.is_none() && self.remote_id.is_none())
        {
            return found;
        }
        let looked_through = shards.each_binding(|binding| {
            if self.fits(&binding) {
                found = later(found.take(), Some(Arc::new(binding)));
            }
            true
        });
        // After a reload in between, the bindings found may be out of date, so none is used.
        looked_through.ok().and(found)
    }

    fn fits(&self, binding: &Binding) -> bool {
        let information = binding.relay_information.as_ref();
        let circuit_id = information.and_then(|information| information.circuit_id());
        let remote_id = information.and_then(|information| information.remote_id());
        let is = |wanted: &Option<Octets>, found: Option<&[u8]>| {
            wanted.as_ref().is_none_or(|Octets(wanted)| found == Some(wanted))
        };
        let identifier = match &binding.client {
            ClientKey::Identifier(octets) => Some(&**octets),
            _ => None,
        };
        let is_hardware =
            self.hardware_address.is_none_or(|wanted| binding.hardware_address == wanted);
        let is_in_vpn = self.vpn.is_none() || self.vpn == binding.vpn;
        is_in_vpn
            && is_hardware
            && is(&self.client_identifier, identifier)
            && is(&self.circuit_id, circuit_id)
            && is(&self.remote_id, remote_id)
    }
}

fn later(first: Option<Arc<Binding>>, second: Option<Arc<Binding>>) -> Option<Arc<Binding>> {
    [first, second].into_iter().flatten().max_by_key(|binding| binding.changed_at)
}

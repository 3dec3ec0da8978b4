//! The client of a change by hand, by what an operator knows of it.
//!
//! Changes nothing. Invariant: facts that fit several leases name none of them.

use lessor_core::{
    Binding, ClientKey, ClientKeyKind, HardwareAddress, Network, RelayInformation, Timestamp,
    VpnName, relay,
};
use serde::{Deserialize, Serialize};

use super::{AnswerByHand, NothingChanged};
use crate::{reload::Reloader, shards};

/// How many of several leases are named.
const NAMED_MAX: usize = 8;

/// What an operator knows of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ClientFacts {
    /// Its hardware address.
    pub hardware_address: Option<HardwareAddress>,
    /// Its client identifier (option 61), in hexadecimal.
    #[serde(with = "hex_or_none")]
    pub client_identifier: Option<Vec<u8>>,
    /// The circuit id of its line, in hexadecimal.
    #[serde(with = "hex_or_none")]
    pub circuit_id: Option<Vec<u8>>,
    /// The remote id of its line, in hexadecimal.
    #[serde(with = "hex_or_none")]
    pub remote_id: Option<Vec<u8>>,
}

impl ClientFacts {
    /// Returns whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The key of the client in a network.
    pub(super) fn key_in(&self, network: &Network) -> Result<ClientKey, NothingChanged> {
        let kind = network.client_key;
        let information = self.line();
        let identifier = self.client_identifier.as_deref();
        let key = kind.key_from(identifier, self.hardware_address, information.as_ref());
        key.ok_or_else(|| {
            let wanted = match kind {
                ClientKeyKind::ClientIdentifier => "--client-id or --hardware-address",
                ClientKeyKind::HardwareAddress => "--hardware-address",
                ClientKeyKind::Line => "--circuit-id, --remote-id or both",
                ClientKeyKind::LineAndHardwareAddress => {
                    "--hardware-address with --circuit-id, --remote-id or both"
                }
            };
            let (name, kind) = (&network.name, kind.name());
            NothingChanged::new(
                "client-unclear",
                format!(
                    "network {name} tells its clients apart by client-key = {kind:?}; say who the \
                     client is with {wanted}"
                ),
            )
        })
    }

    /// The only active lease of a client that fits, in one VPN or in none.
    pub(super) fn lease(
        &self,
        reloader: &Reloader,
        vpn: Option<&VpnName>,
        now: Timestamp,
    ) -> Result<Binding, AnswerByHand> {
        let mut found: Vec<Binding> = Vec::new();
        let mut newest = || reloader.shared.engines.load_full();
        let listed = shards::each_binding_once(&mut newest, |binding, _| {
            if binding.is_active(now) && binding.vpn.as_ref() == vpn && self.fits(binding) {
                found.push(binding.clone());
            }
            found.len() <= NAMED_MAX
        });
        if let Err(shards::TooManyReloads(reloads)) = listed {
            let text = format!("the server was reloaded {reloads} times meanwhile; try again");
            return Err(AnswerByHand::Failed(text));
        }
        match (found.pop(), &found[..]) {
            (None, _) => Err(NothingChanged::new(
                "no-lease",
                "no client that fits has a lease; `lessor leases --find` searches for a part of a \
                 name",
            )
            .into()),
            (Some(only), []) => Ok(only),
            (Some(last), others) => {
                let each = others.iter().chain([&last]).take(NAMED_MAX);
                let each = each.map(|lease| format!("{} ({})", lease.address, lease.client));
                let each: Vec<String> = each.collect();
                let text = format!(
                    "several leases fit: {}; name one of them by its address",
                    each.join(", ")
                );
                Err(NothingChanged::new("several-leases", text).into())
            }
        }
    }

    fn fits(&self, lease: &Binding) -> bool {
        let information = lease.relay_information.as_ref();
        let identifier = match &lease.client {
            ClientKey::Identifier(octets) => Some(&**octets),
            _ => None,
        };
        let is = |wanted: &Option<Vec<u8>>, found: Option<&[u8]>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        self.hardware_address.is_none_or(|wanted| wanted == lease.hardware_address)
            && is(&self.client_identifier, identifier)
            && is(&self.circuit_id, information.and_then(RelayInformation::circuit_id))
            && is(&self.remote_id, information.and_then(RelayInformation::remote_id))
    }

    fn line(&self) -> Option<RelayInformation> {
        let parts = [(relay::CIRCUIT_ID, &self.circuit_id), (relay::REMOTE_ID, &self.remote_id)];
        let parts = parts.into_iter().filter_map(|(code, part)| Some((code, part.as_deref()?)));
        let information = RelayInformation::from_sub_options(parts);
        (!information.octets().is_empty()).then_some(information)
    }
}

/// Octets in hexadecimal, if there are some.
mod hex_or_none {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[allow(clippy::ref_option, reason = "serde passes the field")]
    pub(super) fn serialize<S: Serializer>(
        octets: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        octets.as_ref().map(hex::encode).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| hex::decode(text).map_err(D::Error::custom)).transpose()
    }
}

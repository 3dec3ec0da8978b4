//! The rules that hold in every state of a world.

use lessor_core::{Binding, BindingState};

use super::{CLIENTS, World, kind::Kind};
use crate::support::key;

impl World {
    /// Checks the rules that hold in every state.
    ///
    /// # Errors
    /// Returns the rule that does not hold.
    pub(crate) fn check(&self) -> Result<(), String> {
        let used = |client: u8| self.clients[usize::from(client)].uses;
        if let (Some((one, _)), Some((other, _))) = (used(0), used(1))
            && one == other
        {
            return Err(format!("both clients use {one}"));
        }
        for client in 0..CLIENTS {
            let Some((address, until)) = used(client) else { continue };
            let record = self.store.get(&address).ok_or_else(|| {
                format!("client {client} was promised {address}, and it is not on record")
            })?;
            let is_kept = record.client == key(client)
                && record.state == BindingState::Leased
                && record.expires_at >= until;
            if !is_kept {
                return Err(format!(
                    "client {client} was promised {address} until {until:?}, and on record is {}",
                    told(record)
                ));
            }
        }
        if matches!(self.kind, Kind::OneLeaseForBoth | Kind::TheNewerOfBoth) {
            let active = self.store.values().filter(|lease| lease.is_active(self.now));
            if active.filter(|lease| lease.subscriber.is_some()).count() > 1 {
                return Err("the subscriber has two leases and may have one".to_owned());
            }
        }
        for server in &self.servers {
            for known in server.engine.bindings() {
                let held = self.store.get(&known.address);
                let is_stored =
                    held.is_some_and(|held| held.revision > known.revision || **held == known);
                if !is_stored {
                    return Err(format!(
                        "a server knows {}, which storage never held",
                        told(&known)
                    ));
                }
            }
        }
        Ok(())
    }
}

/// A short description of a record.
pub(super) fn told(record: &Binding) -> String {
    let Binding { address, client, state, revision, .. } = record;
    format!("{address}, {state:?}, of {client}, revision {revision}")
}

//! Which worlds have the same possible futures.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

use lessor_core::Decision;

use super::{Pending, World};

impl World {
    /// A number that is equal for worlds with the same possible futures.
    pub(crate) fn fingerprint(&self) -> u128 {
        let half = |salt: u64| {
            let mut hasher = DefaultHasher::new();
            salt.hash(&mut hasher);
            self.now.hash(&mut hasher);
            let clients = self.clients.iter();
            clients.map(|client| (client.offered, client.uses)).for_each(|c| c.hash(&mut hasher));
            let text = |hasher: &mut DefaultHasher, what: &dyn fmt::Debug| {
                format!("{what:?}").hash(hasher);
            };
            for binding in self.store.values() {
                text(&mut hasher, &binding);
            }
            for server in &self.servers {
                server.engine.bindings().for_each(|binding| text(&mut hasher, &binding));
                server.engine.offers().for_each(|offer| text(&mut hasher, &offer));
                for usage in server.engine.usage() {
                    text(&mut hasher, &usage);
                }
                let pending = |hasher: &mut DefaultHasher, pending: &Pending| {
                    let is_awaited = self.awaits(pending.client, &pending.request);
                    let Decision { reason, changes, .. } = &pending.decision;
                    text(hasher, &(pending.client, is_awaited, reason, changes));
                };
                for found in &server.queue {
                    pending(&mut hasher, found);
                }
                "doubtful".hash(&mut hasher);
                server.doubtful.iter().for_each(|found| pending(&mut hasher, found));
                for (found, answer) in &server.answered {
                    pending(&mut hasher, found);
                    text(&mut hasher, answer);
                }
                "last".hash(&mut hasher);
                server.last_answer.iter().for_each(|(found, _)| pending(&mut hasher, found));
                for (address, client, request) in &server.waiting {
                    let is_awaited = self.awaits(*client, request);
                    text(&mut hasher, &(address, client, request.kind, is_awaited));
                }
                text(&mut hasher, &server.learnt);
                server.restarts.hash(&mut hasher);
            }
            u128::from(hasher.finish())
        };
        (half(1) << 64) | half(2)
    }
}

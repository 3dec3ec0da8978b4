//! Which worlds have the same possible futures.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

use lessor_core::{Decision, Request};

use super::{Pending, World};
use crate::support::with;

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
                // Transaction ids count up; what matters is whether the client still waits.
                let request = |hasher: &mut DefaultHasher, client: u8, request: &Request| {
                    let is_awaited = self.awaits(client, request);
                    let request = with(request.clone(), |request| request.transaction_id = 0);
                    text(hasher, &(client, is_awaited, request));
                };
                let pending = |hasher: &mut DefaultHasher, pending: &Pending| {
                    request(hasher, pending.client, &pending.request);
                    let Decision { reason, changes, .. } = &pending.decision;
                    text(hasher, &(reason, changes));
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
                if let Some((found, answer)) = &server.last_answer {
                    pending(&mut hasher, found);
                    text(&mut hasher, answer);
                }
                for (address, client, waiting) in &server.waiting {
                    text(&mut hasher, address);
                    request(&mut hasher, *client, waiting);
                }
                text(&mut hasher, &server.learnt);
                server.restarts.hash(&mut hasher);
            }
            u128::from(hasher.finish())
        };
        (half(1) << 64) | half(2)
    }
}

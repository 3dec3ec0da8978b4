//! The classes that the reservation of a client names.
//!
//! Decides nothing: classes are found before the request is decided, because the client's key, its
//! pools and its limit can depend on them. Invariant: the reservation is the one that the decision
//! finds.

use crate::{ClassNames, Engine, Request};

use super::identity;

impl Engine {
    /// The classes that a reservation names for the client of a request in subnet `subnet`; `None`
    /// if it has no reservation, or one that names no class. They do not depend on whether the
    /// reserved address is available.
    pub fn reserved_classes(&self, subnet: usize, request: &Request) -> Option<ClassNames> {
        let information = identity::relay_information_of(&self.plan, &self.bindings, request);
        let information = information.as_deref();
        let own = self.plan.reservation_for(subnet, request, information);
        let shared = || {
            let vpn = self.network().vpn_name();
            self.shared_reservations.find(vpn, request, information)
        };
        let matched = own.or_else(shared)?;
        matched.reservation.settings.classes.clone()
    }
}

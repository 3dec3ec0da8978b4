//! Reservations that belong to no subnet: they apply in every network that has none of its own for
//! the client.
//!
//! Invariant: none of them has an address.

use serde::{Deserialize, Serialize};

use crate::{RelayInformation, Request};

use super::{
    Reservation,
    index::{Matched, OwnerIndex},
};

/// Reservations of all networks. Immutable: a reload makes others.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Reservation>", into = "Vec<Reservation>")]
pub struct SharedReservations {
    list: Vec<Reservation>,
    index: OwnerIndex,
    longest_lease_secs: u32,
}

impl SharedReservations {
    /// Creates an index of reservations. Those of an address are left out.
    pub fn new(mut list: Vec<Reservation>) -> Self {
        list.retain(|reservation| reservation.address.is_none());
        list.shrink_to_fit();
        let index = OwnerIndex::new(list.iter());
        let longest = list.iter().map(|of| of.settings.longest_lease_secs()).max();
        Self { list, index, longest_lease_secs: longest.unwrap_or_default() }
    }

    /// The longest lease time that any of them sets, in seconds; 0 if none sets one.
    pub const fn longest_lease_secs(&self) -> u32 {
        self.longest_lease_secs
    }

    /// Returns whether any of them names a class.
    pub fn name_classes(&self) -> bool {
        self.list.iter().any(|of| of.settings.classes.is_some())
    }

    /// The reservations, in order.
    pub fn list(&self) -> &[Reservation] {
        &self.list
    }

    /// The reservation for the client of `request`, which came over the line in
    /// `relay_information`.
    pub(crate) fn find(
        &self,
        request: &Request,
        relay_information: Option<&RelayInformation>,
    ) -> Option<Matched<'_>> {
        self.index.find(request, relay_information, |position| self.list.get(position), |_| ())
    }
}

/// Reservations are the same if the lists are.
impl PartialEq for SharedReservations {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl Eq for SharedReservations {}

impl From<Vec<Reservation>> for SharedReservations {
    fn from(list: Vec<Reservation>) -> Self {
        Self::new(list)
    }
}

impl From<SharedReservations> for Vec<Reservation> {
    fn from(shared: SharedReservations) -> Self {
        shared.list
    }
}

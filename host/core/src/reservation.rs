//! Reservations: what one client or line gets, whatever else is configured: an address or a pool,
//! options, boot fields and times.
//!
//! Does not find the reservation of a request; [`index`] does. Invariant: a reservation has at
//! least one identifier, and an address belongs to at most one reservation of a checked
//! configuration.

mod identifier;
mod index;
mod shared;

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::{OptionSet, ScopeSettings};

pub(crate) use self::index::{Matched, OwnerIndex};
pub use self::{
    identifier::{IdentifierKind, ReservationOwner, relay_sub_options},
    shared::SharedReservations,
};

/// What is reserved for one client or line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reservation {
    /// What identifies the owner of the reservation.
    pub owners: Owners,
    /// The address, in a pool or not. A client without one gets an address as other clients do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
    /// Options for the owner; they take precedence over those of pool and subnet.
    pub options: OptionSet,
    /// What else it sets; this also takes precedence over pool and subnet.
    #[serde(default, skip_serializing_if = "ScopeSettings::is_empty")]
    pub settings: ScopeSettings,
}

/// The identifiers of one owner: a client that has any of them is the owner. There is at least one,
/// and nearly always only one, which takes no memory of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<ReservationOwner>", into = "Vec<ReservationOwner>")]
pub struct Owners {
    first: ReservationOwner,
    others: Option<Box<Others>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Others(Vec<ReservationOwner>);

impl Reservation {
    /// Returns whether the reservation applies to a client that gets `address`: one of an address
    /// applies only with it.
    pub fn applies_to(&self, address: Ipv4Addr) -> bool {
        self.address.is_none_or(|reserved| reserved == address)
    }
}

impl Owners {
    /// The maximum number of identifiers of one owner.
    pub const MAX: usize = 8;

    /// Creates it from identifiers in order; `None` if there is none, or more than [`Self::MAX`].
    pub fn new(owners: impl IntoIterator<Item = ReservationOwner>) -> Option<Self> {
        let mut owners = owners.into_iter();
        let first = owners.next()?;
        let others: Vec<ReservationOwner> = owners.take(Self::MAX).collect();
        if others.len() >= Self::MAX {
            return None;
        }
        let others = (!others.is_empty()).then(|| Box::new(Others(others)));
        Some(Self { first, others })
    }

    /// The identifiers, in order.
    pub fn iter(&self) -> impl Iterator<Item = &ReservationOwner> {
        std::iter::once(&self.first).chain(self.others.iter().flat_map(|others| &others.0))
    }

    /// The number of identifiers.
    pub fn count(&self) -> usize {
        1 + self.others.as_ref().map_or(0, |others| others.0.len())
    }

    /// The identifier at a position.
    pub(crate) fn get(&self, position: usize) -> Option<&ReservationOwner> {
        match position.checked_sub(1) {
            None => Some(&self.first),
            Some(position) => self.others.as_ref()?.0.get(position),
        }
    }
}

impl From<ReservationOwner> for Owners {
    fn from(first: ReservationOwner) -> Self {
        Self { first, others: None }
    }
}

impl From<Owners> for Vec<ReservationOwner> {
    fn from(owners: Owners) -> Self {
        owners.iter().cloned().collect()
    }
}

impl TryFrom<Vec<ReservationOwner>> for Owners {
    type Error = String;

    fn try_from(owners: Vec<ReservationOwner>) -> Result<Self, Self::Error> {
        let count = owners.len();
        Self::new(owners).ok_or_else(|| {
            format!("a reservation has {count} identifiers; wanted 1 to {}", Self::MAX)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_reservations_fit_into_memory() {
        assert_eq!(size_of::<ReservationOwner>(), 24);
        assert_eq!(size_of::<Owners>(), 32);
        assert!(size_of::<Reservation>() <= 64);
    }

    #[test]
    fn an_owner_has_one_to_eight_identifiers() {
        let owner = |number: u8| ReservationOwner::Duid([number].into());
        for count in 0..=Owners::MAX + 1 {
            let all: Vec<ReservationOwner> = (0..count as u8).map(owner).collect();
            let owners = Owners::new(all.clone());
            assert_eq!(owners.is_some(), (1..=Owners::MAX).contains(&count), "{count}");
            let Some(owners) = owners else {
                assert!(Owners::try_from(all).unwrap_err().contains("wanted 1 to 8"));
                continue;
            };
            assert_eq!(owners.count(), count);
            assert_eq!(owners.get(count - 1), all.last());
            assert_eq!(owners.get(count), None);
            let text = serde_json::to_string(&owners).unwrap();
            assert_eq!(serde_json::from_str::<Owners>(&text).unwrap(), owners);
            assert_eq!(Vec::from(owners), all);
        }
    }
}

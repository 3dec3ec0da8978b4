//! The reservations of one network by the identifiers of their owners.
//!
//! Reservations stay in the configuration. They are numbered through all subnets of the network,
//! and a number is turned into subnet and position when one is found. Invariant: an owner may have
//! a reservation in each subnet, and that of the client's subnet is found first.

use crate::{
    Network, RelayInformation, Request, Reservation,
    reservation::{Matched, OwnerIndex},
};

/// The index of a network's reservations.
#[derive(Debug)]
pub(super) struct Owners {
    index: OwnerIndex,
    /// The number of the first reservation of each subnet.
    firsts: Box<[usize]>,
}

impl Owners {
    pub(super) fn new(network: &Network) -> Self {
        let counts = network.subnets.iter().map(|subnet| subnet.reservations.len());
        let firsts = counts.scan(0, |next, count| {
            let first = *next;
            *next += count;
            Some(first)
        });
        Self {
            firsts: firsts.collect(),
            index: OwnerIndex::new(network.subnets.iter().flat_map(|subnet| &subnet.reservations)),
        }
    }

    /// The reservation for the client of `request` in the subnet at position `subnet`.
    pub(super) fn find<'n>(
        &self,
        network: &'n Network,
        subnet: usize,
        request: &Request,
        relay_information: Option<&RelayInformation>,
    ) -> Option<Matched<'n>> {
        let reservation = |number| self.reservation(network, number);
        let rank = |number| self.subnet_of(number) != Some(subnet);
        self.index.find(request, relay_information, reservation, rank)
    }

    fn reservation<'n>(&self, network: &'n Network, number: usize) -> Option<&'n Reservation> {
        let subnet = self.subnet_of(number)?;
        let position = number.checked_sub(*self.firsts.get(subnet)?)?;
        network.subnets.get(subnet)?.reservations.get(position)
    }

    fn subnet_of(&self, number: usize) -> Option<usize> {
        self.firsts.partition_point(|first| *first <= number).checked_sub(1)
    }
}

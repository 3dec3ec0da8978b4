//! What the configurations of all servers come to, before it is written as TOML.
//!
//! Knows no syntax. Reservations and subnets keep the entry of the report that they came from, so
//! that [`crate::settle`] can say what it changed.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;
use lessor_core::{AllocationOrder, ClientKeyKind, Fraction, LeasePart, LimitBy, ReservationOwner};
use lessor_vocabulary::Catalogue;

use crate::{condition::Condition, place::Place, report::EntryId};

/// Options by code.
pub(crate) type Options = BTreeMap<u8, Value>;

/// The value of an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Octets that every client gets.
    Octets(Vec<u8>),
    /// Sub-options that every client gets. Those of inner scopes are added to those of outer ones.
    SubOptions(SubOptions),
    /// Sub-options by vendor: by its name in the catalogue, or by its enterprise number. A client
    /// gets those of its vendor.
    OfVendors(BTreeMap<String, SubOptions>, Precedence),
}

/// What the sub-options of a vendor in an inner scope replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precedence {
    /// Those of outer scopes with the same codes.
    Each,
    /// All of the vendor in outer scopes.
    Whole,
}

/// Sub-options by code, as octets.
pub(crate) type SubOptions = BTreeMap<u8, Vec<u8>>;

/// A whole configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Site {
    /// The options and vendors that the configuration declares.
    pub(crate) catalogue: Catalogue,
    /// Interfaces whose links have clients.
    pub(crate) interfaces: Vec<String>,
    /// Addresses that relays send to.
    pub(crate) listen: Vec<Ipv4Addr>,
    /// What applies everywhere.
    pub(crate) everywhere: Scope,
    pub(crate) classes: Vec<Class>,
    pub(crate) subnets: Vec<Subnet>,
    /// Reservations that belong to whichever subnet contains their address, or to all networks if
    /// they have none.
    pub(crate) reservations: Vec<Reservation>,
}

/// What a server does if a client without a record asks to keep a free address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    Adopt,
    Ignore,
    Refuse,
}

/// Which BOOTP clients are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bootp {
    Reserved,
    Dynamic,
}

/// Settings that apply to a part of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) lease_time: Option<u32>,
    pub(crate) min_lease_time: Option<u32>,
    pub(crate) max_lease_time: Option<u32>,
    /// Option 54 of every reply.
    pub(crate) server_identifier: Option<Ipv4Addr>,
    pub(crate) next_server: Option<Ipv4Addr>,
    pub(crate) boot: Boot,
    pub(crate) renewal_time: Option<LeasePart>,
    pub(crate) rebinding_time: Option<LeasePart>,
    /// What stands for timers that no scope sets.
    pub(crate) parts: TimerParts,
    pub(crate) authoritative: Option<bool>,
    pub(crate) unknown_clients: Option<Unknown>,
    pub(crate) client_key: Option<ClientKeyKind>,
    pub(crate) quarantine: Option<u32>,
    /// The part of a lease within which an extension changes nothing.
    pub(crate) cache_threshold: Option<Fraction>,
    pub(crate) bootp: Option<Bootp>,
    pub(crate) rapid_commit: Option<bool>,
    pub(crate) always_broadcast: Option<bool>,
    /// Options that are sent unasked.
    pub(crate) always_send: Vec<u8>,
    /// Options of outer scopes that are not sent.
    pub(crate) never_send: Vec<u8>,
    /// In which order pools give addresses.
    pub(crate) order: Option<AllocationOrder>,
    /// Whether pools skip addresses that end in .0 or .255.
    pub(crate) excludes_first_last_24: Option<bool>,
    /// The part of a pool from which on leases have their minimum time.
    pub(crate) shortens_above: Option<Fraction>,
    pub(crate) options: Options,
}

/// Timers as parts of the lease time, which apply where they are calculated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimerParts {
    pub(crate) are_calculated: Option<bool>,
    pub(crate) renewal: Option<Fraction>,
    pub(crate) rebinding: Option<Fraction>,
}

/// What clients boot, besides the server that has it: fields of the header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Boot {
    pub(crate) server_name: Option<String>,
    pub(crate) file: Option<String>,
}

/// Clients that send messages of a kind, and what they get.
#[derive(Clone, Debug)]
pub(crate) struct Class {
    pub(crate) place: Place,
    /// The entries of the report that it came from.
    pub(crate) entries: Vec<EntryId>,
    pub(crate) name: String,
    /// `None` if only reservations name the class.
    pub(crate) condition: Option<Condition>,
    pub(crate) scope: Scope,
    /// How many leases its clients may have.
    pub(crate) limit: Option<Limit>,
    /// The names of its pools; those of a site are found when it is settled.
    pub(crate) pools: Vec<String>,
}

/// How many leases clients may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) by: LimitBy,
    pub(crate) leases_max: u32,
}

/// Which clients may have the addresses of a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Access {
    /// The classes that may; none for all clients.
    pub(crate) allowed: Vec<String>,
    /// The classes that may not.
    pub(crate) denied: Vec<String>,
    /// The entries of the report that say so.
    pub(crate) entries: Vec<EntryId>,
}

/// A subnet.
#[derive(Clone, Debug)]
pub(crate) struct Subnet {
    pub(crate) place: Place,
    pub(crate) entry: EntryId,
    pub(crate) prefix: Ipv4Net,
    pub(crate) shared_network: Option<String>,
    /// Addresses of relays outside of its network that select it.
    pub(crate) relay_addresses: Vec<Ipv4Addr>,
    pub(crate) scope: Scope,
    pub(crate) pools: Vec<Pool>,
    pub(crate) reservations: Vec<Reservation>,
}

/// A range of addresses.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub(crate) place: Place,
    pub(crate) entry: EntryId,
    pub(crate) first: Ipv4Addr,
    pub(crate) last: Ipv4Addr,
    /// Its name, if a class has to name it.
    pub(crate) name: Option<String>,
    pub(crate) access: Access,
    /// Whether only a class or a policy may assign clients to it.
    pub(crate) by_policy_only: bool,
    /// Pools of a higher number are used when those of lower numbers are full, from 1.
    pub(crate) preference: u8,
    pub(crate) boot: Boot,
    pub(crate) options: Options,
}

/// What one client gets.
#[derive(Clone, Debug)]
pub(crate) struct Reservation {
    pub(crate) place: Place,
    pub(crate) entry: EntryId,
    /// The name of the host, for a comment.
    pub(crate) name: String,
    /// Its identifiers, at least one.
    pub(crate) owners: Vec<ReservationOwner>,
    pub(crate) address: Option<Ipv4Addr>,
    /// The names of the classes that its client belongs to.
    pub(crate) classes: Vec<String>,
    pub(crate) lease_time: Option<u32>,
    pub(crate) next_server: Option<Ipv4Addr>,
    pub(crate) boot: Boot,
    pub(crate) options: Options,
}

impl Site {
    /// The addresses of the server that are known, which clients cannot have.
    pub(crate) fn own_addresses(&self) -> Vec<Ipv4Addr> {
        let scopes = self.subnets.iter().map(|subnet| &subnet.scope).chain([&self.everywhere]);
        let identifiers = scopes.filter_map(|scope| scope.server_identifier);
        self.listen.iter().copied().chain(identifiers).collect()
    }

    /// The options that some subnet or pool sets.
    pub(crate) fn codes_of_subnets(&self) -> BTreeSet<u8> {
        let subnets = self.subnets.iter();
        let of_pools = subnets.clone().flat_map(|subnet| &subnet.pools);
        let of_pools = of_pools.flat_map(|pool| pool.options.keys());
        subnets.flat_map(|subnet| subnet.scope.options.keys()).chain(of_pools).copied().collect()
    }

    /// The reservations of all subnets, and those of all networks.
    pub(crate) fn all_reservations(&self) -> impl Iterator<Item = &Reservation> {
        let of_subnets = self.subnets.iter().flat_map(|subnet| &subnet.reservations);
        of_subnets.chain(&self.reservations)
    }

    /// Like [`Site::all_reservations`], to change them.
    pub(crate) fn all_reservations_mut(&mut self) -> impl Iterator<Item = &mut Reservation> {
        let of_subnets = self.subnets.iter_mut().flat_map(|subnet| &mut subnet.reservations);
        of_subnets.chain(&mut self.reservations)
    }
}

impl Reservation {
    /// Whether it gives its client nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.address.is_none()
            && self.classes.is_empty()
            && self.lease_time.is_none()
            && self.next_server.is_none()
            && self.boot == Boot::default()
            && self.options.is_empty()
    }
}

impl Access {
    /// Whether clients of a class may, and those of no class may not.
    pub(crate) fn is_for(&self, class: &String) -> bool {
        self.allowed.contains(class) && !self.denied.contains(class)
    }
}

impl Pool {
    /// Whether some clients get its addresses without a policy.
    pub(crate) const fn is_given(&self) -> bool {
        !self.by_policy_only || !self.access.allowed.is_empty()
    }
}

impl Scope {
    /// These settings, and those of `outer` that are not among them.
    pub(crate) fn within(mut self, outer: &Self) -> Self {
        self.lease_time = self.lease_time.or(outer.lease_time);
        self.min_lease_time = self.min_lease_time.or(outer.min_lease_time);
        self.max_lease_time = self.max_lease_time.or(outer.max_lease_time);
        self.server_identifier = self.server_identifier.or(outer.server_identifier);
        self.next_server = self.next_server.or(outer.next_server);
        self.boot.inherit(&outer.boot);
        self.renewal_time = self.renewal_time.or(outer.renewal_time);
        self.rebinding_time = self.rebinding_time.or(outer.rebinding_time);
        self.parts = self.parts.within(outer.parts);
        self.authoritative = self.authoritative.or(outer.authoritative);
        self.unknown_clients = self.unknown_clients.or(outer.unknown_clients);
        self.client_key = self.client_key.or(outer.client_key);
        self.quarantine = self.quarantine.or(outer.quarantine);
        self.cache_threshold = self.cache_threshold.or(outer.cache_threshold);
        self.bootp = self.bootp.or(outer.bootp);
        self.rapid_commit = self.rapid_commit.or(outer.rapid_commit);
        self.always_broadcast = self.always_broadcast.or(outer.always_broadcast);
        self.always_send.extend(&outer.always_send);
        self.never_send.extend(&outer.never_send);
        self.order = self.order.or(outer.order);
        self.excludes_first_last_24 = self.excludes_first_last_24.or(outer.excludes_first_last_24);
        self.shortens_above = self.shortens_above.or(outer.shortens_above);
        inherit(&mut self.options, &outer.options);
        self
    }
}

impl TimerParts {
    /// These parts, and those of `outer` that are not among them.
    pub(crate) fn within(self, outer: Self) -> Self {
        Self {
            are_calculated: self.are_calculated.or(outer.are_calculated),
            renewal: self.renewal.or(outer.renewal),
            rebinding: self.rebinding.or(outer.rebinding),
        }
    }

    /// The parts for T1 and T2 that are in use.
    pub(crate) fn in_use(self) -> (Option<Fraction>, Option<Fraction>) {
        match self.are_calculated {
            Some(true) => (self.renewal, self.rebinding),
            Some(false) | None => (None, None),
        }
    }
}

impl Boot {
    /// Adds what is not set here.
    pub(crate) fn inherit(&mut self, outer: &Self) {
        let both = [(&mut self.server_name, &outer.server_name), (&mut self.file, &outer.file)];
        for (own, outer) in both {
            if own.is_none() {
                own.clone_from(outer);
            }
        }
    }
}

/// Adds those options of `outer` that are not there, and sub-options to those that are.
pub(crate) fn inherit(options: &mut Options, outer: &Options) {
    for (code, value) in outer {
        match options.entry(*code) {
            Entry::Vacant(missing) => {
                missing.insert(value.clone());
            }
            Entry::Occupied(mut own) => {
                own.get_mut().inherit(value);
            }
        }
    }
}

impl Value {
    /// Adds those sub-options of `outer` that are not there. Returns whether both have such
    /// sub-options, so that nothing of `outer` is lost.
    pub(crate) fn inherit(&mut self, outer: &Self) -> bool {
        match (self, outer) {
            (Self::SubOptions(own), Self::SubOptions(outer)) => inherit_sub_options(own, outer),
            (Self::OfVendors(own, precedence), Self::OfVendors(outer, _)) => {
                for (vendor, outer) in outer {
                    match (own.entry(vendor.clone()), &*precedence) {
                        (Entry::Vacant(missing), _) => {
                            missing.insert(outer.clone());
                        }
                        (Entry::Occupied(mut own), Precedence::Each) => {
                            inherit_sub_options(own.get_mut(), outer);
                        }
                        (Entry::Occupied(_), Precedence::Whole) => {}
                    }
                }
            }
            _ => return false,
        }
        true
    }

    /// The octets, if every client gets the same.
    pub(crate) fn octets(&self) -> Option<&[u8]> {
        match self {
            Self::Octets(octets) => Some(octets),
            Self::SubOptions(_) | Self::OfVendors(..) => None,
        }
    }
}

impl From<Vec<u8>> for Value {
    fn from(octets: Vec<u8>) -> Self {
        Self::Octets(octets)
    }
}

fn inherit_sub_options(own: &mut SubOptions, outer: &SubOptions) {
    for (code, octets) in outer {
        own.entry(*code).or_insert_with(|| octets.clone());
    }
}

/// Every address of a range, as numbers.
pub(crate) fn range(first: Ipv4Addr, last: Ipv4Addr) -> std::ops::RangeInclusive<u32> {
    u32::from(first)..=u32::from(last)
}

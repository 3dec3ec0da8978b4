//! The addresses that a decision considers, as its witness sees them.
//!
//! Decides nothing. A decision notifies its witness of each address that it considers, when it does
//! so, and of what stands in the way; so what a witness lists is what was decided. The witness of a
//! replay has seen the recorded decision, and prefers the address that it chose. `()` ignores all
//! of it and prefers nothing, at no cost: a decision for a client contains no code for it.

use std::{net::Ipv4Addr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::ClientKey;

use super::obstacle::Obstacle;

/// Is notified of the addresses that a decision considers.
pub(super) trait Witness {
    /// Whether the witness listens. A decision goes on for one that does, to find the address that
    /// a client beyond its limit would get otherwise.
    const LISTENS: bool = true;

    /// The decision considers an address, or searched a pool without success.
    fn considers(&mut self, candidate: impl FnOnce() -> Candidate);

    /// The client does not get the address that was considered last.
    fn refuses(&mut self, obstacle: Obstacle);

    /// Which of many free addresses to select.
    fn preference(&self) -> Preference<'_> {
        Preference::default()
    }
}

/// Selects one of many free addresses for a client. Replays need it: the selection depends on the
/// other leases of the server, and one client that moves must not make all others move.
#[derive(Clone, Copy, Default)]
pub struct Preference<'p> {
    /// This address, if it is free and the client may have it.
    pub address: Option<Ipv4Addr>,
    /// Otherwise an address that was never used and for which this returns `false`, if there is
    /// one.
    pub spoken_for: Option<&'p dyn Fn(Ipv4Addr) -> bool>,
}

impl Witness for () {
    const LISTENS: bool = false;

    fn considers(&mut self, _: impl FnOnce() -> Candidate) {}

    fn refuses(&mut self, _: Obstacle) {}
}

impl Witness for Preference<'_> {
    const LISTENS: bool = false;

    fn considers(&mut self, _: impl FnOnce() -> Candidate) {}

    fn refuses(&mut self, _: Obstacle) {}

    fn preference(&self) -> Preference<'_> {
        *self
    }
}

/// An address that was considered for a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Candidate {
    /// Why it was considered.
    pub rule: Rule,
    /// The address; `None` if a pool was searched without success.
    pub address: Option<Ipv4Addr>,
    /// The pool that contains the address, or that was searched.
    pub pool: Option<Arc<str>>,
    /// Why the client cannot have it; `None` if it can.
    pub obstacle: Option<Obstacle>,
    /// The other client that has a lease or an open offer of it.
    pub holder: Option<ClientKey>,
}

/// Why an address is considered, in the order of consideration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A policy names it.
    Policy,
    /// It is reserved for the client or its line.
    Reservation,
    /// It is offered to the client, which has not requested it yet.
    Offered,
    /// The client's last lease is of this address, active or not.
    Current,
    /// The client had it before its last lease.
    Former,
    /// The client asks for it.
    Asked,
    /// It is the lowest one that was never used.
    Free,
    /// It was never used, and is the first such one from the client's place in the pool.
    Random,
    /// It has been free longest, and none is left that was never used.
    LongestFree,
    /// A pool was searched for a free one, without success.
    Searched,
    /// No address is free, and this one belongs to the subscriber's oldest lease, which gives way.
    Oldest,
    /// No address is free, and this one has been quarantined longest.
    Quarantined,
    /// No address is free, and an open offer of this one gives way, as the ledger says.
    Contested,
}

impl Candidate {
    /// A pool of this name that was searched without success.
    pub(super) const fn none_in(pool: Option<Arc<str>>, obstacle: Obstacle) -> Self {
        Self { rule: Rule::Searched, address: None, pool, obstacle: Some(obstacle), holder: None }
    }
}

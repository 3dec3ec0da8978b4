//! Leases of other servers as records of the store, and which of two records of an address counts.
//!
//! Reads no files and no store. Invariant: a record that the server itself wrote is replaced only
//! by what another server did later.

use std::net::Ipv4Addr;

use lessor_core::{Binding, BindingState, ClientKey, Timestamp};
use serde::Serialize;

use crate::{place::Place, report::Report};

/// The leases of some files, for a store.
#[derive(Clone, Debug)]
pub struct ReadLeases {
    /// At most one record of each address.
    pub records: Vec<LeaseRecord>,
    /// The addresses whose last entry says that nobody has them.
    pub(crate) removals: Vec<Removal>,
    /// What became of the leases.
    pub report: Report,
    /// How many leases had which outcome.
    pub totals: LeaseTotals,
    /// The present, in the time of the store.
    pub(crate) now: Timestamp,
}

/// A lease as a record.
#[derive(Clone, Debug)]
pub struct LeaseRecord {
    /// The record.
    pub binding: Binding,
    pub(crate) place: Place,
    /// Whether the file says when the lease changed.
    pub(crate) is_timed: bool,
}

/// How many leases had which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LeaseTotals {
    /// Entries in the files; a log has several of one address.
    pub read: u64,
    /// Addresses whose last entry is a lease.
    pub addresses: u64,
    /// Leases that run.
    pub active: u64,
    /// Leases that have ended or were released; their clients get the addresses back if they are
    /// free.
    pub ended: u64,
    /// Addresses that a client declined.
    pub quarantined: u64,
    /// Leases that are not carried; the report says why.
    pub not_carried: u64,
    /// Addresses of which the store keeps its record, because that is the same or changed later.
    pub kept: u64,
    /// Leases of the store that ended, because the other server removed them.
    pub removed: u64,
}

/// The end of a lease of which the file does not say more.
#[derive(Clone, Debug)]
pub(crate) struct Removal {
    pub(crate) place: Place,
    pub(crate) address: Ipv4Addr,
    /// When the other server changed the lease last, as far as the file says.
    pub(crate) changed_at: Timestamp,
}

/// The client of a record, for the report.
pub(crate) fn client(lease: &Binding) -> String {
    match &lease.client {
        ClientKey::Hardware(address) => address.to_string(),
        other => other.to_string(),
    }
}

/// When a lease began and changed if its file does not say so: just before the earliest time at
/// which it can have been granted, for so many seconds.
///
/// [`is_unknown`] finds such a record again, because the server itself writes none like it. Its
/// leases have whole seconds, or began long before they changed, or when they changed.
pub(crate) fn unknown_times(
    expires_at: Timestamp,
    longest_secs: u32,
    now: Timestamp,
) -> (Timestamp, Timestamp) {
    if expires_at == Timestamp::NEVER {
        return (Timestamp::default(), Timestamp::default());
    }
    let latest = expires_at.moved_by_ms(-(i64::from(longest_secs) * 1000) - 1).min(now);
    let over_ms = latest.ms_until(expires_at).rem_euclid(1000);
    let changed_at = latest.moved_by_ms(-(1001 - over_ms).rem_euclid(1000));
    (changed_at.moved_by_ms(-1), changed_at)
}

/// Whether a record is that of a lease of which a file did not say when it changed.
fn is_unknown(known: &Binding) -> bool {
    let Binding { state, began_at, changed_at, expires_at, .. } = known;
    let is_marked = match *expires_at == Timestamp::NEVER {
        true => *changed_at == Timestamp::default(),
        false => {
            began_at.ms_until(*changed_at) == 1
                && changed_at.ms_until(*expires_at).rem_euclid(1000) == 1
        }
    };
    *state == BindingState::Leased && is_marked
}

impl LeaseRecord {
    /// Whether the lease takes the place of a record in the store.
    pub(crate) fn replaces(&self, known: &Binding) -> bool {
        let lease = &self.binding;
        if !self.is_timed && is_unknown(known) {
            // Both are of files that do not say when, and this file was read later.
            return Binding { revision: known.revision, ..lease.clone() } != *known;
        }
        // The other servers do not change the time when a client releases or declines an address.
        let ends_it = known.state == BindingState::Leased && lease.state != BindingState::Leased;
        lease.changed_at > known.changed_at || (lease.changed_at == known.changed_at && ends_it)
    }

    /// Why a lease that runs is lost if a record stays in the store; `None` if nothing is lost.
    pub(crate) fn loss(&self, known: &Binding, now: Timestamp) -> Option<String> {
        let lease = &self.binding;
        let runs = lease.state == BindingState::Leased && now < lease.expires_at;
        if !runs || lease.client == known.client {
            return None;
        }
        let has = match known.state {
            BindingState::Quarantined => "the store has it in quarantine".to_owned(),
            _ => format!("the store has it for {}", client(known)),
        };
        Some(match self.is_timed {
            true => format!("{has}, and its record is not older"),
            false => format!(
                "{has}, and the file does not say which is newer; if this lease is, end the other \
                 with lessor leases end, and import again"
            ),
        })
    }
}

impl Removal {
    /// The record in the store after the end of its lease; `None` if that does not end.
    pub(crate) fn ends(&self, known: &Binding, now: Timestamp) -> Option<Binding> {
        let is_over = known.state == BindingState::Released || known.expires_at <= now;
        if is_over || self.changed_at < known.changed_at {
            return None;
        }
        let state = match known.state {
            BindingState::Leased => BindingState::Released,
            other => other,
        };
        Some(Binding { state, changed_at: self.changed_at, expires_at: now, ..known.clone() })
    }
}

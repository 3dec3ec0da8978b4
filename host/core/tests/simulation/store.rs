//! Storage that compares and sets, fails now and then, sometimes after it has written all the same, and
//! is written to by another server.

use std::{
    collections::{BTreeSet, VecDeque},
    net::Ipv4Addr,
    sync::Arc,
};

use lessor_core::{Answer, Change, Decision, Lease, LeaseState, Request, Terms, Timestamp};

use super::random::Random;
use crate::storage::{self, Records};
use crate::support::*;

/// A decision that waits for storage.
pub(super) struct Pending {
    /// Of the decision, in the order of decisions.
    pub(super) number: usize,
    pub(super) decided_at: Timestamp,
    pub(super) client: u8,
    pub(super) subnet: usize,
    pub(super) request: Request,
    pub(super) terms: Terms,
    pub(super) decision: Decision,
    pub(super) attempts: usize,
    /// The changes, by position, that cut another device off: it loses the address of its line to
    /// a new one, or its subscriber gives its lease up.
    pub(super) cuts_off: Vec<usize>,
}

#[derive(Default)]
pub(super) struct Store {
    pub(super) records: Records,
    /// Addresses whose record another server wrote and this one did not hear of yet.
    pub(super) foreign: BTreeSet<Ipv4Addr>,
    /// Addresses whose record another server wrote last.
    pub(super) by_other_server: BTreeSet<Ipv4Addr>,
    pub(super) queue: VecDeque<Pending>,
}

impl Store {
    /// Makes the changes of a decision, all or none.
    pub(super) fn commit(&mut self, changes: &[Change], is_blind: bool) -> Answer {
        if !is_blind && !changes.iter().all(|change| self.is_expected(change)) {
            return self.conflict(changes);
        }
        for Change { lease, .. } in changes {
            self.records.insert(lease.address, Arc::clone(lease));
            self.foreign.remove(&lease.address);
            self.by_other_server.remove(&lease.address);
        }
        Answer::Made
    }

    /// What became of changes whose flush failed, by what is read once storage works again.
    pub(super) fn look_up(&mut self, changes: &[Change]) -> Answer {
        let answer = storage::look_up(&self.records, changes);
        self.heard_by(&answer, changes);
        answer
    }

    fn conflict(&mut self, changes: &[Change]) -> Answer {
        let answer = storage::conflict(&self.records, changes);
        self.heard_by(&answer, changes);
        answer
    }

    /// A conflict tells what another server wrote.
    fn heard_by(&mut self, answer: &Answer, changes: &[Change]) {
        if matches!(answer, Answer::Conflict(_)) {
            for change in changes {
                self.foreign.remove(&change.lease.address);
            }
        }
    }

    /// Whether the record is the one that the change was built on, which its revision alone tells.
    fn is_expected(&self, change: &Change) -> bool {
        let held = self.records.get(&change.lease.address);
        let is_same_revision = storage::has_expected_revision(&self.records, change);
        let is_expected = held == change.previous.as_ref();
        assert_eq!(is_expected, is_same_revision, "{change:?} passes for one of {held:?}");
        is_expected
    }

    /// Another server leases an address whose record is not active to a client of its own, or
    /// extends a lease of this one's client.
    pub(super) fn write_by_other_server(
        &mut self,
        now: Timestamp,
        address: Ipv4Addr,
        random: &mut Random,
    ) {
        let held = self.records.get(&address);
        if held.is_some_and(|held| held.is_quarantined(now)) {
            return;
        }
        let extended = held.filter(|held| held.is_active(now));
        let other = || key(200 + random.below(4) as u8);
        let client = extended.map_or_else(other, |extended| extended.client.clone());
        let promised = held.map_or(now, |held| held.expires_at);
        let lease = Lease {
            address,
            client,
            hardware_address: hardware(200),
            state: LeaseState::Leased,
            began_at: extended.map_or(now, |extended| extended.began_at),
            changed_at: now,
            expires_at: now.after_secs(60 + random.below(600) as u32).max(promised),
            subscriber: extended.and_then(|extended| extended.subscriber.clone()),
            relay_information: None,
            revision: held.map_or(0, |held| held.revision) + 1,
        };
        self.records.insert(address, Arc::new(lease));
        self.foreign.insert(address);
        self.by_other_server.insert(address);
    }
}

//! Storage with compare-and-set for any number of writers.
//!
//! Does not simulate failures, and does not inform servers of a change; see `commits`. Invariant: a
//! change is committed only on the record on which it was built, except for defects.

use std::{
    collections::{BTreeSet, VecDeque},
    net::Ipv4Addr,
    sync::Arc,
};

use lessor_core::{Binding, BindingState, Change, StorageAnswer, Timestamp, UnknownFields};

use super::{random::Random, server::Pending};
use crate::storage::{self, Records};
use crate::support::*;

#[derive(Default)]
pub(super) struct Store {
    pub(super) records: Records,
    /// Addresses whose record a server outside the simulation wrote last.
    pub(super) by_stranger: BTreeSet<Ipv4Addr>,
    /// Requests of servers that have crashed since, which may nevertheless be committed.
    pub(super) orphans: VecDeque<Pending>,
    /// Whether a change was committed that did not follow the record, because of a defect.
    has_lost_its_history: bool,
}

impl Store {
    /// Commits the changes of a decision, all or none.
    pub(super) fn commit(&mut self, changes: &[Change], is_blind: bool) -> StorageAnswer {
        let are_expected = changes.iter().all(|change| self.is_expected(change));
        if !are_expected && !is_blind {
            return storage::conflict(&self.records, changes);
        }
        self.has_lost_its_history |= !are_expected;
        for Change { binding, .. } in changes {
            self.records.insert(binding.address, Arc::clone(binding));
            self.by_stranger.remove(&binding.address);
        }
        StorageAnswer::Made
    }

    /// The result of changes whose flush failed, according to what is read once storage works
    /// again.
    pub(super) fn look_up(&self, changes: &[Change]) -> StorageAnswer {
        storage::look_up(&self.records, changes)
    }

    /// Returns whether the record is the one on which the change was built, which its revision
    /// determines.
    fn is_expected(&self, change: &Change) -> bool {
        let held = self.records.get(&change.binding.address);
        let is_same_revision = storage::has_expected_revision(&self.records, change);
        let is_same = held == change.previous.as_ref();
        let is_told_apart = is_same == is_same_revision || self.has_lost_its_history;
        assert!(is_told_apart, "{change:?} passes for one of {held:?}");
        is_same_revision
    }

    /// A server outside the simulation leases an address whose record is not active to one of its
    /// own clients, or extends a lease of another client.
    pub(super) fn write_by_stranger(
        &mut self,
        now: Timestamp,
        address: Ipv4Addr,
        random: &mut Random,
    ) -> Option<Arc<Binding>> {
        let held = self.records.get(&address);
        if held.is_some_and(|held| held.is_quarantined(now)) {
            return None;
        }
        let extended = held.filter(|held| held.is_active(now));
        let other = || key(200 + random.below(4) as u8);
        let client = extended.map_or_else(other, |extended| extended.client.clone());
        let promised = held.map_or(now, |held| held.expires_at);
        let binding = Arc::new(Binding {
            address,
            vpn: None,
            client,
            hardware_address: hardware(200),
            state: BindingState::Leased,
            began_at: extended.map_or(now, |extended| extended.began_at),
            changed_at: now,
            expires_at: now.after_secs(60 + random.below(600) as u32).max(promised),
            subscriber: extended.and_then(|extended| extended.subscriber.clone()),
            relay_information: None,
            relay_address: None,
            revision: held.map_or(0, |held| held.revision) + 1,
            host_name: None,
            unknown_fields: UnknownFields::default(),
        });
        self.records.insert(address, Arc::clone(&binding));
        self.by_stranger.insert(address);
        Some(binding)
    }
}

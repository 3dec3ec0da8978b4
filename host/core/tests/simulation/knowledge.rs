//! The knowledge of one server about the store, according to its inputs: the records at its start,
//! answers to its own changes, and the feed of other servers' changes.
//!
//! Kept separately from the engine, for comparison. Invariant: every record here was on the store.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use lessor_core::{Binding, BindingState, Change, StorageAnswer, Timestamp};

use crate::storage::Records;

#[derive(Default)]
pub(super) struct Knowledge {
    records: Records,
    /// Changes that storage has not answered yet.
    in_flight: BTreeMap<Ipv4Addr, Change>,
    /// Records from the feed for addresses in flight, which count once storage has answered.
    heard: Records,
}

impl Knowledge {
    /// The knowledge of a server that starts with these records.
    pub(super) fn of(records: &Records) -> Self {
        Self { records: records.clone(), ..Self::default() }
    }

    /// Every known record.
    pub(super) const fn records(&self) -> &Records {
        &self.records
    }

    /// Returns whether a change of the address is in flight.
    pub(super) fn is_in_flight(&self, address: Ipv4Addr) -> bool {
        self.in_flight.contains_key(&address)
    }

    /// Returns whether any change is in flight.
    pub(super) fn has_flights(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// The records as they will be if all changes in flight are committed.
    pub(super) fn if_made(&self) -> impl Iterator<Item = &Arc<Binding>> {
        let settled = self.records.values().filter(|binding| !self.is_in_flight(binding.address));
        settled.chain(self.in_flight.values().map(|change| &change.binding))
    }

    /// The active leases of a subscriber.
    pub(super) fn leases_of(
        &self,
        subscriber: &str,
        now: Timestamp,
    ) -> impl Iterator<Item = &Arc<Binding>> {
        let active = self.records.values().filter(move |lease| lease.is_active(now));
        active.filter(move |lease| lease.subscriber.as_deref() == Some(subscriber))
    }

    /// The leases of a subscriber in flight.
    pub(super) fn grants_of(&self, subscriber: &str) -> impl Iterator<Item = &Arc<Binding>> {
        let wanted = self.in_flight.values().map(|change| &change.binding);
        wanted.filter(move |lease| {
            lease.state == BindingState::Leased && lease.subscriber.as_deref() == Some(subscriber)
        })
    }

    /// The server requested changes from storage.
    pub(super) fn depart(&mut self, changes: &[Change]) {
        for change in changes {
            let other = self.in_flight.insert(change.binding.address, change.clone());
            assert!(other.is_none(), "two changes of one address are in flight");
        }
    }

    /// Storage answered.
    pub(super) fn settle(&mut self, changes: &[Change], answer: &StorageAnswer) {
        for (position, change) in changes.iter().enumerate() {
            let address = change.binding.address;
            self.in_flight.remove(&address);
            let said = said_of(change, position, answer);
            let heard = self.heard.remove(&address);
            let revision = said.map_or(0, |said| said.revision);
            let newer = heard.filter(|heard| heard.revision > revision);
            match newer.or_else(|| said.cloned()) {
                Some(record) => self.records.insert(address, record),
                None => self.records.remove(&address),
            };
        }
    }

    /// The feed delivered a record. Returns whether it is new.
    pub(super) fn learn(&mut self, record: &Arc<Binding>) -> bool {
        let address = record.address;
        let known = if self.is_in_flight(address) { &mut self.heard } else { &mut self.records };
        let is_news = known.get(&address).is_none_or(|known| known.revision < record.revision);
        if is_news {
            known.insert(address, Arc::clone(record));
        }
        is_news
    }
}

/// The record that storage holds according to its answer to several changes, of which this is one.
pub(super) fn said_of<'a>(
    change: &'a Change,
    position: usize,
    answer: &'a StorageAnswer,
) -> Option<&'a Arc<Binding>> {
    match answer {
        StorageAnswer::Made => Some(&change.binding),
        StorageAnswer::NotMade => change.previous.as_ref(),
        StorageAnswer::Conflict(found) => found[position].as_ref(),
    }
}

//! What one server knows of the store, by what it was told: the records that it started with, answers
//! to its own changes, and the feed of others' changes.
//!
//! Written down apart from the engine, to compare the two. Invariant: a record here was on the store.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use lessor_core::{Answer, Change, Lease, LeaseState, Timestamp};

use crate::storage::Records;

#[derive(Default)]
pub(super) struct Knowledge {
    records: Records,
    /// Changes that storage has not answered yet.
    in_flight: BTreeMap<Ipv4Addr, Change>,
    /// What the feed brought of addresses in flight: it counts once storage has answered.
    heard: Records,
}

impl Knowledge {
    /// Of a server that starts with these records.
    pub(super) fn of(records: &Records) -> Self {
        Self { records: records.clone(), ..Self::default() }
    }

    /// Every record that is known.
    pub(super) const fn records(&self) -> &Records {
        &self.records
    }

    /// Whether a change of the address is in flight.
    pub(super) fn is_in_flight(&self, address: Ipv4Addr) -> bool {
        self.in_flight.contains_key(&address)
    }

    /// Whether any change is in flight.
    pub(super) fn has_flights(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// The records as they will be if all that is in flight is made.
    pub(super) fn if_made(&self) -> impl Iterator<Item = &Arc<Lease>> {
        let settled = self.records.values().filter(|lease| !self.is_in_flight(lease.address));
        settled.chain(self.in_flight.values().map(|change| &change.lease))
    }

    /// The active leases of a subscriber.
    pub(super) fn leases_of(
        &self,
        subscriber: &str,
        now: Timestamp,
    ) -> impl Iterator<Item = &Arc<Lease>> {
        let active = self.records.values().filter(move |lease| lease.is_active(now));
        active.filter(move |lease| lease.subscriber.as_deref() == Some(subscriber))
    }

    /// The leases in flight of a subscriber.
    pub(super) fn grants_of(&self, subscriber: &str) -> impl Iterator<Item = &Arc<Lease>> {
        let wanted = self.in_flight.values().map(|change| &change.lease);
        wanted.filter(move |lease| {
            lease.state == LeaseState::Leased && lease.subscriber.as_deref() == Some(subscriber)
        })
    }

    /// The server asked storage for changes.
    pub(super) fn depart(&mut self, changes: &[Change]) {
        for change in changes {
            let other = self.in_flight.insert(change.lease.address, change.clone());
            assert!(other.is_none(), "two changes of one address are in flight");
        }
    }

    /// Storage answered.
    pub(super) fn settle(&mut self, changes: &[Change], answer: &Answer) {
        for (position, change) in changes.iter().enumerate() {
            let address = change.lease.address;
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

    /// The feed brought a record. Whether that is news.
    pub(super) fn learn(&mut self, record: &Arc<Lease>) -> bool {
        let address = record.address;
        let known = if self.is_in_flight(address) { &mut self.heard } else { &mut self.records };
        let is_news = known.get(&address).is_none_or(|known| known.revision < record.revision);
        if is_news {
            known.insert(address, Arc::clone(record));
        }
        is_news
    }
}

/// The record that storage holds by its answer to several changes, of which this is one.
pub(super) fn said_of<'a>(
    change: &'a Change,
    position: usize,
    answer: &'a Answer,
) -> Option<&'a Arc<Lease>> {
    match answer {
        Answer::Made => Some(&change.lease),
        Answer::NotMade => change.previous.as_ref(),
        Answer::Conflict(found) => found[position].as_ref(),
    }
}

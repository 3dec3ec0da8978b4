//! What became of changes: the engine goes on as if every change it asked for were made, and goes
//! back to what stable storage holds when one was not.
//!
//! Later changes may have been built on the one that failed. Storage compares revisions, and none is
//! used twice, so these cannot be made either; they are orphans, and a later word about one moves
//! nothing unless it tells of a record that is news. Earlier changes may not have been heard of yet,
//! because several threads hand over what they decided; they stay pending. Invariant: the record in
//! memory is what storage is known to hold, or the last of a chain of unsettled changes that starts
//! there. So an address is never free in memory while storage may hold an active lease of it that no
//! pending change replaces.
//!
//! An active lease that a pending change ends counts against its subscriber until storage has said
//! that it ended ([`super::subscribers`]): the change may fail, and the lease come back.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{Change, Committed, Lease, LeaseState, Timestamp};

use super::{
    bindings::{Bindings, Precedence},
    slot::Slot,
};

/// The changes of one address that nothing was heard of yet.
#[derive(Clone, Debug)]
pub(super) struct Unsettled {
    /// The record that storage is known to hold.
    stored: Option<Arc<Lease>>,
    /// The records of the pending changes, each built on the one before, the first on `stored`.
    chain: SmallVec<[Arc<Lease>; 1]>,
    /// The subscribers on whose account an active lease was when a pending change took it away.
    pub(super) leaving: SmallVec<[Arc<str>; 1]>,
}

impl Unsettled {
    fn new(stored: Option<Arc<Lease>>) -> Self {
        Self { stored, chain: SmallVec::new(), leaving: SmallVec::new() }
    }

    /// Goes by what became of a change.
    fn hear(&mut self, change: &Change, committed: &Committed) {
        let place = self.chain.iter().position(|pending| *pending == change.lease);
        match (committed, place) {
            (Committed::Durable, Some(place)) => {
                self.chain.drain(..=place);
                self.stored = Some(Arc::clone(&change.lease));
            }
            (Committed::Durable, None) => self.find_stored(Some(&change.lease)),
            (Committed::Failed, place) => self.give_up_from(place),
            (Committed::Conflict(other), place) => {
                self.give_up_from(place);
                self.find_stored(other.as_ref());
            }
        }
    }

    /// The change at `place` was not made, and so cannot be what was built on it.
    fn give_up_from(&mut self, place: Option<usize>) {
        self.chain.truncate(place.unwrap_or(self.chain.len()));
    }

    /// Storage holds `record`, or held it a while ago. If that is news and no pending change, the
    /// pending ones are not built on what is there.
    fn find_stored(&mut self, record: Option<&Arc<Lease>>) {
        if !is_newer(record, self.stored.as_ref()) {
            return;
        }
        let place = self.chain.iter().position(|pending| Some(pending) == record);
        self.chain.drain(..place.map_or(self.chain.len(), |place| place + 1));
        self.stored = record.map(Arc::clone);
    }

    /// What holds if every pending change is made.
    fn latest(&self) -> Option<&Arc<Lease>> {
        self.chain.last().or(self.stored.as_ref())
    }
}

impl Bindings {
    /// Makes `lease` the record of its address, with a revision that it never had, and says what
    /// storage must be asked for.
    pub(super) fn change(
        &mut self,
        now: Timestamp,
        lease: Lease,
        precedence: Precedence,
    ) -> Change {
        let address = u32::from(lease.address);
        let slot = self.slot(address);
        let previous = slot.and_then(|slot| slot.lease()).map(Arc::clone);
        let account = slot.and_then(Slot::active_lease).and_then(|lease| lease.subscriber.clone());
        let revision = revision_of(previous.as_ref()).max(self.given_up_revision) + 1;
        let lease = Arc::new(Lease { revision, ..lease });
        let unsettled =
            self.unsettled.entry(address).or_insert_with(|| Unsettled::new(previous.clone()));
        unsettled.chain.push(Arc::clone(&lease));
        if let Some(subscriber) = account.filter(|account| {
            lease.state != LeaseState::Leased || lease.subscriber.as_ref() != Some(account)
        }) && !unsettled.leaving.contains(&subscriber)
        {
            unsettled.leaving.push(subscriber);
        }
        self.enter(now, Arc::clone(&lease), precedence);
        self.note_leaving(address);
        Change { lease, previous }
    }

    /// Every record that storage is known to hold.
    pub(super) fn stored_leases(&self) -> impl Iterator<Item = &Arc<Lease>> {
        self.slots.iter().filter_map(|(address, slot)| match self.unsettled.get(&address) {
            Some(unsettled) => unsettled.stored.as_ref(),
            None => slot.lease(),
        })
    }

    /// See [`super::Engine::settle`].
    pub(super) fn settle(&mut self, now: Timestamp, change: &Change, committed: &Committed) {
        let address = u32::from(change.lease.address);
        let Some(mut unsettled) = self.unsettled.remove(&address) else {
            return self.settle_forgotten(now, change, committed);
        };
        let asked_for = revision_of(unsettled.latest());
        unsettled.hear(change, committed);
        if revision_of(unsettled.latest()) < asked_for {
            self.given_up_revision = self.given_up_revision.max(asked_for);
        }
        self.adopt_record(now, address, unsettled.latest().map(Arc::clone));
        if unsettled.chain.is_empty() {
            for subscriber in &unsettled.leaving {
                self.subscribers.left(subscriber, address);
            }
        } else {
            self.unsettled.insert(address, unsettled);
            self.note_leaving(address);
        }
    }

    /// Lists an address as leaving the accounts that it was taken from and is not back on.
    pub(super) fn note_leaving(&mut self, address: u32) {
        let Some(unsettled) = self.unsettled.get(&address) else { return };
        let active = self.slots.get(address).and_then(Slot::active_lease);
        let holder = active.and_then(|lease| lease.subscriber.as_ref());
        for subscriber in unsettled.leaving.iter().filter(|found| Some(*found) != holder) {
            self.subscribers.leave(subscriber, address);
        }
    }

    /// Makes `record` what is known of its address, if it is not.
    fn adopt_record(&mut self, now: Timestamp, address: u32, record: Option<Arc<Lease>>) {
        let known = self.slot(address).and_then(|slot| slot.lease());
        match record {
            Some(lease) if known == Some(&lease) => {}
            Some(lease) => self.enter(now, lease, Precedence::ByTime),
            None => self.forget(address),
        }
    }

    /// Word about a change that is not waited for: an orphan. Nothing else of the address is pending, so the newest of what storage
    /// ever said is what holds.
    fn settle_forgotten(&mut self, now: Timestamp, change: &Change, committed: &Committed) {
        let address = u32::from(change.lease.address);
        let known = self.slot(address).and_then(|slot| slot.lease());
        let said = match committed {
            Committed::Durable => Some(&change.lease),
            Committed::Conflict(other) => other.as_ref(),
            Committed::Failed => None,
        };
        if is_newer(said, known) {
            self.adopt_record(now, address, said.map(Arc::clone));
        }
    }
}

/// Whether one record of an address followed the other on storage. What one thread hears of storage
/// may be older than what another heard before.
fn is_newer(record: Option<&Arc<Lease>>, other: Option<&Arc<Lease>>) -> bool {
    revision_of(record) > revision_of(other)
}

/// The revision of a record; 0 where there is none.
fn revision_of(record: Option<&Arc<Lease>>) -> u64 {
    record.map_or(0, |lease| lease.revision)
}

//! What became of changes: the engine goes on as if every change it asked for were made, and goes
//! back to what stable storage holds when one was not.
//!
//! Later changes may have been built on the one that failed. Storage compares revisions, so these
//! cannot be made either; they are orphans, and a later word about them moves nothing. Invariant:
//! the record in memory is what storage is known to hold, or the last of a chain of unsettled
//! changes that starts there. So an address is never free in memory while storage may hold an
//! active lease of it that no pending change replaces.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{Change, Committed, Lease, Timestamp};

use super::bindings::{Bindings, Precedence};

/// The changes of one address that nothing was heard of yet.
#[derive(Debug)]
pub(super) struct Unsettled {
    /// The record that storage is known to hold.
    stored: Option<Arc<Lease>>,
    /// The records of the pending changes, each built on the one before, the first on `stored`.
    chain: SmallVec<[Arc<Lease>; 1]>,
    /// How many changes are pending that were built on one that failed.
    orphans: usize,
}

impl Bindings {
    /// Makes `lease` the record of its address, with the revision that follows, and says what
    /// storage must be asked for.
    pub(super) fn change(&mut self, now: Timestamp, lease: Lease) -> Change {
        let address = u32::from(lease.address);
        let previous = self.slot(address).and_then(|slot| slot.lease()).map(Arc::clone);
        let revision = previous.as_ref().map_or(0, |previous| previous.revision) + 1;
        let lease = Arc::new(Lease { revision, ..lease });
        let unsettled = self.unsettled.entry(address).or_insert_with(|| Unsettled {
            stored: previous.clone(),
            chain: SmallVec::new(),
            orphans: 0,
        });
        unsettled.chain.push(Arc::clone(&lease));
        self.enter(now, Arc::clone(&lease), Precedence::Latest);
        Change { lease, previous }
    }

    /// See [`super::Engine::settle`].
    pub(super) fn settle(&mut self, now: Timestamp, change: &Change, committed: &Committed) {
        let address = u32::from(change.lease.address);
        let Some(mut unsettled) = self.unsettled.remove(&address) else {
            return self.settle_forgotten(now, change, committed);
        };
        let place = unsettled.chain.iter().position(|pending| **pending == *change.lease);
        if place.is_none() {
            unsettled.orphans = unsettled.orphans.saturating_sub(1);
        }
        let holds_now = match committed {
            Committed::Durable => Some(Arc::clone(&change.lease)),
            Committed::Conflict(other) => other.clone(),
            Committed::Failed => unsettled.stored.clone(),
        };
        let is_made = *committed == Committed::Durable;
        let surprise = holds_now != unsettled.stored;
        unsettled.stored = holds_now;
        match place {
            Some(place) if is_made => drop(unsettled.chain.drain(..=place)),
            // The change was not made, and so cannot be what was built on it.
            Some(_) => {
                unsettled.orphans += unsettled.chain.len() - 1;
                self.go_back(now, address, &mut unsettled);
            }
            // An orphan tells of a record that the pending changes do not build on.
            None if surprise => {
                unsettled.orphans += unsettled.chain.len();
                self.go_back(now, address, &mut unsettled);
            }
            None => {}
        }
        if !unsettled.chain.is_empty() || unsettled.orphans > 0 {
            self.unsettled.insert(address, unsettled);
        }
    }

    /// Puts the record that storage holds in the place of those of pending changes.
    fn go_back(&mut self, now: Timestamp, address: u32, unsettled: &mut Unsettled) {
        unsettled.chain.clear();
        self.adopt_record(now, address, unsettled.stored.clone());
    }

    fn adopt_record(&mut self, now: Timestamp, address: u32, record: Option<Arc<Lease>>) {
        match record {
            Some(lease) => self.enter(now, lease, Precedence::ByTime),
            None => self.forget(address),
        }
    }

    /// Word about a change that is not waited for: it was settled before, or its network was
    /// configured away and back in between.
    fn settle_forgotten(&mut self, now: Timestamp, change: &Change, committed: &Committed) {
        let address = u32::from(change.lease.address);
        let known = self.slot(address).and_then(|slot| slot.lease());
        let holds_now = match committed {
            Committed::Durable => return,
            Committed::Failed if known == Some(&change.lease) => change.previous.clone(),
            Committed::Failed => return,
            Committed::Conflict(other) => other.clone(),
        };
        self.adopt_record(now, address, holds_now);
    }
}

//! What became of changes: the engine goes on as if every change it asked for were made, and goes
//! back to what stable storage holds when one was not.
//!
//! Later changes may have been built on the one that failed. Storage compares revisions, so these
//! cannot be made either; they are orphans, and a later word about one moves nothing unless it
//! tells of a record that is news. Invariant:
//! the record in memory is what storage is known to hold, or the last of a chain of unsettled
//! changes that starts there. So an address is never free in memory while storage may hold an
//! active lease of it that no pending change replaces.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{Change, Committed, Lease, Timestamp};

use super::bindings::{Bindings, Precedence};

/// The changes of one address that nothing was heard of yet.
#[derive(Clone, Debug)]
pub(super) struct Unsettled {
    /// The record that storage is known to hold.
    stored: Option<Arc<Lease>>,
    /// The records of the pending changes, each built on the one before, the first on `stored`.
    chain: SmallVec<[Arc<Lease>; 1]>,
}

impl Bindings {
    /// Makes `lease` the record of its address, with the revision that follows, and says what
    /// storage must be asked for.
    pub(super) fn change(&mut self, now: Timestamp, lease: Lease) -> Change {
        let address = u32::from(lease.address);
        let previous = self.slot(address).and_then(|slot| slot.lease()).map(Arc::clone);
        let revision = previous.as_ref().map_or(0, |previous| previous.revision) + 1;
        let lease = Arc::new(Lease { revision, ..lease });
        let unsettled = self
            .unsettled
            .entry(address)
            .or_insert_with(|| Unsettled { stored: previous.clone(), chain: SmallVec::new() });
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
        let place = unsettled.chain.iter().position(|pending| *pending == change.lease);
        let holds_now = match committed {
            Committed::Durable => Some(Arc::clone(&change.lease)),
            Committed::Conflict(other) => other.clone(),
            Committed::Failed => unsettled.stored.clone(),
        };
        let is_surprise = holds_now != unsettled.stored;
        unsettled.stored = holds_now;
        match (place, committed) {
            (Some(place), Committed::Durable) => drop(unsettled.chain.drain(..=place)),
            // The change was not made, and so cannot be what was built on it.
            (Some(_), _) => unsettled.chain.clear(),
            // An orphan tells of a record that the pending changes are not built on.
            (None, _) if is_surprise => unsettled.chain.clear(),
            (None, _) => {}
        }
        if unsettled.chain.is_empty() {
            self.adopt_record(now, address, unsettled.stored);
        } else {
            self.unsettled.insert(address, unsettled);
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

    /// Word about a change that is not waited for: an orphan, or one that looked like an orphan
    /// that failed before it. Nothing else of the address is pending, so what storage says now is
    /// what holds.
    fn settle_forgotten(&mut self, now: Timestamp, change: &Change, committed: &Committed) {
        let address = u32::from(change.lease.address);
        let known = self.slot(address).and_then(|slot| slot.lease());
        let is_newer = known.is_none_or(|known| known.revision < change.lease.revision);
        match committed {
            Committed::Durable if is_newer => {
                self.adopt_record(now, address, Some(Arc::clone(&change.lease)));
            }
            Committed::Durable | Committed::Failed => {}
            Committed::Conflict(other) => self.adopt_record(now, address, other.clone()),
        }
    }
}

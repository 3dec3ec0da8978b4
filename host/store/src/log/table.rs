//! Keys and values on a log: the place of the current value of each key, and the removal of
//! segments whose values were replaced.
//!
//! Does not know what keys and values mean. Invariants:
//!
//! - The table in memory changes only after a batch is on disk.
//! - **Old segments are removed at the pace of writing, not in the background.** Each batch copies
//!   some of the oldest segment's current values, in the same frame and the same flush; when the
//!   end of that segment is reached, the log begins with the next one. So no thread competes for
//!   the disk, a batch is never delayed by more than four times its own size, and the log stays
//!   below about two and a half times the size of the current values, plus three segments.

use std::{hash::Hash, io, path::Path};

use hashbrown::HashSet;

use super::{
    AppendError, FramePosition, Log, OpenError, Settings,
    cleaner::Cleaner,
    format::{Frame, FrameBuffer, LogEntry},
    slots::{Slot, Slots},
    survey::Visit,
};

/// How much of the oldest segment is read with each batch: octets for each octet of the batch, and
/// the minimum.
const CLEANED_PER_OCTET: usize = 4;
const CLEANED_OCTETS_MIN: usize = 1 << 10;
/// How many segments are allowed in addition to those that the size of the log requires: a segment
/// can be short because a write to it failed.
const SHORT_SEGMENTS_MAX: u64 = 8;

type Hasher = foldhash::fast::RandomState;

/// The keys of a table.
pub(crate) trait Key: Clone + Eq + Hash {
    /// How the slots of keys are kept.
    type Slots: Slots<Self>;

    /// The key that is written as `octets`, or `None` if there is no such key.
    fn from_written(octets: &[u8]) -> Option<Self>;
}

/// Keys and values on a log.
pub(crate) struct LogTable<K: Key> {
    log: Log,
    slots: K::Slots,
    /// The total size of the current entries in octets.
    pub(crate) live_octets: u64,
    cleaner: Option<Cleaner>,
    /// Why segments are no longer removed.
    stuck: Option<String>,
}

/// Changes that are written together.
pub(crate) struct Batch<K> {
    frame: FrameBuffer,
    writes: Vec<Write<K>>,
}

/// One entry of a batch. An entry without octets removes its key.
struct Write<K> {
    key: K,
    octets: Option<u32>,
    revision: [u32; 2],
}

/// The error of a scan: a failed read, or an error that the caller returned for a value.
#[derive(Debug)]
pub(crate) enum ScanError<E> {
    Io(io::Error),
    Value(E),
}

impl<K: Key> LogTable<K> {
    /// Opens the existing table in `path`. Keys that cannot be read are passed to `strange`.
    pub(crate) fn open(
        path: &Path,
        settings: Settings,
        strange: &mut dyn FnMut(&[u8]),
    ) -> Result<Self, OpenError> {
        let mut slots = K::Slots::default();
        let mut live_octets = 0;
        let mut take = |visit: Visit<'_>| {
            let Some(key) = K::from_written(visit.entry.key) else {
                return strange(visit.entry.key);
            };
            let octets = visit.entry.octets.len() as u32;
            let slot =
                Slot { segment: visit.segment, offset: visit.offset, octets, revision: [0; 2] };
            let replaced = match visit.entry.value {
                Some(_) => {
                    live_octets += u64::from(octets);
                    slots.insert(key, slot)
                }
                None => slots.remove(&key),
            };
            live_octets -= replaced.map_or(0, |slot| u64::from(slot.octets));
        };
        let log = Log::open(path, settings, &mut take)?;
        Ok(Self { log, slots, live_octets, cleaner: None, stuck: None })
    }

    /// Passes every key and its value to `each`, which returns the revision of the value. The table
    /// keeps it.
    pub(crate) fn scan<E>(
        &mut self,
        mut each: impl FnMut(&K, &[u8]) -> Result<u64, E>,
    ) -> Result<(), ScanError<E>> {
        let slots = &mut self.slots;
        let mut refused = None;
        for number in self.log.numbers() {
            let mut take = |place: FramePosition, frame: &Frame<'_>| {
                for entry in frame.entries().filter_map(Result::ok) {
                    let Some(value) = entry.value.filter(|_| refused.is_none()) else { continue };
                    let Some(key) = K::from_written(entry.key) else { continue };
                    let Some(slot) =
                        slots.get_mut(&key).filter(|slot| slot.is_at(place.segment, place.offset))
                    else {
                        continue;
                    };
                    match each(&key, value) {
                        Ok(revision) => slot.revision = halves(revision),
                        Err(error) => refused = Some(error),
                    }
                }
            };
            self.log.read_segment(number, &mut take).map_err(ScanError::Io)?;
        }
        refused.map_or(Ok(()), |error| Err(ScanError::Value(error)))
    }

    /// The revision of a key's value, as it was written or scanned.
    pub(crate) fn revision(&self, key: &K) -> Option<u64> {
        self.slots.get(key).map(|slot| whole(slot.revision))
    }

    /// Reads the value of a key.
    pub(crate) fn value(&self, key: &K) -> io::Result<Option<Vec<u8>>> {
        let Some(slot) = self.slots.get(key) else { return Ok(None) };
        let octets =
            self.log.read_frame(FramePosition { segment: slot.segment, offset: slot.offset })?;
        let frame = self.log.decode(&octets).ok();
        let mut entries = frame.iter().flat_map(Frame::entries).filter_map(Result::ok);
        let entry = entries.find(|entry| K::from_written(entry.key).as_ref() == Some(key));
        Ok(entry.and_then(|entry| entry.value).map(<[u8]>::to_vec))
    }

    /// Makes the changes of a batch durable, all or none. The batch must be cleared before it is
    /// used again.
    pub(crate) fn write(&mut self, batch: &mut Batch<K>) -> Result<(), AppendError> {
        let changes = batch.writes.len();
        let budget = batch.frame.payload_octets() * CLEANED_PER_OCTET + CLEANED_OCTETS_MIN;
        let first = self.clean(batch, budget);
        match self.log.append(&mut batch.frame, first) {
            Ok(place) => {
                for write in batch.writes.drain(..) {
                    self.put(write, place);
                }
                Ok(())
            }
            Err(error) => {
                // The segment is cleaned from its beginning again, because the entries to be copied
                // were not written.
                self.cleaner = None;
                batch.writes.truncate(changes);
                Err(error)
            }
        }
    }

    /// Makes the next attempt to write due now, for a caller that controls the delay between its
    /// attempts.
    pub(crate) fn retry_now(&mut self) {
        self.log.retry_now();
    }

    /// A problem that exists although batches are written, as a sentence.
    pub(crate) fn complaint(&self) -> Option<&str> {
        self.stuck.as_deref().or(self.log.complaint())
    }

    /// The number of keys.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    #[cfg(test)]
    pub(crate) fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    fn put(&mut self, write: Write<K>, place: FramePosition) {
        let replaced = match write.octets {
            Some(octets) => {
                self.live_octets += u64::from(octets);
                let FramePosition { segment, offset } = place;
                let slot = Slot { segment, offset, octets, revision: write.revision };
                self.slots.insert(write.key, slot)
            }
            None => self.slots.remove(&write.key),
        };
        self.live_octets -= replaced.map_or(0, |slot| u64::from(slot.octets));
    }

    /// Reads about `budget` octets of the oldest segments and adds the current entries among them
    /// to a batch. Returns the first segment that is needed once the batch is on disk.
    fn clean(&mut self, batch: &mut Batch<K>, mut budget: usize) -> u32 {
        let mut first = self.log.first();
        let mut freed_octets = 0;
        let mut changed = None;
        while self.stuck.is_none() && budget > 0 && self.is_cleaning_due(first, freed_octets) {
            let cleaner = match &mut self.cleaner {
                Some(cleaner) => cleaner,
                none => match self.log.open_sealed(first) {
                    None => break,
                    Some(Ok((file, end))) => none.insert(Cleaner::new(first, file, end)),
                    Some(Err(error)) => {
                        self.stuck = Some(stuck(&self.log, first, &error.to_string()));
                        break;
                    }
                },
            };
            let changed = changed.get_or_insert_with(|| batch.keys());
            let slots = &self.slots;
            let read = cleaner.read(&self.log, &mut budget, &mut |place, entry| {
                take_along(slots, batch, changed, place, entry);
            });
            match read {
                Ok(false) => {}
                Ok(true) => {
                    freed_octets += u64::from(cleaner.end());
                    self.cleaner = None;
                    first += 1;
                }
                Err(found) => self.stuck = Some(stuck(&self.log, first, &found)),
            }
        }
        first
    }

    /// Returns whether the log is larger than it should be, without what a batch is about to free.
    fn is_cleaning_due(&self, first: u32, freed_octets: u64) -> bool {
        let segment_octets = u64::from(self.log.segment_octets());
        let octets = self.log.octets().saturating_sub(freed_octets);
        let freed_segments = (first - self.log.first()) as usize;
        let segments = self.log.segments().saturating_sub(freed_segments) as u64;
        octets > 2 * (self.live_octets + segment_octets)
            || segments > SHORT_SEGMENTS_MAX + 2 * (octets / segment_octets)
    }
}

/// Adds an entry of an old segment to a batch if it is current and the batch does not replace it.
fn take_along<K: Key>(
    slots: &K::Slots,
    batch: &mut Batch<K>,
    changed: &HashSet<K, Hasher>,
    place: FramePosition,
    entry: &LogEntry<'_>,
) {
    // A removal is not copied: this is the oldest segment, so there is no older entry to remove.
    let Some(key) = K::from_written(entry.key).filter(|_| entry.value.is_some()) else { return };
    let Some(slot) = slots.get(&key).filter(|slot| slot.is_at(place.segment, place.offset)) else {
        return;
    };
    if !changed.contains(&key) {
        batch.frame.push_written(entry);
        batch.writes.push(Write { key, octets: Some(slot.octets), revision: slot.revision });
    }
}

impl<K: Key> Batch<K> {
    pub(crate) fn new() -> Self {
        Self { frame: FrameBuffer::new(), writes: Vec::new() }
    }

    /// Removes all entries and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.frame.clear();
        self.writes.clear();
    }

    /// Adds a value. A batch must not contain a key twice.
    pub(crate) fn put(&mut self, key: K, octets: &[u8], value: &[u8], revision: u64) {
        let octets = Some(self.frame.push(octets, Some(value)) as u32);
        self.writes.push(Write { key, octets, revision: halves(revision) });
    }

    /// Adds the removal of a key.
    pub(crate) fn remove(&mut self, key: K, octets: &[u8]) {
        self.frame.push(octets, None);
        self.writes.push(Write { key, octets: None, revision: [0; 2] });
    }

    fn keys(&self) -> HashSet<K, Hasher> {
        self.writes.iter().map(|write| write.key.clone()).collect()
    }
}

fn stuck(log: &Log, segment: u32, found: &str) -> String {
    format!(
        "{} is damaged: {found}. The server will refuse the next start, and old segments are no \
         longer removed. Run `lessor store verify`",
        log.path_of(segment).display()
    )
}

fn halves(revision: u64) -> [u32; 2] {
    [(revision >> 32) as u32, revision as u32]
}

fn whole([high, low]: [u32; 2]) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

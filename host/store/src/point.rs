//! The records of a store at one moment, also while a server uses it.
//!
//! Reads the files only, so that the server does not notice it. Invariant: **these are the records
//! that a start would find** at one moment after [`Point::of`] was called: they include every
//! change that was acknowledged before, and all changes of a decision or none.

use std::path::Path;

use lessor_core::Binding;

use crate::{
    DiskStore, StoreError,
    disk_store::{damaged, snapshot, survey_of},
    log::{
        slots::{Slot, Slots},
        snapshot::Snapshot,
        survey::Visit,
        table::Key,
    },
    record,
    record_key::{RecordKey, SpacedSlots},
};

/// The records of a store at one moment.
pub(crate) struct Point<'p> {
    path: &'p Path,
    snapshot: Snapshot,
    /// Where the record of each key is. The records are read when they are needed.
    slots: SpacedSlots,
    /// Whether a server was using the store.
    pub(crate) in_use: bool,
}

impl<'p> Point<'p> {
    /// The records of the store in `path`.
    pub(crate) fn of(path: &'p Path) -> Result<Self, StoreError> {
        let snapshot = snapshot(path)?;
        let mut slots = SpacedSlots::default();
        let mut strange = None;
        let found = survey_of(path, &snapshot, &mut |visit| {
            let Some(key) = RecordKey::from_written(visit.entry.key) else {
                strange = Some(record::strange_key(visit.entry.key));
                return;
            };
            match visit.entry.value {
                Some(_) => drop(slots.insert(key, slot(&visit))),
                None => drop(slots.remove(&key)),
            }
        })?;
        if !found.survey.damage.is_empty() {
            return Err(damaged(path, &found.survey));
        }
        match strange {
            Some(error) => Err(error),
            None => Ok(Self { path, snapshot, slots, in_use: found.survey.in_use }),
        }
    }

    /// The number of records.
    pub(crate) fn len(&self) -> u64 {
        self.slots.len() as u64
    }

    /// Passes the key and the octets of each record to `each`, in the order in which they were
    /// written, until it returns an error.
    pub(crate) fn each<E: From<StoreError>>(
        &self,
        mut each: impl FnMut(RecordKey, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut result = Ok(());
        survey_of(self.path, &self.snapshot, &mut |visit| {
            let Some(key) = RecordKey::from_written(visit.entry.key) else { return };
            let is_here = |known: &&Slot| known.is_at(visit.segment, visit.offset);
            let is_current = self.slots.get(&key).filter(is_here).is_some();
            let value = visit.entry.value.filter(|_| is_current && result.is_ok());
            if let Some(value) = value {
                result = each(key, value);
            }
        })?;
        result
    }
}

impl DiskStore {
    /// Passes every record of the store in `path` at one moment to `each`, in no particular order,
    /// and returns their number. Unlike with [`DiskStore::read`], a server may use the store: every
    /// change that it acknowledged before this call is among them.
    ///
    /// # Errors
    ///
    /// Fails if there is no store, if it is damaged or of another format, or if a record cannot be
    /// read.
    pub fn read_in_use(path: &Path, each: &mut dyn FnMut(Binding)) -> Result<u64, StoreError> {
        let point = Point::of(path)?;
        point.each::<StoreError>(|key, value| {
            each(record::decode(&key.octets(), value)?);
            Ok(())
        })?;
        Ok(point.len())
    }
}

fn slot(visit: &Visit<'_>) -> Slot {
    let octets = visit.entry.value.map_or(0, <[u8]>::len) as u32;
    Slot { segment: visit.segment, offset: visit.offset, octets, revision: [0; 2] }
}

//! Bindings in memory: for tests, simulation and servers whose bindings need not survive the
//! process.
//!
//! Writes nothing to disk. Invariant: compare-and-set works as on disk.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;
use lessor_core::{Binding, Changes, StorageAnswer};

use crate::{Store, StoreError, compare, record_key::RecordKey};

type Bindings = HashMap<RecordKey, Arc<Binding>, foldhash::fast::RandomState>;

/// Bindings in memory. Clones share their records, as servers share a database.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    bindings: Arc<Mutex<Bindings>>,
}

impl MemoryStore {
    /// A store without records.
    pub fn new() -> Self {
        Self::default()
    }

    fn bindings(&self) -> MutexGuard<'_, Bindings> {
        self.bindings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn load(&mut self, each: &mut dyn FnMut(Binding)) -> Result<u64, StoreError> {
        let records: Vec<Arc<Binding>> = self.bindings().values().cloned().collect();
        for record in &records {
            each(Binding::clone(record));
        }
        Ok(records.len() as u64)
    }

    fn commit(&mut self, batch: &[Changes]) -> Vec<StorageAnswer> {
        let mut bindings = self.bindings();
        let compared = compare::batch(batch, &*bindings);
        match compared {
            Ok(compared) => {
                for binding in compared.writes {
                    bindings.insert(RecordKey::of(binding), Arc::clone(binding));
                }
                compared.answers
            }
            Err(never) => match never {},
        }
    }
}

impl compare::StoredBindings for Bindings {
    type Error = std::convert::Infallible;

    fn revision(&self, key: &RecordKey) -> Result<u64, Self::Error> {
        Ok(self.get(key).map_or(0, |binding| binding.revision))
    }

    fn binding(&self, key: &RecordKey) -> Result<Option<Arc<Binding>>, Self::Error> {
        Ok(self.get(key).cloned())
    }
}

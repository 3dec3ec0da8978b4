//! Leases in memory: for tests, simulation and servers whose leases need not survive the process.
//!
//! Writes nothing to disk. Invariant: compare-and-set works as on disk.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hashbrown::HashMap;
use lessor_core::{Answer, Changes, Lease};

use crate::{Store, StoreError, compare};

type Leases = HashMap<Ipv4Addr, Arc<Lease>, foldhash::fast::RandomState>;

/// Leases in memory. Clones share their records, as servers share a database.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    leases: Arc<Mutex<Leases>>,
}

impl MemoryStore {
    /// A store without records.
    pub fn new() -> Self {
        Self::default()
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn load(&mut self, each: &mut dyn FnMut(Lease)) -> Result<u64, StoreError> {
        let records: Vec<Arc<Lease>> = self.leases().values().cloned().collect();
        for record in &records {
            each(Lease::clone(record));
        }
        Ok(records.len() as u64)
    }

    fn commit(&mut self, batch: &[Changes]) -> Vec<Answer> {
        let mut leases = self.leases();
        let compared = compare::batch(batch, &*leases);
        match compared {
            Ok(compared) => {
                for lease in compared.writes {
                    leases.insert(lease.address, Arc::clone(lease));
                }
                compared.answers
            }
            Err(never) => match never {},
        }
    }
}

impl compare::Records for Leases {
    type Error = std::convert::Infallible;

    fn revision(&self, address: Ipv4Addr) -> Result<u64, Self::Error> {
        Ok(self.get(&address).map_or(0, |lease| lease.revision))
    }

    fn lease(&self, address: Ipv4Addr) -> Result<Option<Arc<Lease>>, Self::Error> {
        Ok(self.get(&address).cloned())
    }
}

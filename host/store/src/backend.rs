//! The store that a configuration names: the one place that knows every backend.

use lessor_core::Binding;
use lessor_settings::StoreBackend;

use crate::{DiskStore, MemoryStore, Store, StoreError};

/// Opens the store. Creates it if it does not exist.
///
/// # Errors
///
/// Fails like [`DiskStore::open`].
pub fn open(backend: &StoreBackend) -> Result<Box<dyn Store>, StoreError> {
    Ok(match backend {
        StoreBackend::Embedded { path } => Box::new(DiskStore::open(path)?),
        StoreBackend::Memory => Box::new(MemoryStore::new()),
    })
}

/// Passes every record of a store that no server uses to `each`, in no particular order, and
/// returns their number. Changes and creates nothing: if there is no store, or if it is in memory,
/// there are no records.
///
/// # Errors
///
/// Fails like [`DiskStore::read`].
pub fn read(backend: &StoreBackend, each: &mut dyn FnMut(Binding)) -> Result<u64, StoreError> {
    match backend {
        StoreBackend::Embedded { path } => DiskStore::read(path, each),
        StoreBackend::Memory => Ok(0),
    }
}

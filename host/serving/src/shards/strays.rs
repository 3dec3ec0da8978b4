//! Bindings on storage that no configured network spans, kept for a later configuration that does.
//!
//! Decides nothing. Invariant: the newest known record of each address is kept, and nothing is
//! added after the records have gone to a newer set of shards.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lessor_core::{Binding, Change, StorageAnswer, VpnName};
use lessor_stages::Retired;

type Records = HashMap<(Option<VpnName>, Ipv4Addr), Arc<Binding>>;

/// `None` once they have gone to a newer set.
#[derive(Debug)]
pub(super) struct Strays(Mutex<Option<Records>>);

impl Strays {
    pub(super) fn len(&self) -> usize {
        self.lock().as_ref().map_or(0, HashMap::len)
    }

    /// Adds a binding, unless a newer one of its address is known.
    ///
    /// # Errors
    /// If the records have gone to a newer set, which must get the binding instead.
    pub(super) fn add(&self, binding: Arc<Binding>) -> Result<(), Retired> {
        keep_newest(self.lock().as_mut().ok_or(Retired)?, binding);
        Ok(())
    }

    /// Adds what the answer of storage says about one of the changes that it answers.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub(super) fn settle(
        &self,
        position: usize,
        change: &Change,
        answer: &StorageAnswer,
    ) -> Result<(), Retired> {
        let on_storage = match answer {
            StorageAnswer::Made => Some(Arc::clone(&change.binding)),
            StorageAnswer::Conflict(records) => records.get(position).cloned().flatten(),
            StorageAnswer::NotMade => None,
        };
        let mut records = self.lock();
        let records = records.as_mut().ok_or(Retired)?;
        if let Some(binding) = on_storage {
            keep_newest(records, binding);
        }
        Ok(())
    }

    /// Takes the records for a newer set. Nothing can be added until the guard is dropped, and then
    /// only to the newer set.
    pub(super) fn leave(
        &self,
    ) -> (MutexGuard<'_, Option<Records>>, impl Iterator<Item = Arc<Binding>>) {
        let mut guard = self.lock();
        let records = guard.take().unwrap_or_default();
        (guard, records.into_values())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Records>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Strays {
    fn default() -> Self {
        Self(Mutex::new(Some(Records::new())))
    }
}

fn keep_newest(records: &mut Records, binding: Arc<Binding>) {
    let known = records.entry((binding.vpn.clone(), binding.address));
    let known = known.or_insert_with(|| Arc::clone(&binding));
    if known.revision < binding.revision {
        *known = binding;
    }
}

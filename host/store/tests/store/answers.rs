//! No answer of a store is ever wrong: random decisions, many of them built on records that do not
//! exist, are compared with a model that only knows the rule. Two handles on one database take
//! turns; a store on disk is reopened instead.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use lessor_core::{Binding, Change, Changes, StorageAnswer};
use lessor_store::{DiskStore, MemoryStore, Store};

use crate::support::{Random, address, binding, load};

const ADDRESSES: u64 = 6;
const BATCHES: usize = 400;

/// The contents of storage.
#[derive(Default)]
struct Model(BTreeMap<Ipv4Addr, Arc<Binding>>);

impl Model {
    /// The answer to one decision.
    fn commit(&mut self, changes: &Changes) -> StorageAnswer {
        let is_expected = |change: &Change| {
            let held = self.0.get(&change.binding.address);
            held.map_or(0, |held| held.revision) == change.expected_revision()
        };
        if !changes.iter().all(is_expected) {
            let found = changes.iter().map(|change| self.0.get(&change.binding.address).cloned());
            return StorageAnswer::Conflict(found.collect());
        }
        for Change { binding, .. } in changes {
            self.0.insert(binding.address, Arc::clone(binding));
        }
        StorageAnswer::Made
    }

    /// A decision that is built on current records, or on records from some time ago.
    fn decision(&self, random: &mut Random) -> Changes {
        let first = random.below(ADDRESSES);
        let addresses = (0..=random.below(3)).map(|more| (first + more) % ADDRESSES);
        let change = |address: Ipv4Addr, random: &mut Random| {
            let held = self.0.get(&address).map_or(0, |held| held.revision);
            let known = if random.below(4) == 0 { held.saturating_sub(1) } else { held };
            let previous = (known > 0).then(|| Arc::new(binding(address, known)));
            Change { binding: Arc::new(binding(address, known + 1)), previous }
        };
        addresses.map(|number| change(address(number as u32), random)).collect()
    }
}

/// `open` returns a handle for each batch.
fn no_answer_is_wrong(mut open: impl FnMut(usize) -> Box<dyn Store>) {
    let mut random = Random::announced();
    let mut model = Model::default();
    for number in 0..BATCHES {
        let mut store = open(number);
        let batch: Vec<Changes> =
            (0..=random.below(5)).map(|_| model.decision(&mut random)).collect();
        let answers = store.commit(&batch);
        let expected: Vec<StorageAnswer> =
            batch.iter().map(|changes| model.commit(changes)).collect();
        assert_eq!(answers, expected, "to {batch:?}");
        let held = load(&mut *store);
        assert!(held.values().eq(model.0.values().map(|binding| &**binding)));
    }
}

#[test]
fn two_servers_on_one_database_learn_what_it_holds() {
    let store = MemoryStore::new();
    no_answer_is_wrong(|_| Box::new(store.clone()));
}

#[test]
fn a_store_that_is_opened_again_and_again_is_distinguished_from_what_it_was_before() {
    let folder = tempfile::tempdir().unwrap();
    no_answer_is_wrong(|_| Box::new(DiskStore::open(folder.path()).unwrap()));
}

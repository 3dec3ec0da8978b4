//! Flushes that fail: whatever the octets of a failed batch do, no answer is wrong.
//!
//! The store is compared with a model that only knows the rule. Now and then the flush of a batch
//! fails, and its octets may reach the disk nevertheless. `LESSOR_SEED` repeats a run.

use std::{
    collections::BTreeMap,
    fs::File,
    net::Ipv4Addr,
    os::unix::fs::{FileExt, FileTypeExt},
    thread,
    time::{Duration, Instant},
};

use super::{
    damage_tests::Random,
    tests::{address, change, open, revisions},
    *,
};
use crate::log::Newest;

const BATCHES: usize = 400;
const ADDRESSES: usize = 6;
/// The least number of batches whose flush fails. Each delays the next one by 100 ms.
const FAILURES_MIN: usize = 10;
const PATIENCE: Duration = Duration::from_secs(30);

/// The revision of each record that storage holds.
#[derive(Default)]
struct Model(BTreeMap<Ipv4Addr, u64>);

impl Model {
    fn revision(&self, number: usize) -> u64 {
        self.0.get(&address(number as u16)).copied().unwrap_or(0)
    }

    /// A decision about some addresses in a row, built on current or older records.
    fn decision(&self, random: &mut Random) -> Changes {
        let first = random.below(ADDRESSES);
        let numbers = (0..=random.below(3)).map(|more| (first + more) % ADDRESSES);
        let change_of = |number: usize, random: &mut Random| {
            let held = self.revision(number);
            let known = if random.below(4) == 0 { held.saturating_sub(1) } else { held };
            change(number as u16, known + 1)
        };
        numbers.map(|number| change_of(number, random)).collect()
    }

    /// The answers to a batch that is written.
    fn commit(&mut self, batch: &[Changes]) -> Vec<StorageAnswer> {
        batch.iter().map(|changes| self.commit_one(changes)).collect()
    }

    fn commit_one(&mut self, changes: &Changes) -> StorageAnswer {
        let held = |binding: &Binding| self.0.get(&binding.address).copied().unwrap_or(0);
        let is_current =
            |change: &lessor_core::Change| held(&change.binding) == change.expected_revision();
        if !changes.iter().all(is_current) {
            let found = changes.iter().map(|change| {
                let [.., high, low] = change.binding.address.octets();
                let revision = Some(held(&change.binding)).filter(|revision| *revision > 0);
                let number = u16::from_be_bytes([high, low]);
                revision.map(|revision| super::tests::change(number, revision).binding)
            });
            return StorageAnswer::Conflict(found.collect());
        }
        for change in changes {
            self.0.insert(change.binding.address, change.binding.revision);
        }
        StorageAnswer::Made
    }
}

/// Commits a batch while flushes fail, unless it begins a segment. `reaches_disk` says that the
/// octets of its first change are on the disk afterwards.
fn commit_without_flush(
    store: &mut DiskStore,
    batch: &[Changes],
    reaches_disk: bool,
) -> Vec<StorageAnswer> {
    let log = store.table.log();
    let end = log.end;
    // Flushes of /dev/null fail.
    let null = File::options().write(true).open("/dev/null").unwrap();
    let Newest::Open(real) = std::mem::replace(&mut log.newest, Newest::Open(null)) else {
        panic!("the batch before was taken");
    };
    let answers = store.commit(batch);
    let failed = answers.iter().all(|answer| *answer == StorageAnswer::NotMade);
    let log = store.table.log();
    let is_null = |file: &File| file.metadata().unwrap().file_type().is_char_device();
    if matches!(&log.newest, Newest::Open(file) if is_null(file)) {
        // Nothing was to be written.
        log.newest = Newest::Open(real);
    } else if failed && reaches_disk {
        let binding = &batch[0][0].binding;
        let mut value = Vec::new();
        record::encode(binding, &mut value);
        let frame = log.frame_behind(&end, &binding.address.octets(), &value);
        real.write_all_at(&frame, end.offset.into()).unwrap();
    }
    answers
}

fn commit_until_taken(store: &mut DiskStore, batch: &[Changes]) -> Vec<StorageAnswer> {
    let begin = Instant::now();
    loop {
        let answers = store.commit(batch);
        if !answers.contains(&StorageAnswer::NotMade) {
            return answers;
        }
        assert!(begin.elapsed() < PATIENCE, "{:?}", store.last_error());
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn no_answer_is_wrong_when_flushes_fail() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random::announced();
    let mut store = open(folder.path());
    let mut model = Model::default();
    let mut failures = 0;
    for number in 0.. {
        if number >= BATCHES && failures >= FAILURES_MIN {
            break;
        }
        let batch: Vec<Changes> =
            (0..=random.below(5)).map(|_| model.decision(&mut random)).collect();
        if random.below(20) == 0 {
            let answers = commit_without_flush(&mut store, &batch, random.below(2) == 0);
            if answers.iter().all(|answer| *answer == StorageAnswer::NotMade) {
                failures += 1;
                assert_eq!(revisions(&mut store), model.0, "after a flush that failed");
            } else {
                assert_eq!(answers, model.commit(&batch), "to {batch:?}");
            }
        }
        // A batch that failed was not made, so it can be made now.
        let answers = commit_until_taken(&mut store, &batch);
        assert_eq!(answers, model.commit(&batch), "to {batch:?}");
        assert_eq!(revisions(&mut store), model.0);
        if random.below(20) == 0 {
            drop(store);
            store = open(folder.path());
            assert_eq!(revisions(&mut store), model.0, "after it was opened again");
        }
    }
}

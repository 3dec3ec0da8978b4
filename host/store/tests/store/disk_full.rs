//! A full disk: a small tmpfs that only this test sees.

use std::{
    fs,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use lessor_core::{Changes, StorageAnswer};
use lessor_store::{Committer, CommitterLimits, DiskStore, Store, StoreError, Submission};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    unistd::geteuid,
};

use crate::support::{address, apart, binding, change, commit, conflict, load};

const DISK_OCTETS: usize = 24 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `test` with the folder of a small disk, in a thread that has a separate view of mounted
/// filesystems, as have the threads that it starts.
fn on_a_small_disk(test: fn(&Path)) {
    if !geteuid().is_root() {
        println!("skipped: not root, so no small disk can be mounted");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let tested = thread::spawn(move || {
        let nothing = None::<&str>;
        let mounted = unshare(CloneFlags::CLONE_NEWNS)
            .and_then(|()| {
                let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
                mount(nothing, "/", nothing, private, nothing)
            })
            .and_then(|()| {
                let size = format!("size={DISK_OCTETS}");
                mount(Some("tmpfs"), &path, Some("tmpfs"), MsFlags::empty(), Some(&*size))
            });
        match mounted {
            Ok(()) => test(&path),
            Err(error) => println!("skipped: root, but no small disk can be mounted: {error}"),
        }
    });
    if let Err(panic) = tested.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Fills the disk.
fn fill(disk: &Path) {
    let piece = vec![1; 64 << 10];
    for number in 0.. {
        if fs::write(disk.join(format!("filler-{number}")), &piece).is_err() {
            return;
        }
    }
}

fn clear(disk: &Path) {
    for entry in fs::read_dir(disk).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("filler-") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
}

/// Commits batches of new bindings until one fails. Returns the number of addresses with a binding,
/// and the failed batch.
fn commit_until_failed(store: &mut dyn Store, mut next: u32) -> (u32, Vec<Changes>) {
    loop {
        let batch = apart((next..next + 100).map(|number| change(address(number), 1)));
        let results = store.commit(&batch);
        if results.iter().all(|result| *result == StorageAnswer::NotMade) {
            return (next, batch);
        }
        assert!(results.iter().all(|result| *result == StorageAnswer::Made), "{results:?}");
        next += 100;
    }
}

fn commit_until_taken(store: &mut dyn Store, batch: &[Changes]) -> Vec<StorageAnswer> {
    let begin = Instant::now();
    loop {
        let results = store.commit(batch);
        if !results.contains(&StorageAnswer::NotMade) {
            return results;
        }
        assert!(begin.elapsed() < PATIENCE, "{:?}", store.last_error());
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_full_disk_fails_batches_until_there_is_space() {
    on_a_small_disk(|disk| {
        let mut store = DiskStore::open(&disk.join("store")).unwrap();
        load(&mut store);
        assert_eq!(commit(&mut store, [change(address(0), 1)]), [StorageAnswer::Made]);
        for _ in 0..3 {
            fill(disk);
            let bindings = load(&mut store).len() as u32;
            let (next, failed) = commit_until_failed(&mut store, bindings);
            let error = store.last_error().unwrap();
            assert!(error.contains("No space left"), "{error}");

            // While it cannot write, it answers immediately, even when it attempts to reopen the
            // log.
            let begin = Instant::now();
            let mut answers = 0;
            while begin.elapsed() < Duration::from_millis(500) {
                assert!(
                    store.commit(&failed).iter().all(|result| *result == StorageAnswer::NotMade)
                );
                answers += 1;
                thread::sleep(Duration::from_millis(1));
            }
            assert!(answers > 10, "{answers}");
            assert!(store.last_error().is_some());

            clear(disk);
            // A failed batch was not made, so it can be made now.
            let results = commit_until_taken(&mut store, &failed);
            assert!(results.iter().all(|result| *result == StorageAnswer::Made), "{results:?}");
            assert_eq!(failed.len(), 100);
            assert_eq!(load(&mut store).len() as u32, next + 100);
            assert_eq!(store.last_error(), None);
            assert_eq!(commit(&mut store, [change(address(0), 1)]), [conflict(address(0), 1)]);
        }
        drop(store);
        let bindings = load(&mut DiskStore::open(&disk.join("store")).unwrap());
        assert!(bindings.values().all(|found| *found == binding(found.address, 1)));
        assert!(bindings.keys().copied().eq((0..bindings.len() as u32).map(address)));
    });
}

#[test]
fn a_disk_that_fills_up_with_leases_keeps_those_it_took() {
    on_a_small_disk(|disk| {
        let filler = disk.join("filler-0");
        fs::write(&filler, vec![1; DISK_OCTETS / 3]).unwrap();
        let mut store = DiskStore::open(&disk.join("store")).unwrap();
        load(&mut store);
        let (taken, failed) = commit_until_failed(&mut store, 0);
        println!("{taken} leases fitted");
        assert!(taken > 1_000);
        clear(disk);
        commit_until_taken(&mut store, &failed);
        assert_eq!(
            commit_until_taken(&mut store, &apart([change(address(0), 2)])),
            [StorageAnswer::Made]
        );
        drop(store);
        let bindings = load(&mut DiskStore::open(&disk.join("store")).unwrap());
        assert_eq!(bindings[&address(0)], binding(address(0), 2));
        for number in 1..taken {
            assert_eq!(bindings.get(&address(number)), Some(&binding(address(number), 1)));
        }
    });
}

#[test]
fn the_committer_reports_a_full_disk_and_its_end() {
    on_a_small_disk(|disk| {
        let store = DiskStore::open(&disk.join("store")).unwrap();
        let limits = CommitterLimits { waiting_changes: 1_000, batch_changes: 100 };
        let (committer, thread) = Committer::start(Box::new(store), limits);
        let commit_one = |number| {
            let (done, finished) = mpsc::channel();
            let on_done = Box::new(move |_, results| done.send(results).unwrap());
            let decisions = apart([change(address(number), 1)]);
            committer.submit(Submission { decisions, on_done }).unwrap();
            let results: Vec<StorageAnswer> = finished.recv_timeout(PATIENCE).unwrap();
            results[0].clone()
        };
        fill(disk);
        let mut number = 0;
        while commit_one(number) != StorageAnswer::NotMade {
            number += 1;
        }
        let status = committer.status();
        assert!(status.failed_flushes >= 1);
        assert!(status.last_error.is_some_and(|error| error.contains("No space left")));
        clear(disk);
        let begin = Instant::now();
        while commit_one(number) == StorageAnswer::NotMade {
            assert!(begin.elapsed() < PATIENCE);
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(committer.status().last_error, None);
        thread.close();
    });
}

#[test]
fn a_disk_too_full_for_a_new_store_is_reported_and_leaves_no_half_store() {
    on_a_small_disk(|disk| {
        fill(disk);
        let path = disk.join("store");
        let Err(error) = DiskStore::open(&path) else { panic!("there is no space") };
        assert!(matches!(error, StoreError::Open { .. }), "{error}");
        assert!(error.to_string().contains("No space left"), "{error}");
        clear(disk);
        let mut store = DiskStore::open(&path).unwrap();
        assert_eq!(commit(&mut store, [change(address(1), 1)]), [StorageAnswer::Made]);
    });
}

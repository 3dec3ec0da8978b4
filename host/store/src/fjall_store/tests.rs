//! What the battery in `tests/` cannot reach from outside: stores that are damaged or of another
//! release, and databases that are closed and opened again.

use std::{
    fs,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
    time::{Duration, Instant},
};

use fjall::KeyspaceCreateOptions;
use lessor_core::{Change, ClientKey, HardwareAddress, LeaseState, Timestamp};
use tempfile::TempDir;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

fn change(number: u8, revision: u64) -> Change {
    let hardware_address = HardwareAddress::ethernet([2, 0, 0, 0, 0, number]);
    let lease = |revision| {
        Arc::new(Lease {
            address: Ipv4Addr::new(10, 0, 0, number),
            client: ClientKey::Hardware(hardware_address),
            hardware_address,
            state: LeaseState::Leased,
            began_at: Timestamp::from_unix_ms(1),
            changed_at: Timestamp::from_unix_ms(revision),
            expires_at: Timestamp::NEVER,
            subscriber: None,
            relay_information: None,
            revision,
        })
    };
    Change { lease: lease(revision), previous: (revision > 1).then(|| lease(revision - 1)) }
}

/// A store that holds one lease, 10.0.0.1; closed.
fn closed_store() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut store = FjallStore::open(folder.path()).unwrap();
    assert_eq!(commit(&mut store, [change(1, 1)]), [Committed::Durable]);
    folder
}

/// Writes to a closed store without asking it.
fn tamper(path: &Path, keyspace: &str, key: &[u8], value: &[u8]) {
    let database = fjall::Database::builder(path.join("leases")).open().unwrap();
    let keyspace = database.keyspace(keyspace, KeyspaceCreateOptions::default).unwrap();
    keyspace.insert(key, value).unwrap();
}

fn refusal(path: &Path) -> String {
    let opened = FjallStore::open(path).and_then(|mut store| store.load(&mut |_| {}));
    opened.expect_err("it is refused").to_string()
}

fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

/// Every change a decision of its own.
fn commit<const N: usize>(store: &mut FjallStore, changes: [Change; N]) -> Vec<Committed> {
    store.commit(&changes.map(|change| Changes::from_iter([change])))
}

fn commit_until_taken(store: &mut FjallStore, change: &Change) -> Committed {
    let begin = Instant::now();
    loop {
        match &commit(store, [change.clone()])[..] {
            [Committed::Failed] => assert!(begin.elapsed() < PATIENCE, "{:?}", store.last_error),
            [result] => return result.clone(),
            results => panic!("{results:?}"),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_second_server_is_told_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = FjallStore::open(folder.path()).unwrap();
    let path = folder.path().display().to_string();
    assert_says(&refusal(folder.path()), &["is in use by another process", &path]);
    first.reopen();
    assert_says(&refusal(folder.path()), &["is in use by another process"]);
    drop(first);
    FjallStore::open(folder.path()).unwrap();
}

#[test]
fn the_remains_of_an_interrupted_creation_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let remains = folder.path().join("leases.incomplete");
    fs::create_dir(&remains).unwrap();
    fs::write(remains.join("0.jnl"), b"half a journal").unwrap();
    let mut store = FjallStore::open(folder.path()).unwrap();
    assert_eq!(commit(&mut store, [change(1, 1)]), [Committed::Durable]);
    assert!(!remains.exists());
}

#[test]
fn another_format_is_refused_with_both_numbers() {
    let folder = closed_store();
    tamper(folder.path(), "meta", b"format", &[0, 0, 0, 7]);
    assert_says(&refusal(folder.path()), &["format 7", "knows format 1", "release"]);
}

#[test]
fn a_damaged_record_keeps_the_server_from_starting() {
    for (key, value, parts) in [
        (&[10, 0, 0, 1][..], &b"\x01rubbish"[..], ["10.0.0.1", "damaged", "backup"]),
        (&[10, 0, 0, 9], b"", ["10.0.0.9", "empty", "backup"]),
        (&[10, 0, 0, 1], b"\x02", ["10.0.0.1", "version 2", "reads version 1"]),
        (&[10, 0, 0], b"\x01", ["0x0a0000", "3 octets", "backup"]),
    ] {
        let folder = closed_store();
        tamper(folder.path(), "leases", key, value);
        assert_says(&refusal(folder.path()), &parts);
    }
}

#[test]
fn a_store_with_parts_missing_is_refused_and_left_as_it_is() {
    for part in ["leases/version", "leases/keyspaces/1/current"] {
        let folder = closed_store();
        fs::remove_file(folder.path().join(part)).unwrap();
        assert_says(&refusal(folder.path()), &["incomplete", part, "backup"]);
        assert!(folder.path().join("leases/keyspaces/1/tables").exists());
    }
    let folder = tempfile::tempdir().unwrap();
    drop(fjall::Database::builder(folder.path().join("leases")).open().unwrap());
    assert_says(&refusal(folder.path()), &["incomplete", "no keyspace \"meta\""]);
}

#[test]
fn commits_fail_at_once_while_the_database_is_reopened() {
    let folder = closed_store();
    let mut store = FjallStore::open(folder.path()).unwrap();
    assert_eq!(commit(&mut store, [change(2, 1)]), [Committed::Durable]);
    store.failures_in_a_row = 4;
    let delay_ms = store.reopen();
    let begin = Instant::now();
    assert_eq!(commit(&mut store, [change(3, 1)]), [Committed::Failed]);
    assert!(begin.elapsed() < Duration::from_millis(delay_ms / 2));
    assert_eq!(commit_until_taken(&mut store, &change(3, 1)), Committed::Durable);
    assert_eq!(
        commit(&mut store, [change(2, 2), change(1, 2)]),
        [Committed::Durable, Committed::Durable]
    );
    assert_eq!(store.last_error(), None);
    assert_eq!(store.failures_in_a_row, 0);
}

#[test]
fn a_database_that_is_away_is_waited_for_and_not_created_anew() {
    let folder = closed_store();
    let database = folder.path().join("leases");
    let away = folder.path().join("away");
    let mut store = FjallStore::open(folder.path()).unwrap();
    assert_eq!(commit(&mut store, [change(1, 2)]), [Committed::Durable]);
    fs::rename(&database, &away).unwrap();
    store.reopen();
    let begin = Instant::now();
    while store.last_error().is_none() {
        assert_eq!(commit(&mut store, [change(1, 3)]), [Committed::Failed]);
        assert!(begin.elapsed() < PATIENCE);
    }
    assert_says(&store.last_error().unwrap(), &["No such file"]);
    assert!(!database.exists());
    fs::rename(&away, &database).unwrap();
    assert_eq!(commit_until_taken(&mut store, &change(1, 3)), Committed::Durable);
}

#[test]
fn what_a_failed_write_left_behind_is_read_again() {
    let folder = closed_store();
    let mut store = FjallStore::open(folder.path()).unwrap();
    store.load(&mut |_| {}).unwrap();
    // As if these two had failed, though the first had reached the disk and the second had not.
    let revisions = store.revisions.as_mut().unwrap();
    revisions.remove(&Ipv4Addr::new(10, 0, 0, 1));
    revisions.insert(Ipv4Addr::new(10, 0, 0, 2), 1);
    store.doubtful = vec![Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];
    let results = commit(&mut store, [change(1, 1), change(2, 1), change(1, 2)]);
    let held = Committed::Conflict(Some(change(1, 1).lease));
    assert_eq!(results, [held, Committed::Durable, Committed::Durable]);
}

#[test]
fn attempts_come_at_growing_intervals() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = FjallStore::open(folder.path()).unwrap();
    let delays: Vec<u64> = (0..40)
        .map(|_| {
            store.reopening = None;
            store.reopen()
        })
        .collect();
    assert_eq!(delays[..7], [100, 200, 400, 800, 1600, 3200, 5000]);
    assert_eq!(delays[39], FjallStore::REOPEN_DELAY_MAX_MS);
    let begin = Instant::now();
    drop(store);
    assert!(begin.elapsed() < Duration::from_millis(FjallStore::REOPEN_DELAY_MAX_MS / 2));
}

#[test]
fn a_disk_that_does_not_keep_up_is_not_waited_for_without_end() {
    use fjall::AbstractTree;

    let folder = closed_store();
    let mut store = FjallStore::open(folder.path()).unwrap();
    let leases = store.database.as_ref().unwrap().leases().clone();
    // Held, it keeps the workers from writing memtables out.
    let flushes = leases.tree.get_flush_lock();
    let mut number = 2;
    while leases.tree.sealed_memtable_count() <= 2 {
        assert_eq!(commit(&mut store, [change(number, 1)]), [Committed::Durable]);
        leases.rotate_memtable().unwrap();
        number += 1;
    }
    assert_eq!(commit(&mut store, [change(number, 1)]), [Committed::Failed]);
    assert_says(&store.last_error().unwrap(), &["does not keep up", "1000 ms"]);
    drop(flushes);
    assert_eq!(commit_until_taken(&mut store, &change(number, 1)), Committed::Durable);
    assert_eq!(store.failures_in_a_row, 0);
}

#[test]
fn a_settled_journal_reads_as_before_and_takes_no_more_space() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("leases")).unwrap();
    let path = folder.path().join("leases/7.jnl");
    let file = File::create(&path).unwrap();
    let contents: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
    file.write_all_at(&contents, 0).unwrap();
    file.write_all_at(b"behind a hole", 500_000).unwrap();
    file.set_len(64 << 20).unwrap();
    file.sync_all().unwrap();
    let before = fs::read(&path).unwrap();
    let blocks = file.metadata().unwrap().blocks();
    journal::settle(folder.path()).unwrap();
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(file.metadata().unwrap().blocks(), blocks);
}

//! Tests that the battery in `tests/` cannot do from outside: failing writes, old segments, stores
//! of other formats, permissions, and what is kept of a damaged store.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    os::unix::fs::{FileExt, PermissionsExt},
    path::PathBuf,
    time::{Duration, Instant},
};

use lessor_core::{BindingState, Change, ClientKey, HardwareAddress, Timestamp};
use tempfile::TempDir;

use super::*;
use crate::log::Newest as NewestSegment;

const PATIENCE: Duration = Duration::from_secs(30);
/// Segments with room for about thirty bindings.
pub(super) const SMALL: Settings = settings(4 << 10);

pub(super) fn change(number: u16, revision: u64) -> Change {
    let [high, low] = number.to_be_bytes();
    let hardware_address = HardwareAddress::ethernet([2, 0, 0, 0, high, low]);
    let binding = |revision| {
        Arc::new(Binding {
            address: address(number),
            vpn: None,
            client: ClientKey::Hardware(hardware_address),
            hardware_address,
            state: BindingState::Leased,
            began_at: Timestamp::from_unix_ms(1),
            changed_at: Timestamp::from_unix_ms(revision),
            expires_at: Timestamp::NEVER,
            subscriber: Some("a line with a name of some length, as they are in the field".into()),
            relay_information: None,
            relay_address: None,
            revision,
            host_name: None,
            unknown_fields: Default::default(),
        })
    };
    Change { binding: binding(revision), previous: (revision > 1).then(|| binding(revision - 1)) }
}

/// A store as servers wrote it before there were VPNs is read, and goes on with VPNs beside it.
#[test]
fn records_of_before_vpns_are_read_beside_those_of_vpns() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let former = change(1, 1);
    let mut value = Vec::new();
    record::encode(&former.binding, &mut value);
    let mut batch = Batch::new();
    batch.put(RecordKey::of(&former.binding), &[10, 0, 0, 1], &value, 1);
    store.table.write(&mut batch).unwrap();
    drop(store);
    let mut store = open(folder.path());
    let Change { binding, .. } = change(1, 1);
    let in_vpn = Binding { vpn: lessor_core::VpnName::new("green"), ..Binding::clone(&binding) };
    let in_vpn = Change { binding: in_vpn.into(), previous: None };
    assert_eq!(commit(&mut store, [in_vpn.clone()]), [StorageAnswer::Made]);
    drop(store);
    let mut read = Vec::new();
    DiskStore::read(folder.path(), &mut |binding| read.push(binding)).unwrap();
    assert_eq!(read, [Binding::clone(&former.binding), Binding::clone(&in_vpn.binding)]);
    assert_eq!(DiskStore::survey(folder.path()).unwrap().bindings, 2);
}

pub(super) fn address(number: u16) -> Ipv4Addr {
    let [high, low] = number.to_be_bytes();
    Ipv4Addr::new(10, 0, high, low)
}

/// Commits each change as a separate decision.
pub(super) fn commit(
    store: &mut DiskStore,
    changes: impl IntoIterator<Item = Change>,
) -> Vec<StorageAnswer> {
    let decisions: Vec<Changes> =
        changes.into_iter().map(|change| Changes::from_iter([change])).collect();
    store.commit(&decisions)
}

pub(super) fn revisions(store: &mut DiskStore) -> BTreeMap<Ipv4Addr, u64> {
    let mut revisions = BTreeMap::new();
    store
        .load(&mut |binding| assert_eq!(revisions.insert(binding.address, binding.revision), None))
        .unwrap();
    revisions
}

pub(super) fn open(path: &Path) -> DiskStore {
    DiskStore::open_with(path, SMALL).unwrap()
}

/// A closed store with one binding, 10.0.0.1.
fn closed_store() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(commit(&mut open(folder.path()), [change(1, 1)]), [StorageAnswer::Made]);
    folder
}

/// A closed store of several segments.
fn larger_store() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    for number in 1..=100 {
        assert_eq!(commit(&mut store, [change(number, 1)]), [StorageAnswer::Made]);
    }
    drop(store);
    assert!(segments(folder.path()).len() >= 3);
    folder
}

fn segments(path: &Path) -> Vec<PathBuf> {
    let folder = Folder::new(&path.join(FOLDER));
    let numbers = folder.segments().unwrap();
    numbers.into_iter().map(|number| folder.path().join(format!("{number:010}.log"))).collect()
}

fn refusal(path: &Path) -> String {
    let opened = DiskStore::open(path).and_then(|mut store| store.load(&mut |_| {}));
    opened.expect_err("it is refused").to_string()
}

fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

fn commit_until_taken(store: &mut DiskStore, change: &Change) {
    let begin = Instant::now();
    while commit(store, [change.clone()]) != [StorageAnswer::Made] {
        assert!(begin.elapsed() < PATIENCE, "{:?}", store.last_error);
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_second_server_learns_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let path = folder.path().display().to_string();
    assert_says(&refusal(folder.path()), &["is in use by another process", &path]);
    drop(first);
    open(folder.path());
}

#[test]
fn the_remains_of_an_interrupted_creation_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let remains = folder.path().join("leases.incomplete");
    fs::create_dir(&remains).unwrap();
    fs::write(remains.join("0000000001.log"), b"half a header").unwrap();
    assert_eq!(commit(&mut open(folder.path()), [change(1, 1)]), [StorageAnswer::Made]);
    assert!(!remains.exists());
    let remains = folder.path().join("leases/0000000002.new");
    fs::write(&remains, b"half a header").unwrap();
    assert_eq!(revisions(&mut open(folder.path())).len(), 1);
    assert!(!remains.exists());
}

#[test]
fn another_format_is_refused_with_both_numbers() {
    let folder = closed_store();
    let path = folder.path().join("leases/mark");
    let mut mark = fs::read(&path).unwrap();
    mark[11] = 7;
    let crc = crc32fast::hash(&mark[..44]);
    mark[44..].copy_from_slice(&crc.to_be_bytes());
    fs::write(&path, mark).unwrap();
    assert_says(&refusal(folder.path()), &["format 7", "knows format 2", "release"]);
}

#[test]
fn a_database_of_the_engine_before_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let keyspaces = folder.path().join("leases/keyspaces");
    fs::create_dir_all(&keyspaces).unwrap();
    fs::write(folder.path().join("leases/version"), "3").unwrap();
    assert_says(&refusal(folder.path()), &["fjall", "before the first release", "move the folder"]);
    assert!(DiskStore::survey(folder.path()).unwrap_err().to_string().contains("fjall"));
    assert!(keyspaces.exists());
}

#[test]
fn a_record_that_is_no_lease_keeps_the_server_from_starting() {
    for (key, value, parts) in [
        (&[10, 0, 0, 1][..], &b"\x01rubbish"[..], ["10.0.0.1", "damaged", "backup"]),
        (&[10, 0, 0, 9], b"", ["10.0.0.9", "empty", "backup"]),
        (&[10, 0, 0, 1], b"\x02", ["10.0.0.1", "version 2", "reads version 1"]),
        (&[10, 0, 0], b"\x01", ["0x0a0000", "3 octets", "backup"]),
    ] {
        let folder = closed_store();
        let mut store = open(folder.path());
        let mut batch = Batch::new();
        batch.put(RecordKey::of(&change(0, 1).binding), key, value, 1);
        store.table.write(&mut batch).unwrap();
        drop(store);
        assert_says(&refusal(folder.path()), &parts);
        assert_eq!(DiskStore::survey(folder.path()).unwrap().log.damage.len(), 1);
    }
}

#[test]
fn a_full_disk_costs_one_segment_and_no_lease() {
    let folder = closed_store();
    let mut store = open(folder.path());
    store.table.log().newest =
        NewestSegment::Open(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    assert_eq!(commit(&mut store, [change(2, 1)]), [StorageAnswer::NotMade]);
    let error = store.last_error().unwrap();
    assert_says(&error, &["No space left", "trying again in 100 ms"]);
    // Until then it answers immediately.
    assert_eq!(commit(&mut store, [change(2, 1)]), [StorageAnswer::NotMade]);
    assert_eq!(store.last_error(), Some(error));
    commit_until_taken(&mut store, &change(2, 1));
    assert_eq!(commit(&mut store, [change(1, 2)]), [StorageAnswer::Made]);
    assert_eq!(store.last_error(), None);
    assert_eq!(segments(folder.path()).len(), 2);
    drop(store);
    let expected = BTreeMap::from([(address(1), 2), (address(2), 1)]);
    assert_eq!(revisions(&mut open(folder.path())), expected);
}

/// A write reaches the disk and then the flush fails: whatever the file contains, the batch is not
/// made.
#[test]
fn a_failed_batch_does_not_come_back() {
    for process_ends_at_once in [true, false] {
        let folder = closed_store();
        let segment = segments(folder.path()).pop().unwrap();
        let mut store = open(folder.path());
        assert_eq!(commit(&mut store, [change(2, 1)]), [StorageAnswer::Made]);
        let durable = fs::metadata(&segment).unwrap().len();
        // Flushes of /dev/null fail. The octets that would have been written are put into the file
        // below.
        let end = store.table.log().end;
        let null = fs::OpenOptions::new().write(true).open("/dev/null").unwrap();
        let newest = &mut store.table.log().newest;
        let real = std::mem::replace(newest, NewestSegment::Open(null));
        assert_eq!(commit(&mut store, [change(3, 1)]), [StorageAnswer::NotMade]);
        assert_says(&store.last_error().unwrap(), &["Invalid argument"]);
        let NewestSegment::Open(real) = real else { panic!("it was open") };
        if process_ends_at_once {
            assert_eq!(fs::metadata(&segment).unwrap().len(), durable);
        } else {
            commit_until_taken(&mut store, &change(4, 1));
            // Octets that reached the disk nevertheless, after the end of the log.
            let mut value = Vec::new();
            record::encode(&change(3, 1).binding, &mut value);
            let key = address(3).octets();
            let mut frame = store.table.log().frame_behind(&end, &key, &value);
            frame.extend(b"and more");
            real.write_all_at(&frame, durable).unwrap();
        }
        drop(store);
        let mut expected = BTreeMap::from([(address(1), 1), (address(2), 1)]);
        expected.extend((!process_ends_at_once).then_some((address(4), 1)));
        assert_eq!(revisions(&mut open(folder.path())), expected);
    }
}

#[test]
fn attempts_come_at_growing_intervals() {
    let folder = closed_store();
    let mut store = open(folder.path());
    let delays: Vec<u64> = (0..40).map(|_| store.table.log().abandon()).collect();
    assert_eq!(delays[..7], [100, 200, 400, 800, 1600, 3200, 5000]);
    assert_eq!(delays[39], DiskStore::RETRY_DELAY_MAX_MS);
}

#[test]
fn a_folder_that_is_away_is_waited_for_and_not_created_again() {
    let folder = closed_store();
    let (log, away) = (folder.path().join("leases"), folder.path().join("away"));
    let mut store = open(folder.path());
    assert_eq!(commit(&mut store, [change(1, 2)]), [StorageAnswer::Made]);
    fs::rename(&log, &away).unwrap();
    store.table.log().abandon();
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(commit(&mut store, [change(1, 3)]), [StorageAnswer::NotMade]);
    assert_says(&store.last_error().unwrap(), &["No such file"]);
    assert!(!log.exists());
    fs::rename(&away, &log).unwrap();
    commit_until_taken(&mut store, &change(1, 3));
}

#[test]
fn the_log_stays_small_and_no_commit_writes_much_more_than_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let mut expected = BTreeMap::new();
    let live = |store: &DiskStore| store.table.live_octets;
    let mut state = 1_u64;
    for _ in 0..3_000 {
        let mut changes = BTreeMap::new();
        for _ in 0..3 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let number = (state >> 33) as u16 % 200;
            changes.entry(number).or_insert_with(|| {
                let revision: &mut u64 = expected.entry(address(number)).or_default();
                *revision += 1;
                change(number, *revision)
            });
        }
        let before = store.table.log().end;
        let given = 160 * changes.len() as u64;
        let results = commit(&mut store, changes.into_values());
        assert!(results.iter().all(|result| *result == StorageAnswer::Made), "{results:?}");
        let end = store.table.log().end;
        let is_same = end.segment == before.segment;
        let written = u64::from(end.offset - if is_same { before.offset } else { 64 });
        assert!(written <= 6 * given + (2 << 10), "{written} octets for {given}");
        let on_disk: u64 =
            segments(folder.path()).iter().map(|file| fs::metadata(file).unwrap().len()).sum();
        assert!(on_disk <= 5 * live(&store) / 2 + 3 * (4 << 10), "{on_disk} for {}", live(&store));
    }
    let removed = folder.path().join("leases/0000000050.log");
    assert!(segments(folder.path())[0] > removed, "old ones were removed");
    assert_eq!(revisions(&mut store), expected);
    drop(store);
    assert_eq!(revisions(&mut open(folder.path())), expected);
}

#[test]
fn many_short_segments_are_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    for revision in 1..=60 {
        // Like after a failure, when the next attempt is due.
        store.table.log().abandon();
        store.table.retry_now();
        assert_eq!(commit(&mut store, [change(1, revision)]), [StorageAnswer::Made]);
        assert!(segments(folder.path()).len() <= 12, "{:?}", segments(folder.path()));
    }
    drop(store);
    assert_eq!(revisions(&mut open(folder.path())), BTreeMap::from([(address(1), 60)]));
}

#[test]
fn damage_that_is_found_while_serving_is_complained_of() {
    let folder = larger_store();
    let mut store = open(folder.path());
    assert_eq!(revisions(&mut store).len(), 100);
    let oldest = segments(folder.path())[0].clone();
    let file = fs::OpenOptions::new().write(true).open(&oldest).unwrap();
    file.write_all_at(b"\xff\xff\xff\xff", 200).unwrap();
    assert_eq!(store.complaint(), None);
    for revision in 2..=6 {
        for number in 1..=100 {
            assert_eq!(commit(&mut store, [change(number, revision)]), [StorageAnswer::Made]);
        }
    }
    let complaint = store.complaint().unwrap();
    assert_says(&complaint, &["0000000001.log", "damaged", "lessor store verify"]);
    assert!(oldest.exists());
}

#[test]
fn others_can_neither_list_nor_read_the_store() {
    let folder = closed_store();
    let store = folder.path().join("leases");
    let for_others = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o007;
    // Permissions that a restored backup may have.
    fs::set_permissions(&store, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(store.join("mark"), fs::Permissions::from_mode(0o644)).unwrap();
    drop(open(folder.path()));
    assert_eq!(for_others(&store), 0);
    assert_eq!(for_others(&folder.path().join("lock")), 0);
    for file in fs::read_dir(&store).unwrap() {
        assert_eq!(for_others(&file.unwrap().path()), 0);
    }
    let created = folder.path().join("new");
    drop(open(&created));
    assert_eq!((for_others(&created), for_others(&created.join("leases"))), (0, 0));
}

#[test]
fn a_store_is_read_and_surveyed_without_being_changed() {
    let folder = larger_store();
    let newest = segments(folder.path()).pop().unwrap();
    let mut octets = fs::read(&newest).unwrap();
    octets.extend(b"\xf5LSF and the rest is torn");
    fs::write(&newest, &octets).unwrap();
    let survey = DiskStore::survey(folder.path()).unwrap();
    assert_eq!((survey.bindings, survey.log.damage.len()), (100, 0));
    assert_eq!(survey.log.torn.unwrap().octets, 25);
    let mut bindings = 0;
    assert_eq!(DiskStore::read(folder.path(), &mut |_| bindings += 1).unwrap(), 100);
    assert_eq!(bindings, 100);
    assert_eq!(fs::read(&newest).unwrap(), octets);
    assert_eq!(DiskStore::read(&folder.path().join("none"), &mut |_| {}).unwrap(), 0);
    assert!(!folder.path().join("none").exists());
}

#[test]
fn a_store_in_use_can_be_surveyed() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    for revision in 1..=20 {
        for number in 1..=50 {
            commit(&mut store, [change(number, revision)]);
        }
        let survey = DiskStore::survey(folder.path()).unwrap();
        assert!(survey.log.in_use && survey.log.damage.is_empty(), "{survey:?}");
        assert_eq!(survey.bindings, 50);
    }
    assert!(matches!(DiskStore::salvage(folder.path()), Err(StoreError::InUse { .. })));
}

#[test]
fn what_can_be_read_of_a_damaged_store_is_kept() {
    let folder = larger_store();
    let whole = DiskStore::salvage(folder.path()).unwrap_err();
    assert!(matches!(whole, StoreError::Whole { .. }), "{whole}");
    let middle = segments(folder.path())[1].clone();
    let mut octets = fs::read(&middle).unwrap();
    octets[100] ^= 1;
    fs::write(&middle, &octets).unwrap();
    let refused = refusal(folder.path());
    assert_says(
        &refused,
        &["0000000002.log, octet 64", "checksum is wrong", "lessor store salvage", "backup"],
    );
    let survey = DiskStore::survey(folder.path()).unwrap();
    assert_eq!((survey.bindings, survey.bindings_before + survey.bindings_behind), (99, 99));
    let said = format!("{} leases can be read before", survey.bindings_before);
    assert_says(&refused, &[&said]);

    let salvage = DiskStore::salvage(folder.path()).unwrap();
    assert_eq!((salvage.bindings, salvage.unreadable, salvage.survey.damage.len()), (99, 0, 1));
    assert_eq!(fs::read(salvage.put_aside.join("0000000002.log")).unwrap(), octets);
    let mut store = open(folder.path());
    assert_eq!(revisions(&mut store).len(), 99);
    assert_eq!(commit(&mut store, [change(1, 2)]), [StorageAnswer::Made]);
}

#[test]
fn a_salvage_that_was_interrupted_is_completed_by_the_next_start() {
    let folder = larger_store();
    fs::rename(folder.path().join("leases"), folder.path().join("leases.salvaged")).unwrap();
    assert_eq!(revisions(&mut open(folder.path())).len(), 100);
}

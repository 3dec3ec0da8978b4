//! Tests backups of stores in use, restores of them, and files that differ from what was written.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use lessor_core::{
    Binding, BindingState, Change, Changes, ClientKey, HardwareAddress, StorageAnswer, Timestamp,
    UnknownFields, VpnName,
};
use tempfile::TempDir;

use super::{lines::BackupWriter, restore::Backup, *};
use crate::{DiskStore, Store, StoreError, disk_store::settings};

/// Segments with room for about thirty bindings.
const SEGMENT_OCTETS: u32 = 4 << 10;
/// The fields 13 and 14 of a record, which this release does not know: 7 and "new".
const NEWER_FIELDS: &[u8] = &[0x07, 0x63, b'n', b'e', b'w'];

fn binding(number: u16, revision: u64) -> Binding {
    let [high, low] = number.to_be_bytes();
    let hardware_address = HardwareAddress::ethernet([2, 0, 0, 0, high, low]);
    Binding {
        address: Ipv4Addr::new(10, 0, high, low),
        vpn: None,
        client: ClientKey::Hardware(hardware_address),
        hardware_address,
        state: BindingState::Leased,
        began_at: Timestamp::from_unix_ms(1),
        changed_at: Timestamp::from_unix_ms(revision),
        expires_at: Timestamp::NEVER,
        subscriber: None,
        relay_information: None,
        relay_address: None,
        revision,
        host_name: None,
        unknown_fields: UnknownFields::default(),
    }
}

fn change(binding: Binding) -> Change {
    let revision = binding.revision - 1;
    let previous = (revision > 0).then(|| Arc::new(Binding { revision, ..binding.clone() }));
    Change { binding: Arc::new(binding), previous }
}

fn origin() -> ExportContext {
    let made_at = "2026-11-30T12:00:00Z".to_owned();
    ExportContext { program: "lessor 0.1.0".to_owned(), made_at, clock_ahead_ms: -5 }
}

/// A closed store with these bindings.
fn store_of(bindings: impl IntoIterator<Item = Binding>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut store = DiskStore::open_with(folder.path(), settings(SEGMENT_OCTETS)).unwrap();
    for binding in bindings {
        let answers = store.commit(&[Changes::from_iter([change(binding)])]);
        assert_eq!(answers, [StorageAnswer::Made]);
    }
    folder
}

fn export(store: &Path) -> (Exported, String) {
    let mut out = Vec::new();
    let exported = DiskStore::export(store, origin(), &mut out).unwrap();
    (exported, String::from_utf8(out).unwrap())
}

fn file(folder: &TempDir, text: &[u8]) -> PathBuf {
    let path = folder.path().join("backup");
    fs::write(&path, text).unwrap();
    path
}

fn read(text: &[u8]) -> Result<Backup, RestoreError> {
    let folder = tempfile::tempdir().unwrap();
    Backup::read(File::open(file(&folder, text)).unwrap())
}

#[track_caller]
fn refused(text: &[u8]) -> RefusedLine {
    match read(text) {
        Err(RestoreError::Refused(refused)) => refused,
        other => panic!("{other:?} of {}", String::from_utf8_lossy(text)),
    }
}

/// The file that has these lines, each with a correct checksum.
fn written(lines: &[serde_json::Value]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = BackupWriter::new(&mut out);
    lines.iter().for_each(|line| writer.put(line).unwrap());
    out
}

fn bindings(store: &Path) -> BTreeMap<(Option<VpnName>, Ipv4Addr), Binding> {
    let mut found = BTreeMap::new();
    let each = &mut |binding: Binding| {
        found.insert((binding.vpn.clone(), binding.address), binding);
    };
    DiskStore::read(store, each).unwrap();
    found
}

fn varied() -> Vec<Binding> {
    let newer = UnknownFields::from_octets(NEWER_FIELDS);
    let mut bindings: Vec<Binding> = (1..=80).map(|number| binding(number, 1)).collect();
    bindings.push(binding(7, 2));
    bindings.push(Binding { vpn: VpnName::new("green"), ..binding(7, 1) });
    bindings.push(Binding { unknown_fields: newer, ..binding(8, 2) });
    bindings.push(Binding { state: BindingState::Quarantined, ..binding(9, 2) });
    bindings
}

#[test]
fn a_restored_store_has_every_record_as_it_was() {
    let from = store_of(varied());
    let (exported, text) = export(from.path());
    assert_eq!((exported.heading.records, exported.unreadable), (81, 0));
    assert!(!exported.heading.server_running);
    assert_eq!(text.lines().count(), 83);
    let to = tempfile::tempdir().unwrap();
    let store = to.path().join("new/store");
    let backup = read(text.as_bytes()).unwrap();
    assert_eq!(backup.heading(), &exported.heading);
    assert_eq!(backup.newest_change(), Timestamp::from_unix_ms(2));
    let restored = backup.restore(&store, Existing::Refuse).unwrap();
    assert_eq!(restored.put_aside, None);
    let found = bindings(&store);
    assert_eq!(found, bindings(from.path()));
    assert_eq!(found.len(), 81);
    let newer = &found[&(None, Ipv4Addr::new(10, 0, 0, 8))];
    assert_eq!(newer.unknown_fields.octets(), NEWER_FIELDS);
    // The restored store goes on, and its backup is the same.
    let mut again = DiskStore::open(&store).unwrap();
    assert_eq!(
        again.commit(&[Changes::from_iter([change(binding(81, 1))])]),
        [StorageAnswer::Made]
    );
    drop(again);
    let without_first = |text: &str| {
        let lines = text.lines().skip(1).map(|line| line.split(",\"crc32\"").next().unwrap());
        let mut lines: Vec<String> = lines.map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let again = without_first(&export(&store).1);
    let is_new = |line: &&String| !without_first(&text).contains(line);
    assert_eq!(again.iter().filter(is_new).count(), 2, "the new lease, and the number of records");
}

#[test]
fn a_store_in_use_is_exported_at_one_moment_with_everything_acknowledged_before() {
    const LEASES: u16 = 40;
    let folder = tempfile::tempdir().unwrap();
    let mut store = DiskStore::open_with(folder.path(), settings(SEGMENT_OCTETS)).unwrap();
    let (acknowledged, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let writing = {
        let (acknowledged, is_over) = (Arc::clone(&acknowledged), Arc::clone(&is_over));
        thread::spawn(move || {
            for revision in 1.. {
                // One decision changes all of them, so no moment has two revisions.
                let changes = (1..=LEASES).map(|number| change(binding(number, revision)));
                assert_eq!(store.commit(&[changes.collect()]), [StorageAnswer::Made]);
                acknowledged.store(revision, Ordering::SeqCst);
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
            }
        })
    };
    while acknowledged.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    let oldest = |path: &Path| {
        let names = fs::read_dir(path.join("leases")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".log")).min().unwrap()
    };
    let first = oldest(folder.path());
    let mut exports = 0;
    while exports < 50 || oldest(folder.path()) == first {
        let before = acknowledged.load(Ordering::SeqCst);
        let (exported, text) = export(folder.path());
        let after = acknowledged.load(Ordering::SeqCst) + 1;
        assert!(exported.heading.server_running);
        assert_eq!(read(text.as_bytes()).unwrap().heading().records, u64::from(LEASES));
        let revision = read(text.as_bytes()).unwrap().newest_change().unix_ms();
        assert!((before..=after).contains(&revision), "{before} {revision} {after}");
        let mut revisions = Vec::new();
        let each = &mut |binding: Binding| revisions.push(binding.revision);
        let count = DiskStore::read_in_use(folder.path(), each).unwrap();
        assert_eq!(count, u64::from(LEASES));
        assert!(revisions.iter().all(|revision| *revision == revisions[0]), "{revisions:?}");
        assert!(DiskStore::survey(folder.path()).unwrap().log.damage.is_empty());
        exports += 1;
    }
    is_over.store(true, Ordering::SeqCst);
    writing.join().unwrap();
}

#[test]
fn a_server_starts_while_its_store_is_exported() {
    let folder = store_of(varied());
    let point = crate::point::Point::of(folder.path()).unwrap();
    let mut store = DiskStore::open_with(folder.path(), settings(SEGMENT_OCTETS)).unwrap();
    for revision in 2..200 {
        let changes = (10..=60).map(|number| change(binding(number, revision)));
        assert_eq!(store.commit(&[changes.collect()]), [StorageAnswer::Made]);
    }
    let mut count = 0;
    let each = |_: crate::record_key::RecordKey, _: &[u8]| {
        count += 1;
        Ok(())
    };
    point.each::<StoreError>(each).unwrap();
    assert_eq!(count, 81);
}

#[test]
fn no_flipped_bit_no_cut_and_no_missing_line_passes() {
    let folder = store_of([binding(1, 1), binding(2, 1), binding(3, 1)]);
    let text = export(folder.path()).1.into_bytes();
    read(&text).unwrap();
    let line_of = |at: usize| 1 + text[..at].iter().filter(|octet| **octet == b'\n').count() as u64;
    for at in 0..text.len() {
        let mut changed = text.clone();
        changed[at] ^= 1 << (at % 8);
        assert_eq!(refused(&changed).line, line_of(at), "octet {at}");
        let line = refused(&text[..at]).line;
        assert_eq!(line, line_of(at), "cut off after {at} octets");
    }
    let lines: Vec<&[u8]> = text.split_inclusive(|octet| *octet == b'\n').collect();
    for position in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(position);
        let line = refused(&without.concat()).line;
        assert_eq!(line, position as u64 + 1, "line {} is missing", position + 1);
        let mut twice = lines.clone();
        twice.insert(position, lines[position]);
        assert_eq!(refused(&twice.concat()).line, position as u64 + 2);
    }
}

#[test]
fn a_backup_that_contradicts_itself_is_refused_although_its_checksums_are_right() {
    let folder = store_of([binding(1, 1)]);
    let text = export(folder.path()).1;
    let value = |line: usize| -> serde_json::Value {
        let line = text.lines().nth(line).unwrap().split(",\"crc32\"").next().unwrap();
        serde_json::from_str(&format!("{line}}}")).unwrap()
    };
    let (heading, record) = (value(0), value(1));
    let with = |object: &serde_json::Value, key: &str, to: serde_json::Value| {
        let mut object = object.clone();
        object[key] = to;
        object
    };
    let heading_of = |records: u64| with(&heading, "records", records.into());
    let end = |records: u64| serde_json::json!({ "end": records });
    read(&written(&[heading.clone(), record.clone(), end(1)])).unwrap();
    // A newer release may say more in the heading.
    let more = with(&heading, "new-in-0.9", true.into());
    read(&written(&[more, record.clone(), end(1)])).unwrap();
    read(&written(&[heading_of(0), end(0)])).unwrap();
    let record_of = |hex: &str| with(&record, "record", hex.into());
    let version_2 = format!("02{}", &record["record"].as_str().unwrap()[2..]);
    let long = "00".repeat(LINE_OCTETS_MAX as usize / 2);
    let esc = with(&heading, "program", "lessor\u{1b}[2J".into());
    let cases: [(&[serde_json::Value], u64, &str); 14] = [
        (&[heading_of(2), record.clone(), record.clone(), end(2)], 3, "line 2 has the first one"),
        (&[heading.clone(), record.clone(), record.clone(), end(2)], 3, "than the 1 of the head"),
        (&[heading.clone(), end(1)], 2, "has 0 records"),
        (&[heading.clone(), record.clone(), end(2)], 3, "its last line says 2"),
        (&[heading_of(2), record.clone(), end(1)], 3, "its heading 2"),
        (&[heading_of(RECORDS_MAX + 1), end(0)], 1, "are possible"),
        (&[with(&heading, "lessor-store-backup", 2.into())], 1, "this release reads form 1"),
        (std::slice::from_ref(&record), 1, "not the heading"),
        (&[esc], 1, "cannot be shown"),
        (&[heading.clone(), record_of(""), end(1)], 2, "it is empty"),
        (&[heading.clone(), record_of("01ff"), end(1)], 2, "is no record"),
        (&[heading.clone(), record_of(&version_2), end(1)], 2, "with lessor 0.1.0 or a newer"),
        (&[heading.clone(), with(&record, "also", 1.into()), end(1)], 2, "neither a record nor"),
        (&[heading.clone(), record_of(&long), end(1)], 2, "is longer than"),
    ];
    for (lines, line, words) in cases {
        let refused = refused(&written(lines));
        assert_eq!(refused.line, line, "{words}: {refused}");
        assert!(refused.to_string().contains(words), "{refused}");
    }
    assert_eq!(refused(b"").line, 1);
    assert_eq!(refused(&[0; 300]).line, 1);
}

#[test]
fn records_of_newer_releases_are_exported_as_they_are_and_refused_with_their_line() {
    let folder = store_of([binding(1, 1)]);
    let mut out = Vec::new();
    crate::record::encode(&binding(2, 1), &mut out);
    out[0] = 2;
    let mut replacement = crate::replacing::Replacement::begin(folder.path()).unwrap();
    let key = crate::record_key::RecordKey::of(&binding(2, 1));
    replacement.put(key, &out, 1).unwrap();
    replacement.finish("replaced").unwrap();
    let (exported, text) = export(folder.path());
    assert_eq!((exported.heading.records, exported.unreadable), (1, 1));
    assert!(text.contains(&hex::encode(&out)), "{text}");
    assert!(refused(text.as_bytes()).to_string().starts_with("2: the record of 10.0.0.2 has vers"));
}

#[test]
fn a_store_with_leases_is_moved_aside_only_if_that_is_wanted_and_nothing_is_lost_in_between() {
    let from = store_of([binding(1, 1)]);
    let backup = read(export(from.path()).1.as_bytes()).unwrap();
    let to = store_of([binding(2, 1)]);
    let refuses = |to: &Path| backup.restore(to, Existing::Refuse).unwrap_err().to_string();
    assert!(refuses(to.path()).contains("has leases"));
    let in_use = DiskStore::open(to.path()).unwrap();
    for existing in [Existing::Refuse, Existing::MoveAside] {
        let refused = backup.restore(to.path(), existing).unwrap_err();
        assert!(refused.to_string().contains("in use"), "{refused}");
    }
    drop(in_use);
    let number = |store: &Path| bindings(store).keys().next().unwrap().1.octets()[3];
    assert_eq!((number(to.path()), bindings(to.path()).len()), (2, 1));
    let put_aside = backup.restore(to.path(), Existing::MoveAside).unwrap().put_aside.unwrap();
    assert_eq!(number(to.path()), 1);

    // The process ended between the two moves: the next command or start completes the import.
    fs::rename(to.path().join("leases"), to.path().join("leases.salvaged")).unwrap();
    assert!(refuses(to.path()).contains("that was interrupted"));
    drop(DiskStore::open(to.path()).unwrap());
    assert_eq!(number(to.path()), 1);

    // A damaged store is moved aside, too.
    fs::remove_dir_all(to.path().join("leases")).unwrap();
    fs::rename(put_aside, to.path().join("leases")).unwrap();
    fs::write(to.path().join("leases/mark"), "").unwrap();
    assert!(refuses(to.path()).contains("has damage"));
    assert!(backup.restore(to.path(), Existing::MoveAside).unwrap().put_aside.is_some());
    assert_eq!(number(to.path()), 1);
}

//! Values by owner and key: written values are there, and a damaged store does not stop the server.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use lessor_store::{KeyedStore, KeyedStoreError, KeyedValue};
use tempfile::TempDir;

/// The name of the damage, and the function that damages a file.
type Damage = (&'static str, fn(&mut Vec<u8>));

const FOLDER: &str = "LESSOR_KEYED_TEST_FOLDER";

/// Opens a store that is not damaged.
fn open(path: &Path) -> KeyedStore {
    let (store, damaged) = KeyedStore::open(path).unwrap();
    assert!(damaged.is_none(), "{damaged:?}");
    store
}

fn values(store: &KeyedStore, owner: &str) -> Vec<(String, Vec<u8>)> {
    let mut values = Vec::new();
    store
        .load(owner, &mut |key, found| {
            assert_eq!((found.at_ms, found.tag), (7, 8));
            values.push((key.to_owned(), found.value.to_vec()));
        })
        .unwrap();
    values
}

fn write(store: &KeyedStore, owner: &str, key: &str, value: Option<&[u8]>) {
    store.write([(owner, key, value.map(kept))].into_iter()).unwrap();
}

fn kept(value: &[u8]) -> KeyedValue<'_> {
    KeyedValue { value, at_ms: 7, tag: 8 }
}

#[test]
fn owners_have_their_own_values_also_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state");
    let store = open(&path);
    write(&store, "10-a", "line", Some(b"1"));
    write(&store, "10-a", "empty", Some(b""));
    write(&store, "10-a", "gone", Some(b"2"));
    // The name of one owner is a prefix of another's.
    write(&store, "10-ab", "line", Some(b"3"));
    write(&store, "10-a", "gone", None);
    let expected = [("empty".to_owned(), vec![]), ("line".to_owned(), b"1".to_vec())];
    assert_eq!(values(&store, "10-a"), expected);
    drop(store);
    let store = open(&path);
    assert_eq!(values(&store, "10-a"), expected);
    assert_eq!(values(&store, "10-ab"), [("line".to_owned(), b"3".to_vec())]);
    assert_eq!(values(&store, "10"), []);
    let owners: Vec<_> = store.owners().unwrap().into_iter().collect();
    assert_eq!(owners, ["10-a".into(), "10-ab".into()]);
}

#[test]
fn a_second_process_does_not_get_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state");
    let _store = open(&path);
    let error = KeyedStore::open(&path).err().unwrap();
    assert!(matches!(error, KeyedStoreError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("for this server alone"), "{error}");
    assert!(path.exists(), "it is left where it was");
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = KeyedStore::open(&file.join("state")).err().unwrap().to_string();
    assert!(error.contains(file.to_str().unwrap()), "{error}");
}

/// Each file of a store is damaged in several ways, one at a time.
#[test]
fn what_is_damaged_is_put_aside_and_stops_nobody() {
    let original = TempDir::new().unwrap();
    let source = original.path().join("state");
    let store = open(&source);
    for number in 0..2_000 {
        write(&store, "10-a", &format!("key-{number}"), Some(&[7; 64]));
    }
    drop(store);
    let files = files(&source);
    assert!(files.len() >= 2, "{files:?}");
    let damages: [Damage; 3] = [
        ("emptied", Vec::clear),
        ("cut", |octets| octets.truncate(octets.len() / 2)),
        ("overwritten", |octets| {
            let middle = octets.len() / 2;
            octets.iter_mut().skip(middle).take(64).for_each(|octet| *octet ^= 0x5a);
        }),
    ];
    let (mut put_aside, mut tried) = (0, 0);
    for file in &files {
        for (what, damage) in damages {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join("state");
            copy(&source, &path);
            let damaged = path.join(file.strip_prefix(&source).unwrap());
            let mut octets = fs::read(&damaged).unwrap();
            damage(&mut octets);
            fs::write(&damaged, octets).unwrap();

            let (store, damaged) = KeyedStore::open(&path)
                .unwrap_or_else(|error| panic!("{} {what}: {error}", file.display()));
            // Whatever was lost, the store works, and values that are written from now on are
            // there.
            write(&store, "10-a", "new", Some(b"1"));
            drop(store);
            assert!(values(&open(&path), "10-a").contains(&("new".to_owned(), b"1".to_vec())));
            tried += 1;
            if let Some(damaged) = damaged {
                put_aside += 1;
                assert!(damaged.folder.join("lock").exists(), "it is kept for an inquiry");
                assert!(!damaged.error.is_empty());
            }
        }
    }
    assert_eq!(put_aside, tried, "no damage goes unnoticed");
    // A folder without its mark is not taken for a new one.
    fs::remove_file(source.join("mark")).unwrap();
    let (store, damaged) = KeyedStore::open(&source).unwrap();
    assert!(damaged.unwrap().error.contains("mark, octet 0: it is missing"));
    assert_eq!(values(&store, "10-a"), []);
}

#[test]
fn what_an_earlier_version_remembered_is_put_aside() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state");
    fs::create_dir_all(path.join("keyspaces/1")).unwrap();
    fs::write(path.join("version"), "3").unwrap();
    let (store, damaged) = KeyedStore::open(&path).unwrap();
    let damaged = damaged.unwrap();
    assert!(damaged.error.contains("an earlier version"), "{damaged:?}");
    assert!(damaged.folder.join("keyspaces").exists(), "{damaged:?}");
    assert_eq!(values(&store, "10-a"), []);
}

#[test]
fn what_was_written_survives_sigkill() {
    if let Ok(folder) = env::var(FOLDER) {
        return write_until_killed(Path::new(&folder));
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state");
    let mut written = 0;
    for round in 1..=5 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "keyed::what_was_written_survives_sigkill", "--nocapture"])
            .env(FOLDER, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let reader = thread::spawn(move || {
            let reports = output.lines().map_while(Result::ok);
            reports.filter_map(|line| line.strip_prefix("written ")?.parse::<u64>().ok()).last()
        });
        thread::sleep(Duration::from_millis(200 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        written = written.max(reader.join().unwrap().unwrap_or(0));
        let found = count(&open(&path));
        assert!(found >= written, "{found} found, {written} reported");
    }
    assert!(written > 5, "it wrote something: {written}");
}

fn write_until_killed(path: &Path) {
    let store = open(path);
    for number in count(&store) + 1.. {
        let octets = number.to_string();
        write(&store, "10-a", "count", Some(octets.as_bytes()));
        let mut out = std::io::stdout();
        writeln!(out, "written {number}").and_then(|()| out.flush()).unwrap();
    }
}

fn count(store: &KeyedStore) -> u64 {
    let values = values(store, "10-a");
    values.first().map_or(0, |(_, value)| std::str::from_utf8(value).unwrap().parse().unwrap())
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false if path.file_name().unwrap() != "lock" => found.push(path),
            false => {}
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).unwrap()),
        }
    }
}

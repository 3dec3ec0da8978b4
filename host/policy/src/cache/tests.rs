use std::{
    os::unix::fs::{PermissionsExt, symlink},
    time::Duration,
};

use tempfile::TempDir;

use super::{storing::TEMPORARY_AGE_MAX, *};
use crate::limits::CACHED_FILES_MAX;

fn cache() -> (TempDir, Cache) {
    let folder = TempDir::new().unwrap();
    let cache = Cache::open(&folder.path().join("compiled")).unwrap();
    (folder, cache)
}

fn key(octet: u8) -> Key {
    Key([octet; DIGEST_OCTETS])
}

fn get(cache: &Cache, key: &Key) -> Option<Vec<u8>> {
    cache.get(key).map(|sealed| sealed.octets)
}

#[test]
fn what_was_put_is_got_by_its_key_only() {
    let (_folder, cache) = cache();
    cache.put(&key(1), b"code");
    assert_eq!(get(&cache, &key(1)).unwrap(), b"code");
    assert_eq!(get(&cache, &key(2)), None);
}

#[test]
fn files_belong_to_their_owner_only() {
    let (_folder, cache) = cache();
    cache.put(&key(1), b"code");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&cache.folder), 0o700);
    assert_eq!(mode(&cache.path(&key(1))), 0o600);
}

#[test]
fn damaged_files_are_removed_and_not_used() {
    let (_folder, cache) = cache();
    for damage in [
        |octets: &mut Vec<u8>| octets[0] ^= 1,
        |octets: &mut Vec<u8>| octets[20] ^= 1,
        |octets: &mut Vec<u8>| *octets.last_mut().unwrap() ^= 1,
        |octets: &mut Vec<u8>| octets.truncate(30),
        |octets: &mut Vec<u8>| octets.push(0),
    ] {
        cache.put(&key(1), b"code");
        let path = cache.path(&key(1));
        let mut octets = fs::read(&path).unwrap();
        damage(&mut octets);
        fs::write(&path, octets).unwrap();
        assert_eq!(get(&cache, &key(1)), None);
        assert!(!path.exists());
    }
}

#[test]
fn a_file_under_another_name_is_not_used() {
    let (_folder, cache) = cache();
    cache.put(&key(1), b"code");
    fs::rename(cache.path(&key(1)), cache.path(&key(2))).unwrap();
    assert_eq!(get(&cache, &key(2)), None);
}

#[test]
fn what_others_could_have_written_is_not_used() {
    let (folder, cache) = cache();
    cache.put(&key(1), b"code");
    let path = cache.path(&key(1));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
    assert_eq!(get(&cache, &key(1)), None);

    cache.put(&key(2), b"code");
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(cache.path(&key(2)), &elsewhere).unwrap();
    symlink(&elsewhere, cache.path(&key(2))).unwrap();
    assert_eq!(get(&cache, &key(2)), None);

    fs::set_permissions(&cache.folder, fs::Permissions::from_mode(0o770)).unwrap();
    let error = Cache::open(&cache.folder).unwrap_err().to_string();
    assert!(error.contains("mode 770") && error.contains("the mode to 700"), "{error}");
}

#[test]
fn only_the_files_used_last_are_kept() {
    let (_folder, cache) = cache();
    let old = SystemTime::now() - Duration::from_secs(60);
    for number in 0..=CACHED_FILES_MAX as u8 {
        cache.put(&key(number), b"code");
        File::options()
            .append(true)
            .open(cache.path(&key(number)))
            .unwrap()
            .set_modified(old)
            .unwrap();
        get(&cache, &key(0));
    }
    let kept = fs::read_dir(&cache.folder).unwrap().count();
    assert_eq!(kept, CACHED_FILES_MAX);
    assert!(get(&cache, &key(0)).is_some());
}

#[test]
fn files_left_half_written_are_removed_after_a_while() {
    let (_folder, cache) = cache();
    let left = cache.folder.join("1-1.temporary");
    let file = File::create(&left).unwrap();
    cache.put(&key(1), b"code");
    assert!(left.exists());
    file.set_modified(SystemTime::now() - TEMPORARY_AGE_MAX - Duration::from_secs(1)).unwrap();
    cache.put(&key(1), b"code");
    assert!(!left.exists());
}

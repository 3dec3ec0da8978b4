use std::{
    os::unix::fs::{PermissionsExt, symlink},
    time::Duration,
};

use tempfile::TempDir;

use super::{storing::TEMPORARY_AGE_MAX, *};
use crate::{
    Allocation,
    target::{Architecture, Target},
};

fn cache() -> (TempDir, Cache) {
    let folder = TempDir::new().unwrap();
    let cache = Cache::open(Some(&folder.path().join("compiled")), Vec::new()).unwrap();
    (folder, cache)
}

fn key(octet: u8) -> Key {
    Key::new(Allocation::Pooled, Target::Here, &[octet; DIGEST_OCTETS])
}

fn folder_of(cache: &Cache) -> &Path {
    cache.folder().unwrap()
}

fn place(cache: &Cache, key: &Key) -> PathBuf {
    path_in(folder_of(cache), key)
}

fn get(cache: &Cache, key: &Key) -> Option<Vec<u8>> {
    cache.get(std::slice::from_ref(key)).map(|found| found.sealed.octets)
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
    assert_eq!(mode(folder_of(&cache)), 0o700);
    assert_eq!(mode(&place(&cache, &key(1))), 0o600);
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
        let path = place(&cache, &key(1));
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
    fs::rename(place(&cache, &key(1)), place(&cache, &key(2))).unwrap();
    assert_eq!(get(&cache, &key(2)), None);
}

#[test]
fn code_for_another_architecture_is_refused_and_named() {
    let (_folder, cache) = cache();
    let other = Architecture::ALL.into_iter().find(|one| one.name() != env::consts::ARCH).unwrap();
    let other = Key::new(Allocation::Pooled, Target::Baseline(other), &[1; DIGEST_OCTETS]);
    cache.put(&other, b"code");
    assert_eq!(get(&cache, &key(1)), None);
    let named = cache.compiled_for_others(&key(1));
    assert_eq!(named, [other.made_for()]);
    assert_eq!(cache.compiled_for_others(&key(2)), [""; 0]);
    // Also under the name of code for this one.
    fs::rename(place(&cache, &other), place(&cache, &key(1))).unwrap();
    let refused = read_checked(&place(&cache, &key(1)), &key(1)).err().unwrap();
    assert!(refused.contains("it was compiled for ") && refused.contains("; wanted "), "{refused}");
    assert_eq!(get(&cache, &key(1)), None);
}

#[test]
fn further_folders_are_read_and_not_changed() {
    let (_folder, first) = cache();
    first.put(&key(1), b"code");
    let missing = folder_of(&first).join("missing");
    let further = vec![missing, folder_of(&first).to_owned()];
    let own = TempDir::new().unwrap();
    let cache = Cache::open(Some(own.path()), further).unwrap();
    assert_eq!(get(&cache, &key(1)).unwrap(), b"code");
    // Code for processors like this one comes first, wherever it is.
    let baseline = Key::new(Allocation::Pooled, Target::baseline().unwrap(), &[1; DIGEST_OCTETS]);
    cache.put(&baseline, b"slower");
    let found = cache.get(&[key(1), baseline]).unwrap();
    assert_eq!(found.sealed.octets, b"code");
    assert_eq!(found.path, place(&first, &key(1)));

    fs::write(place(&first, &key(1)), "damaged").unwrap();
    assert_eq!(get(&cache, &key(1)), None);
    assert!(place(&first, &key(1)).exists());
    first.put(&key(1), b"code");
    fs::set_permissions(folder_of(&first), fs::Permissions::from_mode(0o770)).unwrap();
    assert_eq!(get(&cache, &key(1)), None);
}

#[test]
fn what_others_could_have_written_is_not_used() {
    let (folder, cache) = cache();
    cache.put(&key(1), b"code");
    fs::set_permissions(place(&cache, &key(1)), fs::Permissions::from_mode(0o620)).unwrap();
    assert_eq!(get(&cache, &key(1)), None);

    cache.put(&key(2), b"code");
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(place(&cache, &key(2)), &elsewhere).unwrap();
    symlink(&elsewhere, place(&cache, &key(2))).unwrap();
    assert_eq!(get(&cache, &key(2)), None);

    fs::set_permissions(folder_of(&cache), fs::Permissions::from_mode(0o770)).unwrap();
    let error = Cache::open(cache.folder(), Vec::new()).unwrap_err().to_string();
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
            .open(place(&cache, &key(number)))
            .unwrap()
            .set_modified(old)
            .unwrap();
        get(&cache, &key(0));
    }
    let kept = fs::read_dir(folder_of(&cache)).unwrap().count();
    assert_eq!(kept, CACHED_FILES_MAX);
    assert!(get(&cache, &key(0)).is_some());
}

#[test]
fn files_left_half_written_are_removed_after_a_while() {
    let (_folder, cache) = cache();
    let left = folder_of(&cache).join("1-1.temporary");
    let file = File::create(&left).unwrap();
    cache.put(&key(1), b"code");
    assert!(left.exists());
    file.set_modified(SystemTime::now() - TEMPORARY_AGE_MAX - Duration::from_secs(1)).unwrap();
    cache.put(&key(1), b"code");
    assert!(!left.exists());
}

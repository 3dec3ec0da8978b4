//! What a command of root writes into the folder of a store belongs to the owner of the folder.
//! These tests are a separate program, because all threads of a process have the same user.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
};

use lessor_store::{DiskStore, as_owner};
use nix::unistd::{Gid, Uid, getegid, geteuid, getgroups};

/// The user of a server that is not root.
const USER: u32 = 65_534;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        }
        found.push(path);
    }
}

#[test]
fn the_owner_of_the_folder_can_open_what_root_writes_there() {
    let folder = tempfile::tempdir().unwrap();
    // Without root, the folder belongs to the user that runs the test, and so do the files.
    if geteuid().is_root() {
        chown(folder.path(), Some(USER), Some(USER)).unwrap();
    }
    let owner = fs::metadata(folder.path()).unwrap();
    let before: (Uid, Gid, Vec<Gid>) = (geteuid(), getegid(), getgroups().unwrap());
    let store = folder.path().join("not/yet/there");
    let opened = as_owner(&store, || {
        assert_eq!((geteuid().as_raw(), getegid().as_raw()), (owner.uid(), owner.gid()));
        DiskStore::open(&store).map(drop).map_err(io::Error::other)
    });
    opened.unwrap();
    let mut found = Vec::new();
    files(folder.path(), &mut found);
    assert!(found.len() > 4, "{found:?}");
    for path in found {
        let of = fs::metadata(&path).unwrap();
        assert_eq!((of.uid(), of.gid()), (owner.uid(), owner.gid()), "{}", path.display());
    }
    let failed = as_owner(&store, || Err::<(), _>(io::Error::other("no room")));
    assert_eq!(failed.unwrap_err().to_string(), "no room");
    assert_eq!((geteuid(), getegid(), getgroups().unwrap()), before);
}

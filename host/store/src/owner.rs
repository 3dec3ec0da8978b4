//! To whom belongs what a command of root writes into a folder of the server.
//!
//! The server runs as another user and could not open files of root. Invariant: afterwards the
//! process is who it was.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nix::unistd::{Gid, Uid, getegid, geteuid, getgroups, setegid, seteuid, setgroups};

/// If root runs the process, does `work` as the owner of `folder` or, while it does not exist, of
/// the folder that it will be in. Otherwise does `work`.
///
/// # Errors
/// If the process may not become that user, and those of `work`.
pub fn as_owner<T, E: From<io::Error>>(
    folder: &Path,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let root = Uid::from_raw(0);
    let owner = owner(folder).filter(|(user, _)| geteuid() == root && *user != root);
    let Some((user, group)) = owner else { return work() };
    let refused = |error: nix::Error| {
        let folder = folder.display();
        io::Error::other(format!("cannot become user {user}, who owns {folder}: {error}"))
    };
    let before = (getegid(), getgroups().map_err(refused)?);
    let return_to = |(group, groups): &(Gid, Vec<Gid>)| {
        // First, because only root may change groups.
        seteuid(root).and_then(|()| setegid(*group)).and_then(|()| setgroups(groups))
    };
    let become_it =
        || setgroups(&[group]).and_then(|()| setegid(group)).and_then(|()| seteuid(user));
    let done = match become_it() {
        Ok(()) => work(),
        Err(error) => Err(refused(error).into()),
    };
    return_to(&before).map_err(refused)?;
    done
}

/// The user and the group that own the folder, or the one that it will be in.
fn owner(folder: &Path) -> Option<(Uid, Gid)> {
    let absolute: PathBuf = std::path::absolute(folder).ok()?;
    let existing = absolute.ancestors().find_map(|folder| fs::metadata(folder).ok())?;
    Some((Uid::from_raw(existing.uid()), Gid::from_raw(existing.gid())))
}

//! The owner and the permissions of the server's files.
//!
//! In a folder that another user may write to, the target of a path can change at any moment, which
//! is a risk for root. Files are therefore opened relative to their folder, without following
//! links, and changed through the opened file. Invariant: files whose names are not the server's
//! are not touched.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown},
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use lessor_config::Configuration;
use nix::{
    dir::{Dir, Type},
    fcntl::{AT_FDCWD, OFlag, openat},
    sys::stat::Mode,
};

use super::{Account, NEVER};

/// The prefixes of the names that the server uses in the folder of its store. Other files there do
/// not belong to it.
const OWN: [&str; 8] = [
    "leases",
    "plugin-state",
    "compiled",
    "last-accepted",
    "no-records-since",
    "drained-pools",
    "control.sock",
    "journal",
];
/// The deepest nesting of folders.
const DEPTH_MAX: u32 = 16;

/// Gives the server's files to its user, and creates the folders that do not exist yet.
///
/// # Errors
/// If that fails, or the user could not write where it must.
pub(super) fn hand_over(
    configuration: &Configuration,
    account: &Account,
    notes: &mut Vec<String>,
) -> anyhow::Result<()> {
    let mut walk = Walk { account: Some(account), changed: 0 };
    for folder in folders(configuration).into_iter().filter(|folder| !folder.exists()) {
        make_folder(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        walk.visit_one(&folder)?;
    }
    if let Some(folder) = configuration.store.backend.state_folder() {
        walk.visit_own(folder)?;
        if is_only_ours(folder) {
            walk.visit_one(folder)?;
        }
        may_write(folder, account)?;
    }
    if let Some(cache) = cache(configuration) {
        walk.visit(cache)?;
    }
    if let Some(socket) = &configuration.control.socket {
        let folder = socket.parent().unwrap_or(Path::new("."));
        may_write(folder, account)?;
        // The user could not connect to a server of another user to check whether it runs.
        lessor_control::make_way(socket)?;
    }
    if let Some(journal) = &configuration.journal {
        let opened = lessor_files::append(&journal.path, 0o640);
        opened.with_context(|| format!("cannot open the journal {}", journal.path.display()))?;
        for file in journal_files(&journal.path) {
            walk.visit_one(&file)?;
        }
        let folder = journal.path.parent().unwrap_or(Path::new("."));
        if may_write(folder, account).is_err() {
            notes.push(format!(
                "a full journal cannot be rotated: {} cannot write {}",
                account.name,
                folder.display()
            ));
        }
    }
    if let Some(hosts) = &configuration.hosts {
        let folder = hosts.path.parent().unwrap_or(Path::new("."));
        if let Err(error) = may_write(folder, account) {
            notes.push(format!("the hosts file cannot be written: {error:#}"));
        }
    }
    walk.tell(notes);
    Ok(())
}

/// Removes permissions of others on existing files. Files that this user may not change stay as
/// they are.
pub(super) fn restrict(configuration: &Configuration, notes: &mut Vec<String>) {
    let mut walk = Walk { account: None, changed: 0 };
    let mut try_to = |done: anyhow::Result<()>| {
        if let Err(error) = done {
            notes.push(format!("{error:#}"));
        }
    };
    if let Some(folder) = configuration.store.backend.state_folder() {
        try_to(walk.visit_own(folder));
    }
    if let Some(cache) = cache(configuration) {
        try_to(walk.visit(cache));
    }
    if let Some(journal) = &configuration.journal {
        for file in journal_files(&journal.path) {
            try_to(walk.visit_one(&file));
        }
    }
    walk.tell(notes);
}

/// Changes the owner and the permissions of files.
struct Walk<'a> {
    /// The new owner of files; `None` if they keep their owner.
    account: Option<&'a Account>,
    changed: u64,
}

impl Walk<'_> {
    /// Changes the server's files in the folder of its store.
    fn visit_own(&mut self, folder: &Path) -> anyhow::Result<()> {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if is_own(&entry.file_name().to_string_lossy()) {
                self.visit(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Changes a file, or a folder with its contents, if it exists.
    fn visit(&mut self, path: &Path) -> anyhow::Result<()> {
        match open(AT_FDCWD, path) {
            Ok(Some(file)) => self.visit_opened(file, DEPTH_MAX),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        }
        .with_context(|| format!("cannot change the permissions of {}", path.display()))
    }

    /// Changes a file, or a folder without its contents, if it exists.
    fn visit_one(&mut self, path: &Path) -> anyhow::Result<()> {
        let place = || format!("cannot change the permissions of {}", path.display());
        let Some(file) = open(AT_FDCWD, path).with_context(place)? else { return Ok(()) };
        self.change(&File::from(file)).with_context(place)
    }

    fn visit_opened(&mut self, opened: OwnedFd, depth: u32) -> anyhow::Result<()> {
        let file = File::from(opened);
        self.change(&file)?;
        if !file.metadata()?.is_dir() {
            return Ok(());
        }
        ensure!(depth > 0, "folders are nested too deeply");
        let mut folder = Dir::from_fd(file.into())?;
        let mut found = Vec::new();
        for entry in folder.iter() {
            let entry = entry?;
            let is_wanted = matches!(entry.file_type(), Some(Type::File | Type::Directory) | None);
            if is_wanted && ![&b"."[..], b".."].contains(&entry.file_name().to_bytes()) {
                found.push(entry.file_name().to_owned());
            }
        }
        for name in found {
            if let Some(opened) = open(folder.as_fd(), name.as_c_str())? {
                self.visit_opened(opened, depth - 1)?;
            }
        }
        Ok(())
    }

    fn change(&mut self, file: &File) -> anyhow::Result<()> {
        let found = file.metadata()?;
        // A user who may write to the folder can create a hard link to another file in it.
        if !found.is_dir() && (!found.is_file() || found.nlink() > 1) {
            return Ok(());
        }
        let mode = found.mode() & 0o7777;
        if mode & NEVER != 0 {
            file.set_permissions(fs::Permissions::from_mode(mode & !NEVER))?;
            self.changed += 1;
        }
        if let Some(account) = self.account {
            let (user, group) = (account.user.as_raw(), account.group.as_raw());
            if (found.uid(), found.gid()) != (user, group) {
                fchown(file, Some(user), Some(group))?;
                self.changed += 1;
            }
        }
        Ok(())
    }

    fn tell(&self, notes: &mut Vec<String>) {
        if self.changed > 0 {
            notes.push(format!(
                "the owner or the permissions of {} files and folders were changed, so that only \
                 the server's user and group can read them",
                self.changed
            ));
        }
    }
}

/// Opens a file or folder without following a link. Returns `None` if it does not exist, or is
/// neither.
fn open<P: ?Sized + nix::NixPath>(folder: impl AsFd, path: &P) -> anyhow::Result<Option<OwnedFd>> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    match openat(folder, path, flags, Mode::empty()) {
        Ok(opened) => Ok(Some(opened)),
        Err(nix::errno::Errno::ENOENT | nix::errno::Errno::ELOOP | nix::errno::Errno::ENXIO) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns the folders in which the server creates files.
fn folders(configuration: &Configuration) -> Vec<PathBuf> {
    let store = configuration.store.backend.state_folder().map(Path::to_owned);
    let cache = cache(configuration).map(Path::to_owned);
    let socket = configuration.control.socket.as_ref();
    let socket = socket.and_then(|socket| Some(socket.parent()?.to_owned()));
    store.into_iter().chain(cache).chain(socket).filter(|path| path.parent().is_some()).collect()
}

fn cache(configuration: &Configuration) -> Option<&Path> {
    configuration.plugins.as_ref()?.cache.as_deref()
}

/// Creates a folder. Existing folders are not changed.
fn make_folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o750).create(path)
}

/// Returns whether a folder contains nothing but the server's own files.
fn is_only_ours(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().all(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        is_own(&name) || name == "lost+found"
    })
}

fn is_own(name: &str) -> bool {
    OWN.iter().any(|own| name.starts_with(own))
}

/// Returns the journal and its rotated files.
fn journal_files(path: &Path) -> Vec<PathBuf> {
    let mut files = vec![path.to_owned()];
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return files };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let prefix = format!("{}.", name.to_string_lossy());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let number = name.to_string_lossy().strip_prefix(&prefix).map(str::to_owned);
        if number.is_some_and(|number| number.parse::<u32>().is_ok()) {
            files.push(entry.path());
        }
    }
    files
}

/// Returns an error unless the user may create files in a folder, according to its owner and mode.
fn may_write(folder: &Path, account: &Account) -> anyhow::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let found =
        fs::metadata(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mode = found.mode();
    let may = match (found.uid(), found.gid()) {
        (user, _) if user == account.user.as_raw() => mode & 0o300 == 0o300,
        (_, group) if group == account.group.as_raw() => mode & 0o030 == 0o030,
        _ => mode & 0o003 == 0o003,
    };
    ensure!(
        may,
        "the user {:?} (server.user) cannot write to the folder {1}; give it to that user: chown \
         {0} {1}",
        account.name,
        folder.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    fn write(path: &Path) {
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    }

    #[test]
    fn files_that_others_could_read_are_closed_and_nobody_elses_are_touched() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("store/leases/tables")).unwrap();
        fs::set_permissions(at("store/leases"), fs::Permissions::from_mode(0o777)).unwrap();
        for name in ["store/leases/tables/1", "store/notes", "elsewhere", "second"] {
            write(&at(name));
        }
        symlink(at("elsewhere"), at("store/leases/link")).unwrap();
        fs::hard_link(at("second"), at("store/leases/second")).unwrap();
        let mut walk = Walk { account: None, changed: 0 };
        walk.visit_own(&at("store")).unwrap();
        assert_eq!(mode(&at("store/leases")), 0o750);
        assert_eq!(mode(&at("store/leases/tables/1")), 0o640);
        for name in ["store/notes", "elsewhere", "second"] {
            assert_eq!(mode(&at(name)), 0o666, "{name}");
        }
        assert_eq!(walk.changed, 3);
        assert!(!is_only_ours(&at("store")));
        fs::remove_file(at("store/notes")).unwrap();
        assert!(is_only_ours(&at("store")));
    }

    #[test]
    fn the_journal_has_files_that_were_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["j", "j.1", "j.20", "j.1.gz", "j.old", "k.1"] {
            write(&folder.path().join(name));
        }
        let mut files = journal_files(&folder.path().join("j"));
        files.sort();
        assert_eq!(files, ["j", "j.1", "j.20"].map(|name| folder.path().join(name)));
    }
}

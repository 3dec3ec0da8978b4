//! The files of a log: their names and permissions, and how they are created atomically.
//!
//! Does not know their contents. Invariant: a file with its final name was completely on disk
//! before it got that name; a file that was being created when the process ended has another name.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Bindings reveal where subscribers are: only the owner and the group may read them.
const FILE_MODE: u32 = 0o640;
const FOLDER_MODE: u32 = 0o750;
const FOR_OTHERS: u32 = 0o007;

const MARK: &str = "mark";
const SEGMENT_EXTENSION: &str = "log";
/// The extension of a file that is being created.
const INCOMPLETE_EXTENSION: &str = "new";

/// The folder of one log.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    #[cfg(test)]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn mark(&self) -> PathBuf {
        self.path.join(MARK)
    }

    pub(crate) fn segment(&self, number: u32) -> PathBuf {
        self.path.join(format!("{number:010}.{SEGMENT_EXTENSION}"))
    }

    /// The numbers of the existing segments, in order.
    pub(crate) fn segments(&self) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let number =
                path.file_stem().and_then(OsStr::to_str).and_then(|stem| stem.parse().ok());
            // Only names that this server uses: "7.log" is a copy made by an operator.
            numbers.extend(number.filter(|number| self.segment(*number) == path));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Returns whether this is a database of fjall, in which lessor kept bindings before it had
    /// this log.
    pub(super) fn is_former(&self) -> bool {
        self.path.join("keyspaces").exists() || self.path.join("version").exists()
    }

    /// Creates a file whose contents are on disk before it gets its name. Leaves nothing behind if
    /// that fails.
    pub(super) fn create(&self, path: &Path, contents: &[u8]) -> io::Result<File> {
        let incomplete = path.with_extension(INCOMPLETE_EXTENSION);
        let create = || {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .mode(FILE_MODE)
                .open(&incomplete)?;
            file.write_all(contents)?;
            file.sync_all()?;
            fs::rename(&incomplete, path)?;
            sync_folder(&self.path)?;
            Ok(file)
        };
        create().inspect_err(|_| {
            let _ = fs::remove_file(&incomplete);
        })
    }

    /// Removes files that were being created when a process ended, and segments before `first`.
    pub(super) fn tidy(&self, first: u32) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == INCOMPLETE_EXTENSION) {
                fs::remove_file(path)?;
            }
        }
        for number in self.segments()? {
            if number < first {
                fs::remove_file(self.segment(number))?;
            }
        }
        Ok(())
    }

    /// Removes the permissions of other users on the folder and its files. If that is not
    /// permitted, the log is still usable.
    pub(super) fn restrict(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            restrict(&entry?.path())?;
        }
        restrict(&self.path)
    }
}

/// Creates a folder, and missing folders above it, for owner and group.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Locks the lock file in the folder `path` for this process. Creates both if they are missing.
/// Returns `None` if another process has the lock.
pub(crate) fn lock(path: &Path) -> io::Result<Option<File>> {
    create_folder(path)?;
    let lock = path.join("lock");
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE).open(lock)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Prevents others from locking the lock file in the folder `path` as long as the result exists.
/// Changes nothing. Returns `None` if another process has the lock.
pub(crate) fn lock_to_read(path: &Path) -> io::Result<Option<ReadLock>> {
    let file = match File::open(path.join("lock")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(ReadLock(None))),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(ReadLock(Some(file)))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The lock held while a store is only read. It has no file if no process has ever opened the
/// store.
pub(crate) struct ReadLock(#[expect(dead_code, reason = "held until it is dropped")] Option<File>);

fn restrict(path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    let mode = metadata.permissions().mode();
    if metadata.is_symlink() || mode & FOR_OTHERS == 0 {
        return Ok(());
    }
    match fs::set_permissions(path, Permissions::from_mode(mode & 0o7770)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        result => result,
    }
}

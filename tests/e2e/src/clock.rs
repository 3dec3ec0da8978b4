//! A clock that is wrong, for one process and its children only: libfaketime stands between them and
//! the clock of the machine, and reads from a file how far that is off. Clocks that only measure
//! time that passes are left alone.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use tempfile::TempDir;

/// A clock that tests set.
#[derive(Debug)]
pub struct WrongClock {
    folder: TempDir,
    library: PathBuf,
}

impl WrongClock {
    /// A clock that is right.
    ///
    /// # Panics
    /// If libfaketime is not here; ask for `faketime` with [`crate::require`].
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a file");
        let library = library().expect("libfaketime is installed");
        let clock = Self { folder, library };
        clock.is_ahead_by(0);
        clock
    }

    /// Sets it to so many seconds ahead of the machine's; negative: behind.
    pub fn is_ahead_by(&self, secs: i64) {
        let aside = self.folder.path().join("offset.new");
        let written = fs::write(&aside, format!("{secs:+}\n"));
        written.and_then(|()| fs::rename(&aside, self.file())).expect("the folder can be written");
    }

    /// Sets it to a few seconds after the start of 1970, as a machine without a battery does.
    pub fn is_in_1970(&self) {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.is_ahead_by(20 - i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX));
    }

    /// Sets it right.
    pub fn is_right(&self) {
        self.is_ahead_by(0);
    }

    /// What a process needs in its environment so that it goes by this clock.
    pub(crate) fn environment(&self) -> [(&'static str, PathBuf); 5] {
        [
            ("LD_PRELOAD", self.library.clone()),
            ("FAKETIME_TIMESTAMP_FILE", self.file()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("NO_FAKE_STAT", "1".into()),
        ]
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }
}

impl Default for WrongClock {
    fn default() -> Self {
        Self::new()
    }
}

/// The library for programs with threads, in the folder of this machine's architecture.
pub(crate) fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    let found = folders.flatten().map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    found.into_iter().find(|path| Path::exists(path))
}

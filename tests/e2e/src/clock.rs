//! A wrong clock for one process and its children: libfaketime intercepts their reads of the
//! machine's clock, and reads its offset from a file. Monotonic clocks are not changed.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use tempfile::TempDir;

/// A clock that a test sets.
#[derive(Debug)]
pub struct WrongClock {
    folder: TempDir,
    library: PathBuf,
}

impl WrongClock {
    /// Returns a correct clock.
    ///
    /// # Panics
    /// Panics if libfaketime is not installed; require `faketime` with [`crate::require`].
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a file");
        let library = library().expect("libfaketime is installed");
        let clock = Self { folder, library };
        clock.is_ahead_by(0);
        clock
    }

    /// Sets the clock to `secs` seconds ahead of the machine's clock; a negative value is behind.
    pub fn is_ahead_by(&self, secs: i64) {
        let aside = self.folder.path().join("offset.new");
        let written = fs::write(&aside, format!("{secs:+}\n"));
        written.and_then(|()| fs::rename(&aside, self.file())).expect("the folder can be written");
    }

    /// Sets the clock to a few seconds after the start of 1970, like a machine without a battery.
    pub fn is_in_1970(&self) {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.is_ahead_by(20 - i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX));
    }

    /// Sets the clock to the machine's clock.
    pub fn is_right(&self) {
        self.is_ahead_by(0);
    }

    /// Returns the environment variables with which a process uses this clock.
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

/// Returns the library for multithreaded programs, in the folder of this machine's architecture.
pub(crate) fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    let found = folders.flatten().map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    found.into_iter().find(|path| Path::exists(path))
}

//! Stamps, which distinguish one state of a file from another without reading its contents.
//!
//! Does not read the file. Invariant: two different states of a settled file have different stamps.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
    time::SystemTime,
};

/// The metadata that changes when a file is written or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    octets: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The clock of a file system may have a resolution of some milliseconds.
const SETTLED_AFTER_SECS: i64 = 2;

impl Stamp {
    /// The stamp of a file, or `None` if its metadata cannot be read.
    pub fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|found| Self::from(&found))
    }

    /// The size of the file in octets.
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// Returns whether the last write is long enough ago that another write would change the stamp.
    pub fn is_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now_secs = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        (self.changed.0.max(self.modified.0)).saturating_add(SETTLED_AFTER_SECS) < now_secs
    }
}

impl From<&Metadata> for Stamp {
    fn from(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            octets: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

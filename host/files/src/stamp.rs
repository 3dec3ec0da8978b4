//! What tells one state of a file from another without a look at what is in it.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
    time::SystemTime,
};

/// What changes when a file is written or another takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    octets: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The clock of a file system may stand still for some milliseconds.
const SETTLED_AFTER_SECS: i64 = 2;

impl Stamp {
    /// None if the file cannot be looked at.
    pub fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|found| Self::from(&found))
    }

    /// How many octets the file has.
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// Whether the file was not written so shortly ago that it could be written again without another
    /// stamp.
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

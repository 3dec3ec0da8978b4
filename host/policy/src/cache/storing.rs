//! Stores compiled components, and removes those that were not used for the longest time.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use super::{Cache, Key, MAGIC, SUFFIX, Sealed, seal};
use crate::{compiler::Compiled, limits::CACHED_FILES_MAX};

const TEMPORARY_SUFFIX: &str = "temporary";
/// Temporary files older than this were left behind by a server that ended during a write.
pub(super) const TEMPORARY_AGE_MAX: Duration = Duration::from_secs(3_600);

impl From<Compiled> for Sealed {
    fn from(compiled: Compiled) -> Self {
        Self { octets: compiled.into_octets() }
    }
}

impl Cache {
    /// Stores compiled code. Failures are only logged, because nothing depends on the cache.
    pub(crate) fn put(&self, key: &Key, octets: &[u8]) {
        if let Err(error) = self.store(key, octets) {
            let folder = self.folder.display();
            tracing::warn!(%folder, %error, "the compiled plugin could not be cached");
        }
    }

    /// Stores compiled code.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub(crate) fn store(&self, key: &Key, octets: &[u8]) -> io::Result<()> {
        let written = self.write(key, octets);
        self.remove_oldest();
        written
    }

    fn write(&self, key: &Key, octets: &[u8]) -> io::Result<()> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{count}.{TEMPORARY_SUFFIX}", process::id());
        let temporary = self.folder.join(name);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| {
                file.write_all(MAGIC)?;
                file.write_all(&seal(key, octets))?;
                file.write_all(octets)
            })
            .and_then(|()| fs::rename(&temporary, self.path(key)));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Removes the least recently used files, and temporary files that were left behind.
    fn remove_oldest(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let now = SystemTime::now();
        let mut compiled = Vec::new();
        for path in entries.flatten().map(|entry| entry.path()) {
            let Ok(modified) = fs::metadata(&path).and_then(|found| found.modified()) else {
                continue;
            };
            let age = now.duration_since(modified).unwrap_or_default();
            match path.extension().and_then(|suffix| suffix.to_str()) {
                Some(SUFFIX) => compiled.push((age, path)),
                Some(TEMPORARY_SUFFIX) if age > TEMPORARY_AGE_MAX => {
                    let _ = fs::remove_file(path);
                }
                _ => {}
            }
        }
        compiled.sort();
        for (_, path) in compiled.iter().skip(CACHED_FILES_MAX) {
            let _ = fs::remove_file(path);
        }
    }
}

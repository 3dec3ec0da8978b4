//! Stores compiled components, and removes those that were not used for the longest time.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use super::{Cache, Key, MAGIC, SUFFIX, Sealed, path_in, seal};
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
    /// Stores compiled code, and returns its file. Failures are only logged, because nothing
    /// depends on the cache.
    pub(crate) fn put(&self, key: &Key, octets: &[u8]) -> Option<PathBuf> {
        let folder = self.folder.as_deref()?;
        let stored = self.store(key, octets).inspect_err(|error| {
            tracing::warn!(folder = %folder.display(), %error, "compiled code cannot be cached");
        });
        stored.ok()
    }

    /// Stores compiled code, and returns its file.
    ///
    /// # Errors
    /// If the folder cannot be written, or there is none.
    pub(crate) fn store(&self, key: &Key, octets: &[u8]) -> io::Result<PathBuf> {
        let folder = self.folder.as_deref().ok_or(io::ErrorKind::NotFound)?;
        let path = path_in(folder, key);
        let written = write(folder, &path, key, octets);
        remove_oldest(folder);
        written.map(|()| path)
    }
}

fn write(folder: &Path, path: &Path, key: &Key, octets: &[u8]) -> io::Result<()> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!("{}-{count}.{TEMPORARY_SUFFIX}", process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(MAGIC)?;
            file.write_all(&seal(&key.line, octets))?;
            file.write_all(&key.line)?;
            file.write_all(octets)
        })
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Removes the least recently used files, and temporary files that were left behind.
fn remove_oldest(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
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

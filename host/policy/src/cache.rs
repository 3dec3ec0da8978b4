//! The cache: compiled components in a folder, so that a plugin is compiled once and not at every
//! start. A file that cannot be used counts as missing; the cache never keeps a plugin from
//! loading.
//!
//! Invariant: a [`Sealed`] comes from the compiler, or is the unmodified content of a file that
//! only the server's user or root can have written.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    hash::{Hash, Hasher},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use sha2::{Digest, Sha256};
use wasmtime::Engine;

use crate::{
    compiler::Compiled,
    error::RuntimeError,
    limits::{CACHED_FILES_MAX, COMPILED_OCTETS_MAX},
};

const MAGIC: &[u8; 16] = b"lessor-cache-1\n\0";
const DIGEST_OCTETS: usize = 32;
const SUFFIX: &str = "compiled";
const TEMPORARY_SUFFIX: &str = "temporary";
/// Temporary files older than this were left behind by a server that ended during a write.
const TEMPORARY_AGE_MAX: Duration = Duration::from_secs(3_600);
/// Write permission for anyone but the owner.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// A folder of compiled components.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

/// What identifies a compiled component: the component it was compiled from, and the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key([u8; DIGEST_OCTETS]);

/// Compiled code whose origin was checked.
pub(crate) struct Sealed {
    octets: Vec<u8>,
}

impl Sealed {
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }
}

impl From<Compiled> for Sealed {
    fn from(compiled: Compiled) -> Self {
        Self { octets: compiled.into_octets() }
    }
}

impl Key {
    /// The key of the component with this SHA-256, compiled by `engine`. The engine's hash covers
    /// wasmtime's version, the processor and every setting that changes the code.
    pub(crate) fn new(engine: &Engine, component_digest: &[u8; DIGEST_OCTETS]) -> Self {
        let mut hasher = DigestHasher(Sha256::new_with_prefix(component_digest));
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self(hasher.0.finalize().into())
    }
}

impl Cache {
    /// Opens the folder, and creates it if it does not exist.
    ///
    /// # Errors
    /// If it cannot be used, or another user could write to it.
    pub(crate) fn open(folder: &Path) -> Result<Self, RuntimeError> {
        let refused = |problem: String| RuntimeError::Cache { path: folder.to_owned(), problem };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
            refused(format!("cannot be created: {error}. Create it, or configure another"))
        })?;
        let metadata = fs::metadata(folder)
            .map_err(|error| refused(format!("cannot be read: {error}. Configure another")))?;
        if !is_trusted(&metadata) {
            return Err(refused(format!(
                "is writable by another user (owner {}, mode {:o}), who could run code in this \
                 server. Change the owner to the server's user and the mode to 700",
                metadata.uid(),
                metadata.mode() & 0o7777,
            )));
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// Returns the compiled code for this key, if there is a file that can be trusted.
    pub(crate) fn get(&self, key: &Key) -> Option<Sealed> {
        let path = self.path(key);
        match read_checked(&path, key) {
            Ok(found) => {
                if let Some((file, _)) = &found {
                    // The modification time only determines which files are removed first.
                    let _ = file.set_modified(SystemTime::now());
                }
                found.map(|(_, sealed)| sealed)
            }
            Err(problem) => {
                tracing::warn!(
                    path = %path.display(),
                    problem,
                    "the compiled plugin in the cache is not used"
                );
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// Stores compiled code. Failures are only logged, because nothing depends on the cache.
    pub(crate) fn put(&self, key: &Key, octets: &[u8]) {
        if let Err(error) = self.write(key, octets) {
            let folder = self.folder.display();
            tracing::warn!(%folder, %error, "the compiled plugin could not be cached");
        }
        self.remove_oldest();
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

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(format!("{}.{SUFFIX}", hex::encode(key.0)))
    }
}

/// Reads the code from a file if the file exists. The error says why it cannot be used.
fn read_checked(path: &Path, key: &Key) -> Result<Option<(File, Sealed)>, String> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() || !is_trusted(&metadata) {
        return Err("it is writable by another user".to_owned());
    }
    if metadata.len() > COMPILED_OCTETS_MAX {
        return Err(format!("it has {} octets", metadata.len()));
    }
    let mut header = [0; MAGIC.len() + DIGEST_OCTETS];
    file.read_exact(&mut header).map_err(|error| error.to_string())?;
    let mut octets = Vec::new();
    let limit = (&file).take(COMPILED_OCTETS_MAX).read_to_end(&mut octets);
    limit.map_err(|error| error.to_string())?;
    let (magic, digest) = header.split_at(MAGIC.len());
    if magic != MAGIC || digest != seal(key, &octets) {
        return Err("it is damaged".to_owned());
    }
    Ok(Some((file, Sealed { octets })))
}

/// The checksum that is written with the code. It detects damage and renamed files.
fn seal(key: &Key, octets: &[u8]) -> [u8; DIGEST_OCTETS] {
    Sha256::new_with_prefix(key.0).chain_update(octets).finalize().into()
}

/// Whether only the server's user or root can have written this file.
fn is_trusted(metadata: &fs::Metadata) -> bool {
    let own = nix::unistd::geteuid().as_raw();
    [own, 0].contains(&metadata.uid()) && metadata.mode() & WRITABLE_BY_OTHERS == 0
}

/// Feeds the data of a `Hash` into a digest. Unlike the hashers of std, it is stable across builds.
struct DigestHasher(Sha256);

impl Hasher for DigestHasher {
    fn write(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests;

//! The cache: compiled components in a folder, so that a plugin is compiled once and not at every
//! start. A file that cannot be used counts as missing; the cache never keeps a plugin from
//! loading.
//!
//! Invariant: a [`Sealed`] comes from the compiler, or is the unmodified content of a file that
//! only the server's user or root can have written.

mod key;
#[cfg(feature = "compile")]
mod storing;

use std::{
    env,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use sha2::{Digest, Sha256};

pub(crate) use self::key::Key;
use crate::{error::RuntimeError, limits::COMPILED_OCTETS_MAX};

const MAGIC: &[u8; 16] = b"lessor-cache-1\n\0";
const DIGEST_OCTETS: usize = 32;
const SUFFIX: &str = "compiled";
/// Write permission for anyone but the owner.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// A folder of compiled components.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

/// Compiled code whose origin was checked.
pub(crate) struct Sealed {
    octets: Vec<u8>,
}

/// Returns the folder of compiled plugins for commands that a user runs: `lessor/compiled` in the
/// user's cache folder.
pub fn user_cache() -> Option<PathBuf> {
    let named = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    Some(named.or_else(home)?.join("lessor/compiled"))
}

impl Sealed {
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
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

    /// Returns the folder.
    #[cfg(not(feature = "compile"))]
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
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

#[cfg(test)]
#[cfg(feature = "compile")]
mod tests;

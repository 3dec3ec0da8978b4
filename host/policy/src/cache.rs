//! The cache: compiled components in a folder, and what was found when files were examined, so that
//! a plugin is examined and compiled once and not at every start. A file that cannot be used counts
//! as missing; the cache never keeps a plugin from loading. Besides the folder that it
//! stores code in, it reads others: the copy that is kept with the last accepted generation, and
//! what a package has installed.
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
use self::key::{LABEL_OCTETS_MAX, Label};
use crate::{
    error::RuntimeError,
    limits::{CACHED_FILES_MAX, COMPILED_OCTETS_MAX},
};

const MAGIC: &[u8; 16] = b"lessor-cache-2\n\0";
const DIGEST_OCTETS: usize = 32;
/// The most octets before the code.
const HEADER_OCTETS_MAX: usize = MAGIC.len() + DIGEST_OCTETS + LABEL_OCTETS_MAX;
/// The number of labels that are read in a folder for an explanation.
const LABELS_READ_MAX: usize = 2 * CACHED_FILES_MAX;
const SUFFIX: &str = "compiled";
/// Write permission for anyone but the owner.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The number of files with the code of another engine that an explanation names.
const OTHERS_SHOWN_MAX: usize = 4;

/// Folders of compiled components.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    /// The folder that code is stored in; `None` stores nothing.
    folder: Option<PathBuf>,
    /// Further folders, which are only read.
    further: Vec<PathBuf>,
}

/// Compiled code that was found.
pub(crate) struct CachedCode {
    pub(crate) sealed: Sealed,
    pub(crate) path: PathBuf,
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
    /// Opens the folder that code is stored in, and creates it if it does not exist. Of the further
    /// folders, those that do not exist, or that another user could write to, are passed over.
    ///
    /// # Errors
    /// If the first folder cannot be used, or another user could write to it.
    pub(crate) fn open(folder: Option<&Path>, further: Vec<PathBuf>) -> Result<Self, RuntimeError> {
        folder.map(prepare).transpose()?;
        Ok(Self { folder: folder.map(Path::to_owned), further })
    }

    /// Returns the compiled code for the first of these keys that there is a file for which can be
    /// trusted.
    pub(crate) fn get(&self, keys: &[Key]) -> Option<CachedCode> {
        keys.iter().find_map(|key| self.own(key).or_else(|| self.of_others(key)))
    }

    /// Returns what else the component of this key was compiled for, for people.
    pub(crate) fn compiled_for_others(&self, key: &Key) -> Vec<String> {
        let folders = self.folder.iter().chain(&self.further);
        let labels = folders.flat_map(|folder| labels(folder));
        let mut found: Vec<String> = labels
            .filter(|label| label.component == key.label.component && *label != key.label)
            .map(|label| label.to_string())
            .collect();
        found.sort();
        found.dedup();
        found.truncate(OTHERS_SHOWN_MAX);
        found
    }

    /// Returns the folder that code is stored in.
    #[cfg(any(test, not(feature = "compile")))]
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Returns the file in which code or findings with this key are stored, if they are.
    pub(crate) fn place(&self, key: &Key) -> Option<PathBuf> {
        Some(path_in(self.folder.as_deref()?, key))
    }

    fn own(&self, key: &Key) -> Option<CachedCode> {
        let path = path_in(self.folder.as_deref()?, key);
        match read_checked(&path, key) {
            Ok(found) => {
                let (file, sealed) = found?;
                // The modification time only determines which files are removed first.
                let _ = file.set_modified(SystemTime::now());
                Some(CachedCode { sealed, path })
            }
            Err(problem) => {
                warn(&path, &problem);
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    fn of_others(&self, key: &Key) -> Option<CachedCode> {
        self.further.iter().find_map(|folder| {
            let metadata = fs::metadata(folder).ok()?;
            if !is_trusted(&metadata) {
                warn(folder, "the folder is writable by another user");
                return None;
            }
            let path = path_in(folder, key);
            let read = read_checked(&path, key).inspect_err(|problem| warn(&path, problem));
            read.ok().flatten().map(|(_, sealed)| CachedCode { sealed, path })
        })
    }
}

fn warn(path: &Path, problem: &str) {
    tracing::warn!(path = %path.display(), problem, "the compiled plugin in the cache is not used");
}

/// Creates the folder that code is stored in, unless it exists and can be trusted.
fn prepare(folder: &Path) -> Result<(), RuntimeError> {
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
    Ok(())
}

fn path_in(folder: &Path, key: &Key) -> PathBuf {
    folder.join(format!("{}.{SUFFIX}", hex::encode(key.digest)))
}

/// Returns the labels of the files in a folder. What they say was not checked.
fn labels(folder: &Path) -> Vec<Label> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let compiled = paths.filter(|path| path.extension().is_some_and(|suffix| suffix == SUFFIX));
    let label = |path: PathBuf| {
        let mut start = Vec::new();
        open(&path).ok()?.take(HEADER_OCTETS_MAX as u64).read_to_end(&mut start).ok()?;
        Label::read(start.strip_prefix(MAGIC)?.get(DIGEST_OCTETS..)?)
    };
    compiled.take(LABELS_READ_MAX).filter_map(label).collect()
}

fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Reads the code from a file if the file exists. The error says why it cannot be used.
fn read_checked(path: &Path, key: &Key) -> Result<Option<(File, Sealed)>, String> {
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() || !is_trusted(&metadata) {
        return Err("it is writable by another user".to_owned());
    }
    if metadata.len() > COMPILED_OCTETS_MAX + HEADER_OCTETS_MAX as u64 {
        return Err(format!("it has {} octets", metadata.len()));
    }
    let mut octets = Vec::new();
    let octets_max = COMPILED_OCTETS_MAX + HEADER_OCTETS_MAX as u64;
    (&file).take(octets_max).read_to_end(&mut octets).map_err(|error| error.to_string())?;
    let damaged = || "it is damaged, or of another version of the server".to_owned();
    let rest = octets.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let (digest, rest) = rest.split_at_checked(DIGEST_OCTETS).ok_or_else(damaged)?;
    if digest != seal(rest, &[]) {
        return Err(damaged());
    }
    if !rest.starts_with(&key.line) {
        let found = Label::read(rest).ok_or_else(damaged)?;
        return Err(format!("it was compiled for {found}; wanted {}", key.label));
    }
    let header = octets.len() - rest.len() + key.line.len();
    octets.drain(..header);
    Ok(Some((file, Sealed { octets })))
}

/// The checksum that is written before label and code. It detects damage.
fn seal(label: &[u8], code: &[u8]) -> [u8; DIGEST_OCTETS] {
    Sha256::new_with_prefix(label).chain_update(code).finalize().into()
}

/// Whether only the server's user or root can have written this file.
fn is_trusted(metadata: &fs::Metadata) -> bool {
    let own = nix::unistd::geteuid().as_raw();
    [own, 0].contains(&metadata.uid()) && metadata.mode() & WRITABLE_BY_OTHERS == 0
}

#[cfg(test)]
#[cfg(feature = "compile")]
mod tests;

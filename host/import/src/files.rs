//! Writes the configuration and the file of reservations: beside their places, then renamed.
//!
//! Invariant: until [`UnplacedFiles::commit`], nothing is at its place; a write that is not
//! committed leaves nothing behind. A file that is replaced leaves its owner and its mode to the
//! new one, and a link to it stays.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use lessor_files::Destination;

use crate::Imported;

/// All may read new files, as they may the configuration of the package: root imports, and the
/// server runs as another user.
const MODE: u32 = 0o644;
/// The number of names that are tried for a temporary file.
const NAMES_MAX: u32 = 100;

/// Why a file could not be written.
#[derive(Debug)]
pub struct WriteError {
    path: PathBuf,
    error: io::Error,
}

impl std::fmt::Display for WriteError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let help = match self.error.kind() {
            io::ErrorKind::AlreadyExists => "name another file, or allow it with --replace",
            io::ErrorKind::NotFound => "create the folder first",
            io::ErrorKind::InvalidInput | io::ErrorKind::IsADirectory => "name a file",
            io::ErrorKind::PermissionDenied => "run the command as a user that may write there",
            _ => "check the disk",
        };
        write!(f, "{} cannot be written: {}; {help}", self.path.display(), self.error)
    }
}

impl std::error::Error for WriteError {}

/// Files that are written but not at their places yet. They are removed if it is dropped.
#[derive(Debug)]
pub struct UnplacedFiles {
    files: Vec<UnplacedFile>,
}

#[derive(Debug)]
struct UnplacedFile {
    /// Where it is.
    aside: PathBuf,
    /// Where it belongs.
    destination: Destination,
    /// The place as the operator named it.
    name: PathBuf,
}

impl UnplacedFiles {
    /// Writes the files of an import beside their places.
    ///
    /// # Errors
    /// If that fails, or if a file is at one of the places and `may_replace` is not set.
    pub fn write(
        imported: &Imported,
        target: &Path,
        may_replace: bool,
    ) -> Result<Self, WriteError> {
        let mut written = Self { files: Vec::new() };
        if let Some((name, text)) = &imported.reservations {
            written.add(&target.with_file_name(name), text, may_replace)?;
        }
        // Last, so that the configuration never names a file that is not there.
        written.add(target, &imported.configuration, may_replace)?;
        Ok(written)
    }

    /// Renames the files to their places. Returns the places.
    ///
    /// # Errors
    /// If that fails.
    pub fn commit(mut self) -> Result<Vec<PathBuf>, WriteError> {
        let mut places = Vec::new();
        while !self.files.is_empty() {
            let UnplacedFile { aside, destination, name } = self.files.remove(0);
            let renamed = fs::rename(&aside, destination.path())
                .and_then(|()| lessor_files::sync_folder(destination.folder()));
            if let Err(error) = renamed {
                let _ = fs::remove_file(&aside);
                return Err(WriteError { path: name, error });
            }
            places.push(name);
        }
        Ok(places)
    }

    fn add(&mut self, place: &Path, text: &str, may_replace: bool) -> Result<(), WriteError> {
        let failed = |error: io::Error| WriteError { path: place.to_owned(), error };
        if !may_replace && fs::symlink_metadata(place).is_ok() {
            return Err(failed(io::ErrorKind::AlreadyExists.into()));
        }
        let destination = Destination::find(place).map_err(failed)?;
        let mut aside = destination.path().as_os_str().to_owned();
        aside.push(format!(".import-{}", std::process::id()));
        let aside = PathBuf::from(aside);
        let mut options = OpenOptions::new();
        let opened = options.write(true).create_new(true).mode(0o600).open(&aside);
        let mut file = opened.map_err(failed)?;
        let prepared = destination.prepare(&file, MODE);
        self.files.push(UnplacedFile { aside, destination, name: place.to_owned() });
        prepared
            .and_then(|()| file.write_all(text.as_bytes()))
            .and_then(|()| file.sync_all())
            .map_err(failed)
    }
}

impl Drop for UnplacedFiles {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = fs::remove_file(&file.aside);
        }
    }
}

/// Returns the file of reservations that an earlier import wrote for a configuration, if the
/// import that replaces it has none.
pub fn unused_reservations(imported: &Imported, target: &Path) -> Option<PathBuf> {
    let path = target.with_file_name(reservations_name(target));
    (imported.reservations.is_none() && path.exists()).then_some(path)
}

/// The name of the file of reservations for a configuration.
pub(crate) fn reservations_name(target: &Path) -> String {
    let stem = target.file_stem().and_then(|stem| stem.to_str()).unwrap_or("lessor");
    format!("{stem}-reservations.csv")
}

/// A file that is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Temporary(PathBuf);

impl Temporary {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes a temporary file whose name ends with `name`.
pub(crate) fn temporary(name: &str, text: &str) -> io::Result<Temporary> {
    let folder = std::env::temp_dir();
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for number in 0..NAMES_MAX {
        let path = folder.join(format!("lessor-import-{}-{number}-{name}", std::process::id()));
        let mut options = OpenOptions::new();
        match options.write(true).create_new(true).mode(0o600).open(&path) {
            Ok(mut file) => {
                let temporary = Temporary(path);
                file.write_all(text.as_bytes())?;
                return Ok(temporary);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_is_not_committed_leaves_nothing_and_existing_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("lessor.toml");
        let names = || fs::read_dir(folder.path()).unwrap().count();
        let mut written = UnplacedFiles { files: Vec::new() };
        written.add(&target, "a", false).unwrap();
        assert_eq!(names(), 1);
        drop(written);
        assert_eq!(names(), 0);
        let mut written = UnplacedFiles { files: Vec::new() };
        written.add(&target, "b", false).unwrap();
        assert_eq!(written.commit().unwrap(), std::slice::from_ref(&target));
        let mut written = UnplacedFiles { files: Vec::new() };
        let refusal = written.add(&target, "c", false).unwrap_err().to_string();
        assert!(refusal.contains("--replace"), "{refusal}");
        written.add(&target, "c", true).unwrap();
        written.commit().unwrap();
        assert_eq!((fs::read_to_string(&target).unwrap().as_str(), names()), ("c", 1));
    }

    #[test]
    fn a_file_behind_a_link_is_replaced_and_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("real.toml"), folder.path().join("lessor.toml"));
        fs::write(&file, "a").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o440)).unwrap();
        symlink("real.toml", &link).unwrap();
        let mut written = UnplacedFiles { files: Vec::new() };
        written.add(&link, "b", true).unwrap();
        assert_eq!(written.commit().unwrap(), std::slice::from_ref(&link));
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "b");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o440);
        let mut written = UnplacedFiles { files: Vec::new() };
        let refusal = written.add(folder.path(), "c", true).unwrap_err().to_string();
        assert!(refusal.ends_with("name a file"), "{refusal}");
    }
}

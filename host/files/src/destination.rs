//! Where a file is written that may replace another one, and what the other one leaves to it: its
//! place behind a link, its owner and its mode.
//!
//! Does not write. Invariant: a destination is a regular file, or a name that nothing has.

use std::{
    fs::{self, File, Metadata, Permissions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

/// The place of a file that is written beside it first, and then renamed.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    former: Option<Metadata>,
}

impl Destination {
    /// Finds the place of `path`: if it is a link, that of the file behind it, so that the link
    /// stays.
    ///
    /// # Errors
    /// Fails if something else than a regular file is there, also a link that leads nowhere.
    pub fn find(path: &Path) -> io::Result<Self> {
        let Ok(found) = fs::symlink_metadata(path) else {
            return Ok(Self { path: path.to_owned(), former: None });
        };
        if !found.is_symlink() {
            super::must_be_regular(found.file_type())?;
            return Ok(Self { path: path.to_owned(), former: Some(found) });
        }
        let former = super::check(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                let what = "it is a link to a file that does not exist; wanted a regular file";
                io::Error::new(io::ErrorKind::InvalidInput, what)
            }
            _ => error,
        })?;
        Ok(Self { path: fs::canonicalize(path)?, former: Some(former) })
    }

    /// The place, which is no link.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that the place is in.
    pub fn folder(&self) -> &Path {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new("."))
    }

    /// Returns whether a file is replaced.
    pub fn is_taken(&self) -> bool {
        self.former.is_some()
    }

    /// Gives `file` the owner and the mode of the file that it will replace, and `mode` if it
    /// replaces none, whatever the umask is. If this process may not give it that owner, it stays
    /// its own, with `mode`.
    ///
    /// # Errors
    /// Fails if the owner or the mode cannot be set for another reason.
    pub fn prepare(&self, file: &File, mode: u32) -> io::Result<()> {
        let mode = match &self.former {
            None => mode,
            Some(former) => match fchown(file, Some(former.uid()), Some(former.gid())) {
                Ok(()) => former.mode() & 0o777,
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => mode,
                Err(error) => return Err(error),
            },
        };
        file.set_permissions(Permissions::from_mode(mode))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::*;

    #[test]
    fn a_link_stays_and_leads_to_the_file_that_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("elsewhere")).unwrap();
        fs::write(at("elsewhere/file"), "text").unwrap();
        symlink("elsewhere/file", at("link")).unwrap();
        let found = Destination::find(&at("link")).unwrap();
        assert!(found.is_taken());
        assert_eq!(found.folder(), fs::canonicalize(at("elsewhere")).unwrap());
        symlink("absent", at("nowhere")).unwrap();
        let error = Destination::find(&at("nowhere")).unwrap_err().to_string();
        assert!(error.contains("a link to a file that does not exist"), "{error}");
        let error = Destination::find(folder.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
        assert!(!Destination::find(&at("new")).unwrap().is_taken());
        assert_eq!(Destination::find(Path::new("new")).unwrap().folder(), Path::new("."));
    }

    #[test]
    fn owner_and_mode_of_the_former_file_stay() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("former"), "").unwrap();
        let is_root = chown(at("former"), Some(990), Some(991)).is_ok();
        fs::set_permissions(at("former"), Permissions::from_mode(0o440)).unwrap();
        let former = fs::metadata(at("former")).unwrap();
        assert!(!is_root || former.uid() == 990);
        let file = File::create(at("next")).unwrap();
        Destination::find(&at("former")).unwrap().prepare(&file, 0o644).unwrap();
        let next = file.metadata().unwrap();
        let of = |found: &Metadata| (found.uid(), found.gid(), found.mode() & 0o777);
        assert_eq!(of(&next), of(&former));
        Destination::find(&at("new")).unwrap().prepare(&file, 0o604).unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o604);
    }
}

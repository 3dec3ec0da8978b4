//! Secrets and certificates, which are read from files so that the configuration contains none.

use std::{fmt, fs::File, io::Read, os::unix::fs::MetadataExt, path::Path};

use crate::{SourceProblem, limits::SECRET_OCTETS_MAX};

/// Octets that are never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Vec<u8>);

/// The files that a source reads besides its settings. If their content changes, the source is
/// reopened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Secrets {
    /// The password, token or shared secret.
    pub(crate) main: Option<Secret>,
    /// The password of a RADIUS user.
    pub(crate) password: Option<Secret>,
    /// The certificates to trust, as PEM.
    pub(crate) certificates: Option<Vec<u8>>,
}

impl Secret {
    /// Reads the first line of a file that other users must not be able to read.
    pub(crate) fn read(path: &Path) -> Result<Self, SourceProblem> {
        let file = lessor_files::open(path).map_err(SourceProblem::unreadable(path))?;
        let metadata = file.metadata().map_err(SourceProblem::unreadable(path))?;
        if metadata.mode() & 0o007 != 0 {
            return Err(SourceProblem::SecretForAll { path: path.to_owned() });
        }
        let mut octets = read_bounded(path, file)?;
        if octets.ends_with(b"\n") {
            octets.pop();
        }
        if octets.ends_with(b"\r") {
            octets.pop();
        }
        let found = match &*octets {
            [] => "nothing",
            octets if octets.contains(&b'\n') => "more than one line",
            _ => return Ok(Self(octets)),
        };
        let (path, found) = (path.to_owned(), found.to_owned());
        Err(SourceProblem::Secret { path, found, wanted: "the secret, on one line" })
    }

    /// Does the same for an optional file.
    pub(crate) fn read_if_any(path: Option<&Path>) -> Result<Option<Self>, SourceProblem> {
        path.map(Self::read).transpose()
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Reads a file of certificates.
pub(crate) fn read_certificates(path: &Path) -> Result<Vec<u8>, SourceProblem> {
    let file = lessor_files::open(path).map_err(SourceProblem::unreadable(path))?;
    read_bounded(path, file)
}

fn read_bounded(path: &Path, file: File) -> Result<Vec<u8>, SourceProblem> {
    let mut octets = Vec::new();
    let limited = file.take(SECRET_OCTETS_MAX + 1).read_to_end(&mut octets);
    let read = limited.map_err(SourceProblem::unreadable(path))? as u64;
    if read > SECRET_OCTETS_MAX {
        let (path, octets_max) = (path.to_owned(), SECRET_OCTETS_MAX);
        return Err(SourceProblem::TooLong { path, octets: read, octets_max });
    }
    Ok(octets)
}

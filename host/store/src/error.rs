//! What can go wrong with stable storage, in words that an operator can act upon.

use std::{
    error::Error,
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Why leases could not be opened, read or written.
///
/// Fields are called `r#source` where the message tells the cause: whoever prints the chain of causes
/// would tell it twice.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A record does not read as what this server writes.
    #[error(
        "the lease record of {key} is damaged: {found}; wanted a record as this server writes it. \
         Starting without it could give the address to a second client: restore the store from a \
         backup, or move its folder away to start with no leases at all"
    )]
    DamagedRecord {
        /// The address, or the octets of the key in hexadecimal if they are none.
        key: String,
        /// What is wrong with it.
        found: String,
    },

    /// The store as a whole was written by another generation of this server.
    #[error(
        "the lease store at {path} has format {found}; this server knows format {known}. Run the \
         release of lessor that wrote it, or move the folder away to start with no leases"
    )]
    Format {
        /// The folder.
        path: PathBuf,
        /// The format number found.
        found: u32,
        /// The format number that this server reads and writes.
        known: u32,
    },

    /// Another process has the store open.
    #[error(
        "the lease store at {path} is in use by another process; wanted it for this server alone. \
         Is another lessor running? Stop it, or give this one another store path"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },

    /// The folder is there, but not what it should hold.
    #[error(
        "the lease store at {path} is incomplete: {found}. Leases may be missing: restore the \
         store from a backup, or move its folder away to start with no leases at all"
    )]
    Incomplete {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        found: String,
    },

    /// The folder cannot be used.
    #[error("{}", open_text(path, &**r#source))]
    Open {
        /// The folder.
        path: PathBuf,
        /// What the system or the storage engine said.
        r#source: Box<dyn Error + Send + Sync>,
    },

    /// Leases cannot be read.
    #[error("leases cannot be read from storage: {}", read_text(&**r#source))]
    Read {
        /// What the system or the storage engine said.
        r#source: Box<dyn Error + Send + Sync>,
    },

    /// A record has a version that this server does not read.
    #[error(
        "the lease record of {address} has version {found}; this server reads version {known}. Run \
         the release of lessor that wrote it, or a newer one"
    )]
    RecordVersion {
        /// The address.
        address: Ipv4Addr,
        /// The version found.
        found: u8,
        /// The version that this server reads and writes.
        known: u8,
    },

    /// The disk is slower than the leases come in.
    #[error(
        "storage does not keep up: after {waited_ms} ms there is still no room for more leases; \
         use a faster disk, or find what else keeps it busy"
    )]
    Overloaded {
        /// How long room was waited for.
        waited_ms: u64,
    },

    /// Leases cannot be written.
    #[error(
        "leases cannot be written to storage: {}; see to it that the disk is neither full nor \
         failing",
        r#source
    )]
    Write {
        /// What the system or the storage engine said.
        r#source: Box<dyn Error + Send + Sync>,
    },
}

type Cause = dyn Error + Send + Sync + 'static;

fn open_text(path: &Path, cause: &Cause) -> String {
    let path = path.display();
    match damage(cause) {
        Some(found) => format!("the lease store at {path} {found}"),
        None => format!(
            "the lease store at {path} cannot be opened: {cause}; wanted a folder that this user may \
             read and write, on a disk with space left"
        ),
    }
}

fn read_text(cause: &Cause) -> String {
    match damage(cause) {
        Some(found) => format!("the store {found}"),
        None => format!("{cause}; check the disk and the system's log"),
    }
}

/// What is to be said if the disk does what it should and what stands there is the matter.
fn damage(cause: &Cause) -> Option<String> {
    let is_cut = |error: &io::Error| {
        matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
    };
    // Errors of input and output come as such, not as the engine's.
    let is_damage = cause.is::<fjall::Error>() || cause.downcast_ref().is_some_and(is_cut);
    let said = cause.to_string();
    let said = said.strip_prefix("FjallError: ").unwrap_or(&said);
    is_damage.then(|| {
        format!(
            "is damaged, or another version's: {said}; restore it from a backup, or move it aside to \
             begin without leases"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_and_a_disk_that_refuses_are_told_apart_and_told_once() {
        let open = |source| StoreError::Open { path: "/store".into(), source };
        let damaged = open(fjall::Error::InvalidVersion(None).into());
        assert_eq!(
            damaged.to_string(),
            "the lease store at /store is damaged, or another version's: InvalidVersion(None); \
             restore it from a backup, or move it aside to begin without leases"
        );
        let cut = StoreError::Read { source: io::Error::from(io::ErrorKind::UnexpectedEof).into() };
        assert!(cut.to_string().contains("move it aside"), "{cut}");
        let refused = open(io::Error::from(io::ErrorKind::PermissionDenied).into());
        assert!(refused.to_string().contains("this user may read and write"), "{refused}");
        assert!(damaged.source().is_none() && refused.source().is_none());
    }
}

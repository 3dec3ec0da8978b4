//! Errors of stable storage, in words that an operator can act upon.
//!
//! Does not cover failures of a commit, which are results and not errors. Invariant: an error about
//! damage names the file and the place in it.

use std::{
    error::Error,
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// The error for bindings that could not be opened, read or written.
///
/// Fields are called `r#source` if the message contains the cause; otherwise a printed chain of
/// causes would repeat it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store differs from what was written.
    #[error(
        "the lease store at {} is damaged: {}, octet {offset}: {found}{}. {bindings_before} leases \
         can be read before this place and {bindings_behind} after it. Nothing was changed. \
         Starting with the readable leases could give addresses to a second client. Restore the \
         store from a backup, or list all damage with `lessor store verify` and keep the readable \
         leases with `lessor store salvage`",
        path.display(),
        file.display(),
        match places { 0 | 1 => String::new(), places => format!(" (and {} more)", places - 1) }
    )]
    Damaged {
        /// The folder of the store.
        path: PathBuf,
        /// The first file that is damaged, or missing.
        file: PathBuf,
        /// The place in the file, in octets from its beginning.
        offset: u64,
        /// What was found at this place.
        found: String,
        /// The number of damaged places.
        places: usize,
        /// Addresses with readable records before this place.
        bindings_before: u64,
        /// Addresses with readable records after this place.
        bindings_behind: u64,
    },

    /// A record does not have the form that this server writes.
    #[error(
        "the lease record of {key} is damaged: {found}; wanted a record in this server's format. \
         Starting without it could give the address to a second client. Restore the store from a \
         backup, or keep the other leases with `lessor store salvage`"
    )]
    DamagedRecord {
        /// The address, or the octets of the key in hexadecimal if it is not an address.
        key: String,
        /// What is wrong with the record.
        found: String,
    },

    /// The store as a whole has the format of another release of this server.
    #[error(
        "the lease store at {} has format {found}; this server knows format {known}. Run the \
         release of lessor that wrote it, or move the folder away to start with no leases",
        path.display()
    )]
    Format {
        /// The folder.
        path: PathBuf,
        /// The format number found.
        found: u32,
        /// The format number that this server reads and writes.
        known: u32,
    },

    /// The store is a database of the engine that was used before the first release.
    #[error(
        "the lease store at {} was written by a version of lessor from before the first release, \
         which kept leases in a fjall database; this server cannot read it. Keep using that \
         version until its leases have ended, or move the folder `leases` in it away to start with \
         no leases",
        path.display()
    )]
    Former {
        /// The folder.
        path: PathBuf,
    },

    /// Another process has the store open.
    #[error(
        "the lease store at {} is in use by another process; this server needs exclusive access. \
         If another lessor is running, stop it, or configure another store path for this one",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },

    /// The folder cannot be used.
    #[error(
        "the lease store at {} cannot be opened: {}; wanted a folder that this user can read and \
         write, on a disk with free space",
        path.display(),
        r#source
    )]
    Open {
        /// The folder.
        path: PathBuf,
        /// The error of the system.
        r#source: Box<dyn Error + Send + Sync>,
    },

    /// Bindings cannot be read.
    #[error("leases cannot be read from storage: {}; check the disk and the system log", r#source)]
    Read {
        /// The error of the system, or what was found instead of a record.
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

    /// An earlier write failed, and the next attempt is not due yet.
    #[error("leases were not written: an earlier write failed, and the next attempt is due soon")]
    Waiting,

    /// The store is not damaged, so there is nothing to salvage.
    #[error("the lease store at {} is not damaged; there is nothing to salvage", path.display())]
    Whole {
        /// The folder.
        path: PathBuf,
    },

    /// Bindings cannot be written.
    #[error(
        "leases cannot be written to storage: {}; check that the disk is neither full nor \
         failing",
        r#source
    )]
    Write {
        /// The error of the system.
        r#source: Box<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    pub(crate) fn open(path: &Path, error: io::Error) -> Self {
        Self::Open { path: path.to_owned(), source: error.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_reported_once() {
        let refused = StoreError::open(Path::new("/store"), io::ErrorKind::PermissionDenied.into());
        assert_eq!(
            refused.to_string(),
            "the lease store at /store cannot be opened: permission denied; wanted a folder that \
             this user can read and write, on a disk with free space"
        );
        assert!(refused.source().is_none());
    }
}

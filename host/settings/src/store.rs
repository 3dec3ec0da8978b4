//! Where an operator wants leases to be kept.

use std::path::{Path, PathBuf};

/// The kinds of store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreBackend {
    /// A log on disk.
    Embedded {
        /// The folder of the log: `leases` in the folder that the configuration file names.
        path: PathBuf,
    },
    /// Memory, which does not outlive the process. For trials and tests.
    Memory,
}

impl StoreBackend {
    /// The folder of the log; `None` if leases are kept in memory.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Embedded { path } => Some(path),
            Self::Memory => None,
        }
    }

    /// The folder that the configuration file names, which has the folder of the log and what the
    /// server keeps beside it; `None` if leases are kept in memory.
    pub fn state_folder(&self) -> Option<&Path> {
        self.folder()?.parent()
    }
}

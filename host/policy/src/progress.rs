//! Which file is being compiled, for those who wait for it.
//!
//! Does not compile. Invariant: what is shown ends when its compilation does, whatever the outcome.

#[cfg(feature = "compile")]
use std::path::Path;
use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// A file that is being compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiling {
    /// The file: a plugin's, or that of an interpreter.
    pub file: PathBuf,
    /// When its compilation began.
    pub since: Instant,
}

/// The file that is being compiled, if one is.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<Option<Compiling>>);

/// Ends what is shown when it is dropped.
#[cfg(feature = "compile")]
pub(crate) struct Shown<'p>(&'p Progress);

impl Progress {
    pub(crate) fn now(&self) -> Option<Compiling> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(feature = "compile")]
impl Progress {
    /// Shows that a file is being compiled.
    pub(crate) fn show(&self, file: &Path) -> Shown<'_> {
        self.set(Some(Compiling { file: file.to_owned(), since: Instant::now() }));
        Shown(self)
    }

    fn set(&self, compiling: Option<Compiling>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = compiling;
    }
}

#[cfg(feature = "compile")]
impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

//! The reason why something could not be built.

use std::{error::Error, fmt};

/// A message for people.
#[derive(Debug)]
pub struct BuildError(String);

impl BuildError {
    /// Returns an error with this message.
    pub const fn new(message: String) -> Self {
        Self(message)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for BuildError {}

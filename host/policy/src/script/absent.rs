//! A script of a build without the feature `scripts`.

use std::{convert::Infallible, path::Path};

use super::Named;
use crate::error::{PluginProblem, ScriptProblem};

/// A script, of which there is none.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) file_name: String,
    pub(crate) text: String,
    pub(crate) digest: [u8; 32],
    never: Infallible,
}

impl Script {
    /// Refuses every script.
    pub(crate) fn read(_: &Path) -> Result<Self, PluginProblem> {
        Err(ScriptProblem::NoScripts.into())
    }

    pub(crate) fn named(&self) -> Vec<Named> {
        match self.never {}
    }

    pub(crate) fn counts_pools(&self) -> bool {
        match self.never {}
    }

    pub(crate) fn loops(&self) -> String {
        match self.never {}
    }

    pub(crate) fn deepest(&self) -> (usize, usize) {
        match self.never {}
    }
}

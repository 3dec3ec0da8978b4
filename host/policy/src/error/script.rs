//! Why a script cannot be used.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{hook::Hook, limits};

/// A problem of a script.
#[derive(Debug, Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ScriptProblem {
    /// The file is a script, and this program cannot run any.
    #[error(
        "is a script, and this program was built without the feature `scripts`. Use a lessor that \
         has it (`lessor --version` lists features), or remove the file"
    )]
    NoScripts,
    /// The script is not valid UTF-8.
    #[error("is not text: line {line} has an octet that is not UTF-8. Save the script as UTF-8")]
    NotText {
        /// The line, from 1.
        line: usize,
    },
    /// The script is in an encoding that is not supported.
    #[error("is text in UTF-16, which editors also call Unicode; save the script as UTF-8")]
    Utf16,
    /// The script is too large.
    #[error(
        "the script has {octets} octets; at most {} are read. Move tables to [settings] in its \
         sidecar file, or to a source for lookups",
        limits::SCRIPT_OCTETS_MAX
    )]
    TooLarge {
        /// The size of the script, in octets.
        octets: u64,
    },
    /// The interpreter refuses the script.
    #[error("{message}")]
    Refused {
        /// The interpreter's message, with the position in the script.
        message: String,
    },
    /// The script is nested too deeply for the stack of the interpreter.
    #[error(
        "is nested too deeply for its interpreter: line {line} has {depth} levels of blocks, \
         conditions and parentheses, where each `else if` counts as a level. Look up values in \
         an object, or in [settings], instead of comparing with one after another"
    )]
    NestedTooDeep {
        /// The nesting depth.
        depth: usize,
        /// The line, from 1.
        line: usize,
    },
    /// The interpreter reports a hook for the script that does not exist.
    #[error(
        "has, according to its interpreter, the hook {found}, which this server does not know; it \
         has the hooks {}. Use the interpreter that came with this server",
        Hook::names()
    )]
    UnknownHook {
        /// The hook.
        found: String,
    },
}

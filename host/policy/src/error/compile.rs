//! Why a plugin cannot be compiled, or why there is no compiled code of it.

use std::{fmt, io, path::PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why there is no compiled code of a plugin. Variants that only the server produces never come
/// from the compiler's child, so they are not serialized.
#[derive(Debug, Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CompileProblem {
    /// The compiler refused the plugin.
    #[error("cannot be compiled: {0}. Rebuild it with current tools")]
    Refused(String),
    /// The folder of compiled code has none for the plugin, and this program cannot compile.
    #[serde(skip)]
    #[error(
        "is not compiled for this server, which was built without the feature `compile`: found \
         {found} in {}. On such a processor, run `lessor plugin compile --cache {} FILE` of the \
         same version, built with that feature",
        folder.display(),
        folder.display()
    )]
    NotPrecompiled {
        /// What the folder has instead.
        found: String,
        /// The folder.
        folder: PathBuf,
    },
    /// The plugin is to be compiled, and this program cannot compile.
    #[serde(skip)]
    #[error(
        "cannot be compiled, because this program was built without the feature `compile`. Use a \
         lessor that has it (`lessor --version` lists features)"
    )]
    NoCompilerBuiltIn,
    /// The plugin is not compiled yet, and was to be used only if it is.
    #[serde(skip)]
    #[error("is not compiled yet: found {found}")]
    NotCompiled {
        /// What there is instead.
        found: String,
    },
    /// The plugin is to be compiled for an architecture that this program has no compiler for.
    #[error(
        "cannot be compiled for {architecture}, because this program has a compiler for its own \
         architecture only ({error}). Use a lessor that was built with the feature `cross`, or \
         one of that architecture"
    )]
    OtherArchitecture {
        /// The architecture.
        architecture: String,
        /// The compiler's error.
        error: String,
    },
    /// The compiled code could not be stored.
    #[serde(skip)]
    #[error("was compiled, but cannot be stored in {}: {error}", folder.display())]
    NotStored {
        /// The folder.
        folder: PathBuf,
        /// The problem.
        error: String,
    },
    /// There is no folder of compiled code, and this program cannot compile.
    #[serde(skip)]
    #[error(
        "is not compiled for this server, which was built without the feature `compile` and has no \
         folder of compiled plugins. Set `cache` below [plugins], and fill that folder with \
         `lessor plugin compile` of the same version, built with that feature"
    )]
    NoPrecompiled,
    /// The file is truncated, or is not WebAssembly after its first octets.
    #[error(
        "is damaged or incomplete: {0}. Copy the file again under another name and rename it, or \
         rebuild it"
    )]
    Damaged(String),
    /// Examining or compiling the plugin reached a limit.
    #[error("cannot be compiled: {0}")]
    Limit(CompileLimit),
    /// The code that examines and compiles the plugin panicked.
    #[error(
        "cannot be compiled: the compiler failed with the message {0:?}. The file may be damaged: \
         rebuild it with current tools"
    )]
    CompilerGaveUp(String),
    /// The child that examines or compiles the plugin ended without an answer.
    #[error(
        "cannot be compiled: the process that compiles it {0}. Try again; if this happens each \
         time, the file is damaged or malicious: rebuild it with current tools, or remove it"
    )]
    CompilerEnded(String),
    /// The child that examines or compiles the plugin cannot be started.
    #[serde(skip)]
    #[error(
        "cannot be compiled: the process that compiles it, {}, cannot be started: {error}. The \
         server starts its own program for this, which needs /proc and one more process",
        program.display()
    )]
    NoCompiler {
        /// The program.
        program: PathBuf,
        /// Why it cannot be started.
        error: io::Error,
    },
    /// The server is stopping.
    #[error("was not compiled, because the server is stopping")]
    ServerStops,
}

/// A limit that examining or compiling one file reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CompileLimit {
    /// Memory, in MiB.
    MemoryMib(u64),
    /// Processor time, in seconds.
    ProcessorSecs(u64),
    /// Wall-clock time, in seconds.
    WallSecs(u64),
    /// The size of the generated code, in MiB.
    CodeMib(u64),
}

impl fmt::Display for CompileLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = "Build it in release mode and with smaller functions: the largest one, with \
                      its locals and nested blocks, matters most";
        match self {
            Self::MemoryMib(mib) => {
                write!(f, "it needs more memory than the limit, {mib} MiB. {advice}")
            }
            Self::ProcessorSecs(secs) => {
                write!(f, "it needs more processor time than the limit, {secs} s. {advice}")
            }
            Self::WallSecs(secs) => write!(
                f,
                "it takes longer than the limit, {secs} s of wall-clock time. The machine may be \
                 too busy, because compiling has a low priority; otherwise make the plugin \
                 smaller"
            ),
            Self::CodeMib(mib) => {
                write!(f, "it produces more code than the limit, {mib} MiB. {advice}")
            }
        }
    }
}

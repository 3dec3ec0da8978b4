//! Problems of a plugin or of the runtime. Every message says what was found, what was expected and
//! what to do.

mod compile;
mod script;

use std::{borrow::Cow, io, path::PathBuf};

use lessor_settings::{Grants, PluginLimits};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{FaultKind, hook::Hook, limits};

pub use self::{
    compile::{CompileLimit, CompileProblem},
    script::ScriptProblem,
};

/// Why a plugin cannot be used.
#[derive(Debug, Error)]
#[error("plugin {name} ({}): {problem}", path.display())]
pub struct PluginError {
    /// The name of the plugin.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// The problem.
    pub problem: Box<PluginProblem>,
}

/// A problem of a plugin. Variants that only the server produces never come from the compiler's
/// child, so they are not serialized.
#[derive(Debug, Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum PluginProblem {
    /// The file could not be read.
    #[serde(skip)]
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// The file is too large.
    #[error(
        "the file has {octets} octets; at most {} are read. Build it in release mode and strip \
         debug information",
        limits::PLUGIN_OCTETS_MAX
    )]
    TooLarge {
        /// The size of the file, in octets.
        octets: u64,
    },
    /// The file is not WebAssembly.
    #[serde(skip)]
    #[error(
        "is not WebAssembly: found {found}, wanted a component or core module in binary form, \
         which begins with the octets 00 61 73 6d. {advice}"
    )]
    NotWasm {
        /// What the file looks like.
        found: String,
        /// What to do about it.
        #[serde(skip)]
        advice: &'static str,
    },
    /// The file is a core module without embedded interface types.
    #[error(
        "is a core module without a description of its interfaces, so its hooks are unknown; \
         wanted a component, or a module built with a binding generator for package \
         lessor:policy. Build it with the crate lessor-policy, or convert it to a component with \
         `wasm-tools component embed` and `wasm-tools component new`"
    )]
    NoDescription,
    /// The file is a core module that cannot be converted to a component.
    #[error(
        "is a core module that cannot be converted to a component: {0}. A policy may import only \
         package lessor:policy; build it for wasm32-unknown-unknown with the crate lessor-policy"
    )]
    NotEncodable(String),
    /// The file is damaged, or uses features that this server does not support.
    #[error("is not a valid component: {0}. Rebuild it with current tools")]
    Invalid(String),
    /// The component exports nothing from the contract.
    #[error(
        "exports nothing from package lessor:policy; found {found}, wanted configuring and at \
         least one of the hooks {}. If you wrote hooks, check that the world you built for \
         exports them",
        Hook::names()
    )]
    NotAPolicy {
        /// The exports of the component.
        found: String,
    },
    /// The plugin can be configured but has no hook to call.
    #[error(
        "exports no hook, so it would never be called; wanted at least one of {}. In Rust, write \
         the hook in the implementation under #[policy]; elsewhere, build for a world that exports \
         it",
        Hook::names()
    )]
    NoHooks,
    /// The plugin plans lookups but lacks the hook that reads their answers, or that plans the
    /// lookups before.
    #[error(
        "exports {hook} but not what it plans for, so it would never be called; wanted at least \
         one of {wanted}. Add that hook, or remove {hook}"
    )]
    NothingToPlanFor {
        /// The hook that plans lookups.
        hook: Hook,
        /// The hooks of which it lacks one.
        wanted: String,
    },
    /// The plugin has hooks but cannot be configured.
    #[error(
        "does not export lessor:policy/configuring@{}, which every policy must; add it to the \
         world that you build for",
        crate::contract::VERSION
    )]
    NoConfiguring,
    /// The plugin exports a hook of a later version, or a misspelt one.
    #[error(
        "exports {found}, which this server does not know; it has the hooks {}. Rename or remove \
         it, or use a server that supports the version of lessor:policy that the plugin was \
         built against",
        Hook::names()
    )]
    UnknownHook {
        /// The interface.
        found: String,
    },
    /// The plugin was built against an incompatible version of the contract.
    #[error(
        "{found} belongs to a version of the contract that this server does not support; it \
         supports lessor:policy@{} and compatible versions. Build the plugin against that \
         version, or use a server that supports the plugin's version",
        crate::contract::VERSION
    )]
    UnservedVersion {
        /// The interface, with its version.
        found: String,
    },
    /// The plugin imports something that the server does not provide.
    #[error(
        "imports {found}, which this server does not provide; of lessor:policy@{} it provides \
         only types and the interfaces that can be granted, {}. {advice}",
        crate::contract::VERSION,
        Grants::all()
    )]
    MissingImport {
        /// The function or interface.
        found: String,
        /// What to do about it.
        advice: Cow<'static, str>,
    },
    /// A hook does not have its function.
    #[error(
        "exports {interface} without its function {function}; wanted {wanted}. Build the plugin \
         against lessor:policy@{}",
        crate::contract::VERSION
    )]
    MissingFunction {
        /// The interface.
        interface: String,
        /// The function.
        function: String,
        /// Its signature.
        wanted: String,
    },
    /// A function has a different type than in the contract.
    #[error(
        "{interface} has {function} with another signature: found {found}, wanted {wanted}. Build \
         the plugin against lessor:policy@{}",
        crate::contract::VERSION
    )]
    WrongSignature {
        /// The interface.
        interface: String,
        /// The function.
        function: String,
        /// The signature in the plugin.
        found: String,
        /// The signature in the contract.
        wanted: String,
    },
    /// The plugin's initial memory exceeds its limit.
    #[error(
        "needs {minimum} octets of memory at its start, but its limit is {limit}; raise \
         memory-mib below [limits] in its sidecar file (at most {}), or make the plugin smaller",
        PluginLimits::MEMORY_BYTES_LIMIT >> 20
    )]
    MemoryOverLimit {
        /// The initial memory, in octets.
        minimum: u64,
        /// The limit, in octets.
        limit: u64,
    },
    /// The plugin's initial tables exceed its limit.
    #[error(
        "needs {minimum} table elements at its start, but its limit is {limit}; make the plugin \
         smaller, or split it"
    )]
    TablesOverLimit {
        /// The initial number of table elements.
        minimum: u64,
        /// The limit.
        limit: u64,
    },
    /// The plugin imports a capability that its sidecar file does not grant.
    #[serde(skip)]
    #[error(
        "imports {import}, which it is not granted. To grant that, write grants = {wanted} as the \
         first line of {}",
        sidecar.display()
    )]
    NotGranted {
        /// The interface.
        import: String,
        /// The capabilities that the plugin is granted and the missing ones.
        wanted: Grants,
        /// The plugin's sidecar file.
        sidecar: PathBuf,
    },
    /// A limit has a value out of range.
    #[serde(skip)]
    #[error("its limit {name} is {found}; wanted {min} to {max}")]
    LimitOutOfRange {
        /// The limit.
        #[serde(skip)]
        name: &'static str,
        /// Its value.
        found: u64,
        /// The smallest allowed value.
        min: u64,
        /// The largest allowed value.
        max: u64,
    },
    /// There are too many plugins.
    #[error("is plugin number {position}; a chain has at most {}", limits::CHAIN_PLUGINS_MAX)]
    TooMany {
        /// Its position in the chain, from 1.
        position: usize,
    },
    /// The system has no thread for the plugin.
    #[serde(skip)]
    #[error("needs a thread, which could not be started: {0}. Raise the server's limit of tasks")]
    NoThread(#[source] io::Error),
    /// The plugin cannot be linked, for a reason that no other variant covers.
    #[error(
        "cannot be linked: {message}. Build it against lessor:policy@{}",
        crate::contract::VERSION
    )]
    Link {
        /// The message of the runtime.
        message: String,
    },
    /// The plugin failed before or during its configuration.
    #[serde(skip)]
    #[error("failed while it was {doing} ({kind}): {message}{}", advice(*kind))]
    Failed {
        /// The step that failed.
        #[serde(skip)]
        doing: &'static str,
        /// How it failed.
        kind: FaultKind,
        /// What happened.
        message: String,
    },
    /// The plugin is not compiled.
    #[error(transparent)]
    Compile(#[from] CompileProblem),
    /// The plugin is a script with a problem.
    #[error(transparent)]
    Script(#[from] ScriptProblem),
    /// The plugin is an interpreter, which cannot run without a script.
    #[error(
        "is an interpreter, not a policy: it runs scripts. Move it to the folder that \
         `interpreters` below [plugins] names, and put scripts here"
    )]
    IsInterpreter,
    /// The file that is to run a script is not an interpreter.
    #[error(
        "does not export lessor:policy/interpreting@{}, so it cannot run a script; wanted an \
         interpreter. Install the one that came with this server",
        crate::contract::VERSION
    )]
    NotAnInterpreter,
    /// The interpreter that is to run a script has a problem.
    #[error("cannot be run: its interpreter {} {problem}", path.display())]
    Interpreter {
        /// The interpreter's file.
        path: PathBuf,
        /// The problem.
        problem: Box<PluginProblem>,
    },
    /// The plugin refuses its settings.
    #[error("refuses its settings: {message}. Correct [settings] in its sidecar file")]
    SettingsRefused {
        /// The plugin's message.
        message: String,
    },
    /// The maximum number of instances is reached.
    #[error(
        "there is no room for another instance: {instances_max} instances of plugins are in use. \
         Use fewer plugins or worker threads"
    )]
    NoRoom {
        /// The maximum number of instances.
        instances_max: u32,
    },
}

/// Why the runtime could not be created.
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// The WebAssembly engine does not run on this system.
    #[error("the WebAssembly engine cannot be started: {0}")]
    Engine(String),
    /// The cache cannot be used.
    #[error("the folder for compiled plugins, {}, {problem}", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// The problem, and what to do.
        problem: String,
    },
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(#[source] io::Error),
}

impl PluginProblem {
    /// Whether nothing is wrong with the plugin, but it is not compiled.
    pub(crate) fn is_not_compiled(&self) -> bool {
        match self {
            Self::Compile(CompileProblem::NotCompiled { .. }) => true,
            Self::Interpreter { problem, .. } => problem.is_not_compiled(),
            _ => false,
        }
    }
}

/// Advice on a plugin that failed before its first call. A reason given by the plugin needs none.
const fn advice(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Trap => {
            ". This is a panic in its code, such as an unwrap, an index out of range or a \
             division by zero. Often the settings are not as expected: check them in configure \
             and return an error that says what is wrong"
        }
        FaultKind::DeadlineExceeded => {
            ". Check for a loop that does not end, and move large tables to a source for lookups"
        }
        FaultKind::MemoryExceeded => {
            ". Raise memory-mib below [limits] in its sidecar file, or keep less in memory"
        }
        FaultKind::StackExhausted => {
            ". Its functions recurse without end, or its input is nested too deeply"
        }
        FaultKind::BadAnswer => ". Rebuild it with the SDK that came with this server",
        FaultKind::Failed | FaultKind::NotReady | FaultKind::Suspended | FaultKind::ShutOut => "",
    }
}

//! What authors of policies work with: `lessor plugin new`, `inspect`, `run`, `test` and `bench`.
//!
//! A policy is tried here as the server runs it: the same checks, the same runner, the same limits.
//! What this crate is not: a server. There are no sockets, no leases and no allocation; requests come
//! out of files, and what is shown is what the policy wants, before the core checks it.

#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod bench;
mod cases;
mod inspect;
mod log;
mod new;
mod option_text;
mod outcome;
mod output;
mod request;
mod run;
mod test;
mod workbench;

use std::{path::Path, process::ExitCode};

use clap::Subcommand;
use lessor_policy_host::PluginSource;

pub use bench::CALLS_MAX;
pub use cases::CASES_MAX;
pub use new::Language;
pub use workbench::user_cache;

/// `lessor plugin …`.
#[derive(Debug, clap::Args)]
pub struct PluginArguments {
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Debug, Subcommand)]
enum Tool {
    /// Write a project for a new policy: it builds, and its cases pass.
    New(new::NewArguments),
    /// Show what a plugin file is, without calling a hook of it: hooks, imports, limits.
    ///
    /// Exits 0 if the server would accept it, with the settings beside it if there are any; 1 if it
    /// would be refused.
    Inspect(inspect::InspectArguments),
    /// Show a policy one request and print what it decides.
    ///
    /// Exits 0 if the policy answers, 1 if it cannot be used or fails.
    Run(run::RunArguments),
    /// Show a policy the requests of a folder of cases and compare what it decides.
    ///
    /// Exits 0 if every case is as expected, 1 if not.
    Test(test::TestArguments),
    /// Measure what calls of a policy take.
    ///
    /// Exits 1 if the policy cannot be used or fails.
    Bench(bench::BenchArguments),
}

/// Reads a plugin file and the file beside it, as the server does: the plugin, the file in the place of
/// the one beside it, the folder of interpreters. An error is ready to be printed.
pub type ReadPlugin = fn(
    file: &Path,
    beside: Option<&Path>,
    interpreters: Option<&Path>,
) -> Result<PluginSource, String>;

/// Runs a command; what it found goes to standard output, what is wrong to standard error.
///
/// # Errors
/// If it cannot be run, or standard output cannot be written.
pub fn run(arguments: &PluginArguments, read_plugin: ReadPlugin) -> anyhow::Result<ExitCode> {
    log::listen();
    match &arguments.tool {
        Tool::New(arguments) => new::run(arguments),
        Tool::Inspect(arguments) => inspect::run(arguments, read_plugin),
        Tool::Run(arguments) => run::run(arguments, read_plugin),
        Tool::Test(arguments) => test::run(arguments, read_plugin),
        Tool::Bench(arguments) => bench::run(arguments, read_plugin),
    }
}

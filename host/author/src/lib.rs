//! The tools for authors of policies: `lessor plugin new`, `inspect`, `run`, `test`,
//! `bench` and `compile`.
//!
//! A policy runs here as in the server: with the same checks, the same runner and the same limits.
//! This crate is not a server: there are no sockets, no leases and no allocation. Requests come
//! from files, and the output is what the policy wants, before the core checks it.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod bench;
mod cases;
mod compile;
mod inspect;
mod log;
mod new;
mod option_text;
mod outcome;
mod output;
mod request;
mod run;
mod test;
mod tried;
mod workbench;

use std::{path::Path, process::ExitCode};

use clap::Subcommand;
use lessor_policy_host::PluginSource;

pub use bench::CALLS_MAX;
pub use cases::CASES_MAX;
pub use new::Language;

/// `lessor plugin …`.
#[derive(Debug, clap::Args)]
pub struct PluginArguments {
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Debug, Subcommand)]
enum Tool {
    /// Create a project for a new policy that builds and whose cases pass.
    New(new::NewArguments),
    /// Show the hooks, imports and limits of a plugin file without calling its hooks.
    ///
    /// Exits with 0 if the server would accept the file, including its settings if there are any,
    /// and with 1 if it would refuse it.
    Inspect(inspect::InspectArguments),
    /// Run a policy on one request and print its decision.
    ///
    /// Exits with 0 if the policy answers, and with 1 if it cannot be used or fails.
    Run(run::RunArguments),
    /// Run a policy on a folder of cases and compare its decisions with the expected ones.
    ///
    /// Exits with 0 if every case is as expected, and with 1 otherwise.
    Test(test::TestArguments),
    /// Measure how long calls of a policy take.
    ///
    /// Exits with 1 if the policy cannot be used or fails.
    Bench(bench::BenchArguments),
    /// Compile policies ahead of time, also for servers without the feature `compile`.
    ///
    /// The server must have the same version and a processor that the code was compiled for, and
    /// the folder must belong to root or to the user of the server. `lessor check --warm` does the
    /// same for everything that a configuration needs.
    Compile(compile::CompileArguments),
}

/// Reads a plugin file and its sidecar file as the server does. The arguments are the plugin, a
/// file that replaces the sidecar file, and the folder of interpreters. An error is ready to be
/// printed.
pub type ReadPlugin = fn(
    file: &Path,
    beside: Option<&Path>,
    interpreters: Option<&Path>,
) -> Result<PluginSource, String>;

/// Runs a command. Results go to standard output, problems to standard error.
///
/// # Errors
/// If the command cannot be run, or standard output cannot be written.
pub fn run(arguments: &PluginArguments, read_plugin: ReadPlugin) -> anyhow::Result<ExitCode> {
    log::listen();
    match &arguments.tool {
        Tool::New(arguments) => new::run(arguments),
        Tool::Inspect(arguments) => inspect::run(arguments, read_plugin),
        Tool::Run(arguments) => run::run(arguments, read_plugin),
        Tool::Test(arguments) => test::run(arguments, read_plugin),
        Tool::Bench(arguments) => bench::run(arguments, read_plugin),
        Tool::Compile(arguments) => compile::run(arguments),
    }
}

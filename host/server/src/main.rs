//! `lessor`, the server and its command line.
//!
//! Prints, and chooses exit codes. Does not serve, which is `lessor_serving`; docs/architecture.md
//! describes the life of a packet.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod asking;
mod commands;
mod features;
mod questions;

use std::{
    ffi::OsString,
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
};

use clap::{
    CommandFactory, Parser, Subcommand,
    builder::{OsStringValueParser, TypedValueParser},
};
use lessor_files::NameProblem;
use lessor_generation::ConfigurationRefused;
use mimalloc::MiMalloc;

use self::commands::{
    check, explain, import, leases, manual, pool, record, reload, replay, serve, shadow, state,
    status, store,
};

/// Makes an exchange a tenth cheaper than the allocator of the C library does; see
/// docs/decisions.md.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// DHCPv4 server for access networks, with policies in WebAssembly.
#[derive(Debug, Parser)]
#[command(name = "lessor", version, long_version = features::version(), about)]
#[command(max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve DHCP until SIGTERM or Ctrl-C; SIGHUP reloads configuration and plugins, SIGUSR1
    /// reopens the journal.
    Serve(serve::ServeArguments),
    /// Check a configuration and its plugins without serving, and report all mistakes at once.
    ///
    /// Exits with 0 if there are no mistakes, and with 1 otherwise. Does not check what depends on
    /// the host at start: addresses, interfaces, and folders that the server writes to.
    Check(check::CheckArguments),
    /// List leases from the running server, or from its store if no server runs; add, end and move
    /// leases by hand.
    Leases(leases::LeasesArguments),
    /// Drain a pool, so that new clients get none of its addresses, or open it again.
    #[command(subcommand)]
    Pool(pool::PoolCommand),
    /// Show the state of the running server: reason counters, pools, plugins, store.
    Status(status::StatusArguments),
    /// List, read and remove the stored state of policies of the running server.
    #[command(subcommand)]
    State(state::StateCommand),
    /// Show where shadow plugins would have decided differently from the running server.
    ///
    /// Exits with 0, unless agreement is expected and there are differences.
    Shadow(shadow::ShadowArguments),
    /// Make the running server reload its configuration and plugins, and show the outcome.
    ///
    /// Exits with 0 if the new generation serves. Exits with 1 if it was rejected and the old one
    /// continues to serve.
    Reload(ConfigurationFile),
    /// Explain step by step what would happen to a client now, without changing anything.
    ///
    /// Describe the client and its location as far as you know them; the rest is taken from its
    /// lease on record. If no server runs, the configuration and the store are read instead. Exits
    /// with 0 if an explanation is possible, whatever the outcome, and with 1 otherwise.
    Explain(explain::ExplainArguments),
    /// Record the messages and decisions of the running server, for `lessor replay`.
    Record(record::RecordArguments),
    /// Replay a recording or a tcpdump capture against a configuration and its policies, in memory.
    ///
    /// Shows the decisions, and how they differ from the recording or from those of another
    /// configuration. Exits with 0 if there are no differences, with 1 if there are some, and with
    /// 2 if the replay cannot run.
    Replay(replay::ReplayArguments),
    /// Import the configuration, reservations and leases of Kea, ISC dhcpd or dnsmasq.
    ///
    /// Prints what became of each line. Exits with 0 if all of it was carried, with 3 if some of it
    /// was not, and with 1 if the import was refused and nothing was changed.
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Verify the lease store, write and restore backups of it, or salvage a damaged one.
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Write, inspect, try, test and benchmark policies.
    #[cfg(feature = "author")]
    Plugin(lessor_author::PluginArguments),
    #[cfg(not(feature = "author"))]
    #[command(hide = true)]
    Plugin(features::NotBuiltIn),
    /// Simulate the traffic of many subscribers behind a relay; measure and audit the replies.
    ///
    /// Exits with 1 if replies are missing or if two clients hold the same address.
    #[cfg(feature = "load")]
    Load(LoadCommand),
    #[cfg(not(feature = "load"))]
    #[command(hide = true)]
    Load(features::NotBuiltIn),
    /// Compile one plugin file from standard input. The server starts this command for each file.
    #[command(name = lessor_policy_host::COMPILE_COMMAND, hide = true)]
    CompilePlugin,
    /// Print completions of these commands for a shell.
    ///
    /// Packages install them. For bash without a package: lessor completions bash >
    /// ~/.local/share/bash-completion/completions/lessor
    Completions(manual::CompletionsArguments),
    /// Write a manual page for each command, for packages.
    #[command(hide = true)]
    ManPages(manual::ManPagesArguments),
    /// List every reason in which an input can end, with its meaning.
    Reasons {
        /// Print JSON, one object per line.
        #[arg(long)]
        json: bool,
    },
}

/// The choice of a configuration file.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigurationFile {
    /// The configuration file.
    #[arg(long, short, default_value = "/etc/lessor/lessor.toml", value_name = "FILE")]
    #[arg(value_parser = OsStringValueParser::new().try_map(configuration_path))]
    pub(crate) config: PathBuf,
}

#[cfg(feature = "load")]
#[derive(Debug, clap::Args)]
struct LoadCommand {
    #[command(flatten)]
    arguments: lessor_load::LoadArgs,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        // The reader of the output has closed the pipe (`lessor leases | head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Leases(arguments) => leases::run(&arguments),
        Command::Pool(command) => pool::run(&command),
        Command::Status(arguments) => status::run(&arguments),
        Command::State(command) => state::run(&command),
        Command::Shadow(arguments) => shadow::run(&arguments),
        Command::Reload(file) => reload::run(&file.config),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Record(arguments) => record::run(&arguments),
        Command::Replay(arguments) => Ok(replay::run(&arguments)),
        Command::Import(command) => import::run(&command),
        Command::Store(command) => store::run(&command),
        #[cfg(feature = "author")]
        Command::Plugin(arguments) => commands::plugin::run(&arguments),
        #[cfg(not(feature = "author"))]
        Command::Plugin(command) => command.refuse("plugin", "author"),
        Command::CompilePlugin => Ok(lessor_policy_host::compile_child()),
        #[cfg(feature = "load")]
        Command::Load(command) => load(&command.arguments),
        #[cfg(not(feature = "load"))]
        Command::Load(command) => command.refuse("load", "load"),
        Command::Completions(arguments) => {
            manual::complete(&arguments, Arguments::command())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::ManPages(arguments) => {
            manual::write_pages(&arguments, Arguments::command())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Reasons { json } => {
            status::print_reasons(json)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Accepts the path of a configuration, and not `-`: commands print their answers to standard
/// output, and what is beside a configuration is found by its path.
fn configuration_path(path: OsString) -> Result<PathBuf, String> {
    if path == "-" {
        let why = "a configuration is a file, not standard input or output; wanted its path, or \
                   ./- if its name is -";
        return Err(why.to_owned());
    }
    shown_path(path).map_err(|problem| problem.to_string())
}

/// Accepts a path that can be printed in the log, in `lessor status` and in its JSON.
fn shown_path(path: OsString) -> Result<PathBuf, NameProblem> {
    let path = PathBuf::from(path);
    lessor_files::check_name(&path).map(|_| ())?;
    Ok(path)
}

#[cfg(feature = "load")]
fn load(arguments: &lessor_load::LoadArgs) -> anyhow::Result<ExitCode> {
    use io::Write as _;

    let report = lessor_load::run(arguments)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        writeln!(lessor_terminal::stdout(), "{report}")?;
    }
    Ok(if report.ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints an error to standard error. Mistakes in files are already formatted.
fn complain(error: &anyhow::Error) {
    match error.downcast_ref::<ConfigurationRefused>() {
        Some(refusal) if error.chain().len() == 1 => eprintln!("{refusal}"),
        _ => eprintln!("lessor: {error:#}"),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Returns whether output to standard error may be coloured.
pub(crate) fn colour_on_stderr() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

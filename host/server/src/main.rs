//! `lessor`, the server and its command line.
//!
//! The binary owns what the libraries below it do not have: sockets, the clock, signals, threads.
//! `serve` puts them together; see docs/architecture.md for the life of a packet.

#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod alarms;
mod backlog;
mod callers;
mod check;
mod clock;
mod control;
mod counters;
mod endpoints;
mod exchange;
mod explain;
mod generation;
mod heard;
mod holds;
mod journal;
mod last_accepted;
mod leases;
mod limits;
mod logging;
mod lookups;
mod memory;
mod metrics;
mod named;
mod net;
mod observer;
mod order;
mod parking;
mod patience;
mod plugin;
mod plugin_folder;
mod plugin_state;
mod privileges;
mod record;
mod recording;
mod reload;
mod replay;
mod rollback;
mod sampling;
mod scripts;
mod serve;
mod shadow;
mod shards;
mod starting;
mod state;
mod status;
mod stopping;
mod store;
mod stored;
#[cfg(test)]
mod testing;
mod vital;
mod waiting;
mod worker;

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{
    Parser, Subcommand,
    builder::{OsStringValueParser, TypedValueParser},
};
use lessor_author::PluginArguments;
use lessor_files::NameProblem;
use lessor_load::LoadArgs;

/// DHCPv4 server for access networks, with policies in WebAssembly.
#[derive(Debug, Parser)]
#[command(name = "lessor", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve DHCP until SIGTERM or Ctrl-C; SIGHUP reloads configuration and plugins.
    Serve(serve::ServeArguments),
    /// Check a configuration and its plugins without serving; every mistake at once.
    ///
    /// Exits 0 if nothing is wrong with them, 1 if something is. What only the machine can tell when
    /// the server starts is not tried: addresses, interfaces, and folders that it writes.
    Check(ConfigurationFile),
    /// List leases, from the running server or, if none runs, from its store.
    Leases(leases::LeasesArguments),
    /// Show what the running server does: reasons counted, pools, plugins, store.
    Status(status::StatusArguments),
    /// List, read and remove what policies of the running server remember.
    #[command(subcommand)]
    State(state::StateCommand),
    /// Show in what shadow plugins would have decided otherwise than the running server did.
    ///
    /// Exits 0, unless agreement is expected and there is none.
    Shadow(shadow::ShadowArguments),
    /// Have the running server reload configuration and plugins, and show the outcome.
    ///
    /// Exits 0 if the new generation serves, 1 if it was refused and the old one serves on.
    Reload(ConfigurationFile),
    /// Say step by step what would happen to a client now; nothing comes of asking.
    ///
    /// Who the client is and where can be said as far as it is known: the rest is taken from its
    /// lease on record. If no server runs, its configuration and store are asked. Exits 0 if it can
    /// tell, whatever the outcome, 1 if not.
    Explain(explain::ExplainArguments),
    /// Record what the running server gets and decides, for `lessor replay`.
    Record(record::RecordArguments),
    /// Run a recording, or a capture of tcpdump, against a configuration and its policies, in memory.
    ///
    /// Shows what is decided, and the differences from what was recorded or from what another
    /// configuration makes of it. Exits 0 if there are none, 1 if there are some, 2 if it cannot run.
    Replay(replay::ReplayArguments),
    /// Verify the lease store, or salvage what can be read of a damaged one.
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Write, inspect, try, test and measure policies.
    Plugin(PluginArguments),
    /// Send the traffic of many simulated subscribers behind a relay; measure and audit the replies.
    ///
    /// Exits 1 if replies are missing or two clients hold one address.
    Load(LoadCommand),
    /// Compile one plugin file: what the server starts for each. Reads standard input.
    #[command(name = lessor_policy_host::COMPILE_COMMAND, hide = true)]
    CompilePlugin,
    /// List every reason that an input can end in, with its meaning.
    Reasons {
        /// As JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
}

/// Which configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigurationFile {
    /// The configuration file.
    #[arg(long, short, default_value = "/etc/lessor/lessor.toml", value_name = "FILE")]
    #[arg(value_parser = OsStringValueParser::new().try_map(shown_path))]
    pub(crate) config: PathBuf,
}

#[derive(Debug, clap::Args)]
struct LoadCommand {
    #[command(flatten)]
    arguments: LoadArgs,
}

fn main() -> ExitCode {
    memory::limit_arenas();
    match run(Arguments::parse().command) {
        Ok(code) => code,
        // Whoever reads the output has read enough (`lessor leases | head`).
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
        Command::Check(file) => Ok(check::run(&file.config)),
        Command::Leases(arguments) => leases::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::State(command) => state::run(&command),
        Command::Shadow(arguments) => shadow::run(&arguments),
        Command::Reload(file) => reload::request(&file.config),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Record(arguments) => record::run(&arguments),
        Command::Replay(arguments) => Ok(replay::run(&arguments)),
        Command::Store(command) => store::run(&command),
        Command::Plugin(arguments) => plugin::run(&arguments),
        Command::CompilePlugin => Ok(lessor_policy_host::compile_child()),
        Command::Load(command) => load(&command.arguments),
        Command::Reasons { json } => {
            status::print_reasons(json)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A path that can be shown: in the log, in `lessor status` and in its JSON.
fn shown_path(path: OsString) -> Result<PathBuf, NameProblem> {
    let path = PathBuf::from(path);
    lessor_files::check_name(&path).map(|_| ())?;
    Ok(path)
}

fn load(arguments: &LoadArgs) -> anyhow::Result<ExitCode> {
    let report = lessor_load::run(arguments)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        writeln!(lessor_terminal::stdout(), "{report}")?;
    }
    Ok(if report.ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says on standard error what is wrong. Mistakes of files come with a form of their own.
fn complain(error: &anyhow::Error) {
    match error.downcast_ref::<generation::Refusal>() {
        Some(refusal) if error.chain().len() == 1 => eprintln!("{refusal}"),
        _ => eprintln!("lessor: {error:#}"),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Whether what goes to standard error may be coloured.
pub(crate) fn colour_on_stderr() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

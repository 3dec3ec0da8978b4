//! `lessor replay`: shows what a configuration and its policies decide for recorded or captured
//! traffic.
//!
//! Exit codes: 0 no differences, 1 differences, 2 the replay could not run.

mod output;

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;
use clap::ValueEnum;
use lessor_foresight::replay::{Replay, ReplaySource};
use lessor_generation::GenerationParts;
use lessor_policy_host::Runtime;

use self::output::Output;
use super::check;
use crate::colour_on_stderr;

#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArguments {
    /// A recording made by `lessor record`, or a capture made by tcpdump (pcap or pcapng).
    file: PathBuf,
    #[command(flatten)]
    configuration: crate::ConfigurationFile,
    /// Use the policies of this folder instead of those of the configuration.
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// Compare with the decisions of this configuration, instead of with the recording.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Compare with the decisions of the policies of this folder.
    #[arg(long, value_name = "DIR")]
    against_plugins: Option<PathBuf>,
    /// Print one JSON object for each input and one for the summary.
    #[arg(long)]
    json: bool,
    /// The inputs to show.
    #[arg(long, value_enum, default_value_t = Only::All)]
    only: Only,
    /// The largest number of inputs in a table; JSON shows all.
    #[arg(long, default_value_t = 200, value_name = "N")]
    rows: usize,
    /// Accept a truncated recording, and replay it up to its end.
    #[arg(long)]
    incomplete: bool,
    /// The server's address on the captured link, if its replies do not show it.
    #[arg(long, value_name = "ADDRESS")]
    link: Option<Ipv4Addr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Only {
    /// Every input.
    All,
    /// Inputs that are decided differently.
    Differences,
}

/// Replays the file.
pub(crate) fn run(arguments: &ReplayArguments) -> ExitCode {
    match replay(arguments) {
        Ok(true) => ExitCode::FAILURE,
        Ok(false) => ExitCode::SUCCESS,
        Err(error) if crate::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            crate::complain(&error);
            ExitCode::from(2)
        }
    }
}

/// Returns whether there are differences.
fn replay(arguments: &ReplayArguments) -> anyhow::Result<bool> {
    let config = &arguments.configuration.config;
    let runtime = check::runtime(config)?;
    let set = read_set(&runtime, config, arguments.plugins.as_deref())?;
    let is_compared = arguments.against.is_some() || arguments.against_plugins.is_some();
    let against = if is_compared {
        let config = arguments.against.as_deref().unwrap_or(config);
        Some(read_set(&runtime, config, arguments.against_plugins.as_deref())?)
    } else {
        None
    };
    let source = ReplaySource {
        file: &arguments.file,
        incomplete: arguments.incomplete,
        link: arguments.link,
    };
    let replay = Replay::prepare(&source, &set, against.as_ref())?;
    let has_other = is_compared || replay.is_recording();
    let names = if is_compared { ("replayed", "against") } else { ("replayed", "recorded") };
    let only_differences = arguments.only == Only::Differences;
    let mut output =
        Output::new(arguments.json, only_differences, arguments.rows, names, has_other);
    for note in replay.notes() {
        output.note(note)?;
    }
    let unanswered = replay.run(|compared| output.input(compared))?;
    if unanswered > 0 {
        output.note(&format!(
            "{} counted as unavailable: neither recorded nor in a csv or json file, and a replay \
             queries no other source",
            output::counted(unanswered, "lookup")
        ))?;
    }
    output.end()
}

/// Reads a configuration with its plugins, or with those of another folder.
fn read_set(
    runtime: &Arc<Runtime>,
    config: &Path,
    plugins: Option<&Path>,
) -> anyhow::Result<GenerationParts> {
    let colour = colour_on_stderr();
    Ok(match plugins {
        None => lessor_generation::read(runtime, config, colour, None)?,
        Some(directory) => {
            fs::read_dir(directory).with_context(|| {
                format!("cannot read the folder {}; name one with policies", directory.display())
            })?;
            lessor_generation::read_with_plugins(runtime, config, directory, colour)?
        }
    })
}

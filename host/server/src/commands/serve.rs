//! `lessor serve`: serves with the configuration or, if that has mistakes, with the last accepted
//! generation.

use std::process::ExitCode;

use lessor_generation::Candidate;
use lessor_serving::serve;

use super::check;
use crate::{ConfigurationFile, questions};

/// The arguments of `lessor serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    file: ConfigurationFile,
    /// Exit if the configuration or a policy has a mistake, instead of serving the last accepted
    /// generation.
    #[arg(long)]
    strict: bool,
}

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(arguments: &ServeArguments) -> anyhow::Result<ExitCode> {
    let path = &arguments.file.config;
    let candidate = match Candidate::choose(path, arguments.strict) {
        Ok(candidate) => candidate,
        Err(why) => {
            // This reports all mistakes, including those of plugins.
            let code = check::report(path);
            if let Some(why) = why {
                eprintln!("lessor: the last accepted generation cannot serve either: {why:#}");
            }
            return Ok(code);
        }
    };
    serve(path, candidate, arguments.strict, questions::answer)?;
    Ok(ExitCode::SUCCESS)
}

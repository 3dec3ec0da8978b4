//! `lessor plugin compile`: compiles plugins ahead of time, also for servers on other machines.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use lessor_policy_host::Target;

#[derive(Debug, clap::Args)]
pub(crate) struct CompileArguments {
    /// The plugins, and the interpreters of scripts.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The folder for the compiled code: `cache` below `[plugins]` in the server's configuration.
    #[arg(long, value_name = "FOLDER")]
    cache: PathBuf,
    /// Compile for every processor of an architecture, instead of for those that have all features
    /// of this one: x86_64-unknown-linux-gnu or aarch64-unknown-linux-gnu.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<Target>,
}

/// Compiles every file and prints all problems.
pub(crate) fn run(arguments: &CompileArguments) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    let target = arguments.target.unwrap_or_default();
    for file in &arguments.files {
        match lessor_policy_host::precompile(&arguments.cache, file, target) {
            Ok(()) => writeln!(io::stdout(), "{}: compiled for {target}", file.display())?,
            Err(errors) => {
                code = ExitCode::FAILURE;
                errors.iter().try_for_each(|error| writeln!(io::stderr(), "{error}"))?;
            }
        }
    }
    Ok(code)
}

//! `lessor plugin compile`: compiles plugins for servers that were built without a compiler.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

#[derive(Debug, clap::Args)]
pub(crate) struct CompileArguments {
    /// The plugins, and the interpreters of scripts.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The folder for the compiled code: `cache` below `[plugins]` in the server's configuration.
    #[arg(long, value_name = "FOLDER")]
    cache: PathBuf,
}

/// Compiles every file and prints all problems.
pub(crate) fn run(arguments: &CompileArguments) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for file in &arguments.files {
        match lessor_policy_host::precompile(&arguments.cache, file) {
            Ok(()) => writeln!(io::stdout(), "{}: compiled", file.display())?,
            Err(errors) => {
                code = ExitCode::FAILURE;
                errors.iter().try_for_each(|error| writeln!(io::stderr(), "{error}"))?;
            }
        }
    }
    Ok(code)
}

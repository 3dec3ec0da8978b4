//! `cargo xtask`: the front door to the commands for developers, which are in `lessor-xtask`.
//!
//! Says what a command needs to be built and roughly how long that takes, builds it, shows the
//! progress, and hands over to the command. Runs no command itself. It has no dependencies of
//! weight, so that a fresh clone answers within seconds.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod building;
mod estimate;
mod parts;
mod progress;

use std::{
    convert::Infallible, env, ffi::OsString, os::unix::process::CommandExt, process::ExitCode,
};

use lessor_guests::{BuildError, target_folder, without_package};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let Err(problem) = open(&arguments);
    eprintln!("cargo xtask: {problem}");
    ExitCode::FAILURE
}

/// Builds what the command needs, and replaces this process with the command.
fn open(arguments: &[OsString]) -> Result<Infallible, BuildError> {
    let parts = parts::needed(arguments);
    let missing: Vec<_> = parts.iter().filter(|part| !part.is_built()).collect();
    if let Some(estimate) = estimate::of_first_build(&missing) {
        eprintln!("{estimate}");
    }
    for part in &parts {
        building::build(part.name, &mut part.command()?)?;
    }
    let program = target_folder()?.join("debug/lessor-xtask");
    let error = without_package(&program).args(arguments).exec();
    Err(BuildError::new(format!("cannot run {}: {error}", program.display())))
}

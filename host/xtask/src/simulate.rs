//! `cargo xtask sim` and `cargo xtask worlds`: the engine in many random worlds, and in small ones
//! completely. Both are tests of the core that take arguments, in a profile of their own: as fast as what
//! ships, with the assertions of tests.

use crate::command::{cargo, run};

#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct SimulateArguments {
    /// What the test itself takes; `--help` says what that is.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs one of these tests of the core.
///
/// # Errors
/// If a rule is broken, or a mistake that is made on purpose is not found.
pub(crate) fn simulate(test: &str, arguments: &SimulateArguments) -> anyhow::Result<()> {
    let core = ["test", "--locked", "-p", "lessor-core", "--profile", "simulation", "--test"];
    run(cargo(&core).arg(test).arg("--").args(&arguments.arguments))
}

//! `cargo xtask sim` and `cargo xtask worlds`: the engine in many random worlds, and in small ones
//! completely. Both are tests of the core that take arguments.

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
    // With the whole workspace: alone, the core would be built with other features of its libraries.
    let mut command = cargo(&["test", "--locked", "--workspace", "--test", test, "--"]);
    run(command.args(&arguments.arguments))
}

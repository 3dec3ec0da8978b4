//! `cargo xtask sim` and `cargo xtask worlds`: run the engine in many random worlds, and explore
//! small worlds exhaustively. Both are tests of the core that take arguments. They have a separate
//! profile: optimised like a release, with the assertions of tests.

use lessor_guests::cargo;

use crate::command::run;

#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct SimulateArguments {
    /// Arguments of the test itself; `--help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs one of these tests of the core.
///
/// # Errors
/// Returns an error if a rule is broken, or if a deliberate mistake is not found.
pub(crate) fn simulate(test: &str, arguments: &SimulateArguments) -> anyhow::Result<()> {
    let core = ["test", "--locked", "-p", "lessor-core", "--profile", "simulation", "--test"];
    run(cargo().args(core).arg(test).arg("--").args(&arguments.arguments))
}

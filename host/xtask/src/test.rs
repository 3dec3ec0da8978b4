//! `cargo xtask test` and `cargo xtask lint`: run all tests, including those with real DHCP
//! clients, and the lints.

use crate::{
    artifacts,
    command::{cargo, run},
    purity, setup,
};

#[derive(Debug, clap::Args)]
pub(crate) struct TestArguments {
    /// Do not install Debian packages; tests whose programs are missing are skipped and report
    /// this.
    #[arg(long)]
    no_install: bool,
    /// Run only the tests whose name contains this text.
    filter: Option<String>,
}

/// Builds everything that the tests need and runs all tests.
///
/// # Errors
/// Returns an error if something does not build or a test fails.
pub(crate) fn run_tests(arguments: &TestArguments) -> anyhow::Result<()> {
    let missing = setup::missing();
    if !missing.is_empty() {
        let installed = if arguments.no_install {
            Err(anyhow::anyhow!("--no-install was given; missing: {}", missing.join(" ")))
        } else {
            setup::install(&missing)
        };
        if let Err(error) = installed {
            eprintln!("some end-to-end tests will be SKIPPED: {error:#}");
        }
    }
    purity::run()?;
    // Builds all policies at once, so that the tests find them built.
    artifacts::guests(&[&artifacts::POLICIES[..], &artifacts::TEST_GUESTS].concat())?;
    artifacts::interpreters()?;
    let lessor = artifacts::lessor_with_tests()?;
    let mut test = cargo(&["test", "--workspace", "--no-fail-fast", "--locked"]);
    test.env("LESSOR_BIN", lessor);
    if let Some(filter) = &arguments.filter {
        test.args(["--", filter]);
    }
    run(&mut test)
}

/// Checks formatting, lints and documentation.
///
/// # Errors
/// Returns an error if a check fails.
pub(crate) fn lint() -> anyhow::Result<()> {
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))?;
    // The interpreters are empty crates for the host.
    let target = ["--target", "wasm32-unknown-unknown", "--target-dir", "target/guests"];
    let packages = ["-p", "javascript-interpreter", "-p", "rhai-interpreter"];
    run(cargo(&["clippy"]).args(packages).args(target).args(["--", "--deny", "warnings"]))?;
    // Circles of modules, the wording of comments, and pages that list what there is.
    run(&mut cargo(&["test", "--package", "lessor-house", "--locked"]))?;
    run(cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"])
        .env("RUSTDOCFLAGS", "--deny warnings"))
}

//! `cargo xtask test` and `cargo xtask lint`: run all tests, including those with real DHCP
//! clients, and the lints.

mod programs;

use lessor_guests::{INTERPRETERS, cargo, target_folder};

use crate::{artifacts, command::run, package, setup};

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
    // Builds all policies at once, so that the tests find them built.
    artifacts::all_policies()?;
    artifacts::interpreters()?;
    let small = artifacts::small_lessor()?;
    let lessor = artifacts::lessor_with_tests()?;
    let deb = package::deb_for_tests(&lessor)?;
    let mut variables =
        vec![("LESSOR_BIN", lessor.as_path()), ("LESSOR_SMALL_BIN", small.as_path())];
    variables.extend(deb.as_deref().map(|deb| ("LESSOR_DEB", deb)));
    let filter: Vec<_> = arguments.filter.as_deref().into_iter().collect();
    programs::run_all(&variables, &filter)
}

/// Checks formatting, lints and documentation.
///
/// # Errors
/// Returns an error if a check fails.
pub(crate) fn lint() -> anyhow::Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    for features in [&[][..], &["--no-default-features"]] {
        let clippy = ["clippy", "--workspace", "--all-targets", "--locked"];
        run(cargo().args(clippy).args(features).args(["--", "--deny", "warnings"]))?;
    }
    // The interpreters are empty crates for the host. The profile is that of their build, so that
    // the macros that they use are compiled once.
    let packages = INTERPRETERS.iter().flat_map(|(package, _)| ["--package", package]);
    let mut wasm = cargo();
    wasm.args(["clippy", "--locked", "--profile", "policy"]).args(packages);
    wasm.args(["--target", "wasm32-unknown-unknown", "--target-dir"]);
    wasm.arg(target_folder()?.join("guests"));
    run(wasm.args(["--", "--deny", "warnings"]))?;
    // Circles of modules, the wording of comments, and pages that list what there is.
    let house = ["test", "--workspace", "--locked", "--test", "house", "--test", "documents"];
    run(cargo().args(house))?;
    run(cargo()
        .args(["doc", "--workspace", "--no-deps", "--document-private-items"])
        .env("RUSTDOCFLAGS", "--deny warnings"))
}

/// Runs the test that proves that the core is pure.
///
/// # Errors
/// Returns an error if it does not build or is not pure.
pub(crate) fn purity() -> anyhow::Result<()> {
    run(cargo().args(["test", "--workspace", "--locked", "--test", "purity"]))
}

//! Builds the server, the shipped policies and the policies for tests.

use std::path::PathBuf;

use anyhow::{Context, bail};

use crate::{
    checkout::target,
    command::{cargo, run},
    setup,
};

/// The shipped policies; each is a package in `plugins/`.
pub(crate) const POLICIES: [&str; 3] = ["subscriber-table", "vendor-options", "walled-garden"];

/// The policies that only tests use; packages in `tests/guests/`.
pub(crate) const TEST_GUESTS: [&str; 6] =
    ["minimal", "mirror", "misbehaving", "planner", "capable", "counting"];

/// The profile with which the server is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// For tests and the demo: optimised, with assertions.
    Dev,
    /// For release.
    Release,
}

/// Builds the server. In the development profile, its dependencies have the features of the whole
/// workspace, as in the tests; otherwise cargo would compile them twice.
///
/// # Errors
/// Returns an error if it does not build.
pub(crate) fn lessor(profile: Profile) -> anyhow::Result<PathBuf> {
    let (folder, arguments): (_, &[&str]) = match profile {
        Profile::Dev => ("debug", &["build", "--workspace", "--bin", "lessor"]),
        Profile::Release => ("release", &["build", "--package", "lessor", "--release"]),
    };
    run(&mut cargo(arguments))?;
    existing(target().join(folder).join("lessor"))
}

/// Builds the server for tests, together with all tests.
///
/// The server alone would need its dependencies with fewer features than the tests need, and cargo
/// would compile them twice.
///
/// # Errors
/// Returns an error if something does not build.
pub(crate) fn lessor_with_tests() -> anyhow::Result<PathBuf> {
    run(&mut cargo(&["build", "--workspace", "--bins", "--tests", "--examples", "--locked"]))?;
    existing(target().join("debug").join("lessor"))
}

/// Builds every shipped policy, and returns the files in `target/policies/`.
///
/// # Errors
/// Returns an error if one does not build.
pub(crate) fn policies() -> anyhow::Result<Vec<PathBuf>> {
    let built = guests(&POLICIES)?;
    let folder = target().join("policies");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let mut files = Vec::new();
    for (policy, from) in POLICIES.iter().zip(built) {
        let to = folder.join(format!("{policy}.wasm"));
        std::fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        files.push(to);
    }
    Ok(files)
}

/// Builds policies by the names of their packages, in the folder in which tests also look for them.
///
/// # Errors
/// Returns an error if one does not build.
pub(crate) fn guests(packages: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    setup::add_wasm_targets()?;
    eprintln!("building {} for WebAssembly", packages.join(", "));
    Ok(lessor_guests::build(packages, lessor_guests::Target::Bare)?)
}

/// Builds the interpreters of scripts, and returns their folder, in which the server of this
/// checkout looks for them.
///
/// # Errors
/// Returns an error if one does not build.
pub(crate) fn interpreters() -> anyhow::Result<PathBuf> {
    setup::add_wasm_targets()?;
    eprintln!("building the interpreters for WebAssembly");
    Ok(lessor_guests::interpreters()?)
}

fn existing(path: PathBuf) -> anyhow::Result<PathBuf> {
    if !path.exists() {
        bail!("cargo did not build {}", path.display());
    }
    Ok(path)
}

//! What is built here: the server and the policies that ship.

use std::path::PathBuf;

use anyhow::{Context, bail};

use crate::{
    checkout::target,
    command::{cargo, run},
    setup,
};

/// The policies that ship; each is a package in `plugins/`.
pub(crate) const POLICIES: [&str; 3] = ["subscriber-table", "vendor-options", "walled-garden"];

/// The policies that only tests use; packages in `tests/guests/`.
pub(crate) const TEST_GUESTS: [&str; 6] =
    ["minimal", "mirror", "misbehaving", "planner", "capable", "counting"];

/// How the server is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// For tests and the demo: optimised, with assertions on.
    Dev,
    /// As it ships.
    Release,
}

/// Builds the server. For development, its dependencies have the features that the whole workspace wants,
/// as in the tests; otherwise cargo would compile them twice.
///
/// # Errors
/// If it does not build.
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
/// Alone, the server would need its dependencies with fewer features than the tests do, and cargo
/// would compile them twice.
///
/// # Errors
/// If something does not build.
pub(crate) fn lessor_with_tests() -> anyhow::Result<PathBuf> {
    run(&mut cargo(&["build", "--workspace", "--bins", "--tests", "--examples", "--locked"]))?;
    existing(target().join("debug").join("lessor"))
}

/// Builds every policy that ships; their files, in `target/policies/`.
///
/// # Errors
/// If one does not build.
pub(crate) fn policies() -> anyhow::Result<Vec<PathBuf>> {
    let built = guests(&POLICIES)?;
    let folder = target().join("policies");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let mut files = Vec::new();
    for (policy, from) in POLICIES.iter().zip(built) {
        let to = folder.join(format!("{policy}.wasm"));
        std::fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        files.push(to);
    }
    Ok(files)
}

/// Builds policies by the names of their packages, where tests look for them too.
///
/// # Errors
/// If one does not build.
pub(crate) fn guests(packages: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    setup::add_wasm_targets()?;
    eprintln!("building {} for WebAssembly", packages.join(", "));
    Ok(lessor_guests::build(packages, lessor_guests::Target::Bare)?)
}

/// Builds what runs scripts; the folder in which it is, where the server of this checkout looks.
///
/// # Errors
/// If one does not build.
pub(crate) fn interpreters() -> anyhow::Result<PathBuf> {
    setup::add_wasm_targets()?;
    eprintln!("building the interpreters for WebAssembly");
    Ok(lessor_guests::interpreters()?)
}

fn existing(path: PathBuf) -> anyhow::Result<PathBuf> {
    if !path.exists() {
        bail!("cargo built no {}", path.display());
    }
    Ok(path)
}

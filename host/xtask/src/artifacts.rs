//! Builds the server, the shipped policies and the policies for tests.

use std::path::PathBuf;

use anyhow::{Context, bail};
use lessor_guests::{
    INTERPRETERS, POLICIES, Target, add_wasm_targets, cargo, programs_command, target_folder,
};

use crate::{command::run, members::Members};

/// The profile with which the server is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// For tests: optimised, with assertions.
    Dev,
    /// For release.
    Release,
}

/// Builds the server.
///
/// # Errors
/// Returns an error if it does not build.
pub(crate) fn lessor(profile: Profile) -> anyhow::Result<PathBuf> {
    match profile {
        Profile::Dev => {
            run(&mut programs_command(&["lessor"], None))?;
            server_in("debug")
        }
        Profile::Release => {
            run(cargo().args(["build", "--package", "lessor", "--release", "--locked"]))?;
            server_in("release")
        }
    }
}

/// The features that a released server has beside the default ones.
pub(crate) const RELEASED_FEATURES: &str = "cross";

/// Builds the server as it is released.
///
/// # Errors
/// Returns an error if it does not build.
pub(crate) fn released_lessor() -> anyhow::Result<PathBuf> {
    let build = ["build", "--package", "lessor", "--release", "--locked"];
    run(cargo().args(build).args(["--features", RELEASED_FEATURES]))?;
    server_in("release")
}

/// Builds the server for tests, together with all tests.
///
/// # Errors
/// Returns an error if something does not build.
pub(crate) fn lessor_with_tests() -> anyhow::Result<PathBuf> {
    let arguments = ["build", "--workspace", "--bins", "--tests", "--examples", "--locked"];
    run(cargo().args(arguments))?;
    server_in("debug")
}

/// Builds a server without features, runs its unit tests and those of its crates, and returns a
/// copy of it: the next build of a server takes its place.
///
/// # Errors
/// Returns an error if it does not build without warnings, or a test fails.
pub(crate) fn small_lessor() -> anyhow::Result<PathBuf> {
    run(&mut programs_command(&["lessor"], Some("")))?;
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--no-default-features", "--locked"]);
    // The tests of the author's tools compile policies.
    tests.args(["--lib", "--bin", "lessor", "--exclude", "lessor-author"]);
    // The other tests of these members are the same ones.
    let members = Members::read()?;
    for same in members.independent_of_features("lessor") {
        tests.args(["--exclude", same]);
    }
    run(&mut tests)?;
    let folder = target_folder()?.join("small");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let copy = folder.join("lessor");
    std::fs::copy(server_in("debug")?, &copy)
        .with_context(|| format!("cannot write {}", copy.display()))?;
    Ok(copy)
}

/// Returns the server that the demo's front door has built.
///
/// # Errors
/// Returns an error if there is none.
pub(crate) fn demo_lessor() -> anyhow::Result<PathBuf> {
    server_in("debug")
}

/// Builds every shipped policy, and returns the files in `target/policies/`.
///
/// # Errors
/// Returns an error if one does not build.
pub(crate) fn policies() -> anyhow::Result<Vec<PathBuf>> {
    add_wasm_targets()?;
    eprintln!("building {} for WebAssembly", POLICIES.join(", "));
    let built = lessor_guests::build_exactly(&POLICIES, Target::Bare)?;
    let folder = target_folder()?.join("policies");
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

/// Builds all policies, those for tests too.
///
/// # Errors
/// Returns an error if one does not build.
pub(crate) fn all_policies() -> anyhow::Result<()> {
    add_wasm_targets()?;
    eprintln!("building all policies for WebAssembly");
    lessor_guests::build(&POLICIES, Target::Bare)?;
    Ok(())
}

/// Builds the interpreters of scripts, and returns their folder, in which the server of this
/// checkout looks for them.
///
/// # Errors
/// Returns an error if one does not build.
pub(crate) fn interpreters() -> anyhow::Result<PathBuf> {
    interpreters_of(&INTERPRETERS)
}

/// Builds some of the interpreters like [`interpreters`].
///
/// # Errors
/// Returns an error if one does not build.
pub(crate) fn interpreters_of(wanted: &[(&str, &str)]) -> anyhow::Result<PathBuf> {
    add_wasm_targets()?;
    eprintln!("building the interpreters for WebAssembly");
    Ok(lessor_guests::interpreters_of(wanted)?)
}

fn server_in(folder: &str) -> anyhow::Result<PathBuf> {
    let path = target_folder()?.join(folder).join("lessor");
    if !path.exists() {
        bail!("cargo did not build {}", path.display());
    }
    Ok(path)
}

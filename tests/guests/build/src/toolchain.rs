//! What the toolchain must have for policies.

use std::{env, path::Path, process::Command};

use crate::{error::BuildError, workspace::workspace};

/// The targets of policies, the same as in rust-toolchain.toml.
const WASM_TARGETS: [&str; 2] = ["wasm32-unknown-unknown", "wasm32-wasip2"];

/// Installs the targets that the toolchain lacks. Rustup does this itself when it installs a
/// toolchain, but not for an existing one.
///
/// # Errors
/// Returns an error if rustup cannot install a target.
pub fn add_wasm_targets() -> Result<(), BuildError> {
    if !is_installed("rustup") {
        // The toolchain was not installed by rustup; cargo reports what it lacks.
        return Ok(());
    }
    let cannot = |error| BuildError::new(format!("cannot run rustup: {error}"));
    let rustup = || {
        let mut command = Command::new("rustup");
        command.current_dir(workspace()).arg("target");
        command
    };
    let listed = rustup().args(["list", "--installed"]).output().map_err(cannot)?;
    let installed = String::from_utf8_lossy(&listed.stdout);
    let is_missing = |target: &&str| !installed.lines().any(|line| line == *target);
    let missing: Vec<&str> = WASM_TARGETS.into_iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("$ rustup target add {}", missing.join(" "));
    let status = rustup().arg("add").args(missing).status().map_err(cannot)?;
    if !status.success() {
        return Err(BuildError::new(format!("rustup target add: {status}")));
    }
    Ok(())
}

/// Returns whether a program is installed, also in the folders of system programs.
pub fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(|folder| Path::new(folder).to_owned()))
        .any(|folder| folder.join(program).is_file())
}

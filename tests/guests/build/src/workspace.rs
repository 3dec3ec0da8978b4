//! The workspace, its target folder, and commands of cargo in it.

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix,
    path::{Path, PathBuf, absolute},
    process::Command,
};

use crate::error::BuildError;

/// Returns a command for the cargo that runs this program, so that the toolchain is the same, in
/// the top folder of the workspace.
pub fn cargo() -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = without_package(cargo);
    command.current_dir(workspace());
    command
}

/// Returns a command whose environment does not name the package of this program. Cargo sets these
/// variables for a program that it runs; if they change, some build scripts run again, and their
/// dependents are built again.
pub fn without_package(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// Returns the command that builds binaries of the workspace in the development profile, with their
/// default features unless `features` lists others.
///
/// Dependencies get the features that the whole workspace and its tests need, as in `cargo test
/// --workspace`: cargo takes dependencies of tests into account as soon as one test is built.
/// Otherwise it would compile wasmtime and much else again, with slightly different features.
pub fn programs_command(binaries: &[&str], features: Option<&str>) -> Command {
    let mut command = cargo();
    command.args(["build", "--workspace", "--locked", "--test", "door"]);
    for binary in binaries {
        command.args(["--bin", binary]);
    }
    if let Some(features) = features {
        command.args(["--no-default-features", "--features", features]);
    }
    command
}

/// Returns the target folder of the outer cargo.
///
/// # Errors
/// Returns an error if it has no absolute path.
pub fn target_folder() -> Result<PathBuf, BuildError> {
    let outer = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    absolute(outer.unwrap_or_else(|| workspace().join("target"))).map_err(|error| {
        BuildError::new(format!("the target folder has no absolute path: {error}"))
    })
}

/// Returns the target folder for crates outside of this workspace, like those of policy authors.
/// They share it, so that what they depend on is compiled once.
///
/// # Errors
/// Returns the errors of [`target_folder`].
pub fn authors_target_folder() -> Result<PathBuf, BuildError> {
    Ok(target_folder()?.join("authors"))
}

/// Makes a Rust project outside of this workspace use [`authors_target_folder`] as its folder
/// `target`, unless it has one.
///
/// # Errors
/// Returns an error if the link cannot be created.
pub fn share_target_of(project: &Path) -> Result<(), BuildError> {
    let (shared, own) = (authors_target_folder()?, project.join("target"));
    if own.symlink_metadata().is_ok() {
        return Ok(());
    }
    let linked = fs::create_dir_all(&shared).and_then(|()| unix::fs::symlink(&shared, &own));
    linked.map_err(|error| BuildError::new(format!("cannot create {}: {error}", own.display())))
}

/// Returns the top folder of the workspace.
pub fn workspace() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(3).unwrap_or(own)
}

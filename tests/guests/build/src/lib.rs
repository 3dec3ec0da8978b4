//! Builds policies for tests: those that ship and the guests beside this crate. For tests and
//! developers' tools only.
//!
//! Policies are built by cargo from their sources in this workspace, into a target folder of their
//! own, so that a test never waits for the cargo that runs it. Cargo builds only what has changed,
//! and says what it does on standard error.

pub mod hostile;

use std::{
    env, fmt, fs, io,
    path::{Path, PathBuf, absolute},
    process::{self, Command},
};

/// What a policy is built for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// `wasm32-unknown-unknown`: a core module that describes its interfaces.
    #[default]
    Bare,
    /// `wasm32-wasip2`: a component that imports WASI.
    Wasi,
}

/// Why a policy could not be built.
#[derive(Debug)]
pub struct BuildError(String);

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BuildError {}

/// Builds the policies of these packages and returns their files, in the same order.
///
/// # Errors
/// If cargo cannot be run or does not succeed.
pub fn build(packages: &[&str], target: Target) -> Result<Vec<PathBuf>, BuildError> {
    let target_folder = target_folder()
        .map_err(|error| BuildError(format!("the target folder has no absolute path: {error}")))?;
    run_cargo(packages, target, &target_folder)?;
    let folder = target_folder.join(target.triple()).join("policy");
    packages.iter().map(|package| found(&folder, package)).collect()
}

/// Builds the policy of one package for `wasm32-unknown-unknown`.
///
/// # Errors
/// If cargo cannot be run or does not succeed.
pub fn policy(package: &str) -> Result<PathBuf, BuildError> {
    let files = build(&[package], Target::Bare)?;
    files.into_iter().next().ok_or_else(|| BuildError(format!("nothing was built for {package}")))
}

/// The interpreters that ship: their packages, and the files that they are installed as.
const INTERPRETERS: [(&str, &str); 2] =
    [("javascript-interpreter", "javascript.wasm"), ("rhai-interpreter", "rhai.wasm")];

/// Builds the interpreters for scripts; the folder in which they are. In a checkout that is where the
/// server looks for them, too.
///
/// They are built in one go and with nothing else, since cargo compiles what they share for all that
/// it is asked to build, and would do it again for others.
///
/// # Errors
/// If cargo cannot be run or does not succeed, or the files cannot be written.
pub fn interpreters() -> Result<PathBuf, BuildError> {
    let built = build(&INTERPRETERS.map(|(package, _)| package), Target::Bare)?;
    let guests = target_folder().map_err(|error| BuildError(error.to_string()))?;
    let folder = guests.with_file_name("interpreters");
    let unwritable =
        |error: io::Error| BuildError(format!("cannot write to {}: {error}", folder.display()));
    fs::create_dir_all(&folder).map_err(unwritable)?;
    for ((_, name), file) in INTERPRETERS.iter().zip(built) {
        // In one step: another test may be reading it.
        let temporary = folder.join(format!("{name}.{}", process::id()));
        fs::copy(&file, &temporary).map_err(unwritable)?;
        fs::rename(&temporary, folder.join(name)).map_err(unwritable)?;
    }
    Ok(folder)
}

impl Target {
    const fn triple(self) -> &'static str {
        match self {
            Self::Bare => "wasm32-unknown-unknown",
            Self::Wasi => "wasm32-wasip2",
        }
    }
}

fn run_cargo(packages: &[&str], target: Target, target_folder: &Path) -> Result<(), BuildError> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(workspace())
        .args(["build", "--locked", "--profile", "policy", "--target", target.triple()])
        .arg("--target-dir")
        .arg(target_folder)
        // Meant for the host's code, not for a policy's.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    for package in packages {
        command.args(["--package", package]);
    }
    let status =
        command.status().map_err(|error| BuildError(format!("cannot run {command:?}: {error}")))?;
    if status.success() {
        return Ok(());
    }
    Err(BuildError(format!("{command:?} failed with {status}; what it said stands above")))
}

fn found(folder: &Path, package: &str) -> Result<PathBuf, BuildError> {
    let file = folder.join(format!("{}.wasm", package.replace('-', "_")));
    if file.is_file() {
        return Ok(file);
    }
    Err(BuildError(format!("cargo built no {}", file.display())))
}

/// Beside what the outer cargo builds.
fn target_folder() -> io::Result<PathBuf> {
    let outer = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    absolute(outer.unwrap_or_else(|| workspace().join("target")).join("guests"))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

//! Builds policies for tests: the shipped ones and the guests in the neighbouring folders. This
//! crate is only for tests and developers' tools.
//!
//! Cargo builds the policies from their sources in this workspace, into a separate target folder,
//! so that a test never waits for the cargo process that runs it. Cargo builds only what has
//! changed, and reports its progress on standard error.

pub mod hostile;

use std::{
    env, fmt, fs, io,
    path::{Path, PathBuf, absolute},
    process::{self, Command},
};

/// The target of a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// `wasm32-unknown-unknown`: a core module that describes its interfaces.
    #[default]
    Bare,
    /// `wasm32-wasip2`: a component that imports WASI.
    Wasi,
}

/// The reason why a policy could not be built.
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
/// Returns an error if cargo cannot be run or fails.
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
/// Returns an error if cargo cannot be run or fails.
pub fn policy(package: &str) -> Result<PathBuf, BuildError> {
    let files = build(&[package], Target::Bare)?;
    files.into_iter().next().ok_or_else(|| BuildError(format!("nothing was built for {package}")))
}

/// The shipped interpreters: their packages, and the names of their installed files.
const INTERPRETERS: [(&str, &str); 2] =
    [("javascript-interpreter", "javascript.wasm"), ("rhai-interpreter", "rhai.wasm")];

/// Builds the interpreters for scripts, and returns their folder. The server of a checkout looks
/// for them in the same folder.
///
/// One cargo command builds exactly these packages, because cargo compiles shared dependencies for
/// the whole set of packages, and would compile them again for another set.
///
/// # Errors
/// Returns an error if cargo cannot be run or fails, or if the files cannot be written.
pub fn interpreters() -> Result<PathBuf, BuildError> {
    let built = build(&INTERPRETERS.map(|(package, _)| package), Target::Bare)?;
    let guests = target_folder().map_err(|error| BuildError(error.to_string()))?;
    let folder = guests.with_file_name("interpreters");
    let unwritable =
        |error: io::Error| BuildError(format!("cannot write to {}: {error}", folder.display()));
    fs::create_dir_all(&folder).map_err(unwritable)?;
    for ((_, name), file) in INTERPRETERS.iter().zip(built) {
        // The file is replaced atomically, because another test may be reading it.
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
        // These flags are meant for host code, not for policies.
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

/// Returns a folder within the target folder of the outer cargo.
fn target_folder() -> io::Result<PathBuf> {
    let outer = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    absolute(outer.unwrap_or_else(|| workspace().join("target")).join("guests"))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

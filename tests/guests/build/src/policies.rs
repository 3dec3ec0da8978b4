//! Builds policies and interpreters for WebAssembly.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{self, Command},
};

use crate::{
    error::BuildError,
    workspace::{cargo, target_folder},
};

/// The shipped policies; each is a package in `plugins/`.
pub const POLICIES: [&str; 3] = ["subscriber-table", "vendor-options", "walled-garden"];

/// The policies that only tests use; packages in `tests/guests/`.
pub const TEST_GUESTS: [&str; 6] =
    ["minimal", "mirror", "misbehaving", "planner", "capable", "counting"];

/// The core as a module, whose imports are checked; the package in `tests/purity`.
pub const CORE: &str = "core-purity";

/// The interpreter for scripts in Rhai: its package, and the name of its installed file.
pub const RHAI: (&str, &str) = ("rhai-interpreter", "rhai.wasm");

/// All shipped interpreters.
pub const INTERPRETERS: [(&str, &str); 2] = [("javascript-interpreter", "javascript.wasm"), RHAI];

/// The target of a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// `wasm32-unknown-unknown`: a core module that describes its interfaces.
    #[default]
    Bare,
    /// `wasm32-wasip2`: a component that imports WASI.
    Wasi,
}

/// Builds the policies of these packages and returns their files, in the same order.
///
/// One command of cargo builds all policies, whichever are wanted, because cargo compiles what they
/// depend on for the whole set of packages, and would compile it again for another set.
///
/// # Errors
/// Returns an error if cargo cannot be run or fails.
pub fn build(packages: &[&str], target: Target) -> Result<Vec<PathBuf>, BuildError> {
    let all = [&POLICIES[..], &TEST_GUESTS, &[CORE]].concat();
    let is_known = target == Target::Bare && packages.iter().all(|package| all.contains(package));
    build_exactly(if is_known { &all } else { packages }, target)?;
    packages.iter().map(|package| existing(package, target)).collect()
}

/// Builds these packages and no others, for a command that needs few, and returns their files.
///
/// # Errors
/// Returns an error if cargo cannot be run or fails.
pub fn build_exactly(packages: &[&str], target: Target) -> Result<Vec<PathBuf>, BuildError> {
    let mut command = build_command(packages, target)?;
    let status = command.status();
    let status =
        status.map_err(|error| BuildError::new(format!("cannot run {command:?}: {error}")))?;
    if !status.success() {
        return Err(BuildError::new(format!(
            "{command:?} failed with {status}; see its output above"
        )));
    }
    packages.iter().map(|package| existing(package, target)).collect()
}

/// Builds the policy of one package for `wasm32-unknown-unknown`.
///
/// # Errors
/// Returns an error if cargo cannot be run or fails.
pub fn policy(package: &str) -> Result<PathBuf, BuildError> {
    let files = build(&[package], Target::Bare)?;
    files
        .into_iter()
        .next()
        .ok_or_else(|| BuildError::new(format!("nothing was built for {package}")))
}

/// Builds all interpreters for scripts, and returns their folder. The server of a checkout looks
/// for them in the same folder.
///
/// # Errors
/// Returns an error if cargo cannot be run or fails, or if the files cannot be written.
pub fn interpreters() -> Result<PathBuf, BuildError> {
    interpreters_of(&INTERPRETERS)
}

/// Builds some of [`INTERPRETERS`] like [`interpreters`].
///
/// # Errors
/// Returns the errors of [`interpreters`].
pub fn interpreters_of(wanted: &[(&str, &str)]) -> Result<PathBuf, BuildError> {
    let packages: Vec<&str> = wanted.iter().map(|(package, _)| *package).collect();
    let built = build_exactly(&packages, Target::Bare)?;
    let folder = target_folder()?.join("interpreters");
    let unwritable = |error: io::Error| {
        BuildError::new(format!("cannot write to {}: {error}", folder.display()))
    };
    fs::create_dir_all(&folder).map_err(unwritable)?;
    for ((_, name), file) in wanted.iter().zip(built) {
        put(&file, &folder.join(name)).map_err(unwritable)?;
    }
    Ok(folder)
}

/// Returns the command that builds the policies of these packages and no others.
///
/// # Errors
/// Returns an error if the target folder has no absolute path.
pub fn build_command(packages: &[&str], target: Target) -> Result<Command, BuildError> {
    let mut command = cargo();
    command
        .args(["build", "--locked", "--profile", "policy", "--target", target.triple()])
        .arg("--target-dir")
        .arg(target_folder()?.join("guests"))
        // These flags are meant for host code, not for policies.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    for package in packages {
        command.args(["--package", package]);
    }
    Ok(command)
}

/// Returns the file that is built for a package.
///
/// # Errors
/// Returns an error if the target folder has no absolute path.
pub fn file(package: &str, target: Target) -> Result<PathBuf, BuildError> {
    let folder = target_folder()?.join("guests").join(target.triple());
    Ok(folder.join("policy").join(format!("{}.wasm", package.replace('-', "_"))))
}

impl Target {
    const fn triple(self) -> &'static str {
        match self {
            Self::Bare => "wasm32-unknown-unknown",
            Self::Wasi => "wasm32-wasip2",
        }
    }
}

/// Copies a file to its place. The file there is replaced atomically, because another test may be
/// reading it, and only if it differs, because a server that is starting takes a file that was
/// replaced for one that was changed.
fn put(built: &Path, place: &Path) -> io::Result<()> {
    let contents = fs::read(built)?;
    if fs::read(place).is_ok_and(|there| there == contents) {
        return Ok(());
    }
    let mut temporary = place.as_os_str().to_owned();
    temporary.push(format!(".{}", process::id()));
    fs::write(&temporary, contents)?;
    fs::rename(temporary, place)
}

fn existing(package: &str, target: Target) -> Result<PathBuf, BuildError> {
    let file = file(package, target)?;
    if file.is_file() {
        return Ok(file);
    }
    Err(BuildError::new(format!("cargo built no {}", file.display())))
}

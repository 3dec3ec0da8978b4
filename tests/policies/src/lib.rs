//! Builds the example policies in `examples/policies`, each in its folder and with the commands of
//! its README. This crate is only for tests and developers' tools.
//!
//! It does not check the decisions of the policies: `lessor plugin test` runs the shared cases with
//! the policies that are built here.

mod inputs;
mod languages;

use std::{
    env, fmt,
    fs::{self, File},
    io,
    path::{Path, PathBuf, absolute},
    process::{Command, Stdio},
};

use languages::Step;
pub use languages::{LANGUAGES, Language};

/// A requirement of the commands of a language.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// A command that succeeds if the requirement is met.
    probe: &'static str,
    /// The Debian package that meets it.
    pub package: &'static str,
}

/// The reason why a policy was not built.
#[derive(Debug)]
pub enum NotBuilt {
    /// The machine lacks something that could not be fetched.
    Unable(String),
    /// The example does not build.
    Failed(String),
}

impl fmt::Display for NotBuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unable(reason) | Self::Failed(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for NotBuilt {}

/// Returns the Debian packages that the examples need and this machine lacks.
pub fn missing_packages() -> Vec<&'static str> {
    let mut missing: Vec<_> = LANGUAGES
        .iter()
        .flat_map(|language| language.needs)
        .filter(|need| !need.is_met())
        .map(|need| need.package)
        .collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}

/// Returns the folder of the cases that every example must pass.
pub fn cases() -> PathBuf {
    examples().join("cases")
}

impl Need {
    fn is_met(&self) -> bool {
        let shell = || Command::new("sh").args(["-c", self.probe]).stdin(Stdio::null()).output();
        shell().is_ok_and(|output| output.status.success())
    }
}

impl Language {
    /// Returns the folder of its example.
    pub fn folder(&self) -> PathBuf {
        examples().join(self.name)
    }

    /// Returns the commands that build its example, which run in its folder; a script has none.
    pub fn commands(&self) -> impl Iterator<Item = &'static str> {
        [&self.install, &self.build].into_iter().flatten().map(|step| step.command)
    }

    /// Builds its example, unless it is built and nothing has changed, and returns the file. Its
    /// sidecar file is in the same folder.
    ///
    /// # Errors
    /// Returns a [`NotBuilt`].
    pub fn build(&self) -> Result<PathBuf, NotBuilt> {
        let unable = |error: io::Error| NotBuilt::Unable(format!("{}: {error}", self.name));
        let notes = notes().map_err(unable)?;
        // Tests and xtask may build the same policy at the same time.
        let lock = File::create(notes.join(format!("{}.lock", self.name))).map_err(unable)?;
        lock.lock().map_err(unable)?;
        let missing = self.needs.iter().filter(|need| !need.is_met()).map(|need| need.package);
        let missing = missing.collect::<Vec<_>>().join(" ");
        if !missing.is_empty() {
            return Err(NotBuilt::Unable(format!("needs the Debian packages {missing}")));
        }
        if let Some(install) = &self.install {
            self.step(&notes, install).map_err(NotBuilt::Unable)?;
        }
        if self.folder().join("Cargo.toml").is_file() {
            lessor_guests::share_target_of(&self.folder())
                .map_err(|error| NotBuilt::Failed(error.to_string()))?;
        }
        match &self.build {
            Some(build) => self.step(&notes, build).map_err(NotBuilt::Failed)?,
            // A script needs the interpreters of this checkout.
            None => lessor_guests::interpreters()
                .map(|_| ())
                .map_err(|error| NotBuilt::Failed(error.to_string()))?,
        }
        Ok(self.folder().join(self.file))
    }

    /// Runs a command, unless its output exists and was created from the current inputs.
    fn step(&self, notes: &Path, step: &Step) -> Result<(), String> {
        let folder = self.folder();
        let state = inputs::state(&folder, step)
            .map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
        let note = notes.join(format!("{}-{}", self.name, step.makes));
        let noted = fs::read_to_string(&note).unwrap_or_default();
        if noted == state && folder.join(step.makes).exists() {
            return Ok(());
        }
        // A step that fails is run again.
        let _ = fs::remove_file(&note);
        run(step.command, &folder)?;
        if !folder.join(step.makes).exists() {
            return Err(format!("{} made no {}", step.command, step.makes));
        }
        fs::write(&note, state).map_err(|error| format!("cannot write {}: {error}", note.display()))
    }
}

fn run(command: &str, folder: &Path) -> Result<(), String> {
    eprintln!("$ cd {} && {command}", folder.display());
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .stdin(Stdio::null())
        // These variables are meant for host code, not for policies.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS")
        .output()
        .map_err(|error| format!("cannot run {command}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Err(format!("{command}: {}\n{}", output.status, said.trim_end()))
}

/// Returns the folder of the notes about the inputs of each output.
fn notes() -> io::Result<PathBuf> {
    let outer = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let notes = absolute(outer.unwrap_or_else(|| root().join("target")).join("example-policies"))?;
    fs::create_dir_all(&notes)?;
    Ok(notes)
}

fn examples() -> PathBuf {
    root().join("examples/policies")
}

/// Returns the top folder of the checkout.
fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own)
}

//! Runs the test programs of the workspace side by side, one on each processor.
//!
//! `cargo test` runs one program after the other, and most of them wait for timers and for other
//! programs more than they compute. Does not build anything without cargo, and does not know what
//! the programs test. Invariant: every program runs once, and the output of one that fails is shown
//! whole.

use std::{
    collections::VecDeque,
    fs::File,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use lessor_guests::cargo;
use serde::Deserialize;

/// A program that runs longer than this is stopped. The longest one takes about three minutes.
const PROGRAM_SECS_MAX: u64 = 20 * 60;

/// Programs that measure what a server on an idle machine does. They run alone, after all others.
const ALONE: [&str; 7] = [
    "e2e::broken_disk",
    "e2e::compiling",
    "e2e::dead_relays",
    "e2e::floods",
    "e2e::idle_connections",
    "e2e::overload",
    "e2e::perfdhcp",
];

/// How often a lane looks whether its program has ended.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A program with tests.
#[derive(Clone, Debug)]
struct Program {
    /// The package and the target, as in `lessor-e2e::stopping`.
    name: String,
    path: PathBuf,
    /// The folder of its package, in which its tests expect to run.
    folder: PathBuf,
}

/// How a program ended.
#[derive(Debug)]
struct Ended {
    program: Program,
    took: Duration,
    /// `None` if it was stopped because it took too long.
    status: Option<ExitStatus>,
    output: String,
}

/// Builds all test programs of the workspace and runs them, with these variables in their
/// environment and these arguments. Tests in documentation are run by cargo at the end.
///
/// # Errors
/// Returns an error if something does not build or a program fails.
pub(crate) fn run_all(variables: &[(&str, &Path)], arguments: &[&str]) -> anyhow::Result<()> {
    let is_alone = |program: &Program| ALONE.contains(&program.name.as_str());
    let (alone, programs): (Vec<_>, Vec<_>) = build()?.into_iter().partition(is_alone);
    if alone.len() != ALONE.len() {
        bail!("of the programs that run alone, there are only {}", alone.len());
    }
    // Programs of crates with macros load the compiler's libraries.
    let libraries = libraries()?;
    let variables = &[variables, &[("LD_LIBRARY_PATH", libraries.as_path())]].concat();
    let lanes = thread::available_parallelism().map_or(1, usize::from);
    eprintln!("running {} test programs, {lanes} at a time", programs.len());
    let mut failed = run(programs, lanes, variables, arguments)?;
    eprintln!("running {} test programs, one at a time", alone.len());
    failed.extend(run(alone, 1, variables, arguments)?);
    let mut documentation = cargo();
    documentation.args(["test", "--workspace", "--doc", "--locked", "--"]).args(arguments);
    if let Err(error) = crate::command::run(&mut documentation) {
        failed.push(error.to_string());
    }
    if !failed.is_empty() {
        bail!("{} test programs failed:\n  {}", failed.len(), failed.join("\n  "));
    }
    Ok(())
}

/// A line of cargo's messages about what it built.
#[derive(Deserialize)]
struct Artifact {
    manifest_path: PathBuf,
    executable: Option<PathBuf>,
    target: ArtifactTarget,
    profile: ArtifactProfile,
}

#[derive(Deserialize)]
struct ArtifactTarget {
    name: String,
}

#[derive(Deserialize)]
struct ArtifactProfile {
    test: bool,
}

fn build() -> anyhow::Result<Vec<Program>> {
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-run", "--locked"]);
    command.arg("--message-format=json-render-diagnostics");
    let output = command.stderr(Stdio::inherit()).output().context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the tests do not build: {}", output.status);
    }
    let lines = output.stdout.split(|octet| *octet == b'\n');
    // Lines about anything else than an artifact have other fields.
    let artifacts = lines.filter_map(|line| serde_json::from_slice::<Artifact>(line).ok());
    let mut programs: Vec<_> = artifacts.filter_map(Artifact::program).collect();
    if programs.is_empty() {
        bail!("cargo named no test program");
    }
    // The end-to-end tests take longest, so they come first: then no lane is idle at the end.
    programs.sort_by_key(|program| !program.name.starts_with("e2e"));
    Ok(programs)
}

/// Returns the folder of the compiler's libraries.
fn libraries() -> anyhow::Result<PathBuf> {
    let mut command = Command::new("rustc");
    let output = command.args(["--print", "target-libdir"]).output().context("cannot run rustc")?;
    if !output.status.success() {
        bail!("rustc does not name its folder: {}", output.status);
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

impl Artifact {
    fn program(self) -> Option<Program> {
        let path = self.executable.filter(|_| self.profile.test)?;
        let folder = self.manifest_path.parent()?.to_owned();
        let package = folder.file_name()?.to_string_lossy().into_owned();
        Some(Program { name: format!("{package}::{}", self.target.name), path, folder })
    }
}

/// Runs programs in this many lanes, and returns those that failed.
fn run(
    programs: Vec<Program>,
    lanes: usize,
    variables: &[(&str, &Path)],
    arguments: &[&str],
) -> anyhow::Result<Vec<String>> {
    let all = programs.len();
    let waiting = Mutex::new(VecDeque::from(programs));
    let (sender, ended) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..lanes {
            let (waiting, sender) = (&waiting, sender.clone());
            scope.spawn(move || {
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(program) = next else { return };
                    let _ = sender.send(program.run(variables, arguments));
                }
            });
        }
        drop(sender);
        let mut failed = Vec::new();
        for (number, ended) in ended.iter().enumerate() {
            let ended = ended?;
            ended.show(number + 1, all);
            if !ended.is_good() {
                failed.push(ended.program.name);
            }
        }
        Ok(failed)
    })
}

impl Program {
    fn run(self, variables: &[(&str, &Path)], arguments: &[&str]) -> anyhow::Result<Ended> {
        // A file, because a pipe that nobody reads would stop the program.
        let written = tempfile::NamedTempFile::new().context("cannot create a file for output")?;
        let output = |file: &File| file.try_clone().context("cannot write the output of a test");
        let mut command = Command::new(&self.path);
        command.args(arguments).current_dir(&self.folder).envs(variables.iter().copied());
        command.env("CARGO_MANIFEST_DIR", &self.folder).stdin(Stdio::null());
        command.stdout(output(written.as_file())?).stderr(output(written.as_file())?);
        let since = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot run {}", self.name))?;
        let status = loop {
            if let Some(status) = child.try_wait().context("cannot wait for a test program")? {
                break Some(status);
            }
            if since.elapsed() > Duration::from_secs(PROGRAM_SECS_MAX) {
                child.kill().context("cannot stop a test program")?;
                child.wait().context("cannot wait for a test program")?;
                break None;
            }
            thread::sleep(LOOK_EVERY);
        };
        let output = std::fs::read(written.path()).context("cannot read the output of a test")?;
        let output = String::from_utf8_lossy(&output).into_owned();
        Ok(Ended { program: self, took: since.elapsed(), status, output })
    }
}

impl Ended {
    fn is_good(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// Prints one line, the tests that were skipped, and everything if the program failed.
    fn show(&self, number: usize, all: usize) {
        let Self { program, took, output, .. } = self;
        let outcome = match self.status {
            Some(status) if status.success() => "ok".to_owned(),
            Some(status) => format!("FAILED, {status}"),
            None => format!("STOPPED after {PROGRAM_SECS_MAX} s"),
        };
        let results = output.lines().filter_map(|line| line.strip_prefix("test result: "));
        let passed: Vec<_> = results.filter_map(|line| line.split("; ").next()).collect();
        let counted = passed.last().map_or("", |line| line.split(". ").last().unwrap_or(""));
        println!(
            "[{number}/{all}] {}: {outcome}, {counted} ({:.1} s)",
            program.name,
            took.as_secs_f64()
        );
        if !self.is_good() {
            println!("{output}");
        }
        for line in output.lines().filter(|line| self.is_good() && line.contains("SKIPPED")) {
            println!("    {line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(name: &str, script: &str, folder: &Path) -> Program {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Program { name: name.to_owned(), path, folder: folder.to_owned() }
    }

    #[test]
    fn every_program_runs_once_in_its_folder_and_failures_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let programs = vec![
            shell("first", "echo $1 $COLOUR >> ran", path),
            shell("second", "echo second >> ran; exit 3", path),
            shell("third", "echo third >> ran", path),
        ];
        let failed = run(programs, 2, &[("COLOUR", Path::new("blue"))], &["one"]).unwrap();
        assert_eq!(failed, ["second"]);
        let ran = std::fs::read_to_string(path.join("ran")).unwrap();
        let mut ran: Vec<_> = ran.lines().collect();
        ran.sort_unstable();
        assert_eq!(ran, ["one blue", "second", "third"]);
    }

    #[test]
    fn the_output_of_a_program_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let program = shell("loud", "seq 1 100000; echo done >&2", folder.path());
        let ended = program.run(&[], &[]).unwrap();
        assert!(ended.is_good());
        assert!(ended.output.contains("\n100000\n") && ended.output.ends_with("done\n"));
    }
}

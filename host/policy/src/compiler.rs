//! The compiler: a child process for each plugin file that is examined or compiled.
//!
//! Plugin files are not trusted, and code that parses and compiles them can be made to use
//! unlimited memory and time, or to panic. None of that happens in the server: a child process of
//! the same program does it, under limits that it cannot lift, and returns the result through a
//! pipe. A failure of the child does not affect the server.
//!
//! Neither reads plugin files nor knows the cache.
//!
//! Invariant: a compiler runs at most one child at a time, no child outlives the call that started
//! it, and none is started after [`Compiler::stop`].

mod child;
mod confinement;
mod job;
#[cfg(feature = "compile")]
mod translate;
mod work;

use std::{
    collections::HashMap,
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

pub use self::work::run as compile_child;
use self::{
    child::{Child, ChildSlot, End},
    job::{ChildTask, Job, JobResult},
};
use crate::{
    Allocation,
    artifact::Artifact,
    contract::Examined,
    error::{CompileLimit, CompileProblem, PluginProblem},
    limits,
    target::Target,
};

/// The argument that runs a program as the compiler's child; see [`compile_child`].
pub const COMPILE_COMMAND: &str = "compile-plugin";
/// The number of examined files that are remembered.
const KNOWN_MAX: usize = 256;

/// The program and the limits for compiling.
#[derive(Clone, Debug)]
pub struct CompilerSettings {
    /// The program, which calls [`compile_child`] if its argument is [`COMPILE_COMMAND`].
    pub program: PathBuf,
    /// The limits for one file.
    pub limits: CompileLimits,
}

/// The limits for the examination or compilation of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompileLimits {
    /// Address space, in octets.
    pub memory_octets: u64,
    /// Processor time, in seconds.
    pub processor_secs: u64,
    /// Wall-clock time, in seconds.
    pub wall_secs: u64,
}

/// Compiled code in the engine's format.
#[cfg(feature = "compile")]
pub(crate) struct Compiled(Vec<u8>);

/// The result of examining a file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Examination {
    pub(crate) examined: Examined,
    /// SHA-256 of the component that the file contains or was converted to.
    pub(crate) component_digest: [u8; 32],
}

/// Examines and compiles files.
pub(crate) struct Compiler {
    settings: CompilerSettings,
    /// The allocation settings of the engine that will load the code.
    allocation: Allocation,
    /// The processors that will run it.
    target: Target,
    /// Held by the caller whose child runs.
    turn: Mutex<()>,
    slot: ChildSlot,
    /// The results of earlier examinations by digest: a reload asks for the same files again.
    known: Mutex<HashMap<[u8; 32], Arc<Examination>>>,
}

impl Compiler {
    /// Creates a compiler for an engine with this allocation.
    pub(crate) fn new(settings: CompilerSettings, allocation: Allocation, target: Target) -> Self {
        let (turn, slot, known) = Default::default();
        Self { settings, allocation, target, turn, slot, known }
    }

    /// Returns what was found when the file was examined before, by this compiler.
    pub(crate) fn known(&self, file: &Artifact) -> Option<Arc<Examination>> {
        self.lock_known().get(&file.digest).cloned()
    }

    /// Remembers what was found when a file was examined.
    pub(crate) fn remember(&self, file: &Artifact, examination: &Arc<Examination>) {
        let mut known = self.lock_known();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(file.digest, Arc::clone(examination));
    }

    /// Converts the file to a component if necessary, and checks it against the contract.
    ///
    /// # Errors
    /// All problems of the file, or the limit that the child reached.
    pub(crate) fn examine(&self, file: &Artifact) -> Result<Arc<Examination>, Vec<PluginProblem>> {
        if let Some(examination) = self.known(file) {
            return Ok(examination);
        }
        let answered =
            self.ask(ChildTask::Examine, file).map_err(|problem| vec![problem.into()])?;
        let examination = match answered {
            (JobResult::Examined(examination), _) => Arc::new(*examination),
            (JobResult::Refused(problems), _) => return Err(problems),
            (JobResult::Compiled { .. }, _) => return Err(vec![other_answer().into()]),
        };
        self.remember(file, &examination);
        Ok(examination)
    }

    fn lock_known(&self) -> MutexGuard<'_, HashMap<[u8; 32], Arc<Examination>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compiles the file.
    ///
    /// # Errors
    /// The problem of the file, or the limit that the child reached.
    #[cfg(feature = "compile")]
    pub(crate) fn compile(&self, file: &Artifact) -> Result<Compiled, PluginProblem> {
        match self.ask(ChildTask::Compile, file)? {
            (JobResult::Compiled { octets }, code) if octets == code.len() as u64 => {
                Ok(Compiled(code))
            }
            (JobResult::Refused(problems), _) => {
                Err(problems.into_iter().next().unwrap_or_else(|| other_answer().into()))
            }
            _ => Err(other_answer().into()),
        }
    }

    /// Kills the child, if one runs, and prevents further children.
    pub(crate) fn stop(&self) {
        self.slot.stop();
    }

    /// Whether [`Compiler::stop`] was called.
    pub(crate) fn has_stopped(&self) -> bool {
        self.slot.has_stopped()
    }

    /// Runs a task in a child. The octets after the answer are compiled code.
    fn ask(
        &self,
        task: ChildTask,
        file: &Artifact,
    ) -> Result<(JobResult, Vec<u8>), CompileProblem> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let limits = self.settings.limits;
        let job = Job::new(task, (self.allocation, self.target), limits, &file.octets);
        let header = job.header().map_err(|error| unavailable(&self.settings, error))?;
        let arguments = [OsString::from(COMPILE_COMMAND)];
        let child = Child::start(&self.slot, &self.settings.program, &arguments);
        let child = child.map_err(|error| unavailable(&self.settings, error))?;
        let Some(child) = child else { return Err(CompileProblem::ServerStops) };
        let ending = child.converse([&header, &file.octets], limits.wall());
        if let Some(answered) = job::parse_answer(ending.said) {
            return Ok(answered);
        }
        Err(explain(ending.end, &ending.complaint, limits))
    }
}

#[cfg(feature = "compile")]
impl Compiled {
    pub(crate) fn into_octets(self) -> Vec<u8> {
        self.0
    }
}

/// Explains why there is no answer.
fn explain(end: End, complaint: &str, limits: CompileLimits) -> CompileProblem {
    let limit = match end {
        End::Stopped => return CompileProblem::ServerStops,
        End::Overdue => CompileLimit::WallSecs(limits.wall_secs),
        End::TooMuch => CompileLimit::CodeMib(limits::COMPILED_OCTETS_MAX >> 20),
        End::Processor => CompileLimit::ProcessorSecs(limits.processor_secs),
        End::Memory => CompileLimit::MemoryMib(limits.memory_octets >> 20),
        End::Other(how) if complaint.is_empty() => return CompileProblem::CompilerEnded(how),
        End::Other(how) => return CompileProblem::CompilerEnded(format!("{how}: {complaint}")),
    };
    CompileProblem::Limit(limit)
}

fn unavailable(settings: &CompilerSettings, error: std::io::Error) -> CompileProblem {
    CompileProblem::NoCompiler { program: settings.program.clone(), error }
}

fn other_answer() -> CompileProblem {
    CompileProblem::CompilerEnded("with an unexpected answer".to_owned())
}

/// Uses the running program, even if its file was replaced or removed meanwhile.
impl Default for CompilerSettings {
    fn default() -> Self {
        Self { program: "/proc/self/exe".into(), limits: CompileLimits::default() }
    }
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            memory_octets: limits::COMPILE_MEMORY_OCTETS_MAX,
            processor_secs: limits::COMPILE_PROCESSOR_SECS_MAX,
            wall_secs: limits::COMPILE_WALL_SECS_MAX,
        }
    }
}

impl CompileLimits {
    fn wall(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.wall_secs)
    }
}

#[cfg(test)]
#[cfg(feature = "compile")]
mod tests {
    use std::{fs, process::Command, thread};

    use super::*;

    #[test]
    fn one_child_runs_at_a_time() {
        let folder = tempfile::TempDir::new().unwrap();
        let (program, log) = (folder.path().join("program"), folder.path().join("log"));
        let log_name = log.display();
        let script = format!(
            "#!/bin/sh\necho begins >> {log_name}\n/bin/sleep 0.1\necho ends >> {log_name}\n"
        );
        // Another process writes the file: a file that is open for writing anywhere cannot be
        // executed.
        let write = "printf '%s' \"$1\" > \"$0\" && chmod 700 \"$0\"";
        let written =
            Command::new("/bin/sh").args(["-c", write]).arg(&program).arg(script).status();
        assert!(written.unwrap().success());
        let settings = CompilerSettings { program, limits: CompileLimits::default() };
        let compiler = Compiler::new(settings, Allocation::Pooled, Target::Here);
        let file = Artifact { digest: [0; 32], octets: b"\0asm".to_vec() };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| compiler.compile(&file).map(drop).unwrap_err());
            }
        });
        assert_eq!(fs::read_to_string(log).unwrap(), "begins\nends\n".repeat(4));
    }
}

//! A server as a process that can be killed and started again with the same files.

use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{Process, Setup};

const START_PATIENCE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(20);

/// A running server of a site, which is killed when it is dropped.
#[derive(Debug)]
pub struct Running {
    // Dropped first, so that the process ends before its files.
    process: Process,
    launch: Launch,
    starts: u32,
    files: Files,
}

/// How a server is started.
#[derive(Debug)]
pub(super) struct Launch {
    pub(super) name: &'static str,
    pub(super) command: Command,
    /// What the server prints when it serves.
    pub(super) ready: &'static str,
}

/// The files of a server, which are removed when they are dropped.
#[derive(Debug)]
pub(super) enum Files {
    Folder(TempDir),
    Setup(Box<Setup>),
}

impl Running {
    /// Starts a server and waits until it serves. Returns `None` if it exits before.
    pub(super) fn start(mut launch: Launch, files: Files) -> Option<Self> {
        let process = launch.started(&files.log(1))?;
        Some(Self { process, launch, starts: 1, files })
    }

    /// Kills the server (SIGKILL), as a power cut would, and starts it again.
    ///
    /// # Panics
    /// Panics if it does not serve again.
    #[track_caller]
    pub fn fails_and_starts_again(&mut self) {
        self.process.kill();
        self.starts += 1;
        let started = self.launch.started(&self.files.log(self.starts));
        self.process = started.expect("a server that served starts again");
    }

    /// Returns what the server has printed since its start.
    pub fn output(&self) -> String {
        self.process.output()
    }
}

impl Launch {
    fn started(&mut self, log: &Path) -> Option<Process> {
        let mut process = Process::start(self.name, &mut self.command, log);
        let until = Instant::now() + START_PATIENCE;
        loop {
            let is_running = process.is_running();
            if process.output().contains(self.ready) {
                return Some(process);
            }
            if !is_running {
                eprintln!("{} ends at its start:\n{}", self.name, process.output());
                return None;
            }
            let said = || format!("{} does not serve:\n{}", self.name, process.output());
            assert!(Instant::now() < until, "{}", said());
            thread::sleep(INTERVAL);
        }
    }
}

impl Files {
    fn log(&self, start: u32) -> PathBuf {
        let folder = match self {
            Self::Folder(folder) => folder.path(),
            Self::Setup(setup) => setup.folder(),
        };
        folder.join(format!("server-{start}.log"))
    }
}

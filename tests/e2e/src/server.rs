//! The server as a process.

use std::{
    fs,
    net::SocketAddrV4,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output},
    time::Duration,
};

use nix::sys::signal::Signal;
use serde::de::DeserializeOwned;

use crate::{Host, JournalLine, LeaseRow, Process, Setup, ShadowSummary, Status, built, wait};

/// A running server, which is killed when it is dropped.
#[derive(Debug)]
pub struct Server {
    // The first field, so that its output can be shown before its folder is removed.
    process: Process,
    setup: Setup,
    starts: u32,
}

/// The outcome of a reload.
#[derive(Clone, Debug)]
pub struct Reload {
    /// Whether a new generation serves.
    pub accepted: bool,
    /// The messages of the server about the reload.
    pub said: String,
}

/// The timeout of a start, which may open a large store or compile a policy on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(180);

impl Setup {
    /// Starts the server.
    ///
    /// # Panics
    /// If it does not serve soon.
    #[track_caller]
    pub fn start(self) -> Server {
        Server::start(self)
    }

    /// Starts the server on `host`.
    ///
    /// # Panics
    /// If it does not serve soon.
    #[track_caller]
    pub fn start_on(self, host: &Host) -> Server {
        self.on(host).start()
    }
}

impl Server {
    #[track_caller]
    pub(crate) fn start(setup: Setup) -> Self {
        setup.write();
        let process = start(&setup, 1);
        Self { setup, process, starts: 1 }
    }

    /// Returns the address on which the server listens for relays.
    pub fn address(&self) -> SocketAddrV4 {
        self.setup.listens_at()
    }

    /// Returns the setup of the server, whose files may be changed.
    pub fn setup(&mut self) -> &mut Setup {
        &mut self.setup
    }

    /// Returns the id of the process of the server.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Returns the process of the server.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Kills the server (SIGKILL), as a power cut would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Stops the server (SIGTERM), and returns its exit status.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.process.signal(Signal::SIGTERM);
        self.process.ended(wait::SOON)
    }

    /// Restarts the server after it has exited.
    ///
    /// # Panics
    /// Panics if it still runs, or does not serve soon.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(!self.process.is_running(), "the server still runs");
        self.starts += 1;
        self.process = start(&self.setup, self.starts);
    }

    /// Restarts the server after it has exited, checks that it refuses to serve, and returns its
    /// messages.
    ///
    /// # Panics
    /// Panics if it serves, or exits with code 0.
    #[track_caller]
    pub fn restart_is_refused(&self) -> String {
        self.setup.restart_is_refused()
    }

    /// Reloads the server (SIGHUP), and waits for the outcome.
    #[track_caller]
    pub fn hang_up(&mut self) -> Reload {
        let before = self.process.output();
        self.process.signal(Signal::SIGHUP);
        wait::within(START_PATIENCE, "the server to say how the reload went", || {
            let output = self.process.output();
            let said = output.get(before.len()..).unwrap_or_default();
            let lines = |text| said.lines().filter(|line| line.contains(text)).count();
            let accepted = match (lines("reloaded"), lines("reload refused")) {
                (0, 0) => return None,
                (_, 0) => true,
                _ => false,
            };
            Some(Reload { accepted, said: said.to_owned() })
        })
    }

    /// Reloads the server (`lessor reload`), and waits for the outcome.
    #[track_caller]
    pub fn reload(&self) -> Reload {
        let output = self.ask(&["reload"]);
        let said = [output.stdout, output.stderr].concat();
        Reload {
            accepted: output.status.success(),
            said: String::from_utf8_lossy(&said).into_owned(),
        }
    }

    /// Returns the leases and quarantined addresses that have not ended, in order of address; from
    /// the store if the server does not run.
    #[track_caller]
    pub fn leases(&self) -> Vec<LeaseRow> {
        self.lines(&["leases", "--json"])
    }

    /// Returns all lease records.
    #[track_caller]
    pub fn all_leases(&self) -> Vec<LeaseRow> {
        self.lines(&["leases", "--json", "--state", "all"])
    }

    /// Returns the status of the server.
    #[track_caller]
    pub fn status(&self) -> Status {
        let lines = self.lines(&["status", "--json"]);
        lines.into_iter().next().expect("a status is one line")
    }

    /// Returns the status as a page of metrics.
    #[track_caller]
    pub fn metrics(&self) -> String {
        let output = self.ask(&["status", "--prometheus"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("a page is text")
    }

    /// Returns the results of the shadow plugins.
    #[track_caller]
    pub fn shadows(&self) -> ShadowSummary {
        let lines = self.lines(&["shadow", "--json"]);
        lines.into_iter().next().expect("a summary is one line")
    }

    /// Returns whether the shadow plugins agree with the decisions, from the exit code of
    /// `lessor shadow`.
    #[track_caller]
    pub fn shadows_agree(&self) -> bool {
        self.ask(&["shadow", "--expect-agreement"]).status.success()
    }

    /// Returns every complete line of the journal.
    #[track_caller]
    pub fn journal(&self) -> Vec<JournalLine> {
        let journal = fs::read_to_string(self.setup.journal()).unwrap_or_default();
        let complete = journal.rfind('\n').and_then(|end| journal.get(..end)).unwrap_or_default();
        complete.lines().map(parsed).collect()
    }

    /// Waits until the journal has a matching line, and returns the first one.
    #[track_caller]
    pub fn journal_says(
        &self,
        what: &str,
        is_wanted: impl Fn(&JournalLine) -> bool,
    ) -> JournalLine {
        let what = format!("the journal to say: {what}");
        wait::soon(&what, || self.journal().into_iter().find(&is_wanted))
    }

    /// Waits until an input has ended in `reason`, and returns the journal's line of the first one.
    #[track_caller]
    pub fn journal_has(&self, reason: &str) -> JournalLine {
        self.journal_says(reason, |line| line.reason == reason)
    }

    /// Returns the folder of the server.
    pub fn folder(&self) -> &Path {
        self.setup.folder()
    }

    /// Starts a second server with the same configuration, checks that it refuses to serve, and
    /// returns its messages.
    ///
    /// # Panics
    /// Panics if it serves, or exits with code 0.
    #[track_caller]
    pub fn second_is_refused(&self) -> String {
        self.setup.refused()
    }

    /// Returns the root of the file system of the server, which may have separate mounts.
    pub fn root(&self) -> PathBuf {
        format!("/proc/{}/root", self.process.id()).into()
    }

    /// Runs `lessor` with these arguments and the configuration of the server.
    #[track_caller]
    pub fn ask(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("lessor can be run")
    }

    /// Returns a command that runs `lessor` with these arguments and the configuration of the
    /// server.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(built::lessor());
        command.args(arguments).arg("--config").arg(self.setup.configuration());
        command
    }

    #[track_caller]
    fn lines<T: DeserializeOwned>(&self, arguments: &[&str]) -> Vec<T> {
        let output = self.ask(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "lessor {}: {complaint}", arguments.join(" "));
        String::from_utf8_lossy(&output.stdout).lines().map(parsed).collect()
    }
}

#[track_caller]
fn start(setup: &Setup, number: u32) -> Process {
    let output = setup.folder().join(format!("server-{number}.log"));
    if setup.is_unheard {
        let process = Process::start_unheard("lessor", &mut setup.command(), &output);
        let socket = setup.folder().join("store/control.sock");
        wait::within(START_PATIENCE, "the server to open its control socket", || {
            socket.exists().then_some(())
        });
        return process;
    }
    let mut process = Process::start("lessor", &mut setup.command(), &output);
    process.says("serving", START_PATIENCE);
    process
}

#[track_caller]
fn parsed<T: DeserializeOwned>(line: &str) -> T {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))
}

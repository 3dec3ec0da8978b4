//! Processes that end with the test.

use std::{
    fs::File,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::wait;

/// A running program whose output goes to a file. It is killed when it is dropped, and its output
/// is shown if the test fails.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: PathBuf,
}

impl Process {
    /// Starts `command` under the name `name`, with standard output and error appended to `output`.
    pub fn start(name: &str, command: &mut Command, output: &Path) -> Self {
        Self::spawn(name, command, output, None)
    }

    fn spawn(name: &str, command: &mut Command, output: &Path, stderr: Option<Stdio>) -> Self {
        let open = || {
            let opened = File::options().create(true).append(true).open(output);
            opened.unwrap_or_else(|error| panic!("cannot open {}: {error}", output.display()))
        };
        let stderr = stderr.unwrap_or_else(|| open().into());
        let child = command
            .stdin(Stdio::null())
            .stdout(open())
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Self { name: name.to_owned(), child, output: output.to_owned() }
    }

    /// Starts `command` under the name `name`, with standard error connected to a pipe that is not
    /// read, and standard output appended to `output`.
    pub fn start_unheard(name: &str, command: &mut Command, output: &Path) -> Self {
        Self::spawn(name, command, output, Some(Stdio::piped()))
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns everything that the program has written so far.
    pub fn output(&self) -> String {
        let octets = std::fs::read(&self.output).unwrap_or_default();
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).expect("a process id fits");
        kill(Pid::from_raw(id), signal)
            .unwrap_or_else(|error| panic!("cannot send {signal} to {}: {error}", self.name));
    }

    /// Stops the process (SIGSTOP) and waits until all of its threads have stopped. The system
    /// stops them one after the other, and until then they continue to process input.
    ///
    /// # Panics
    /// Panics if the process does not stop soon.
    #[track_caller]
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
        let id = Pid::from_raw(i32::try_from(self.id()).expect("a process id fits"));
        let flags = WaitPidFlag::WUNTRACED | WaitPidFlag::WNOHANG;
        wait::soon("the process to stand still", || match waitpid(id, Some(flags)) {
            Ok(WaitStatus::StillAlive) => None,
            Ok(WaitStatus::Stopped(..)) => Some(()),
            other => panic!("{} was to stand still, and did not: {other:?}", self.name),
        });
    }

    /// Continues the process after [`Process::freeze`].
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Returns whether the process has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// Waits until the process ends.
    ///
    /// # Panics
    /// Panics if the process has not ended within `patience`.
    #[track_caller]
    pub fn ended(&mut self, patience: Duration) -> ExitStatus {
        let what = format!("{} to end", self.name);
        wait::within(patience, &what, || self.child.try_wait().unwrap_or_default())
    }

    /// Waits until the program has written `text`, and returns the line that contains it.
    ///
    /// # Panics
    /// Panics if the program ends before, or has not written `text` within `patience`.
    #[track_caller]
    pub fn says(&mut self, text: &str, patience: Duration) -> String {
        self.says_again(text, 1, patience)
    }

    /// Like [`Process::says`], for the `count`th line that contains `text`.
    ///
    /// # Panics
    /// Panics like [`Process::says`].
    #[track_caller]
    pub fn says_again(&mut self, text: &str, count: usize, patience: Duration) -> String {
        let what = format!("{} to say {text:?} for the {count}. time", self.name);
        wait::within(patience, &what, || {
            // In this order, so that output before the end is not missed.
            let ended = self.child.try_wait().ok().flatten();
            let output = self.output();
            let line = output.lines().filter(|line| line.contains(text)).nth(count - 1);
            match (line, ended) {
                (Some(line), _) => Some(line.to_owned()),
                (None, Some(ended)) => panic!("{} ended ({ended}) before: {what}", self.name),
                (None, None) => None,
            }
        })
    }

    /// Returns the number of lines that contain `text`.
    pub fn times_said(&self, text: &str) -> usize {
        self.output().lines().filter(|line| line.contains(text)).count()
    }

    /// Kills the process (SIGKILL) and waits until it ends.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let status = self.child.wait();
        let killed = status.is_ok_and(|status| status.signal() == Some(Signal::SIGKILL as i32));
        assert!(killed, "{} was to be killed, and ended by itself before", self.name);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- output of {} ---\n{}", self.name, self.output());
        }
    }
}

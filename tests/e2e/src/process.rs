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

/// A running program whose output goes to a file. Killed when it is dropped; its output is shown
/// if the test fails.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: PathBuf,
}

impl Process {
    /// Starts `command`, called `name`, with standard output and error appended to `output`.
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

    /// Starts `command`, called `name`, with standard error in a pipe that nobody reads, and standard
    /// output appended to `output`.
    pub fn start_unheard(name: &str, command: &mut Command, output: &Path) -> Self {
        Self::spawn(name, command, output, Some(Stdio::piped()))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has written so far.
    pub fn output(&self) -> String {
        let octets = std::fs::read(&self.output).unwrap_or_default();
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).expect("a process id fits");
        kill(Pid::from_raw(id), signal)
            .unwrap_or_else(|error| panic!("cannot send {signal} to {}: {error}", self.name));
    }

    /// Stops it (SIGSTOP) and waits until all of its threads stand still: the system stops them one
    /// after another, and until then they go on with what arrives.
    ///
    /// # Panics
    /// If it does not stand still soon.
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

    /// Lets it go on after [`Process::freeze`].
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it has not ended within `patience`.
    #[track_caller]
    pub fn ended(&mut self, patience: Duration) -> ExitStatus {
        let what = format!("{} to end", self.name);
        wait::within(patience, &what, || self.child.try_wait().unwrap_or_default())
    }

    /// Waits until it has written `text` and returns the line that it stands in.
    ///
    /// # Panics
    /// If it ends before, or has not written that within `patience`.
    #[track_caller]
    pub fn says(&mut self, text: &str, patience: Duration) -> String {
        self.says_again(text, 1, patience)
    }

    /// The same for the line that has `text` for the `count`th time.
    ///
    /// # Panics
    /// As [`Process::says`].
    #[track_caller]
    pub fn says_again(&mut self, text: &str, count: usize, patience: Duration) -> String {
        let what = format!("{} to say {text:?} for the {count}. time", self.name);
        wait::within(patience, &what, || {
            // In this order: what it said before it ended counts.
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

    /// How many lines with `text` it has written.
    pub fn times_said(&self, text: &str) -> usize {
        self.output().lines().filter(|line| line.contains(text)).count()
    }

    /// Kills it (SIGKILL) and waits for its end.
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

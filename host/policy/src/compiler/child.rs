//! A child process from the server's view: its input, its output and how it ends.
//!
//! Knows nothing about plugins, and enforces only the wall-clock limit; the child sets its other
//! limits itself before it reads its input.
//!
//! Invariant: a dropped [`Child`] has exited and was waited for.

use std::{
    ffi::OsString,
    io::{self, ErrorKind, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::Path,
    process::{self, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use super::job::LINE_OCTETS_MAX;
use crate::limits::COMPILED_OCTETS_MAX;

/// The maximum size of a child's output, and of its standard error that is kept.
const SAID_OCTETS_MAX: usize = COMPILED_OCTETS_MAX as usize + LINE_OCTETS_MAX;
const COMPLAINT_OCTETS_MAX: usize = 4_096;
/// The number of characters of an error message that are shown.
const COMPLAINT_CHARS_MAX: usize = 256;
const CHUNK_OCTETS: usize = 64 << 10;
/// How long a child that has closed its pipes may take to exit, and how often it is checked.
const EXIT_PATIENCE: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// The message of the standard library before it aborts because an allocation failed.
const OUT_OF_MEMORY: &str = "memory allocation of ";

/// Holds the running child, so that any thread can kill it.
#[derive(Default)]
pub(super) struct ChildSlot(Mutex<State>);

#[derive(Default)]
struct State {
    running: Option<process::Child>,
    is_stopped: bool,
}

/// A running child.
pub(super) struct Child<'a> {
    slot: &'a ChildSlot,
    input: Option<ChildStdin>,
    output: Option<ChildStdout>,
    complaints: Option<ChildStderr>,
}

/// The output of a child and how it ended.
pub(super) struct Ending {
    pub(super) said: Vec<u8>,
    /// The first line of its standard error, safe to display.
    pub(super) complaint: String,
    pub(super) end: End,
}

/// How a child ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was killed because its answer is no longer needed.
    Stopped,
    /// It was killed because it took too long.
    Overdue,
    /// It was killed because its output was too large.
    TooMuch,
    /// It reached its limit of processor time.
    Processor,
    /// It reached its limit of memory.
    Memory,
    /// Another way, such as "was ended by signal 9".
    Other(String),
}

impl ChildSlot {
    /// Kills the running child, if any, and prevents further children.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.is_stopped = true;
        if let Some(child) = &mut state.running {
            let _ = child.kill();
        }
    }

    /// Whether further children are prevented.
    pub(super) fn has_stopped(&self) -> bool {
        self.lock().is_stopped
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Child<'a> {
    /// Starts the program with its pipes only. Returns `None` if the slot was stopped.
    pub(super) fn start(
        slot: &'a ChildSlot,
        program: &Path,
        arguments: &[OsString],
    ) -> io::Result<Option<Self>> {
        let mut state = slot.lock();
        if state.is_stopped {
            return Ok(None);
        }
        let mut child = Command::new(program)
            .arg0("lessor")
            .args(arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (input, output, complaints) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        state.running = Some(child);
        drop(state);
        let started = Self { slot, input, output, complaints };
        started.pipes().try_for_each(do_not_block)?;
        Ok(Some(started))
    }

    /// Sends the input, reads the output and ends the child, after `patience` at the latest.
    pub(super) fn converse(mut self, input: [&[u8]; 2], patience: Duration) -> Ending {
        let deadline = Instant::now() + patience;
        let (mut said, mut complained) = (Vec::new(), Vec::new());
        let cut_short = self.exchange(input, deadline, &mut said, &mut complained);
        let patience = if matches!(cut_short, Ok(None)) { EXIT_PATIENCE } else { Duration::ZERO };
        let (status, is_stopped) = self.end(patience);
        let complaint = String::from_utf8_lossy(&complained);
        let end = match cut_short {
            _ if is_stopped => End::Stopped,
            Ok(None) => how_it_ended(status, &complaint),
            Ok(Some(end)) => end,
            Err(error) => End::Other(format!("could not exchange data with the server ({error})")),
        };
        Ending { said, complaint: shown(&complaint), end }
    }

    /// Transfers data until the child has closed its pipes or has to be killed.
    fn exchange(
        &mut self,
        [header, file]: [&[u8]; 2],
        deadline: Instant,
        said: &mut Vec<u8>,
        complained: &mut Vec<u8>,
    ) -> io::Result<Option<End>> {
        let mut unsent = [header, file];
        while self.output.is_some() || self.complaints.is_some() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Some(End::Overdue));
            }
            self.wait(left)?;
            write_some(&mut self.input, &mut unsent)?;
            read_some(&mut self.output, said, SAID_OCTETS_MAX + 1)?;
            if said.len() > SAID_OCTETS_MAX {
                return Ok(Some(End::TooMuch));
            }
            read_some(&mut self.complaints, complained, COMPLAINT_OCTETS_MAX)?;
        }
        Ok(None)
    }

    /// Waits until a pipe is ready, at most for `left`.
    fn wait(&self, left: Duration) -> io::Result<()> {
        let mut ready: Vec<PollFd<'_>> = self
            .pipes()
            .zip(self.wanted())
            .map(|(pipe, wanted)| PollFd::new(pipe, wanted))
            .collect();
        // The time is rounded up, so that the last wait does not spin.
        let left = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
        match poll(&mut ready, left) {
            Ok(_) | Err(nix::Error::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The pipes that are open.
    fn pipes(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let input = self.input.as_ref().map(AsFd::as_fd);
        let output = self.output.as_ref().map(AsFd::as_fd);
        let complaints = self.complaints.as_ref().map(AsFd::as_fd);
        [input, output, complaints].into_iter().flatten()
    }

    /// The events to poll for on each of [`Child::pipes`].
    fn wanted(&self) -> impl Iterator<Item = PollFlags> {
        let input = self.input.as_ref().map(|_| PollFlags::POLLOUT);
        let output = self.output.as_ref().map(|_| PollFlags::POLLIN);
        let complaints = self.complaints.as_ref().map(|_| PollFlags::POLLIN);
        [input, output, complaints].into_iter().flatten()
    }

    /// Waits until the child exits, and kills it after `patience`. A program may close its pipes
    /// shortly before it exits, and its exit status is more informative than the signal that would
    /// kill it.
    fn end(&mut self, patience: Duration) -> (Option<ExitStatus>, bool) {
        let deadline = Instant::now() + patience;
        loop {
            let mut state = self.slot.lock();
            let Some(child) = &mut state.running else { return (None, state.is_stopped) };
            if let Ok(None) = child.try_wait()
                && Instant::now() < deadline
            {
                drop(state);
                thread::sleep(LOOK_EVERY);
                continue;
            }
            let _ = child.kill();
            let status = child.wait().ok();
            state.running = None;
            return (status, state.is_stopped);
        }
    }
}

impl Drop for Child<'_> {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

fn do_not_block(pipe: BorrowedFd<'_>) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(pipe, FcntlArg::F_GETFL)?);
    fcntl(pipe, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// Writes as much as the pipe takes. Closes it after the last octet, or if the child stopped
/// reading.
fn write_some(pipe: &mut Option<ChildStdin>, unsent: &mut [&[u8]; 2]) -> io::Result<()> {
    let Some(open) = pipe else { return Ok(()) };
    for part in unsent {
        while !part.is_empty() {
            match open.write(part) {
                Ok(count) => *part = part.get(count..).unwrap_or_default(),
                Err(error) if is_no_news(&error) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                    *pipe = None;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }
    *pipe = None;
    Ok(())
}

/// Reads available data and keeps it up to a limit. Closes the pipe at its end.
fn read_some(
    pipe: &mut Option<impl Read>,
    kept: &mut Vec<u8>,
    octets_max: usize,
) -> io::Result<()> {
    let Some(open) = pipe else { return Ok(()) };
    let mut chunk = vec![0; CHUNK_OCTETS];
    match open.read(&mut chunk) {
        Ok(0) => *pipe = None,
        Ok(count) => {
            let room = octets_max.saturating_sub(kept.len());
            kept.extend(chunk.get(..count.min(room)).unwrap_or_default());
        }
        Err(error) if is_no_news(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn is_no_news(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn how_it_ended(status: Option<ExitStatus>, complaint: &str) -> End {
    let Some(status) = status else { return End::Other("ended with an unknown status".to_owned()) };
    match status.signal() {
        Some(libc::SIGXCPU) => End::Processor,
        Some(libc::SIGABRT) if complaint.contains(OUT_OF_MEMORY) => End::Memory,
        Some(libc::SIGKILL) => End::Other(
            "was killed by another process, or by the system because it ran out of memory"
                .to_owned(),
        ),
        Some(signal) => End::Other(format!("was ended by signal {signal}")),
        None => End::Other(format!("ended without an answer ({status})")),
    }
}

/// The first non-empty line, without control characters.
fn shown(complaint: &str) -> String {
    let line = complaint.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|one| !one.is_control()).take(COMPLAINT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;

//! Runs one build and shows how far it is.

use std::{
    io::{self, BufReader, IsTerminal, Read, Write},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use lessor_guests::BuildError;

use crate::progress::{Said, read};

/// How often the progress is shown where it cannot be overwritten.
const LINE_INTERVAL: Duration = Duration::from_secs(15);
/// The width of cargo's own bar, which is read and not shown.
const BAR_COLUMNS: &str = "60";

/// Runs a command of cargo that builds `what`. Shows the number of crates on a terminal in one
/// line, and elsewhere from time to time; warnings and errors as cargo prints them.
///
/// # Errors
/// Returns an error if cargo cannot be run or fails.
pub(crate) fn build(what: &str, command: &mut Command) -> Result<(), BuildError> {
    let colour = if io::stderr().is_terminal() { "always" } else { "never" };
    command
        .env("CARGO_TERM_COLOR", colour)
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", BAR_COLUMNS)
        .stderr(Stdio::piped());
    let failed = |error: io::Error| BuildError::new(format!("cannot run cargo: {error}"));
    let mut child = command.spawn().map_err(failed)?;
    let mut display = Display::new(what, io::stderr().is_terminal());
    if let Some(stderr) = child.stderr.take() {
        each_line(stderr, |line| display.show(&read(line))).map_err(failed)?;
    }
    let status = child.wait().map_err(failed)?;
    display.end();
    if status.success() {
        return Ok(());
    }
    Err(BuildError::new(format!("{what}: cargo failed with {status}; see its output above")))
}

/// Calls `each` for what stands between line feeds and carriage returns.
fn each_line(from: impl Read, mut each: impl FnMut(&str)) -> io::Result<()> {
    let mut line = Vec::new();
    for octet in BufReader::new(from).bytes() {
        match octet? {
            b'\n' | b'\r' => {
                each(&String::from_utf8_lossy(&line));
                line.clear();
            }
            octet => line.push(octet),
        }
    }
    each(&String::from_utf8_lossy(&line));
    Ok(())
}

/// The line of progress.
struct Display<'a> {
    what: &'a str,
    is_terminal: bool,
    began: Instant,
    shown_at: Option<Instant>,
}

impl<'a> Display<'a> {
    fn new(what: &'a str, is_terminal: bool) -> Self {
        Self { what, is_terminal, began: Instant::now(), shown_at: None }
    }

    fn show(&mut self, said: &Said<'_>) {
        match said {
            Said::Routine => {}
            Said::Line(line) => {
                self.clear();
                eprintln!("{line}");
            }
            Said::Progress { done, total } => {
                let elapsed = self.began.elapsed().as_secs();
                let text = format!(
                    "{}: {done} of {total} crates, {} min {:02} s",
                    self.what,
                    elapsed / 60,
                    elapsed % 60
                );
                if self.is_terminal {
                    eprint!("\r\x1b[K{text}");
                    let _ = io::stderr().flush();
                } else if self.shown_at.is_none_or(|shown| shown.elapsed() >= LINE_INTERVAL) {
                    eprintln!("{text}");
                } else {
                    return;
                }
                self.shown_at = Some(Instant::now());
            }
        }
    }

    /// Says how long it took, if it took so long that there was something to see.
    fn end(&mut self) {
        self.clear();
        if self.shown_at.is_some() {
            eprintln!("{}: built in {} s", self.what, self.began.elapsed().as_secs());
        }
    }

    fn clear(&self) {
        if self.is_terminal && self.shown_at.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_either_kind_of_return() {
        let mut lines = Vec::new();
        each_line(&b"a\rb\nc"[..], |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(lines, ["a", "b", "c"]);
    }
}

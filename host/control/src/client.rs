//! Asks the running server, for the commands.

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use serde::{Serialize, de::DeserializeOwned};

use crate::protocol::{END, FAILED, json_line};

/// Asks the server at `socket`. Returns the lines of the answer as they arrive; the last one is an
/// error if the answer ends too early.
///
/// # Errors
/// If no server answers.
pub fn open<Q: Serialize>(
    socket: &Path,
    question: &Q,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<String>> + use<Q>> {
    let connected = UnixStream::connect(socket);
    lines_of(connected.map_err(|error| no_answer(socket, error))?, question)
}

fn lines_of<Q: Serialize>(
    mut stream: UnixStream,
    question: &Q,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<String>> + use<Q>> {
    stream.write_all(&json_line(question))?;
    let mut lines = BufReader::new(stream).lines();
    let mut is_over = false;
    Ok(std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        let line = match lines.next() {
            Some(Ok(line)) if line == END => None,
            Some(Ok(line)) => match line.strip_prefix(FAILED) {
                None => return Some(Ok(line)),
                Some(why) => Some(Err(anyhow::anyhow!("the server could not answer: {why}"))),
            },
            Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => {
                Some(Err(error).context("the server did not answer in time"))
            }
            Some(Err(error)) => Some(Err(error).context("the server ended its answer early")),
            None => {
                Some(Err(anyhow::anyhow!("the server ended its answer early; its log may say why")))
            }
        };
        is_over = true;
        line
    }))
}

/// As [`open`], but passes each line of the answer to `each`.
///
/// # Errors
/// If no server answers, or the answer ends too early.
pub fn ask<T: DeserializeOwned>(
    socket: &Path,
    question: &impl Serialize,
    mut each: impl FnMut(T),
) -> anyhow::Result<()> {
    for line in open(socket, question)? {
        each(parsed(&line?)?);
    }
    Ok(())
}

/// As [`ask`], for an answer of one line, for which it waits until `deadline`.
///
/// # Errors
/// As [`ask`], or if there is no line in time.
pub fn ask_until<T: DeserializeOwned>(
    socket: &Path,
    question: &impl Serialize,
    deadline: Instant,
) -> anyhow::Result<T> {
    let stream = UnixStream::connect(socket).map_err(|error| no_answer(socket, error))?;
    let left = deadline.saturating_duration_since(Instant::now());
    // No time at all would mean for ever.
    stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
    let line = lines_of(stream, question)?.next();
    parsed(&line.context("the server gave no answer; its log may say why")??)
}

fn parsed<T: DeserializeOwned>(line: &str) -> anyhow::Result<T> {
    serde_json::from_str(line)
        .context("the server has another version; use the lessor command of that version")
}

/// Explains why no server answers, and what to do.
fn no_answer(socket: &Path, error: io::Error) -> anyhow::Error {
    let socket = socket.display();
    let why = match error.kind() {
        ErrorKind::PermissionDenied => {
            format!("only root and the user that the server runs as may use {socket}; use sudo")
        }
        _ => format!("no server answers at {socket}; check that it runs, with this configuration"),
    };
    anyhow::Error::new(error).context(why)
}

/// Returns whether a server may be running that this user may not ask.
pub fn is_forbidden(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_never_answers_is_given_up_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control.sock");
        let _silent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let began = Instant::now();
        let deadline = began + Duration::from_millis(50);
        let answer = ask_until::<u64>(&socket, &"how are you?", deadline);
        let error = format!("{:#}", answer.unwrap_err());
        assert!(error.contains("did not answer in time"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }

    #[test]
    fn a_caller_that_may_not_ask_gets_the_reason() {
        let error = |kind: ErrorKind| no_answer(Path::new("/run/control.sock"), kind.into());
        let forbidden = error(ErrorKind::PermissionDenied);
        assert!(is_forbidden(&forbidden));
        let text = format!("{forbidden:#}");
        assert!(text.contains("may use /run/control.sock; use sudo"), "{text}");
        for kind in [ErrorKind::NotFound, ErrorKind::ConnectionRefused] {
            assert!(!is_forbidden(&error(kind)));
            assert!(error(kind).to_string().starts_with("no server answers at"));
        }
    }
}

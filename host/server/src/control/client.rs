//! Asks the running server, for the commands.

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use anyhow::Context;
use lessor_config::{FILE_OCTETS_MAX, Found};
use serde::de::DeserializeOwned;

use super::protocol::{END, FAILED, Question, json_line};

/// The default folder of the server's state.
const STATE_FOLDER: &str = "/var/lib/lessor";

/// Asks the server that runs with the configuration at `config`. Returns the lines of the answer as
/// they arrive; the last one is an error if the answer ends too early.
///
/// # Errors
/// If no server answers.
pub(crate) fn open(
    config: &Path,
    question: &Question,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<String>>> {
    let socket = socket_of(config)?;
    let connected = UnixStream::connect(&socket);
    let mut stream = connected.map_err(|error| no_answer(&socket, error))?;
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
pub(crate) fn ask<T: DeserializeOwned>(
    config: &Path,
    question: &Question,
    mut each: impl FnMut(T),
) -> anyhow::Result<()> {
    for line in open(config, question)? {
        each(
            serde_json::from_str(&line?).context(
                "the server has another version; use the lessor command of that version",
            )?,
        );
    }
    Ok(())
}

/// As [`ask`], for an answer of one line.
///
/// # Errors
/// As [`ask`], or if that line is missing.
pub(crate) fn ask_one<T: DeserializeOwned>(config: &Path, question: Question) -> anyhow::Result<T> {
    let mut answer = None;
    ask(config, &question, |line| answer = Some(line))?;
    answer.context("the server gave no answer; its log may say why")
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
pub(crate) fn is_forbidden(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

fn socket_of(config: &Path) -> anyhow::Result<PathBuf> {
    match crate::generation::load_configuration(config, crate::colour_on_stderr()) {
        Ok(configuration) => configuration
            .control
            .socket
            .context("this configuration has no control socket; set control.socket and restart"),
        // The server may be running with the former contents of the file.
        Err(refusal) => {
            let text = lessor_files::read_text(config, FILE_OCTETS_MAX as u64).ok();
            let base = config.parent().unwrap_or(Path::new(""));
            let socket = text.and_then(|text| socket_despite_mistakes(&text, base));
            let socket = socket.ok_or(refusal)?;
            eprintln!("note: {} has mistakes; `lessor check` lists them", config.display());
            Ok(socket)
        }
    }
}

/// Returns the path of the socket in a configuration that has mistakes, if that part has none.
fn socket_despite_mistakes(text: &str, base: &Path) -> Option<PathBuf> {
    let get = |table, key| lessor_config::look_up(text, table, key);
    match get("control", "enabled") {
        Found::Nothing | Found::Flag(true) => {}
        _ => return None,
    }
    if let Found::Text(socket) = get("control", "socket") {
        return Some(base.join(socket));
    }
    let folder = match (get("control", "socket"), get("store", "path"), get("store", "backend")) {
        (Found::Nothing, Found::Text(folder), _) => base.join(folder),
        (Found::Nothing, Found::Nothing, Found::Nothing) => PathBuf::from(STATE_FOLDER),
        (Found::Nothing, Found::Nothing, Found::Text(name)) if name == "embedded" => {
            PathBuf::from(STATE_FOLDER)
        }
        _ => return None,
    };
    Some(folder.join("control.sock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_ask_is_told_so() {
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

    #[test]
    fn the_socket_is_found_as_if_the_configuration_were_right() {
        for settings in [
            "",
            "[store]\npath = \"state\"\n",
            "[store]\nbackend = \"memory\"\n",
            "[store]\nbackend = \"embedded\"\n",
            "[control]\nsocket = \"/run/lessor.sock\"\n",
            "[control]\nenabled = false\n",
        ] {
            let base = Path::new("/etc/lessor");
            let right = format!(
                "{settings}[server]\nlisten = [\"192.0.2.1\"]\n[[subnet]]\nprefix = \"100.64.0.0/16\"\n"
            );
            let wrong = format!("{right}lease-tiem = 1\nlease-time = [\n");
            let right = lessor_config::parse("lessor.toml", &right, base).unwrap();
            let found = socket_despite_mistakes(&wrong, base);
            assert_eq!(found, right.control.socket, "{settings}");
        }
        let unclear = "[store]\npath = 5\n";
        assert_eq!(socket_despite_mistakes(unclear, Path::new("")), None);
    }
}

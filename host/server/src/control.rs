//! The control socket: answers what the command line asks the running server.
//!
//! A question is one line of JSON. The answer is any number of lines of JSON followed by the line
//! [`END`], so that a truncated answer is not taken for a complete one. An answer that cannot be
//! written is an error ([`FAILED`]), never empty. A process that may open the socket may ask
//! everything: the socket belongs to the user that runs the server.

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Write},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixStream as BlockingStream,
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use lessor_config::{FILE_OCTETS_MAX, Found};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};

use crate::{
    callers::{Caller, Callers},
    explain, leases, recording,
    reload::Reloader,
    shadow, state, status,
};

/// The last line of a complete answer.
const END: &str = "end";
/// The prefix of the line that replaces an answer which could not be written. No JSON begins with
/// it.
const FAILED: &str = "failed: ";
/// The longest question, in octets.
const QUESTION_OCTETS_MAX: u64 = 65_536;
/// How long the server waits for a complete question.
const QUESTION_WITHIN: Duration = Duration::from_secs(5);
/// How long the caller may take to read a part of an answer.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// The default folder of the server's state.
const STATE_FOLDER: &str = "/var/lib/lessor";

/// The questions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Question {
    /// Lists every lease record; one [`leases::Row`] per line.
    Leases,
    /// Shows the state of the server; one [`status::Status`].
    Status,
    /// Shows the results of its shadow plugins; one [`shadow::ShadowSummary`].
    Shadow,
    /// Builds a new generation and lets it serve; one [`crate::reload::ReloadReport`].
    Reload,
    /// Records; the lines of a recording ([`recording::Line`]), with progress in between.
    Record(recording::RecordRequest),
    /// Lists or removes what policies have stored; the lines of [`state`].
    State(state::StateQuestion),
    /// Explains what would happen to a client; one line.
    Explain(explain::Subject),
}

/// Opens the socket, and replaces one that a server left behind.
///
/// # Errors
/// If another server answers on it, or the socket cannot be created.
pub(crate) fn listen(path: &Path) -> anyhow::Result<UnixListener> {
    make_way(path)?;
    let place = || format!("cannot open the control socket {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(place)?;
    }
    let listener = UnixListener::bind(path).with_context(place)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).with_context(place)?;
    Ok(listener)
}

/// Removes a socket that a server left behind.
///
/// # Errors
/// If another server answers on it, or the path is something other than a socket.
pub(crate) fn make_way(path: &Path) -> anyhow::Result<()> {
    let place = || format!("cannot open the control socket {}", path.display());
    match BlockingStream::connect(path) {
        Ok(_) => bail!(
            "{}: another lessor process uses it; stop that process, or set control.socket to \
             another path",
            place()
        ),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            if !std::fs::symlink_metadata(path).with_context(place)?.file_type().is_socket() {
                bail!(
                    "{}: the path exists and is not a socket; set control.socket to another path",
                    place()
                );
            }
            std::fs::remove_file(path).with_context(place)?;
        }
        // The path does not exist, or binding will report the error.
        Err(_) => {}
    }
    Ok(())
}

/// Answers until the task is dropped.
pub(crate) async fn answer(listener: UnixListener, reloader: Arc<Reloader>) {
    let callers = Callers::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection on the control socket");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(caller) = callers.admit().await else { return };
        let reloader = Arc::clone(&reloader);
        tokio::spawn(async move {
            if let Err(error) = answer_one(stream, &caller, reloader).await {
                tracing::debug!(%error, "a question on the control socket was not answered");
            }
        });
    }
}

async fn answer_one(
    mut stream: UnixStream,
    caller: &Caller,
    reloader: Arc<Reloader>,
) -> anyhow::Result<()> {
    let (reading, mut writing) = stream.split();
    let mut line = String::new();
    let mut reading = tokio::io::BufReader::new(reading.take(QUESTION_OCTETS_MAX));
    caller.wait_for(QUESTION_WITHIN, reading.read_line(&mut line)).await?;
    let question: Question = serde_json::from_str(&line)?;
    let (sender, mut chunks) = tokio::sync::mpsc::channel::<Vec<u8>>(4);
    // Locks are taken and plugins compiled in this closure, so it must not run on the threads of
    // the runtime.
    let work = tokio::task::spawn_blocking(move || {
        let mut say = |chunk: Vec<u8>| sender.blocking_send(chunk).is_ok();
        match question {
            Question::Leases => leases::write_rows(&reloader.shared, &mut say),
            Question::Status => say(json_line(&status::Status::of(&reloader))),
            Question::Shadow => say(json_line(&shadow::ShadowSummary::of(&reloader))),
            Question::Reload => say(json_line(&reloader.reload())),
            Question::Record(asked) => recording::record(&reloader, &asked, &mut say),
            Question::State(asked) => state::answer(&reloader, &asked, &mut say),
            Question::Explain(subject) => say(explain::answer(&reloader, &subject)),
        }
    });
    while let Some(chunk) = chunks.recv().await {
        caller.wait_for(READ_WITHIN, writing.write_all(&chunk)).await?;
    }
    if work.await? {
        let end = format!("{END}\n");
        caller.wait_for(READ_WITHIN, writing.write_all(end.as_bytes())).await?;
    }
    Ok(())
}

/// Formats one value as a line of JSON, or as an error line for [`open`] if it has no form in JSON.
pub(crate) fn json_line<T: Serialize>(value: &T) -> Vec<u8> {
    match serde_json::to_vec(value) {
        Ok(mut line) => {
            line.push(b'\n');
            line
        }
        Err(error) => {
            tracing::error!(%error, "a question on the control socket cannot be answered");
            failure_line(&error.to_string())
        }
    }
}

/// Returns the line that says why the rest of an answer is missing.
pub(crate) fn failure_line(why: &str) -> Vec<u8> {
    let why = why.replace(char::is_control, " ");
    format!("{FAILED}{why}\n").into_bytes()
}

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
    let connected = BlockingStream::connect(&socket);
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

    #[tokio::test]
    async fn a_socket_that_was_left_behind_is_replaced_and_a_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        drop(listen(&path).unwrap());
        let living = listen(&path).unwrap();
        let error = listen(&path).unwrap_err().to_string();
        assert!(error.contains("another lessor process uses it"), "{error}");
        drop(living);
        let file = folder.path().join("lessor.toml");
        std::fs::write(&file, "precious").unwrap();
        let error = listen(&file).unwrap_err().to_string();
        assert!(error.contains("is not a socket"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    }

    #[test]
    fn an_answer_that_has_no_form_in_json_is_an_error() {
        assert_eq!(json_line(&["an answer"]), b"[\"an answer\"]\n");
        let keys = std::collections::BTreeMap::from([((1, 2), "no key of JSON")]);
        let line = String::from_utf8(json_line(&keys)).unwrap();
        assert!(line.starts_with(FAILED) && line.ends_with("string\n"), "{line}");
    }

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
                "{settings}[server]\nlisten = [\"192.0.2.1\"]\n[[subnet]]\nprefix = \
                 \"100.64.0.0/16\"\n"
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

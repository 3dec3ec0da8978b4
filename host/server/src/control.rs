//! The control socket: answers what the command line asks the running server.
//!
//! A question is one line of JSON. The answer is any number of lines of JSON followed by the line
//! [`protocol::END`], so that a truncated answer is not taken for a complete one. An answer that
//! cannot be written is an error ([`protocol::FAILED`]), never empty. A process that may open the
//! socket may ask everything: the socket belongs to the user that runs the server.

pub(crate) mod client;
pub(crate) mod protocol;

use std::{
    io::ErrorKind,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixStream as BlockingStream,
    },
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};

use self::protocol::{END, Question, json_line};
use crate::{
    callers::{Caller, Callers},
    explain, leases, recording,
    reload::Reloader,
    shadow, state, status,
};

/// The longest question, in octets.
const QUESTION_OCTETS_MAX: u64 = 65_536;
/// How long the server waits for a complete question.
const QUESTION_WITHIN: Duration = Duration::from_secs(5);
/// How long the caller may take to read a part of an answer.
const READ_WITHIN: Duration = Duration::from_secs(10);

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
}

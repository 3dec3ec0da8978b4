//! The control socket: answers what the command line asks the running server.
//!
//! A question is one line of JSON. The answer is any number of lines of JSON followed by the line
//! `end`, so that a truncated answer is not taken for a complete one. An answer that cannot be
//! written is an error (see [`failure_line`]), never empty. A process that may open the socket may
//! ask everything: the socket belongs to the user that runs the server.
//!
//! Does not know what is asked: the caller passes a type for the questions and a function that
//! answers them. Invariant: an idle connection never keeps another caller from being answered; see
//! [`Callers`], which also limits the connections of other sockets.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod callers;
mod client;
mod protocol;

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
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};

use self::protocol::END;

pub use callers::{Caller, Callers};
pub use client::{ask, ask_until, is_forbidden, open};
pub use protocol::{failure_line, json_line};

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
pub fn listen(path: &Path) -> anyhow::Result<UnixListener> {
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
pub fn make_way(path: &Path) -> anyhow::Result<()> {
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

/// Receives the chunks of an answer. Returns whether the caller still reads.
pub type Say<'s> = dyn FnMut(Vec<u8>) -> bool + 's;

/// The process that asks, according to the kernel (SO_PEERCRED).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The number of the user that it runs as.
    pub user_id: u32,
}

/// Answers until the task is dropped. `answering` may block; it passes an answer to [`Say`] and
/// returns whether the caller received all of it.
pub async fn answer<Q, A>(listener: UnixListener, answering: A)
where
    Q: DeserializeOwned + Send + 'static,
    A: Fn(Peer, Q, &mut Say<'_>) -> bool + Send + Sync + 'static,
{
    let (callers, answering) = (Callers::new(), Arc::new(answering));
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
        let answering = Arc::clone(&answering);
        tokio::spawn(async move {
            if let Err(error) = answer_one(stream, &caller, answering).await {
                tracing::debug!(%error, "a question on the control socket was not answered");
            }
        });
    }
}

async fn answer_one<Q, A>(
    mut stream: UnixStream,
    caller: &Caller,
    answering: Arc<A>,
) -> anyhow::Result<()>
where
    Q: DeserializeOwned + Send + 'static,
    A: Fn(Peer, Q, &mut Say<'_>) -> bool + Send + Sync + 'static,
{
    let peer = Peer { user_id: stream.peer_cred()?.uid() };
    let (reading, mut writing) = stream.split();
    let mut line = String::new();
    let mut reading = tokio::io::BufReader::new(reading.take(QUESTION_OCTETS_MAX));
    caller.wait_for(QUESTION_WITHIN, reading.read_line(&mut line)).await?;
    let question: Q = serde_json::from_str(&line)?;
    let (sender, mut chunks) = tokio::sync::mpsc::channel::<Vec<u8>>(4);
    // Locks are taken and plugins compiled in this closure, so it must not run on the threads of
    // the runtime.
    let work = tokio::task::spawn_blocking(move || {
        answering(peer, question, &mut |chunk: Vec<u8>| sender.blocking_send(chunk).is_ok())
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

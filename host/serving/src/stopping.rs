//! How the process ends: signals, and the watchdog that ends the process when the server cannot
//! stop in time.
//!
//! Does not stop the parts of the server. A reply leaves only after what it promises is durable, so
//! the process may end at any moment without losing an acknowledged lease. An orderly stop answers
//! the requests in progress and writes the rest of the journal and the state of plugins. Invariant:
//! none of that keeps the process from ending in time.

use std::{future::pending, sync::Arc, thread, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::{JoinError, JoinHandle},
};

use crate::{exit::exit, reload::Reloader};

/// How long an orderly stop may take.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// The exit code of a server that could not finish its stop: a temporary failure (sysexits.h).
const UNFINISHED_EXIT_CODE: i32 = 75;
/// The signals that the server handles.
pub(crate) struct Signals {
    hangup: Signal,
    user1: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches the signals from now on.
    ///
    /// # Errors
    /// If the system does not allow that.
    pub(crate) fn catch() -> anyhow::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for SIGTERM or SIGINT.
    pub(crate) async fn stop(&mut self) {
        stop(&mut self.terminate, &mut self.interrupt).await;
    }

    /// Reloads on SIGHUP and reopens the journal on SIGUSR1; returns on SIGTERM or SIGINT, also
    /// during either.
    pub(crate) async fn obey(&mut self, reloader: &Arc<Reloader>) {
        let (mut reload, mut reopening) = (None, None);
        loop {
            tokio::select! {
                () = stop(&mut self.terminate, &mut self.interrupt) => return,
                _ = self.hangup.recv(), if reload.is_none() => {
                    let mut states = vec![sd_notify::NotifyState::Reloading];
                    states.extend(sd_notify::NotifyState::monotonic_usec_now());
                    notify(&states);
                    let reloader = Arc::clone(reloader);
                    reload = Some(tokio::task::spawn_blocking(move || {
                        reloader.reload();
                    }));
                }
                // During a reload too: a compilation does not hold up the rotation.
                _ = self.user1.recv(), if reopening.is_none() => {
                    let reloader = Arc::clone(reloader);
                    reopening =
                        Some(tokio::task::spawn_blocking(move || reloader.reopen_journal()));
                }
                _ = end_of(&mut reopening) => reopening = None,
                ended = end_of(&mut reload) => {
                    reload = None;
                    if ended.is_err() {
                        tracing::error!(
                            "a reload ended in a panic; the old generation continues to serve"
                        );
                    }
                    notify(&[sd_notify::NotifyState::Ready]);
                }
            }
        }
    }

    /// Waits until `work` has stopped the server. Ends the process if another SIGTERM or SIGINT
    /// arrives first.
    pub(crate) async fn watch_over<T>(&mut self, work: JoinHandle<T>) -> Result<T, JoinError> {
        tokio::select! {
            done = work => done,
            () = self.stop() => exit_unfinished("was asked twice to stop"),
        }
    }
}

/// Ends the process after [`STOP_WITHIN`], whatever it is doing, unless it ends before.
pub(crate) fn end_soon() {
    let watchdog = thread::Builder::new().name("watchdog".into()).spawn(|| {
        thread::sleep(STOP_WITHIN);
        exit_unfinished("could not stop in time");
    });
    if let Err(error) = watchdog {
        tracing::error!(
            %error,
            "cannot start the thread that would end a stop that takes too long"
        );
    }
}

/// Notifies systemd, if the process runs under it.
pub(crate) fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot notify the service manager");
    }
}

fn exit_unfinished(why: &str) -> ! {
    tracing::error!(
        exit_code = UNFINISHED_EXIT_CODE,
        "the server {why} and ends now: every acknowledged lease is on storage; the last lines of \
         the journal, and the state that plugins set in the last second, may be lost"
    );
    exit(UNFINISHED_EXIT_CODE)
}

async fn stop(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Waits for the end of a task; without one, waits for ever.
async fn end_of(task: &mut Option<JoinHandle<()>>) -> Result<(), JoinError> {
    match task {
        Some(task) => task.await,
        None => pending().await,
    }
}

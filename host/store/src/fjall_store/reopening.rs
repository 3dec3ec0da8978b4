//! Closes a database that failed and opens it again, in the background: closing waits for the
//! engine's workers and opening reads its journal, while packets still want their answers.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError},
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{FjallStore, database::Database, journal};
use crate::StoreError;

/// A database on its way back. Dropping it gives up, and waits until the database is closed.
pub(super) struct Reopening {
    attempts: Receiver<Result<Database, StoreError>>,
    /// Dropped to make the thread stop.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How far it is.
pub(super) enum Progress {
    /// The next attempt has not been made yet.
    Waiting,
    /// An attempt failed; another will be made.
    Refused(StoreError),
    /// Open again.
    Open(Box<Database>),
    /// The thread ended without success: it panicked.
    Ended,
}

impl Reopening {
    /// Closes `database` if there is one, and opens that of the store in `path` after `delay_ms`,
    /// then at growing intervals until it succeeds. Nothing if the system grants no thread; the
    /// database is closed then, too.
    pub(super) fn start(path: PathBuf, database: Option<Database>, delay_ms: u64) -> Option<Self> {
        let (report, attempts) = mpsc::channel();
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("lessor-reopen".to_owned())
            .spawn(move || run(&path, database, delay_ms, &report, &stopped))
            .ok()?;
        Some(Self { attempts, stop: Some(stop), thread: Some(thread) })
    }

    /// How far it is, without waiting.
    pub(super) fn poll(&mut self) -> Progress {
        match self.attempts.try_recv() {
            Ok(Ok(database)) => Progress::Open(Box::new(database)),
            Ok(Err(error)) => Progress::Refused(error),
            Err(TryRecvError::Empty) => Progress::Waiting,
            Err(TryRecvError::Disconnected) => Progress::Ended,
        }
    }
}

impl Drop for Reopening {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(
    path: &Path,
    database: Option<Database>,
    mut delay_ms: u64,
    report: &Sender<Result<Database, StoreError>>,
    stopped: &Receiver<()>,
) {
    drop(database);
    loop {
        match stopped.recv_timeout(Duration::from_millis(delay_ms)) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
        let attempt = journal::settle(path).and_then(|()| Database::open(path));
        let succeeded = attempt.is_ok();
        if report.send(attempt).is_err() || succeeded {
            return;
        }
        delay_ms = delay_ms.saturating_mul(2).min(FjallStore::REOPEN_DELAY_MAX_MS);
    }
}

//! SQLite. A database is a file, but reading it may wait for a lock or a disk, and queries compute
//! in this process. It is therefore queried like a server, on a few separate low-priority threads.
//!
//! Does not run queries; see [`connection`]. Invariant: however many queries there are, no more
//! than [`COMPUTING_THREADS_MAX`] threads compute, with a lower priority than packets.

mod connection;
mod plan;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use crossbeam_channel::{Receiver, Sender};
use lessor_core::SourceRow;
use lessor_settings::SqliteSettings;
use rusqlite::Connection;
use tokio::sync::oneshot;

use self::connection::{Asker, Identity};
use super::question::{Failure, SourceQuery};
use crate::{SourceProblem, limits::COMPUTING_THREADS_MAX};

/// A database and its threads, which end with it.
pub(crate) struct Sqlite {
    jobs: Sender<Job>,
    warnings: Vec<String>,
}

/// A query, and the channel for its answer.
struct Job {
    question: SourceQuery,
    answer: oneshot::Sender<Result<Option<SourceRow>, Failure>>,
}

/// The data that the threads of one database share.
struct Shared {
    path: PathBuf,
    query: String,
    /// The identity of the file that was opened last.
    opened: Mutex<Option<Identity>>,
}

impl Sqlite {
    /// Opens the database and checks the query.
    pub(super) fn open(
        settings: &SqliteSettings,
        concurrency_max: usize,
    ) -> Result<Self, SourceProblem> {
        let SqliteSettings { path, query } = settings.clone();
        let shared = Arc::new(Shared { path, query, opened: Mutex::default() });
        let mut asker = Asker::new(Arc::clone(&shared));
        let unusable =
            |error| SourceProblem::setting("path", shared.path.display().to_string(), error);
        Identity::of(&shared.path).map_err(SourceProblem::unreadable(&shared.path))?;
        let connection = asker.connected().map_err(|failure| unusable(failure.into_words()))?;
        check(connection, &shared.query)?;
        let warnings = plan::warnings(connection, &shared.query);
        let (jobs, waiting) = crossbeam_channel::unbounded();
        let idle = (1..threads(concurrency_max)).map(|_| Asker::new(Arc::clone(&shared)));
        for asker in idle.collect::<Vec<_>>().into_iter().chain([asker]) {
            let waiting = waiting.clone();
            lessor_aside::spawn("lookup-sqlite", move || work(asker, &waiting))
                .map_err(|error| unusable(format!("no thread can be started for it: {error}")))?;
        }
        Ok(Self { jobs, warnings })
    }

    /// Warnings about the configuration, before the first query.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    pub(super) async fn fetch(&self, question: SourceQuery) -> Result<Option<SourceRow>, Failure> {
        let given_up = || Failure::Down("the query was abandoned".to_owned());
        let (answer, answered) = oneshot::channel();
        // A query with a permit has a thread, so nothing waits in the channel.
        self.jobs.send(Job { question, answer }).map_err(|_| given_up())?;
        answered.await.unwrap_or_else(|_| Err(given_up()))
    }
}

/// The number of concurrent queries.
pub(super) fn threads(concurrency_max: usize) -> usize {
    concurrency_max.clamp(1, COMPUTING_THREADS_MAX)
}

/// Answers queries until the channel is closed.
fn work(mut asker: Asker, jobs: &Receiver<Job>) {
    for Job { question, answer } in jobs {
        let row = asker.ask(&question.key, question.deadline);
        // The permit is released before the answer is sent, because the caller may query again at
        // once.
        drop(question.place);
        // The caller may have stopped waiting.
        let _ = answer.send(row);
    }
}

/// Checks that a query reads data and has one parameter.
fn check(connection: &Connection, query: &str) -> Result<(), SourceProblem> {
    let refuse = |message: String| SourceProblem::setting("query", query, message);
    let statement = connection.prepare(query).map_err(|error| refuse(error.to_string()))?;
    if !statement.readonly() || statement.column_count() == 0 {
        return Err(refuse(
            "wanted a query that only reads: SELECT … FROM … WHERE … = $1".to_owned(),
        ));
    }
    match statement.parameter_count() {
        1 => Ok(()),
        count => Err(refuse(format!("it has {count} parameters; wanted one, $1: the key"))),
    }
}

//! PostgreSQL. The server returns the row as one JSON text, so that values of all types are texts
//! in the database's format.

use std::{
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use lessor_core::SourceRow;
use lessor_settings::{PostgresqlSettings, RemoteLimits};
use rustls::RootCertStore;
use tokio_postgres::{Client, Config, Statement, config::SslMode, types::Type};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::question::{Failure, SourceQuery, several_rows};
use crate::{
    SourceProblem, cause,
    limits::ROW_OCTETS_MAX,
    row::{self, Fields},
    secret::Secrets,
    tls,
};

/// The classes of errors that depend on the key: more rows than an expression may return, a key
/// that cannot be converted to the expected type, and errors raised by a function of the database.
const ABOUT_THE_KEY: [&str; 3] = ["21", "22", "P0"];

/// How long an idle connection is kept; firewalls drop silent connections.
const IDLE_FOR: Duration = Duration::from_secs(60);

/// The connections to one server, up to the number of concurrent queries.
pub(crate) struct Postgresql {
    config: Config,
    tls: MakeRustlsConnect,
    query: String,
    deadline: Duration,
    idle: Mutex<Vec<Idle>>,
}

/// An idle connection, and since when it is idle.
struct Idle {
    connected: Connected,
    since: Instant,
}

struct Connected {
    client: Client,
    statement: Statement,
}

impl Postgresql {
    pub(super) fn open(
        settings: &PostgresqlSettings,
        limits: &RemoteLimits,
        secrets: &Secrets,
    ) -> Result<Self, SourceProblem> {
        let refuse = |message: String| SourceProblem::setting("url", &settings.url, message);
        let wanted = "wanted postgresql://user@host:port/database";
        let mut config = Config::from_str(&settings.url)
            .map_err(|error| refuse(format!("{error}; {wanted}")))?;
        if config.get_password().is_some() {
            let message = "it contains a password; write it to a file and set password-file";
            return Err(SourceProblem::setting("url", "…", message));
        }
        if config.get_hosts().is_empty() {
            return Err(refuse(format!("it names no host; {wanted}")));
        }
        if !settings.query.contains("$1") {
            let message = "it has no parameter; wanted $1 where the key goes";
            return Err(SourceProblem::setting("query", &settings.query, message));
        }
        if let Some(password) = &secrets.main {
            config.password(password.octets());
        }
        config.application_name("lessor").connect_timeout(limits.deadline);
        let ca = settings.ca_file.as_deref().zip(secrets.certificates.as_deref());
        let tls = match (config.get_ssl_mode(), ca) {
            (SslMode::Disable, _) => tls::trusting(RootCertStore::empty())?,
            // Connections that need not be encrypted need no certificates.
            (SslMode::Prefer, None) => {
                tls::client(None).or_else(|_| tls::trusting(RootCertStore::empty()))?
            }
            (_, ca) => tls::client(ca)?,
        };
        Ok(Self {
            config,
            tls: MakeRustlsConnect::new(tls),
            query: as_json(&settings.query),
            deadline: limits.deadline,
            idle: Mutex::default(),
        })
    }

    pub(super) async fn fetch(&self, question: SourceQuery) -> Result<Option<SourceRow>, Failure> {
        // The permit is held until this function returns.
        let SourceQuery { key, place: _place, .. } = question;
        let mut idle = self.take_idle();
        loop {
            let was_idle = idle.is_some();
            let connected = match idle.take() {
                Some(connected) => connected,
                None => self.connect().await.map_err(|error| down(&error))?,
            };
            // If the caller stops waiting, this future is dropped with its connection, so that a
            // late answer is never read as that of another query.
            match connected.client.query(&connected.statement, &[&&*key]).await {
                Ok(rows) => {
                    self.put_back(connected);
                    return match rows.as_slice() {
                        [] => Ok(None),
                        [row] => read(row.try_get(0)),
                        _ => Err(several_rows()),
                    };
                }
                Err(error) => {
                    let failure = failure(&error);
                    if matches!(failure, Failure::BadAnswer(_)) {
                        self.put_back(connected);
                        return Err(failure);
                    }
                    self.forget_idle();
                    // Retry only if the server closed the connection while it was idle.
                    if !was_idle || error.as_db_error().is_some() {
                        return Err(failure);
                    }
                }
            }
        }
    }

    /// Closes all idle connections, because the cause of a failure may affect all of them.
    pub(super) fn forget_idle(&self) {
        self.idle().clear();
    }

    fn take_idle(&self) -> Option<Connected> {
        let mut idle = self.idle();
        idle.retain(|idle| idle.since.elapsed() < IDLE_FOR && !idle.connected.client.is_closed());
        idle.pop().map(|idle| idle.connected)
    }

    fn put_back(&self, connected: Connected) {
        self.idle().push(Idle { connected, since: Instant::now() });
    }

    async fn connect(&self) -> Result<Connected, tokio_postgres::Error> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        // The task ends with the client.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        // The server cancels queries that no caller waits for, and queries cannot change data.
        let session = format!(
            "SET statement_timeout = {}; SET default_transaction_read_only = on",
            self.deadline.as_millis()
        );
        client.batch_execute(&session).await?;
        let statement = client.prepare_typed(&self.query, &[Type::TEXT]).await?;
        Ok(Connected { client, statement })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wraps the query to return its row as one JSON text. A second row shows that there are too many.
fn as_json(query: &str) -> String {
    let query = query.trim().trim_end_matches(';');
    // The line break keeps a comment at the end of the query from hiding the bracket.
    format!("SELECT row_to_json(found)::text FROM (\n{query}\n) AS found LIMIT 2")
}

fn read(text: Result<&str, tokio_postgres::Error>) -> Result<Option<SourceRow>, Failure> {
    let bad = |error: String| Failure::BadAnswer(format!("the row cannot be read: {error}"));
    let text = text.map_err(|error| bad(error.to_string()))?;
    if text.len() > 2 * ROW_OCTETS_MAX {
        return Err(Failure::BadAnswer(row::too_long()));
    }
    let fields: Fields = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    Ok(Some(fields.into_row()))
}

fn failure(error: &tokio_postgres::Error) -> Failure {
    let code = error.code().map(tokio_postgres::error::SqlState::code);
    match code.is_some_and(|code| ABOUT_THE_KEY.iter().any(|class| code.starts_with(class))) {
        true => Failure::BadAnswer(said(error)),
        false => down(error),
    }
}

fn down(error: &tokio_postgres::Error) -> Failure {
    Failure::Down(said(error))
}

/// The message of the database, or the innermost cause.
fn said(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        return format!("{} ({})", error.message(), error.code().code());
    }
    cause::in_words(error)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lessor_e2e::{require, sources::PostgreSql};
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn a_connection_that_was_idle_for_too_long_is_replaced() {
        require!(psql);
        let server = PostgreSql::start(None);
        let arguments = format!("password={}", PostgreSql::PASSWORD.replace(' ', "%20"));
        let url = format!("postgresql://lessor@{}/postgres?{arguments}", server.address());
        let source = Postgresql {
            config: Config::from_str(&url).unwrap(),
            tls: MakeRustlsConnect::new(tls::trusting(RootCertStore::empty()).unwrap()),
            query: as_json("SELECT pg_backend_pid() AS process WHERE $1 <> ''"),
            deadline: Duration::from_secs(20),
            idle: Mutex::default(),
        };
        let places = Arc::new(Semaphore::new(1));
        let process = async || {
            let place = Arc::clone(&places).acquire_owned().await.unwrap();
            let deadline = Instant::now() + source.deadline;
            let question = SourceQuery { key: "a".into(), deadline, place };
            let row = source.fetch(question).await.unwrap().unwrap();
            row.field("process").unwrap().to_owned()
        };
        let first = process().await;
        assert_eq!(process().await, first);
        source.idle()[0].since -= IDLE_FOR;
        assert_ne!(process().await, first);
        assert_eq!(source.idle().len(), 1, "the old one is closed");
    }
}

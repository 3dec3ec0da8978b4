//! Sources that take time to answer. Answers are cached; concurrent queries for the same key share
//! one answer; a failed key is not queried again for a moment; a failing source is paused.

mod back_off;
mod backend;
mod cache;
mod failed_keys;
mod http;
mod postgresql;
mod question;
mod radius;
mod sqlite;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lessor_core::{LookupAnswer, SourceRow};
use lessor_settings::RemoteLimits;
use tokio::sync::{Semaphore, watch};

pub(crate) use self::backend::Backend;
use self::{
    back_off::{BackOff, Reaction},
    cache::{Answers, CachedAnswer},
    failed_keys::FailedKeys,
    question::{Failure, SourceQuery},
};
use crate::{
    limits::KEY_OCTETS_MAX,
    status::{Counters, SourceStatus},
};

/// A source that takes time to answer.
pub(crate) struct Remote {
    name: String,
    limits: RemoteLimits,
    backend: Backend,
    answers: Answers,
    failed_keys: FailedKeys,
    back_off: BackOff,
    /// The semaphore with a permit for each concurrent query.
    places: Arc<Semaphore>,
    /// The keys that are being queried, and the receivers of their answers.
    flights: Mutex<HashMap<Arc<str>, Flight>>,
    counters: Counters,
}

type Flight = watch::Receiver<Option<LookupAnswer>>;

impl Remote {
    pub(crate) fn new(name: &str, backend: Backend, limits: RemoteLimits) -> Self {
        let places = Arc::new(Semaphore::new(backend.concurrency_max(&limits)));
        Self {
            name: name.to_owned(),
            limits,
            backend,
            answers: Answers::new(&limits),
            failed_keys: FailedKeys::new(),
            back_off: BackOff::default(),
            places,
            flights: Mutex::default(),
            counters: Counters::default(),
        }
    }

    /// Returns the answer if it is known without a query.
    pub(crate) fn now(&self, key: &str) -> Option<LookupAnswer> {
        let answer = self.known(key)?;
        self.note(&answer);
        Some(answer)
    }

    /// Waits for the answer.
    pub(crate) async fn ask(self: &Arc<Self>, key: &str) -> LookupAnswer {
        let flight = match self.known(key) {
            Some(answer) => Err(answer),
            None => self.board(key),
        };
        let answer = match flight {
            Err(answer) => answer,
            Ok(mut flight) => match flight.wait_for(Option::is_some).await {
                Ok(landed) => landed.clone().unwrap_or_else(given_up),
                Err(_) => given_up(),
            },
        };
        self.note(&answer);
        answer
    }

    /// How long the answer can take.
    pub(crate) const fn deadline(&self) -> Duration {
        self.limits.deadline
    }

    pub(crate) fn status(&self) -> SourceStatus {
        SourceStatus {
            rows: self.answers.len() as u64,
            in_flight: self.flights().len() as u64,
            is_down: self.back_off.is_down(),
            ..self.counters.status()
        }
    }

    /// Warnings about the configuration, before the first query.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.backend.warnings()
    }

    /// The answer without a query: a fresh one from the cache, or the reason why the key is not
    /// valid, failed a moment ago, or the source is paused.
    fn known(&self, key: &str) -> Option<LookupAnswer> {
        if key.is_empty() || key.len() > KEY_OCTETS_MAX {
            return Some(LookupAnswer::NotFound);
        }
        if let Some(answer) = self.backend.refusal(key) {
            return Some(answer);
        }
        let remembered = self.answers.get(key);
        if let Some(CachedAnswer::Fresh(answer)) = remembered {
            let is_found = matches!(answer, LookupAnswer::Found { .. });
            let counters = &self.counters;
            Counters::count(if is_found { &counters.hits } else { &counters.negative_hits });
            return Some(answer);
        }
        if let Some(failed) = self.failed_keys.get(key) {
            let why = format!("`{}`: {}{}", self.name, failed.why, ago(failed.age()));
            return Some(stale_or(remembered, why));
        }
        self.back_off.is_down_for(key).then(|| stale_or(remembered, self.left_alone()))
    }

    /// The reason while the source is paused.
    fn left_alone(&self) -> String {
        let why = format!("`{}` is paused after failures", self.name);
        match self.counters.last_error() {
            Some((error, age)) => format!("{why}: {error}{}", ago(age)),
            None => why,
        }
    }

    /// Joins the pending query for this key, or starts one.
    fn board(self: &Arc<Self>, key: &str) -> Result<Flight, LookupAnswer> {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(key) {
            return Ok(flight.clone());
        }
        // The query may have finished since the first check.
        if let Some(CachedAnswer::Fresh(answer)) = self.answers.get(key) {
            return Err(answer);
        }
        if flights.len() >= self.limits.concurrency_max + self.limits.queue_max {
            Counters::count(&self.counters.refused);
            let why = format!("`{}` already has {} queries waiting", self.name, flights.len());
            return Err(stale_or(self.answers.get(key), why));
        }
        if !self.back_off.admits(key) {
            return Err(stale_or(self.answers.get(key), self.left_alone()));
        }
        let (landing, flight) = watch::channel(None);
        let key: Arc<str> = key.into();
        flights.insert(Arc::clone(&key), flight.clone());
        drop(flights);
        // A separate task, because the first caller may stop waiting while the others still wait.
        let remote = Arc::clone(self);
        tokio::spawn(async move {
            let mut query = PendingQuery { remote, key, has_landed: false };
            let answer = query.remote.fly(&query.key).await;
            query.has_landed = true;
            // The answer is in the cache now, where later callers find it.
            drop(query);
            landing.send_replace(Some(answer));
        });
        Ok(flight)
    }

    /// Queries the source and updates its state.
    async fn fly(self: &Arc<Self>, key: &Arc<str>) -> LookupAnswer {
        let why = match self.fetch(key).await {
            Ok(row) => {
                self.worked(Some(key));
                let found = |row| LookupAnswer::Found { row, is_stale: false };
                return row.map_or(LookupAnswer::NotFound, found);
            }
            Err(Trouble::NoPlace(why)) => {
                self.back_off.not_asked();
                return stale_or(self.answers.get(key), why);
            }
            Err(Trouble::BadAnswer(why)) => {
                // The answer is not valid, but the source works for other keys.
                self.worked(None);
                why
            }
            Err(Trouble::Down(why)) => {
                match self.back_off.failed(key) {
                    Reaction::GoOn => {}
                    Reaction::Probe(answered) => self.probe(answered),
                    Reaction::Pause(pause) => self.counters.left_alone(&self.name, pause),
                }
                why
            }
        };
        self.failed_keys.put(key, &why);
        self.counters.went_wrong(&self.name, key, &why);
        stale_or(self.answers.get(key), format!("`{}`: {why}", self.name))
    }

    /// Queries the source for a key that it answered before, to find out whether the source itself
    /// fails. No caller waits for this.
    fn probe(self: &Arc<Self>, key: Arc<str>) {
        let probe = Probe { remote: Arc::clone(self), is_over: false };
        let remote = Arc::clone(self);
        tokio::spawn(async move {
            match remote.fetch(&key).await {
                Ok(_) => remote.worked(Some(&key)),
                Err(Trouble::BadAnswer(_)) => remote.worked(None),
                Err(Trouble::NoPlace(_)) => return,
                Err(Trouble::Down(_)) => {
                    if let Some(pause) = remote.back_off.probe_failed() {
                        remote.counters.left_alone(&remote.name, pause);
                    }
                }
            }
            probe.over();
        });
    }

    /// Queries the source for a key and caches the answer.
    async fn fetch(&self, key: &Arc<str>) -> Result<Option<SourceRow>, Trouble> {
        let boarded = Instant::now();
        let deadline = boarded + self.limits.deadline;
        // A longer wait would leave the source too little time to answer, and a timeout would not
        // show that it is down.
        let patience = self.limits.deadline / 2;
        let place = Arc::clone(&self.places).acquire_owned();
        let place = tokio::time::timeout_at((boarded + patience).into(), place).await;
        let Ok(Ok(place)) = place else {
            Counters::count(&self.counters.refused);
            let waited_ms = patience.as_millis();
            let why = format!("`{}` could not start the query within {waited_ms} ms", self.name);
            return Err(Trouble::NoPlace(why));
        };
        let begun = Instant::now();
        let question = SourceQuery { key: Arc::clone(key), deadline, place };
        let asked = tokio::time::timeout_at(deadline.into(), self.backend.fetch(question));
        match asked.await {
            Ok(Ok(row)) => {
                self.counters.fetched(begun.elapsed());
                self.answers.put(key, row.clone());
                Ok(row)
            }
            Ok(Err(failure)) => {
                Counters::count(&self.counters.failures);
                Err(match failure {
                    Failure::BadAnswer(why) => Trouble::BadAnswer(why),
                    Failure::Down(why) => Trouble::Down(why),
                })
            }
            Err(_) => {
                Counters::count(&self.counters.timeouts);
                let hint = self.backend.fell_silent().unwrap_or_default();
                let deadline_ms = self.limits.deadline.as_millis();
                Err(Trouble::Down(format!("no answer within {deadline_ms} ms{hint}")))
            }
        }
    }

    fn worked(&self, key: Option<&Arc<str>>) {
        if let Some(after) = self.back_off.worked(key) {
            self.counters.is_back(&self.name, after);
        }
    }

    fn note(&self, answer: &LookupAnswer) {
        Counters::count(&self.counters.asked);
        match answer {
            LookupAnswer::Found { is_stale: true, .. } => Counters::count(&self.counters.stale),
            LookupAnswer::Unavailable(_) => Counters::count(&self.counters.unavailable),
            LookupAnswer::Found { .. } | LookupAnswer::NotFound => {}
        }
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Arc<str>, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a query has no answer.
enum Trouble {
    /// The query never reached the source.
    NoPlace(String),
    /// The source works, but its answer for this key is not valid.
    BadAnswer(String),
    /// The source does not work, at least not for this key.
    Down(String),
}

/// A running probe. If it ends without a result, it says nothing about the source.
struct Probe {
    remote: Arc<Remote>,
    is_over: bool,
}

impl Probe {
    fn over(mut self) {
        self.is_over = true;
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if !self.is_over {
            self.remote.back_off.not_probed();
        }
    }
}

/// Lists a key as being queried until its query ends. A query that ends without any result counts
/// as failed, because a trial must not last forever.
struct PendingQuery {
    remote: Arc<Remote>,
    key: Arc<str>,
    has_landed: bool,
}

impl Drop for PendingQuery {
    fn drop(&mut self) {
        if !self.has_landed {
            self.remote.back_off.given_up(&self.key);
        }
        self.remote.flights().remove(&self.key);
    }
}

fn stale_or(remembered: Option<CachedAnswer>, why: String) -> LookupAnswer {
    match remembered {
        Some(CachedAnswer::Fresh(answer) | CachedAnswer::Stale(answer)) => answer,
        None => LookupAnswer::Unavailable(why),
    }
}

fn given_up() -> LookupAnswer {
    LookupAnswer::Unavailable("the server abandoned the query".to_owned())
}

/// How long ago something went wrong, as the end of a sentence.
fn ago(age: Duration) -> String {
    format!(" ({:.1} s ago)", age.as_secs_f64())
}

/// The time left until a deadline.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

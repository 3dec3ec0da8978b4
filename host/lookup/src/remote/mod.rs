//! Sources that take time to answer. What they said is remembered; whoever asks for a key that is
//! being asked for waits for that answer; a source that fails is left alone for a while.

mod back_off;
mod backend;
mod cache;
mod http;
mod postgresql;
mod radius;
mod sqlite;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lessor_core::LookupAnswer;
use tokio::sync::{Semaphore, watch};

use self::{
    back_off::BackOff,
    backend::{Backend, Failure, Question},
    cache::{Answers, Remembered},
};
use crate::{
    Problem,
    limits::KEY_OCTETS_MAX,
    secret::Secrets,
    settings::{Place, RemoteLimits},
    status::{Counters, SourceStatus},
};

/// A source that takes time to answer.
pub(crate) struct Remote {
    name: String,
    limits: RemoteLimits,
    backend: Backend,
    answers: Answers,
    back_off: BackOff,
    /// One for each question at the source at a time.
    places: Arc<Semaphore>,
    /// The keys that are being asked for, and where their answers will be.
    flights: Mutex<HashMap<Arc<str>, Flight>>,
    counters: Counters,
}

type Flight = watch::Receiver<Option<LookupAnswer>>;

impl Remote {
    pub(crate) fn open(
        name: &str,
        place: &Place,
        limits: &RemoteLimits,
        secrets: &Secrets,
    ) -> Result<Self, Problem> {
        Ok(Self {
            name: name.to_owned(),
            limits: limits.clone(),
            backend: Backend::open(place, limits, secrets)?,
            answers: Answers::new(limits),
            back_off: BackOff::default(),
            places: Arc::new(Semaphore::new(limits.concurrency_max)),
            flights: Mutex::default(),
            counters: Counters::default(),
        })
    }

    /// The answer, if it is known without asking.
    pub(crate) fn now(&self, key: &str) -> Option<LookupAnswer> {
        let answer = self.known(key)?;
        self.note(&answer);
        Some(answer)
    }

    /// The answer, once it is there.
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

    pub(crate) fn status(&self) -> SourceStatus {
        SourceStatus {
            rows: self.answers.len() as u64,
            in_flight: self.flights().len() as u64,
            is_down: self.back_off.is_down(),
            ..self.counters.status()
        }
    }

    /// Remembered and fresh, or what is said of a key that cannot be one and while the source is left
    /// alone.
    fn known(&self, key: &str) -> Option<LookupAnswer> {
        if key.is_empty() || key.len() > KEY_OCTETS_MAX {
            return Some(LookupAnswer::NotFound);
        }
        if let Some(answer) = self.backend.refusal(key) {
            return Some(answer);
        }
        let remembered = self.answers.get(key);
        if let Some(Remembered::Fresh(answer)) = remembered {
            let is_found = matches!(answer, LookupAnswer::Found { .. });
            let counters = &self.counters;
            Counters::count(if is_found { &counters.hits } else { &counters.negative_hits });
            return Some(answer);
        }
        if !self.back_off.is_down() {
            return None;
        }
        let error = self.counters.status().last_error.unwrap_or_default();
        let why = format!("`{}` is left alone for a while after failures: {error}", self.name);
        Some(stale_or(remembered, why))
    }

    /// Joins the question about this key that is under way, or begins one.
    fn board(self: &Arc<Self>, key: &str) -> Result<Flight, LookupAnswer> {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(key) {
            return Ok(flight.clone());
        }
        // It may have landed since this was looked up.
        if let Some(Remembered::Fresh(answer)) = self.answers.get(key) {
            return Err(answer);
        }
        if flights.len() >= self.limits.concurrency_max + self.limits.queue_max {
            Counters::count(&self.counters.refused);
            let why = format!("`{}` has {} questions waiting already", self.name, flights.len());
            return Err(stale_or(self.answers.get(key), why));
        }
        if !self.back_off.admits() {
            let why = format!("`{}` is left alone for a while after failures", self.name);
            return Err(stale_or(self.answers.get(key), why));
        }
        let (landing, flight) = watch::channel(None);
        let key: Arc<str> = key.into();
        flights.insert(Arc::clone(&key), flight.clone());
        drop(flights);
        // A task of its own: whoever asked first may leave, the others still wait.
        let remote = Arc::clone(self);
        tokio::spawn(async move {
            let mut seat = Seat { remote, key, has_landed: false };
            let answer = seat.remote.fly(&seat.key).await;
            seat.has_landed = true;
            // The answer is remembered by now; whoever comes later finds it there.
            drop(seat);
            landing.send_replace(Some(answer));
        });
        Ok(flight)
    }

    /// Asks the source.
    async fn fly(&self, key: &Arc<str>) -> LookupAnswer {
        let boarded = Instant::now();
        let deadline = boarded + self.limits.deadline;
        // Whoever waits longer for a place would leave the source too little time to answer in, and
        // its silence would say nothing about it.
        let patience = self.limits.deadline / 2;
        let place = Arc::clone(&self.places).acquire_owned();
        let place = tokio::time::timeout_at((boarded + patience).into(), place).await;
        let Ok(Ok(place)) = place else {
            Counters::count(&self.counters.refused);
            self.back_off.not_asked();
            let waited_ms = patience.as_millis();
            let why = format!("`{}` had no place for the question in {waited_ms} ms", self.name);
            return stale_or(self.answers.get(key), why);
        };
        let begun = Instant::now();
        let question = Question { key: Arc::clone(key), deadline, place };
        let asked = tokio::time::timeout_at(deadline.into(), self.backend.fetch(question));
        let why = match asked.await {
            Ok(Ok(row)) => {
                self.counters.fetched(begun.elapsed());
                self.back_off.worked();
                self.answers.put(key, row.clone());
                let found = |row| LookupAnswer::Found { row, is_stale: false };
                return row.map_or(LookupAnswer::NotFound, found);
            }
            Ok(Err(Failure::BadAnswer(why))) => {
                Counters::count(&self.counters.failures);
                // Wrong, but there: the source works for other keys.
                self.back_off.worked();
                why
            }
            Ok(Err(Failure::Down(why))) => {
                Counters::count(&self.counters.failures);
                self.failed();
                why
            }
            Err(_) => {
                Counters::count(&self.counters.timeouts);
                self.failed();
                let hint = self.backend.fell_silent().unwrap_or_default();
                format!("no answer within {} ms{hint}", self.limits.deadline.as_millis())
            }
        };
        if self.counters.went_wrong(&why) {
            tracing::warn!(source = self.name, "lookup failed: {why}");
        }
        stale_or(self.answers.get(key), format!("`{}`: {why}", self.name))
    }

    fn failed(&self) {
        if let Some(pause) = self.back_off.failed() {
            let pause_ms = pause.as_millis() as u64;
            tracing::warn!(source = self.name, pause_ms, "lookup source is left alone for a while");
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

/// Keeps a key among those that are being asked for, however asking ends. If it ends without an
/// answer of any kind it has failed: a trial must not go on for ever.
struct Seat {
    remote: Arc<Remote>,
    key: Arc<str>,
    has_landed: bool,
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.has_landed {
            self.remote.failed();
        }
        self.remote.flights().remove(&self.key);
    }
}

fn stale_or(remembered: Option<Remembered>, why: String) -> LookupAnswer {
    match remembered {
        Some(Remembered::Fresh(answer) | Remembered::Stale(answer)) => answer,
        None => LookupAnswer::Unavailable(why),
    }
}

fn given_up() -> LookupAnswer {
    LookupAnswer::Unavailable("the server gave the question up".to_owned())
}

/// How long is left until a deadline.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

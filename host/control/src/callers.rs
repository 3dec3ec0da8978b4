//! Callers: the connections to a socket on which the server answers questions.
//!
//! Each connection takes a place, and there are [`CALLERS_MAX`] of them. When all are taken, a new
//! caller replaces the one that has kept the server waiting longest, by not asking or by not
//! reading its answer. Does not read the questions. Invariant: an idle connection never keeps
//! another caller from being answered.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::bail;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The number of connections to one socket at a time.
pub(crate) const CALLERS_MAX: usize = 128;

/// The connections to one socket.
pub struct Callers {
    places: Arc<Semaphore>,
    waiting: Arc<Mutex<Waiting>>,
}

/// One connection. Its place is free again when this is dropped.
pub struct Caller {
    waiting: Arc<Mutex<Waiting>>,
    dismissal: Arc<Notify>,
    /// The key of this caller in [`Waiting::callers`] while the server waits for it.
    turn: Mutex<Option<u64>>,
    _place: OwnedSemaphorePermit,
}

/// The callers for which the server waits now.
#[derive(Default)]
struct Waiting {
    /// The callers in the order in which the server began to wait for them.
    callers: BTreeMap<u64, Arc<Notify>>,
    next_turn: u64,
}

impl Default for Callers {
    fn default() -> Self {
        Self::new()
    }
}

impl Callers {
    /// Creates the limit of a socket: 128 connections at a time.
    pub fn new() -> Self {
        Self::with_places(CALLERS_MAX)
    }

    fn with_places(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), waiting: Arc::default() }
    }

    /// Makes a place for a new connection. Waits only if every other caller is being served at this
    /// moment. Returns `None` if the process ends.
    pub async fn admit(&self) -> Option<Caller> {
        let place = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                if let Some((_, longest)) = lock(&self.waiting).callers.pop_first() {
                    longest.notify_one();
                }
                Arc::clone(&self.places).acquire_owned().await.ok()?
            }
        };
        let caller = Caller {
            waiting: Arc::clone(&self.waiting),
            dismissal: Arc::default(),
            turn: Mutex::default(),
            _place: place,
        };
        caller.keeps_waiting();
        Some(caller)
    }
}

impl Caller {
    /// Notes that the server waits for this caller from now on.
    pub fn keeps_waiting(&self) {
        let mut turn = self.turn();
        if turn.is_none() {
            let mut waiting = lock(&self.waiting);
            waiting.next_turn += 1;
            let number = waiting.next_turn;
            waiting.callers.insert(number, Arc::clone(&self.dismissal));
            *turn = Some(number);
        }
    }

    /// Notes that the caller waits for the server from now on, so that it is not disconnected.
    pub fn is_served(&self) {
        if let Some(number) = self.turn().take() {
            lock(&self.waiting).callers.remove(&number);
        }
    }

    /// Waits for the caller to send or to read something.
    ///
    /// # Errors
    /// If that fails, takes longer than `patience`, or another caller needs the place.
    pub async fn wait_for<T>(
        &self,
        patience: Duration,
        work: impl Future<Output = io::Result<T>>,
    ) -> anyhow::Result<T> {
        self.keeps_waiting();
        let outcome = self.unless_dismissed(tokio::time::timeout(patience, work)).await;
        self.is_served();
        match outcome {
            Some(Ok(result)) => Ok(result?),
            Some(Err(_)) => {
                bail!("the caller neither sent nor read anything for {} s", patience.as_secs())
            }
            None => bail!("the connection was closed to make room for another caller"),
        }
    }

    /// Runs `work` with the caller; returns `None` if another caller needed its place meanwhile.
    pub async fn unless_dismissed<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            outcome = work => Some(outcome),
            () = self.dismissal.notified() => None,
        }
    }

    fn turn(&self) -> MutexGuard<'_, Option<u64>> {
        lock(&self.turn)
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.is_served();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn the_one_that_keeps_the_server_waiting_longest_makes_room() {
        let callers = Callers::with_places(3);
        let served = callers.admit().await.unwrap();
        served.is_served();
        let idle = callers.admit().await.unwrap();
        let newer = callers.admit().await.unwrap();
        let dismissed = tokio::spawn(async move {
            let waited = idle.wait_for(LONG, pending::<io::Result<()>>()).await;
            waited.unwrap_err().to_string()
        });
        let admitted = tokio::time::timeout(LONG, callers.admit()).await.unwrap().unwrap();
        assert!(dismissed.await.unwrap().contains("another caller"));
        // No other caller lost its place.
        for caller in [&served, &newer, &admitted] {
            assert_eq!(caller.unless_dismissed(async {}).await, Some(()));
        }
    }

    #[tokio::test]
    async fn who_is_served_is_not_dismissed_and_the_next_one_waits_for_a_place() {
        let callers = Callers::with_places(1);
        let served = callers.admit().await.unwrap();
        served.is_served();
        let soon = Duration::from_millis(50);
        assert!(tokio::time::timeout(soon, callers.admit()).await.is_err());
        drop(served);
        assert!(callers.admit().await.is_some());
    }

    #[tokio::test]
    async fn patience_ends() {
        let callers = Callers::with_places(1);
        let caller = callers.admit().await.unwrap();
        let waited = caller.wait_for(Duration::ZERO, pending::<io::Result<()>>()).await;
        assert!(waited.unwrap_err().to_string().contains("neither sent nor read anything"));
    }
}

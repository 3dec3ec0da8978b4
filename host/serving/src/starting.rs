//! A start from outside: which candidate starts, what it waits for, and how others learn of that.
//!
//! Opens the sockets for questions, which are answered from the moment that something is compiled.
//! Does not start the parts of the server. Invariant: a start that waits for a compilation says so
//! in the log, to the service manager, and on the control socket.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use lessor_config::Configuration;
use lessor_control::{Peer, Say, failure_line};
use lessor_generation::{Candidate, NotCompiled};
use lessor_policy_host::Runtime;
use sd_notify::NotifyState;
use serde::de::DeserializeOwned;
use tokio::{
    net::TcpListener,
    task::{JoinError, JoinHandle},
};

use crate::{
    awaited::compiling,
    metrics,
    reload::Reloader,
    stopping::{Signals, notify},
};

/// How often a start that waits is reported to the service manager.
const TELL_EVERY: Duration = Duration::from_secs(2);
/// By how much each report extends the time that the service manager gives to the start.
const EXTEND_BY: Duration = Duration::from_secs(30);
/// How often it is logged.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// How far a start is.
#[derive(Default)]
pub(crate) struct Starting {
    phase: Mutex<Phase>,
    has_changed: Condvar,
}

#[derive(Default)]
enum Phase {
    /// Nothing is waited for that takes long.
    #[default]
    Begins,
    /// Policies are compiled before anything can serve.
    Compiles { runtime: Arc<Runtime>, waits_for: NotCompiled, since: Instant },
    /// The server runs.
    Serves(Arc<Reloader>),
}

impl Starting {
    /// Notes that the sockets stay closed until these policies are compiled.
    pub(crate) fn waits(&self, runtime: &Arc<Runtime>, waits_for: NotCompiled) {
        for policy in &waits_for.policies {
            tracing::warn!("{policy}");
        }
        tracing::warn!(
            "THE SOCKETS STAY CLOSED until these policies are compiled; `lessor check --warm` \
             before a restart avoids that"
        );
        self.set(Phase::Compiles {
            runtime: Arc::clone(runtime),
            waits_for,
            since: Instant::now(),
        });
    }

    /// Notes that nothing is compiled any more.
    pub(crate) fn goes_on(&self) {
        let phase = std::mem::take(&mut *self.lock());
        if let Phase::Compiles { since, .. } = phase {
            let took_ms = since.elapsed().as_millis() as u64;
            tracing::info!(took_ms, "compiling has ended");
            notify(&[NotifyState::Status("the server starts")]);
        }
    }

    /// Notes that the server runs.
    pub(crate) fn serves(&self, reloader: &Arc<Reloader>) {
        self.set(Phase::Serves(Arc::clone(reloader)));
    }

    fn set(&self, phase: Phase) {
        *self.lock() = phase;
        self.has_changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the running server, once it runs.
    ///
    /// # Errors
    /// With what is waited for, if that takes long.
    fn wait(&self) -> Result<Arc<Reloader>, String> {
        let mut phase = self.lock();
        loop {
            match &*phase {
                Phase::Serves(reloader) => return Ok(Arc::clone(reloader)),
                Phase::Compiles { waits_for, .. } => {
                    let told = phase.told().unwrap_or_default();
                    return Err(format!("{told}. {}", waits_for.policies.join("; ")));
                }
                Phase::Begins => {
                    phase = self.has_changed.wait(phase).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

impl Phase {
    fn told(&self) -> Option<String> {
        let Self::Compiles { runtime, since, .. } = self else { return None };
        let waited_secs = since.elapsed().as_secs();
        let file = compiling(runtime)
            .map(|(file, for_secs)| format!(", now {file}, which has taken {for_secs} s so far"));
        Some(format!(
            "the server starts, and its sockets are closed: it has compiled policies for \
             {waited_secs} s{}",
            file.unwrap_or_default()
        ))
    }
}

/// The sockets for questions.
pub(crate) struct Listeners {
    /// Answers questions on the control socket.
    pub(crate) control: Option<JoinHandle<()>>,
    pub(crate) metrics: Option<TcpListener>,
}

impl Listeners {
    /// Opens them. This is done before the server serves, which also detects another server that
    /// runs with this configuration.
    async fn open<Q, A>(
        configuration: &Configuration,
        starting: &Arc<Starting>,
        answering: &Arc<A>,
    ) -> anyhow::Result<Self>
    where
        Q: DeserializeOwned + Send + 'static,
        A: Fn(&Reloader, Peer, Q, &mut Say<'_>) -> bool + Send + Sync + 'static,
    {
        let socket = configuration.control.socket.as_deref();
        let control = socket.map(lessor_control::listen).transpose()?.map(|listener| {
            let (starting, answering) = (Arc::clone(starting), Arc::clone(answering));
            let answer = move |peer: Peer, question: Q, say: &mut Say<'_>| match starting.wait() {
                Ok(reloader) => answering(&reloader, peer, question, say),
                Err(why) => say(failure_line(&why)),
            };
            tokio::spawn(lessor_control::answer(listener, answer))
        });
        let metrics = match configuration.metrics {
            Some(metrics) => Some(metrics::http::listen(metrics.listen).await?),
            None => None,
        };
        Ok(Self { control, metrics })
    }

    /// Closes the control socket.
    async fn close(self) {
        if let Some(control) = self.control {
            control.abort();
            let _ = control.await;
        }
    }
}

/// Starts the server with the candidate, or else with the last accepted generation. `begin` starts
/// its parts, and notes that it serves. Returns `None` if the server is asked to stop meanwhile.
///
/// # Errors
/// If neither can start.
pub(crate) async fn start<S, Q, A>(
    signals: &mut Signals,
    mut candidate: Candidate,
    strict: bool,
    answering: A,
    begin: impl Fn(Candidate, &Starting) -> anyhow::Result<S> + Clone + Send + 'static,
) -> anyhow::Result<Option<(S, Listeners)>>
where
    S: Send + 'static,
    Q: DeserializeOwned + Send + 'static,
    A: Fn(&Reloader, Peer, Q, &mut Say<'_>) -> bool + Send + Sync + 'static,
{
    let (starting, answering) = (Arc::new(Starting::default()), Arc::new(answering));
    loop {
        candidate.say_fallback();
        let listeners = Listeners::open(&candidate.configuration, &starting, &answering).await?;
        let (begin, own, told) = (begin.clone(), candidate.clone(), Arc::clone(&starting));
        let work = tokio::task::spawn_blocking(move || begin(own, &told));
        let Some(started) = watch(signals, &starting, work).await else { return Ok(None) };
        match started.context("the start ended in a panic")? {
            Ok(server) => return Ok(Some((server, listeners))),
            Err(error) => candidate = candidate.instead(error, strict)?,
        }
        starting.goes_on();
        listeners.close().await;
    }
}

/// Waits for the start, and reports what it waits for. Returns `None` on SIGTERM and SIGINT.
async fn watch<T>(
    signals: &mut Signals,
    starting: &Starting,
    mut work: JoinHandle<T>,
) -> Option<Result<T, JoinError>> {
    let mut ticks = tokio::time::interval(TELL_EVERY);
    let (mut logged, mut telling) = (Instant::now(), None::<JoinHandle<()>>);
    loop {
        tokio::select! {
            started = &mut work => return Some(started),
            () = signals.stop() => return None,
            _ = ticks.tick() => {
                let Some(told) = starting.lock().told() else { continue };
                if logged.elapsed() >= LOG_EVERY {
                    logged = Instant::now();
                    tracing::info!("{told}");
                }
                // A service manager that does not read would block this thread.
                if telling.as_ref().is_none_or(JoinHandle::is_finished) {
                    telling = Some(tokio::task::spawn_blocking(move || tell_manager(&told)));
                }
            }
        }
    }
}

/// Tells the service manager what is waited for, and that it takes longer.
fn tell_manager(told: &str) {
    let extend_by = u32::try_from(EXTEND_BY.as_micros()).unwrap_or(u32::MAX);
    notify(&[NotifyState::Status(told), NotifyState::ExtendTimeoutUsec(extend_by)]);
}

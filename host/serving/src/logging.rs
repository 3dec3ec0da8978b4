//! Logs: text for people, JSON for programs, on standard error.
//!
//! Does not write the journal. Separate threads write the lines. Invariant: no other thread ever
//! waits for standard error; if nothing reads it, lines are lost and counted.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::{IsTerminal, stderr},
    sync::OnceLock,
};

use lessor_config::{LogFormat, LogLevel, LogSettings};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, filter_fn},
    fmt::MakeWriter,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// The target of the log lines of policies.
const POLICIES: &str = "lessor::policy";
/// The number of the server's lines that may wait for standard error; further lines are lost.
const WAITING_LINES_MAX: usize = 16_384;
/// As above, for the lines of policies, so that they cannot take the places of the server's.
const WAITING_POLICY_LINES_MAX: usize = 4_096;

/// Counts the lines that were lost.
static LOST: OnceLock<[ErrorCounter; 2]> = OnceLock::new();

/// Begins to log as configured; `LESSOR_LOG` overrides the level, with the filter language of
/// tracing-subscriber. The guards write the waiting lines when they are dropped, and wait at most a
/// second for that. Panics are logged, too.
pub(crate) fn start(settings: &LogSettings) -> [WorkerGuard; 2] {
    let (own, own_guard) = writer("log", WAITING_LINES_MAX);
    let (beside, beside_guard) = writer("policy-log", WAITING_POLICY_LINES_MAX);
    let _ = LOST.set([own.error_counter(), beside.error_counter()]);
    let is_of_policy = || filter_fn(|metadata| metadata.target() == POLICIES);
    let own = layer(settings, own).with_filter(filter(settings.level).and(is_of_policy().not()));
    let of_policies =
        layer(settings, beside).with_filter(filter(settings.level).and(is_of_policy()));
    tracing_subscriber::registry().with(vec![own.boxed(), of_policies.boxed()]).init();
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = Backtrace::capture();
        let backtrace =
            (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        let thread = std::thread::current();
        tracing::error!(thread = thread.name(), backtrace, "{panic}");
    }));
    [own_guard, beside_guard]
}

/// Returns how many lines were lost so far because nothing read standard error.
pub(crate) fn lines_lost() -> u64 {
    LOST.get().into_iter().flatten().map(|counter| counter.dropped_lines() as u64).sum()
}

fn writer(thread: &str, lines_max: usize) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .buffered_lines_limit(lines_max)
        .thread_name(thread)
        .finish(stderr())
}

fn layer<W>(settings: &LogSettings, writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_target(false);
    match settings.format {
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
        LogFormat::Text => layer.with_ansi(stderr().is_terminal()).boxed(),
    }
}

fn filter(level: LogLevel) -> EnvFilter {
    let level = match level {
        LogLevel::Off => "off",
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    // Libraries log only warnings and errors, whatever level the server has.
    EnvFilter::try_from_env("LESSOR_LOG").unwrap_or_else(|_| {
        EnvFilter::new(format!("warn,lessor={level},lessor_policy_host={level}"))
    })
}

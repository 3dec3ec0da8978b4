//! Logs: text for people, JSON for programs, on standard error.

use std::io::{IsTerminal, stderr};

use lessor_config::{LogFormat, LogLevel, LogSettings};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, filter_fn},
    fmt::MakeWriter,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// The target of what policies log.
const POLICIES: &str = "lessor::policy";
/// Lines of policies that may wait for whoever reads standard error; what comes beyond is lost.
const WAITING_LINES_MAX: usize = 4_096;

/// Begins to log as configured; `LESSOR_LOG` overrides the level, with the filter language of
/// tracing-subscriber. What policies log is written by a thread of its own until the guard is dropped,
/// because a worker waits for it otherwise.
pub(crate) fn start(settings: &LogSettings) -> WorkerGuard {
    let (beside, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(WAITING_LINES_MAX)
        .thread_name("policy-log")
        .finish(stderr());
    let is_of_policy = || filter_fn(|metadata| metadata.target() == POLICIES);
    let own = layer(settings, stderr).with_filter(filter(settings.level).and(is_of_policy().not()));
    let of_policies =
        layer(settings, beside).with_filter(filter(settings.level).and(is_of_policy()));
    tracing_subscriber::registry().with(vec![own.boxed(), of_policies.boxed()]).init();
    guard
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
    // Libraries speak up only when something is wrong, whatever is asked of the server.
    EnvFilter::try_from_env("LESSOR_LOG").unwrap_or_else(|_| {
        EnvFilter::new(format!("warn,lessor={level},lessor_policy_host={level}"))
    })
}

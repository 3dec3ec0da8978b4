//! Logs: text for people, JSON for programs, on standard error.

use std::io::IsTerminal;

use lessor_config::{LogFormat, LogLevel, LogSettings};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// Begins to log as configured; `LESSOR_LOG` overrides the level, with the filter language of
/// tracing-subscriber.
pub(crate) fn start(settings: &LogSettings) {
    let level = match settings.level {
        LogLevel::Off => "off",
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    // Libraries speak up only when something is wrong, whatever is asked of the server.
    let filter = EnvFilter::try_from_env("LESSOR_LOG").unwrap_or_else(|_| {
        EnvFilter::new(format!("warn,lessor={level},lessor_policy_host={level}"))
    });
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let layer = match settings.format {
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
        LogFormat::Text => layer.with_ansi(std::io::stderr().is_terminal()).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).init();
}

//! Captures what a policy logs during a run, so that it is not printed between the results.

use std::{
    fmt,
    sync::{Mutex, Once, PoisonError},
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer, filter::LevelFilter, layer::Context, layer::SubscriberExt, util::SubscriberInitExt,
};

/// The target of the events that the host creates for a plugin's lines.
const TARGET: &str = "lessor::policy";
/// The number of lines that are kept until they are taken.
const LINES_MAX: usize = 1_000;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Starts to capture. Has no effect if the process has installed another subscriber.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let _ = tracing_subscriber::registry()
            .with(Listener.with_filter(LevelFilter::TRACE))
            .try_init();
    });
}

/// Returns the lines since the last call, as `warn: text`.
pub(crate) fn take() -> Vec<String> {
    std::mem::take(&mut *LINES.lock().unwrap_or_else(PoisonError::into_inner))
}

struct Listener;

/// The parts of an event that contain a plugin's log line.
#[derive(Default)]
struct PluginLogLine {
    message: String,
    plugin: bool,
}

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let mut line = PluginLogLine::default();
        event.record(&mut line);
        if !line.plugin {
            return;
        }
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG | Level::TRACE => "debug",
        };
        let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < LINES_MAX {
            lines.push(format!("{level}: {}", line.message));
        }
    }
}

impl Visit for PluginLogLine {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "plugin" => self.plugin = true,
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            "plugin" => self.plugin = true,
            _ => {}
        }
    }
}

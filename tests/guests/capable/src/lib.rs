//! A policy that uses every capability according to its settings, and writes the results to option
//! 224. It can also exceed the limits, for tests of the server's limits.

use lessor_policy::{
    CapabilityError, Policy, Request, Terms, Verdict, log, metrics, policy, settings, state, tables,
};
use serde::Deserialize;

/// The option for the results.
const TOLD_CODE: u8 = 224;

/// An action.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    /// Logs a line of this level.
    Log(String, String),
    /// Logs this line the given number of times.
    LogFlood(u32, String),
    /// Adds to a counter.
    Add(String, u64),
    /// Sets a gauge.
    Set(String, f64),
    /// Reads a key.
    Get(String),
    /// Sets a key.
    Put(String, String),
    /// Removes a key.
    Remove(String),
    /// Reads a field of a table's row.
    Field(String, String, String),
    /// Reads a table's row.
    Row(String, String),
    /// Tries every limit of `metrics`, and panics if one does not hold.
    AbuseMetrics,
    /// Tries every limit of `state` that one call can reach, and panics if one does not hold.
    AbuseState,
    /// Sets the given number of keys, or as many as there is room for. Their names begin with the
    /// text, or with the request's transaction id if the text is empty.
    FillState(u32, String),
    /// Passes a key that is a megabyte long.
    HugeKey,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Capable {
    r#do: Vec<Action>,
    /// The key of the only client to act for; `None` for all clients.
    client: Option<String>,
}

#[policy]
impl Policy for Capable {
    fn configure(settings: &str) -> Result<Self, String> {
        settings::read(settings)
    }

    fn on_discover(&mut self, request: &Request, terms: &Terms) -> Verdict {
        if self.client.as_ref().is_some_and(|client| *client != request.client_key()) {
            return Verdict::Proceed;
        }
        let told: Vec<String> = self.r#do.iter().map(|action| act(action, request)).collect();
        if let Err(error) = terms.set_option(TOLD_CODE, told.join("\n")) {
            panic!("{error}");
        }
        Verdict::Proceed
    }
}

fn act(action: &Action, request: &Request) -> String {
    match action {
        Action::Log(level, line) => {
            match level.as_str() {
                "debug" => log::debug(line),
                "info" => log::info(line),
                "warn" => log::warn(line),
                _ => log::error(line),
            }
            "logged".to_owned()
        }
        Action::LogFlood(count, line) => {
            (0..*count).for_each(|_| log::info(line));
            "flooded".to_owned()
        }
        Action::Add(name, more) => told(metrics::add(name, *more)),
        Action::Set(name, value) => told(metrics::set(name, *value)),
        Action::Get(key) => told(state::get(key).map(|value| value.map(as_text))),
        Action::Put(key, value) => told(state::set(key, value)),
        Action::Remove(key) => told(state::remove(key)),
        Action::Field(table, key, field) => told(tables::field(table, key, field)),
        Action::Row(table, key) => told(tables::row_json(table, key)),
        Action::AbuseMetrics => {
            abuse_metrics();
            "abused".to_owned()
        }
        Action::AbuseState => {
            abuse_state();
            "abused".to_owned()
        }
        Action::FillState(count, name) => {
            let anew = format!("{}-", request.transaction_id());
            let name = if name.is_empty() { &anew } else { name };
            told((0..*count).try_for_each(|number| state::set(&format!("{name}{number}"), "")))
        }
        Action::HugeKey => told(state::get(&"k".repeat(1 << 20))),
    }
}

fn told(answer: Result<impl std::fmt::Debug, CapabilityError>) -> String {
    match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => error.to_string(),
    }
}

fn as_text(octets: Vec<u8>) -> String {
    String::from_utf8_lossy(&octets).into_owned()
}

fn abuse_metrics() {
    let long = "n".repeat(65);
    for name in ["", "Upper", "1st", "with-dash", &long] {
        assert_eq!(metrics::add(name, 1), Err(CapabilityError::UnusableName));
        assert_eq!(metrics::set(name, 1.0), Err(CapabilityError::UnusableName));
    }
    for number in 0..64 {
        assert_eq!(metrics::add(&format!("name_{number}"), 1), Ok(()));
    }
    assert_eq!(metrics::add("one_more", 1), Err(CapabilityError::LimitReached));
    assert!(matches!(metrics::set("name_0", 1.0), Err(CapabilityError::Other(Some(_)))));
}

fn abuse_state() {
    let long = "k".repeat(256);
    for key in ["", &long] {
        assert_eq!(state::get(key), Err(CapabilityError::UnusableName));
        assert_eq!(state::set(key, "v"), Err(CapabilityError::UnusableName));
        assert_eq!(state::replace(key, None, None), Err(CapabilityError::UnusableName));
    }
    assert_eq!(state::set("k", [0; 4_097]), Err(CapabilityError::ValueTooLong));
    let too_long: &[u8] = &[0; 4_097];
    assert_eq!(state::replace("k", None, Some(too_long)), Err(CapabilityError::ValueTooLong));
    assert_eq!(state::get("k"), Ok(None));
}

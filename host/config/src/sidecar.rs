//! Reads the sidecar file of a plugin.

use serde_json::{Map, Number, Value as Json};
use toml::de::DeValue;

use crate::{
    collector::Collector,
    reader::{Table, Value},
    settings::{Grant, OnFailure, PluginMode, Sidecar, StateSettings, WhenFull},
    shapes, syntax,
};

/// A deadline of one tick of the clock can pass at once, so the minimum is two.
pub const DEADLINE_MS_MIN: u64 = 2;
/// A client that waits longer sends again.
pub const DEADLINE_MS_MAX: u64 = 1_000;
/// The maximum memory of one instance in MiB; every worker has one.
pub const MEMORY_MIB_MAX: u32 = 1_024;
/// Tables hold the functions of a plugin that are called indirectly; few have a thousand.
pub const TABLE_ELEMENTS_MAX: usize = 100_000;
/// More lines than an operator can read.
pub const LOG_LINES_PER_SEC_MAX: u32 = 1_000;

/// The maximum number of keys in a plugin's state.
pub const STATE_KEYS_MAX: usize = 65_536;

/// Reads the document in the collector's source. Returns `None` if a reported mistake prevents a
/// sidecar.
pub(crate) fn read(collector: &Collector) -> Option<Sidecar> {
    let document = syntax::parse(collector);
    let root = Table::open(collector, &shapes::SIDECAR, document.get_ref(), document.span());
    let choices = [("skip", OnFailure::Skip), ("drop", OnFailure::Drop)];
    let on_failure = root.get("on-failure").and_then(|value| value.choice(&choices));
    let modes = [("live", PluginMode::Live), ("shadow", PluginMode::Shadow)];
    let mode = root.get("mode").and_then(|value| value.choice(&modes));
    let limits = root.get("limits").and_then(|value| value.table(&shapes::LIMITS));
    let limit = |key| limits.as_ref().and_then(|limits| limits.get(key));
    let deadline_ms =
        limit("deadline-ms").and_then(|value| value.number(DEADLINE_MS_MIN, DEADLINE_MS_MAX));
    let memory_mib_max = limit("memory-mib").and_then(|value| value.number(1, MEMORY_MIB_MAX));
    let table_elements_max =
        limit("table-elements").and_then(|value| value.number(1, TABLE_ELEMENTS_MAX));
    let log_lines_per_sec_max =
        limit("log-lines-per-sec").and_then(|value| value.number(1, LOG_LINES_PER_SEC_MAX));
    let state = root.get("state").map(|value| state_rules(&value));
    let settings = root.get("settings").map(|value| settings_json(&value));
    Some(Sidecar {
        settings_json: settings.unwrap_or_else(|| "{}".to_owned()),
        deadline_ms,
        memory_mib_max,
        table_elements_max,
        log_lines_per_sec_max,
        on_failure: on_failure.unwrap_or_default(),
        grants: root.get("grants").map_or_else(Vec::new, |value| grants(&value)),
        mode: mode.unwrap_or_default(),
        state: state.unwrap_or_default(),
    })
}

/// Reads the limits of the plugin's state.
fn state_rules(value: &Value) -> StateSettings {
    let Some(table) = value.table(&shapes::STATE) else { return StateSettings::default() };
    let choices = [("error", WhenFull::Error), ("oldest-goes-first", WhenFull::OldestGoesFirst)];
    let number = |key| table.get(key).and_then(|value| value.number(1, STATE_KEYS_MAX));
    StateSettings {
        keep_secs: table.get("keep").and_then(|value| value.duration_secs()),
        keys_max: number("keys-max"),
        line_keys_max: number("line-keys-max"),
        when_full: table
            .get("when-full")
            .and_then(|value| value.choice(&choices))
            .unwrap_or_default(),
    }
}

/// A table of settings as a JSON object.
pub(crate) fn settings_json(value: &Value) -> String {
    Json::Object(object(value)).to_string()
}

/// Reads the capabilities that the plugin is granted; duplicates are ignored.
fn grants(value: &Value) -> Vec<Grant> {
    let choices = [
        ("log", Grant::Log),
        ("metrics", Grant::Metrics),
        ("state", Grant::State),
        ("tables", Grant::Tables),
    ];
    let mut grants = Vec::new();
    for grant in value.items().iter().filter_map(|item| item.choice(&choices)) {
        if !grants.contains(&grant) {
            grants.push(grant);
        }
    }
    grants
}

fn object(value: &Value) -> Map<String, Json> {
    value
        .entries("a table of settings")
        .iter()
        .map(|entry| (entry.key.value.to_owned(), json(&entry.value)))
        .collect()
}

/// Converts the value to JSON; a value without an equivalent becomes null and is reported. TOML
/// nests at most 80 levels, so this recursion does too.
fn json(value: &Value) -> Json {
    match value.raw() {
        DeValue::String(text) => Json::String(text.to_string()),
        DeValue::Boolean(flag) => Json::Bool(*flag),
        DeValue::Datetime(datetime) => Json::String(datetime.to_string()),
        DeValue::Array(_) => Json::Array(value.items().iter().map(json).collect()),
        DeValue::Table(_) => Json::Object(object(value)),
        DeValue::Integer(_) => {
            let number = value.integer().and_then(Number::from_i128);
            number.map_or_else(|| refused(value, "a whole number of at most 64 bits"), Json::Number)
        }
        DeValue::Float(number) => {
            let number = number.as_str().parse().ok().and_then(Number::from_f64);
            number.map_or_else(|| refused(value, "a finite number"), Json::Number)
        }
    }
}

fn refused(value: &Value, wanted: &str) -> Json {
    value.refuse(wanted);
    Json::Null
}

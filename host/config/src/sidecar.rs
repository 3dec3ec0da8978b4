//! Reads the sidecar file of a plugin.

use lessor_core::INFINITE_SECS;
use lessor_settings::{
    Capability, FailurePolicy, Grants, PluginLimits, PluginMode, STATE_KEYS_MAX, StateRules,
    WhenFull,
};
use serde_json::{Map, Number, Value as Json};
use toml::de::DeValue;

use crate::{
    collector::Collector,
    reader::{Table, Value},
    settings::Sidecar,
    shapes, syntax,
};

/// A deadline of one tick of the clock can pass at once, so the minimum is two.
const DEADLINE_MS_MIN: u64 = 2;
/// The octets of a MiB.
const MIB: usize = 1 << 20;

/// Reads the document in the collector's source. Returns `None` if a reported mistake prevents a
/// sidecar.
pub(crate) fn read(collector: &Collector) -> Option<Sidecar> {
    let document = syntax::parse(collector);
    let root = Table::open(collector, &shapes::SIDECAR, document.get_ref(), document.span());
    let choices = [("skip", FailurePolicy::Skip), ("drop", FailurePolicy::Drop)];
    let on_failure = root.get("on-failure").and_then(|value| value.choice(&choices));
    let modes = [PluginMode::Live, PluginMode::Shadow].map(|mode| (mode.name(), mode));
    let mode = root.get("mode").and_then(|value| value.choice(&modes));
    let limits = root.get("limits").and_then(|value| value.table(&shapes::LIMITS));
    let state = root.get("state").and_then(|value| value.table(&shapes::STATE));
    let settings = root.get("settings").map(|value| settings_json(&value));
    Some(Sidecar {
        settings_json: settings.unwrap_or_else(|| "{}".to_owned()),
        limits: plugin_limits(limits.as_ref(), state.as_ref()),
        on_failure: on_failure.unwrap_or_default(),
        mode: mode.unwrap_or_default(),
        grants: root.get("grants").map_or_else(Grants::default, |value| grants(&value)),
    })
}

/// Reads the limits of the plugin and those of its state; what is absent has its default.
fn plugin_limits(limits: Option<&Table>, state: Option<&Table>) -> PluginLimits {
    let default = PluginLimits::default();
    let get = |key| limits.and_then(|limits| limits.get(key));
    let deadline = get("deadline-ms");
    let deadline =
        deadline.and_then(|value| value.number(DEADLINE_MS_MIN, PluginLimits::DEADLINE_MS_LIMIT));
    let memory = get("memory-mib");
    let memory = memory.and_then(|value| value.number(1, PluginLimits::MEMORY_BYTES_LIMIT / MIB));
    let table = get("table-elements");
    let table = table.and_then(|value| value.number(1, PluginLimits::TABLE_ELEMENTS_LIMIT));
    let log_lines = get("log-lines-per-sec");
    let log_lines =
        log_lines.and_then(|value| value.number(1, PluginLimits::LOG_LINES_PER_SEC_LIMIT));
    PluginLimits {
        deadline_ms: deadline.unwrap_or(default.deadline_ms),
        memory_bytes_max: memory.map_or(default.memory_bytes_max, |mib| mib * MIB),
        table_elements_max: table.unwrap_or(default.table_elements_max),
        log_lines_per_sec_max: log_lines.unwrap_or(default.log_lines_per_sec_max),
        state: state.map_or(default.state, state_rules),
    }
}

/// Reads the limits of the plugin's state.
fn state_rules(table: &Table) -> StateRules {
    let default = StateRules::default();
    let choices = [("error", WhenFull::Error), ("oldest-goes-first", WhenFull::OldestGoesFirst)];
    let number = |key| table.get(key).and_then(|value| value.number(1, STATE_KEYS_MAX));
    let keep_secs = table.get("keep").and_then(|value| value.duration_secs());
    let when_full = table.get("when-full").and_then(|value| value.choice(&choices));
    StateRules {
        keep_secs: keep_secs.filter(|secs| *secs != INFINITE_SECS),
        keys_max: number("keys-max").unwrap_or(default.keys_max),
        line_keys_max: number("line-keys-max").unwrap_or(default.line_keys_max),
        when_full: when_full.unwrap_or(default.when_full),
    }
}

/// Reads the capabilities that the plugin is granted.
fn grants(value: &Value) -> Grants {
    let choices = Capability::ALL.map(|capability| (capability.name(), capability));
    value.items().iter().filter_map(|item| item.choice(&choices)).collect()
}

/// A table of settings as a JSON object.
pub(crate) fn settings_json(value: &Value) -> String {
    Json::Object(object(value)).to_string()
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

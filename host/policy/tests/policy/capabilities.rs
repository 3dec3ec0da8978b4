//! Capabilities: granting them, using them, and exceeding their limits.

use std::sync::Arc;

use crate::common::{NOW, ask, discover, guest, inspect, plugin, runtime, settings, wait_for};
use lessor_core::{OptionValue, SourceRow};
use lessor_policy_host::{
    FaultKind, KeptValue, LookupSources, Metric, PluginProblem, PluginSource, Runner, Runtime,
    RuntimeSettings, StateChange, StateStore, StateStoreError, limits::METRICS_MAX,
};
use lessor_settings::{Capability, Grants, STATE_KEYS_MAX};
use serde_json::{Value, json};

/// The guest that performs the given actions, with every capability granted.
fn capable(name: &str, actions: Value) -> PluginSource {
    let source = plugin(name, &guest("capable"), &json!({ "do": actions }));
    PluginSource { grants: Grants::all(), ..source }
}

fn counting(name: &str) -> PluginSource {
    let source = plugin(name, &guest("counting"), &json!({}));
    PluginSource { grants: Grants::default().with(Capability::State), ..source }
}

struct Subscribers;

impl LookupSources for Subscribers {
    fn has_source(&self, name: &str) -> bool {
        name == "subscribers"
    }

    fn row(&self, source: &str, key: &str) -> Option<Option<SourceRow>> {
        let row = [("plan", "fast")].map(|(name, value)| (Arc::from(name), Box::from(value)));
        (source == "subscribers").then(|| (key == "olt1/3").then(|| row.into_iter().collect()))
    }
}

fn start(runtime: &Arc<Runtime>, source: PluginSource) -> Runner {
    let chain = runtime.chain_with_sources(vec![source], Arc::new(Subscribers)).unwrap();
    chain.runner().unwrap()
}

/// The output of the only plugin, line by line.
fn told(runner: &mut Runner) -> Vec<String> {
    let outcome = ask(runner, &discover());
    let fault = runner.chain().status()[0].last_fault.clone();
    assert_eq!((outcome.trace[0].fault, fault), (None, None));
    match outcome.terms.options[0].1.as_deref() {
        Some(OptionValue::Octets(octets)) => {
            String::from_utf8(octets.clone()).unwrap().lines().map(str::to_owned).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_component_imports_the_capabilities_that_it_uses_and_no_others() {
    let capabilities = |package| inspect(&guest(package)).unwrap().capabilities;
    assert_eq!(capabilities("capable"), Capability::ALL);
    assert_eq!(capabilities("counting"), [Capability::State]);
    for package in ["minimal", "mirror", "misbehaving", "planner"] {
        assert_eq!(capabilities(package), [], "{package}");
    }
}

#[test]
fn a_component_that_imports_what_it_is_not_granted_is_refused_with_the_line_to_write() {
    let mut source = capable("10-a", json!([]));
    source.grants = Grants::default().with(Capability::Metrics).with(Capability::Log);
    let errors = runtime().chain(vec![source]).err().unwrap();
    assert_eq!(errors.len(), 1);
    assert!(matches!(&*errors[0].problem, PluginProblem::NotGranted { .. }));
    let said = errors[0].to_string();
    for wanted in [
        "plugin 10-a",
        "imports lessor:policy/state@0.1.2 and lessor:policy/tables@0.1.2, which it is not granted",
        r#"write grants = ["log", "metrics", "state", "tables"]"#,
        "as the first line of",
        "capable.toml",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    // A capability that is granted but not used has no effect.
    let mut source = counting("10-a");
    source.grants = Grants::all();
    assert!(runtime().chain(vec![source]).is_ok());
}

#[test]
fn metrics_are_counted_for_all_instances_together() {
    let runtime = runtime();
    let actions = json!([{ "add": ["lines", 2] }, { "set": ["load", 0.5] }]);
    let mut first = start(&runtime, capable("10-a", actions));
    assert_eq!(told(&mut first), ["()", "()"]);
    let chain = Arc::clone(first.chain());
    let mut second = chain.runner().unwrap();
    assert_eq!(told(&mut second), ["()", "()"]);
    let metrics = chain.status()[0].metrics.clone();
    assert_eq!(metrics.len(), 2);
    assert_eq!((metrics["lines"], metrics["load"]), (Metric::Counter(4), Metric::Gauge(0.5)));
    // The next generation continues the counters.
    let mut next = start(&runtime, capable("10-a", json!([{ "add": ["lines", 1] }])));
    told(&mut next);
    assert_eq!(next.chain().status()[0].metrics["lines"], Metric::Counter(5));
    let written = serde_json::to_value(&next.chain().status()[0]).unwrap();
    assert_eq!(written["metrics"], json!({ "lines": { "counter": 5 }, "load": { "gauge": 0.5 } }));
}

#[test]
fn metrics_have_limits_that_plugins_learn_of() {
    // The guest checks every answer and fails if one is wrong.
    let mut runner = start(&runtime(), capable("10-a", json!(["abuse-metrics"])));
    assert_eq!(told(&mut runner), ["abused"]);
    assert_eq!(runner.chain().status()[0].metrics.len(), METRICS_MAX);
}

#[test]
fn tables_answer_at_once() {
    let actions = json!([
        { "field": ["subscribers", "olt1/3", "plan"] },
        { "field": ["subscribers", "olt1/3", "colour"] },
        { "field": ["subscribers", "olt1/4", "plan"] },
        { "row": ["subscribers", "olt1/3"] },
        { "row": ["subscribers", "olt1/4"] },
        { "field": ["elsewhere", "olt1/3", "plan"] },
        { "row": ["subscribers", ""] },
        { "row": ["subscribers", "k".repeat(1_025)] },
    ]);
    let mut runner = start(&runtime(), capable("10-a", actions));
    let unusable = "the name or key is empty, too long, or has unusable characters";
    assert_eq!(
        told(&mut runner),
        [
            r#"Some("fast")"#,
            "None",
            "None",
            r#"Some("{\"plan\":\"fast\"}")"#,
            "None",
            "the server has no table of this name",
            unusable,
            unusable,
        ]
    );
}

#[test]
fn instances_and_generations_share_what_a_plugin_remembers() {
    let runtime = runtime();
    let mut first = start(&runtime, counting("10-a"));
    let mut second = first.chain().runner().unwrap();
    assert_eq!(told(&mut first), ["1"]);
    assert_eq!(told(&mut second), ["2"]);
    let mut next = start(&runtime, counting("10-a"));
    assert_eq!(told(&mut next), ["3"]);
    drop((first, second));
    assert_eq!(told(&mut next), ["4"]);
    // Another plugin has its own state.
    assert_eq!(told(&mut start(&runtime, counting("20-b"))), ["1"]);
    let status = next.chain().status()[0].state.unwrap();
    assert_eq!((status.keys, status.is_durable), (1, false));
}

#[test]
fn state_has_limits_that_plugins_learn_of() {
    let mut runner = start(&runtime(), capable("10-a", json!(["abuse-state"])));
    assert_eq!(told(&mut runner), ["abused"]);
    let each = STATE_KEYS_MAX / 16;
    let actions: Vec<Value> =
        (0..17).map(|part| json!({ "fill-state": [each, format!("{part}-")] })).collect();
    let mut source = capable("10-b", json!(actions));
    source.limits.deadline_ms = 1_000;
    // All keys come from one line.
    source.limits.state.line_keys_max = STATE_KEYS_MAX;
    let mut runner = start(&runtime(), source);
    let told = told(&mut runner);
    assert!(told[..16].iter().all(|told| told == "()"), "{told:?}");
    assert!(told[16].starts_with("the policy has reached a limit"), "{told:?}");
    assert!(told[16].contains("keys-max or line-keys-max below [state]"), "{told:?}");
    assert_eq!(runner.chain().status()[0].state.unwrap().keys, STATE_KEYS_MAX);
}

#[test]
fn what_is_handed_over_in_one_call_has_a_limit() {
    let mut runner = start(&runtime(), capable("10-a", json!(["huge-key"])));
    assert_eq!(ask(&mut runner, &discover()).trace[0].fault, Some(FaultKind::BadAnswer));
}

/// A store that keeps nothing and records the changes.
#[derive(Debug, Default)]
struct Disk(std::sync::Mutex<Vec<StateChange>>);

impl StateStore for Disk {
    fn load(&self, _: &str, _: &mut dyn FnMut(&str, KeptValue)) -> Result<(), StateStoreError> {
        Ok(())
    }

    fn owners(&self) -> Result<Vec<Arc<str>>, StateStoreError> {
        Ok(Vec::new())
    }

    fn write(&self, changes: &[StateChange]) -> Result<(), StateStoreError> {
        self.0.lock().unwrap().extend(changes.iter().cloned());
        Ok(())
    }
}

#[test]
fn what_a_plugin_remembers_goes_to_disk_by_itself() {
    let disk = Arc::<Disk>::default();
    let state: Option<Arc<dyn StateStore>> = Some(Arc::clone(&disk) as _);
    let runtime = Runtime::new(RuntimeSettings { state, ..settings() }).unwrap();
    let mut runner = start(&runtime, capable("10-a", json!([{ "put": ["k", "v"] }])));
    told(&mut runner);
    assert!(runner.chain().status()[0].state.unwrap().is_durable);
    wait_for("the disk", || !disk.0.lock().unwrap().is_empty());
    let written = disk.0.lock().unwrap()[0].clone();
    assert_eq!((&*written.plugin, &*written.key), ("10-a", "k"));
    let written = written.value.unwrap();
    assert_eq!((&*written.value, written.set_at_ms), (&b"v"[..], NOW.unix_ms()));
    assert_ne!(written.line, 0, "the request came from a line");
}

#[test]
fn a_flood_of_log_lines_is_cut_and_counted() {
    let line = "x".repeat(60_000);
    let actions = json!([{ "log-flood": [1_000, line] }, { "log": ["warn", "two\nlines"] }]);
    let mut source = capable("10-a", actions);
    source.limits.deadline_ms = 1_000;
    source.limits.log_lines_per_sec_max = 3;
    let lines = crate::logged::Lines::default();
    let left_out = lines.during(|| {
        let mut runner = start(&runtime(), source);
        assert_eq!(told(&mut runner), ["flooded", "logged"]);
        runner.chain().status()[0].log_lines_left_out
    });
    assert!((990..=998).contains(&left_out), "{left_out}");
    let written = lines.all();
    let flooded: Vec<_> = written.iter().filter(|line| line.contains("xxx")).collect();
    assert_eq!(flooded.len() as u64, 1_001 - left_out - u64::from(lines.have("two lines")));
    assert!(flooded.iter().all(|line| line.matches('x').count() == 1_024), "cut");
    assert!(lines.have("plugin logs more than 3 lines in a second"), "{written:?}");
    assert!(flooded[0].contains("plugin=10-a"), "{}", flooded[0]);
}

#[test]
fn log_lines_are_single_lines_of_their_level_and_what_nobody_reads_costs_nothing() {
    let actions = json!([
        { "log": ["debug", "unseen"] }, { "log": ["info", "a\nb\u{1b}[31m"] },
        { "log": ["warn", "careful"] }, { "log": ["error", "broken"] },
    ]);
    let mut source = capable("10-a", actions);
    source.limits.log_lines_per_sec_max = 3;
    let lines = crate::logged::Lines::default();
    let left_out = lines.during(|| {
        let mut runner = start(&runtime(), source);
        told(&mut runner);
        runner.chain().status()[0].log_lines_left_out
    });
    assert_eq!(left_out, 0);
    for wanted in ["INFO a b [31m", "WARN careful", "ERROR broken"] {
        assert!(lines.have(wanted), "{wanted}: {:?}", lines.all());
    }
    assert!(!lines.have("unseen"));
}

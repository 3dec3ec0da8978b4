//! Lookups: what plugins plan, which answers they read, and what a failing plan costs.

use std::sync::Arc;

use crate::common::{ask, discover, guest, inspect, plugin, request, runtime, view_of, wait_for};
use crate::contract;
use lessor_core::{LookupAnswer, OptionValue, RequestKind, SourceRow};
use lessor_policy_host::{
    Chain, FaultKind, LookupSources, PlannedLookup, PluginSource, RequestPlan, Runner, View,
    limits::{LOOKUP_KEY_OCTETS_MAX, LOOKUP_NAME_OCTETS_MAX, LOOKUPS_MAX},
};
use lessor_settings::FailurePolicy;
use lessor_vocabulary::Catalogue;
use serde_json::json;

/// The source `subscribers`.
struct Subscribers;

impl LookupSources for Subscribers {
    fn has_source(&self, name: &str) -> bool {
        name == "subscribers"
    }

    fn row(&self, _source: &str, _key: &str) -> Option<Option<SourceRow>> {
        // Not in memory: a plan asks nobody.
        None
    }
}

pub(crate) fn start(plugins: Vec<PluginSource>) -> (Arc<Chain>, Runner) {
    let chain = runtime().chain_with_sources(plugins, Arc::new(Subscribers)).unwrap();
    let runner = chain.runner().unwrap();
    wait_for("spare instances", || runner.is_prepared());
    (chain, runner)
}

fn planner(name: &str, behaviour: &str) -> PluginSource {
    let settings = json!({
        "behaviour": behaviour,
        "plan": [["line", "subscribers", "circuit-id"], ["other", "subscribers", name]],
        "field": "plan",
    });
    plugin(name, &guest("planner"), &settings)
}

fn planned(plugin: &str, name: &str, key: &str) -> PlannedLookup {
    let source = "subscribers".into();
    PlannedLookup { plugin: plugin.into(), name: name.into(), source, key: key.into() }
}

fn row() -> SourceRow {
    let fields = [("plan", "fast"), ("note", "")];
    fields.map(|(name, value)| (Arc::from(name), Box::from(value))).into_iter().collect()
}

/// The output of the plugin at this position of the trace.
fn told(runner: &mut Runner, view: &View, position: usize) -> String {
    let outcome = ask(runner, view);
    assert_eq!(outcome.trace[position].fault, None);
    match outcome.terms.options[position].1.as_deref() {
        Some(OptionValue::Octets(octets)) => String::from_utf8(octets.clone()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_plugin_plans_for_itself() {
    let (chain, mut runner) = start(vec![planner("10-a", "well"), planner("20-b", "well")]);
    assert!(chain.has_lookups_for(RequestKind::Discover));
    let plan = runner.plan(&discover());
    let of = |name: &str| [planned(name, "line", "olt1/3"), planned(name, "other", name)];
    let (first, second) = (of("10-a"), of("20-b"));
    assert_eq!(plan.lookups, [first.as_slice(), second.as_slice()].concat());
    assert_eq!((plan.dropped, plan.absent.len()), (None, 0));
    assert_eq!(plan.trace[1].planned, second);
    assert_eq!(
        serde_json::to_value(plan.trace[0].shown(Catalogue::registered())).unwrap(),
        json!({ "plugin": "10-a", "planned": [
            { "plugin": "10-a", "name": "line", "source": "subscribers", "key": "olt1/3" },
            { "plugin": "10-a", "name": "other", "source": "subscribers", "key": "10-a" },
        ]})
    );
    assert_eq!([chain.status()[0].calls, chain.status()[1].calls], [1, 1]);
}

#[test]
fn a_plugin_reads_its_own_answers_and_no_others() {
    let (_chain, mut runner) = start(vec![planner("10-a", "well"), planner("20-b", "well")]);
    let mut view = discover();
    let lookups = runner.plan(&view).lookups.into_iter();
    let answers = [
        LookupAnswer::Found { row: row(), is_stale: true },
        LookupAnswer::NotFound,
        LookupAnswer::Unavailable("no answer within 100 ms".to_owned()),
    ];
    view.lookups = lookups.zip(answers).map(|(lookup, answer)| lookup.answered(answer)).collect();
    assert_eq!(
        told(&mut runner, &view, 0),
        "line: LookupStatus::Found Some(\"fast\") Some(\"{\\\"note\\\":\\\"\\\",\\\"plan\\\":\\\"fast\\\"}\") stale\n\
         other: LookupStatus::NotFound None None"
    );
    assert_eq!(
        told(&mut runner, &view, 1),
        "line: LookupStatus::Unavailable None None\nother: LookupStatus::NotPlanned None None"
    );
}

#[test]
fn only_plugins_with_a_hook_for_the_message_are_asked_for_a_plan() {
    let (chain, mut runner) =
        start(vec![plugin("10-minimal", &guest("minimal"), &json!({})), planner("20-b", "well")]);
    assert!(!chain.has_lookups_for(RequestKind::Release));
    assert_eq!(runner.plan(&view_of(request(RequestKind::Release))), RequestPlan::default());
    let plan = runner.plan(&discover());
    assert_eq!(plan.trace.len(), 1);
    assert_eq!([chain.status()[0].calls, chain.status()[1].calls], [0, 1]);

    let (chain, mut runner) = start(vec![plugin("10-minimal", &guest("minimal"), &json!({}))]);
    assert!(!chain.has_lookups_for(RequestKind::Discover));
    assert_eq!(runner.plan(&discover()), RequestPlan::default());
}

#[test]
fn plans_have_limits_that_plugins_learn_of() {
    // The guest checks every answer and fails if one is wrong.
    let (chain, mut runner) = start(vec![planner("10-a", "abuse")]);
    let plan = runner.plan(&discover());
    assert_eq!(chain.status()[0].last_fault, None);
    assert_eq!(plan.lookups.len(), LOOKUPS_MAX);
    let longest = |text: fn(&PlannedLookup) -> &str| {
        plan.lookups.iter().map(|lookup| text(lookup).len()).max().unwrap()
    };
    assert_eq!(longest(|lookup| &lookup.name), LOOKUP_NAME_OCTETS_MAX);
    assert_eq!(longest(|lookup| &lookup.key), LOOKUP_KEY_OCTETS_MAX);
    assert_eq!(&*plan.lookups[0].key, "the later counts");
}

#[test]
fn a_plugin_whose_plan_fails_is_absent_for_the_request() {
    let wrong = || {
        let mut source = planner("10-wrong", "loop");
        source.limits.deadline_ms = 20;
        source
    };
    for (wrong, fault) in
        [(wrong(), FaultKind::DeadlineExceeded), (planner("10-wrong", "trap"), FaultKind::Trap)]
    {
        let (chain, mut runner) = start(vec![wrong, planner("20-b", "well")]);
        let mut view = discover();
        let plan = runner.plan(&view);
        assert_eq!(
            plan.lookups,
            [planned("20-b", "line", "olt1/3"), planned("20-b", "other", "20-b")]
        );
        assert_eq!((&*plan.absent, &plan.dropped), (&["10-wrong".into()][..], &None));
        assert_eq!((plan.trace.len(), plan.trace[0].fault), (2, Some(fault)));
        view.absent = plan.absent;
        let outcome = ask(&mut runner, &view);
        assert_eq!(outcome.trace.iter().map(|entry| &*entry.plugin).collect::<Vec<_>>(), ["20-b"]);
        let mut reply = crate::chain::reply(lessor_core::ReplyKind::Offer);
        assert_eq!(runner.edit_reply(&view, &mut reply).trace.len(), 1);
        assert_eq!(chain.status()[0].calls, 1);
        // The plugin is called again for the next request.
        assert_eq!(ask(&mut runner, &discover()).trace.len(), 2);
    }
}

#[test]
fn the_failure_policy_drop_ends_the_plan() {
    let mut wrong = planner("20-wrong", "trap");
    wrong.on_failure = FailurePolicy::Drop;
    let (chain, mut runner) = start(vec![planner("10-a", "well"), wrong, planner("30-c", "well")]);
    let plan = runner.plan(&discover());
    assert_eq!(plan.dropped.as_deref(), Some("plugin 20-wrong: trap"));
    assert!(plan.lookups.is_empty() && plan.absent.is_empty());
    assert_eq!(plan.trace.len(), 2);
    assert_eq!(chain.status()[2].calls, 0);
}

#[test]
fn a_plan_that_nobody_could_read_is_refused() {
    let folder = tempfile::TempDir::new().unwrap();
    let world = "export configuring; export plan-lookups; export reply-options;";
    let octets = contract::component(str::to_owned, world);
    let path = contract::write(folder.path(), "10-plans", &octets);
    let errors = inspect(&path).unwrap_err();
    assert_eq!(errors.len(), 1);
    let said = errors[0].to_string();
    assert!(said.contains("exports plan-lookups but not what it plans for"), "{said}");
    assert!(said.contains("on-discover, on-request"), "{said}");
}

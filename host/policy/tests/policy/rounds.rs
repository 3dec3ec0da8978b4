//! Lookups in two rounds, and lookups for lease events.

use std::sync::Arc;

use lessor_core::{LeaseEventKind, LookupAnswer, OptionValue, RequestKind, SourceRow};
use lessor_policy_host::{
    AnsweredLookup, FaultKind, Hook, PlannedLookup, PluginSource, Runner, View, limits::LOOKUPS_MAX,
};
use lessor_settings::{FailurePolicy, PluginMode};
use serde_json::json;

use crate::{
    common::{ask, discover, guest, inspect, lease, lease_event, plugin},
    contract,
    lookups::start,
    scripts::{JAVASCRIPT, RHAI},
};

fn rounds(name: &str) -> PluginSource {
    let settings = json!({
        "plan": [["line", "subscribers", "circuit-id"]],
        "further": [["plan", "subscribers", "line"]],
        "field": "pool",
    });
    plugin(name, &guest("planner"), &settings)
}

fn row(fields: &[(&str, &str)]) -> LookupAnswer {
    let row: SourceRow =
        fields.iter().map(|(name, value)| (Arc::from(*name), Box::from(*value))).collect();
    LookupAnswer::Found { row, is_stale: false }
}

fn answered(lookups: &[PlannedLookup], answer: &LookupAnswer) -> Vec<AnsweredLookup> {
    lookups.iter().map(|lookup| lookup.clone().answered(answer.clone())).collect()
}

/// The result of the first plugin, in option 224.
fn told(runner: &mut Runner, view: &View) -> String {
    let outcome = ask(runner, view);
    match outcome.terms.options[0].1.as_deref() {
        Some(OptionValue::Octets(octets)) => String::from_utf8(octets.clone()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_second_round_depends_on_the_first() {
    let (chain, mut runner) = start(vec![rounds("10-a")]);
    assert!(chain.has_further_lookups_for(RequestKind::Discover));
    assert!(!chain.has_further_lookups_for(RequestKind::Release));
    let mut view = discover();
    let first = runner.plan(&view).lookups;
    view.lookups = answered(&first, &row(&[("next", "ada")])).into();
    let plan = runner.plan_further(&view);
    let [further] = &plan.lookups[..] else { panic!("{plan:?}") };
    assert_eq!((&*further.name, &*further.source, &*further.key), ("plan", "subscribers", "ada"));
    assert_eq!(plan.trace[0].planned, plan.lookups);
    let further = answered(&plan.lookups, &row(&[("pool", "fast")]));
    view.lookups = view.lookups.iter().cloned().chain(further).collect();
    let told = told(&mut runner, &view);
    assert!(told.contains("plan: LookupStatus::Found Some(\"fast\")"), "{told}");
}

#[test]
fn who_planned_nothing_first_is_not_asked_again() {
    let (chain, mut runner) = start(vec![rounds("10-a"), rounds("20-b")]);
    let mut view = discover();
    let first = runner.plan(&view).lookups;
    assert_eq!(first.len(), 2);
    view.lookups = answered(&first[..1], &LookupAnswer::NotFound).into();
    assert_eq!(runner.plan_further(&view).lookups, []);
    assert_eq!([chain.status()[0].calls, chain.status()[1].calls], [2, 1]);
    view.lookups = [].into();
    assert_eq!(runner.plan_further(&view).trace, []);
}

#[test]
fn both_rounds_have_one_limit() {
    let settings = json!({ "behaviour": "abuse" });
    let (chain, mut runner) = start(vec![plugin("10-a", &guest("planner"), &settings)]);
    let mut view = discover();
    let first = runner.plan(&view).lookups;
    assert_eq!(first.len(), LOOKUPS_MAX);
    view.lookups = answered(&first, &LookupAnswer::NotFound).into();
    // The guest checks every answer and fails if one is wrong.
    let further = runner.plan_further(&view).lookups;
    assert_eq!(chain.status()[0].last_fault, None);
    let [replaced] = &further[..] else { panic!("{further:?}") };
    assert_eq!((&replaced.name, &*replaced.key), (&first[7].name, "further"));
}

#[test]
fn a_plugin_whose_second_plan_fails_is_absent_or_drops_the_request() {
    for on_failure in [FailurePolicy::Skip, FailurePolicy::Drop] {
        let text = r#"
            fn plan_lookups(request, plan) { plan.add("line", "subscribers", "a"); }
            fn plan_further_lookups(request, plan) { plan.add("plan", "elsewhere", "a"); }
            fn decide(request, terms) { }
        "#;
        let folder = tempfile::TempDir::new().unwrap();
        let source = RHAI.source(folder.path(), text, &json!({}));
        let (_chain, mut runner) = start(vec![PluginSource { on_failure, ..source }]);
        let mut view = discover();
        view.lookups = answered(&runner.plan(&view).lookups, &LookupAnswer::NotFound).into();
        let plan = runner.plan_further(&view);
        assert_eq!(plan.trace[0].fault, Some(FaultKind::Failed));
        match on_failure {
            FailurePolicy::Skip => assert_eq!((plan.absent.len(), plan.dropped), (1, None)),
            FailurePolicy::Drop => assert!(plan.dropped.is_some() && plan.lookups.is_empty()),
        }
    }
}

#[test]
fn lease_events_have_their_lookups() {
    let settings = json!({
        "lease-plan": [["line", "subscribers"]],
        "field": "name",
        "lease-expected": r#"line: LookupStatus::Found Some("ada") Some("{\"name\":\"ada\"}")"#,
    });
    let source = plugin("10-a", &guest("planner"), &settings);
    let (chain, _) = start(vec![source]);
    let mut observer = chain.observer().unwrap();
    assert!(observer.plans_lookups());
    let mut event = lease_event(LeaseEventKind::Granted, lease());
    let plan = observer.plan(&event);
    let [lookup] = &plan.lookups[..] else { panic!("{plan:?}") };
    assert_eq!((&*lookup.plugin, &*lookup.name, &*lookup.key), ("10-a", "line", "olt1/3"));
    event.lookups = answered(&plan.lookups, &row(&[("name", "ada")])).into();
    observer.on_lease(&event);
    // The guest fails if it reads anything else.
    let status = chain.status();
    assert_eq!((status[0].calls, &status[0].last_fault), (2, &None));
    event.lookups = answered(&plan.lookups, &row(&[("name", "bob")])).into();
    observer.on_lease(&event);
    assert!(chain.status()[0].last_fault.is_some());
}

#[test]
fn a_plugin_whose_plan_for_an_event_fails_misses_it() {
    let settings = json!({ "lease-plan": [["line", "elsewhere"]] });
    let (chain, _) = start(vec![plugin("10-a", &guest("planner"), &settings)]);
    let mut observer = chain.observer().unwrap();
    let mut event = lease_event(LeaseEventKind::Granted, lease());
    let plan = observer.plan(&event);
    assert_eq!((plan.lookups.len(), &*plan.absent), (0, &["10-a".into()][..]));
    let calls = chain.status()[0].calls;
    event.absent = plan.absent;
    observer.on_lease(&event);
    assert_eq!(chain.status()[0].calls, calls);
}

#[test]
fn scripts_read_both_rounds_and_events() {
    let rhai = r#"
        fn plan_lookups(request, plan) { plan.add("line", "subscribers", "a"); }
        fn plan_further_lookups(request, plan) {
            plan.add("plan", "subscribers", request.lookup("line").field("next"));
        }
        fn decide(request, terms) { terms.pool = request.lookup("plan").field("pool"); }
        fn plan_lease_lookups(event, plan) { plan.add("line", "subscribers", event.circuit_id); }
        fn on_lease(event) {
            throw `${event.lookup("line").field("name")} ${event.pool_name} ${event.host_name}`;
        }
    "#;
    let javascript = r#"
        function planLookups(request, plan) { plan.add("line", "subscribers", "a"); }
        function planFurtherLookups(request, plan) {
            plan.add("plan", "subscribers", request.lookup("line").field("next"));
        }
        function decide(request, terms) { terms.pool = request.lookup("plan").field("pool"); }
        function planLeaseLookups(event, plan) { plan.add("line", "subscribers", event.circuitId); }
        function onLease(event) {
            throw new Error(`${event.lookup("line").field("name")} ${event.poolName} ${event.hostName}`);
        }
    "#;
    for (language, text) in [(&*RHAI, rhai), (&*JAVASCRIPT, javascript)] {
        let folder = tempfile::TempDir::new().unwrap();
        let (chain, mut runner) = start(vec![language.source(folder.path(), text, &json!({}))]);
        let mut view = discover();
        let first = answered(&runner.plan(&view).lookups, &row(&[("next", "ada")]));
        view.lookups = first.clone().into();
        let further = runner.plan_further(&view).lookups;
        assert_eq!(&*further[0].key, "ada");
        let further = answered(&further, &row(&[("pool", "fast")]));
        view.lookups = first.into_iter().chain(further).collect();
        assert_eq!(ask(&mut runner, &view).terms.pool_name(), Some("fast"));

        let mut observer = chain.observer().unwrap();
        let mut event = lease_event(LeaseEventKind::Granted, lease());
        let planned = observer.plan(&event).lookups;
        assert_eq!(&*planned[0].key, "olt1/3");
        event.lookups = answered(&planned, &row(&[("name", "ada")])).into();
        observer.on_lease(&event);
        let message = chain.status()[0].last_fault.clone().unwrap().message;
        assert!(message.contains("ada open tv"), "{message}");
    }
}

#[test]
fn a_shadow_plans_two_rounds_from_what_is_known() {
    let source = PluginSource { mode: PluginMode::Shadow, ..rounds("20-new") };
    let (chain, _) = start(vec![source]);
    let mut shadows = chain.shadow_runner().unwrap().unwrap();
    let live = |key: &str, answer: LookupAnswer| AnsweredLookup {
        plugin: "10-live".into(),
        name: "other".into(),
        source: "subscribers".into(),
        key: key.into(),
        answer,
    };
    let lookups = [live("olt1/3", row(&[("next", "ada")])), live("ada", row(&[("pool", "fast")]))];
    let found = crate::shadows::look(
        &chain,
        &mut shadows,
        &View { lookups: lookups.into(), ..discover() },
        Default::default(),
        None,
    );
    // The guest reports several lines, which are shown in hexadecimal.
    assert!(format!("{found:?}").contains(&hex::encode("fast")), "{found:?}");
}

#[test]
fn plans_that_nobody_reads_are_refused() {
    for (world, hook) in [
        ("export plan-further-lookups; export on-discover;", Hook::PlanFurtherLookups),
        ("export plan-lease-lookups; export on-discover;", Hook::PlanLeaseLookups),
    ] {
        let folder = tempfile::TempDir::new().unwrap();
        let world = format!("export configuring; {world}");
        let octets = contract::component(str::to_owned, &world);
        let path = contract::write(folder.path(), "10-plans", &octets);
        let said = inspect(&path).unwrap_err()[0].to_string();
        assert!(said.contains(&format!("exports {hook} but not what it plans for")), "{said}");
    }
}

//! Shadows: they decide nothing, and their decisions are compared with those that were made.

use std::{sync::Arc, time::Duration};

use lessor_core::{LeaseEventKind, LookupAnswer, Reply, ReplyKind, RequestKind, SourceRow};
use lessor_policy_host::{
    AnsweredLookup, Chain, DifferenceKind, LookupSources, PluginSource, PolicyOutcome, Runner,
    SampledReply, ShadowDifference, ShadowRunner, ShadowSample, ShadowStatus, View,
    limits::{DIFFERENCE_EXAMPLES_MAX, WAITING_SAMPLES_MAX},
};
use lessor_settings::{FailurePolicy, PluginMode};
use serde_json::json;

use crate::{
    chain::reply,
    common::{
        ask, discover, guest, lease, lease_event, misbehaving, plugin, request, runtime, start,
        view_of, wait_for,
    },
};

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn shadow(name: &str, settings: serde_json::Value) -> PluginSource {
    PluginSource { mode: PluginMode::Shadow, ..misbehaving(name, settings) }
}

/// A chain with all of its runners, with spare instances ready.
pub(crate) fn ready(sources: Vec<PluginSource>) -> (Arc<Chain>, Runner, ShadowRunner) {
    let (chain, runner) = start(&runtime(), sources);
    let shadows = chain.shadow_runner().unwrap().unwrap();
    (chain, runner, shadows)
}

/// The decision of a chain about a DISCOVER, and the differences of its shadows.
fn compared(sources: Vec<PluginSource>) -> (PolicyOutcome, Vec<ShadowDifference>, ShadowStatus) {
    let (chain, mut runner, mut shadows) = ready(sources);
    let view = discover();
    let outcome = ask(&mut runner, &view);
    let found = look(&chain, &mut shadows, &view, outcome.clone(), None);
    (outcome, found, only_status(&chain))
}

pub(crate) fn look(
    chain: &Chain,
    shadows: &mut ShadowRunner,
    view: &View,
    outcome: PolicyOutcome,
    reply: Option<SampledReply>,
) -> Vec<ShadowDifference> {
    wait_for("spare instances", || shadows.is_prepared());
    chain.shadows().unwrap().offer(ShadowSample { view: view.clone(), outcome, reply });
    shadows.run_one(PATIENCE, lessor_stages::rehearse)
}

fn only_status(chain: &Chain) -> ShadowStatus {
    let [status] = &chain.shadows().unwrap().status().shadows[..] else { panic!("one shadow") };
    status.clone()
}

pub(crate) fn written(found: &[ShadowDifference]) -> Vec<String> {
    let differences = found.iter().flat_map(|found| &found.differences);
    let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
    differences
        .map(|found| format!("{}: {}, not {}", found.kind, side(&found.live), side(&found.shadow)))
        .collect()
}

#[test]
fn a_shadow_decides_nothing_and_is_compared() {
    let live = misbehaving("10-live", json!({ "pool": "residential", "lease-time-secs": 60 }));
    let garden = json!({ "pool": "garden", "lease-time-secs": 60, "remove-routers": true });
    let (outcome, found, status) = compared(vec![live, shadow("20-new", garden)]);
    assert_eq!(outcome.terms.pool_name(), Some("residential"));
    assert_eq!(outcome.trace.len(), 1);
    assert_eq!(
        written(&found),
        ["pool: residential, not garden", "option-3: nothing, not removed"]
    );
    let [found] = &found[..] else { panic!("{found:?}") };
    assert_eq!((&*found.plugin, found.message.as_str()), ("20-new", "DHCPDISCOVER"));
    assert_eq!(found.client, "hw:02:00:5e:00:53:01");
    assert_eq!(found.circuit_id.as_deref(), Some("olt1/3"));
    assert_eq!((status.requests, status.agreed, status.differed), (1, 0, 1));
    assert_eq!(
        status.differences,
        [(DifferenceKind::Pool, 1), (DifferenceKind::Option(3), 1)].into()
    );
    assert_eq!(status.examples, std::slice::from_ref(found));
    assert_eq!((status.plugin.mode, status.plugin.calls), (PluginMode::Shadow, 1));
}

#[test]
fn what_the_whole_chain_would_have_led_to_counts() {
    let sets = |pool: &str| json!({ "pool": pool });
    // A setting that a later live plugin replaces is not a difference.
    let (_, found, status) =
        compared(vec![shadow("10-new", sets("garden")), misbehaving("20-live", sets("homes"))]);
    assert_eq!((written(&found), status.agreed), (vec![], 1));
    // A shadow between two live plugins: the last one sets the pool, the shadow the lease time.
    let (_, found, _) = compared(vec![
        misbehaving("10-live", json!({ "lease-time-secs": 60 })),
        shadow("20-new", json!({ "pool": "garden", "lease-time-secs": 90 })),
        misbehaving("30-live", sets("homes")),
    ]);
    assert_eq!(written(&found), ["lease-time: 60 s, not 90 s"]);
}

#[test]
fn who_ends_the_chain_ends_it_for_shadows_too() {
    let refuse = json!({ "behaviour": "refuse" });
    let garden = || json!({ "pool": "garden" });
    let (_, found, status) =
        compared(vec![misbehaving("10-live", refuse.clone()), shadow("20-new", garden())]);
    assert_eq!((found, status.requests, status.plugin.calls), (vec![], 0, 0));
    let (_, found, status) =
        compared(vec![shadow("10-new", garden()), misbehaving("20-live", refuse.clone())]);
    assert_eq!((found, status.agreed), (vec![], 1));
    let (outcome, found, _) =
        compared(vec![shadow("10-new", refuse), misbehaving("20-live", garden())]);
    assert_eq!(outcome.terms.pool_name(), Some("garden"));
    assert_eq!(written(&found), ["verdict: proceed, not refuse: as the settings say"]);
    // A live plugin that failed and drops the packet has ended the exchange as well.
    let trapping = misbehaving("10-live", json!({ "behaviour": "trap" }));
    let dropping = PluginSource { on_failure: FailurePolicy::Drop, ..trapping.clone() };
    let (_, _, status) = compared(vec![dropping, shadow("20-new", garden())]);
    assert_eq!(status.requests, 0);
    let (_, found, _) = compared(vec![trapping, shadow("20-new", garden())]);
    assert_eq!(written(&found), ["pool: nothing, not garden"]);
}

#[test]
fn a_fault_of_a_shadow_is_its_own() {
    let sources = vec![
        misbehaving("10-live", json!({ "pool": "residential" })),
        PluginSource {
            on_failure: FailurePolicy::Drop,
            ..shadow("20-new", json!({ "behaviour": "set-then-trap", "pool": "garden" }))
        },
    ];
    let (chain, mut runner, mut shadows) = ready(sources);
    let view = discover();
    for _ in 0..DIFFERENCE_EXAMPLES_MAX + 3 {
        let outcome = runner.terms(&view);
        assert_eq!(outcome.terms.pool_name(), Some("residential"));
        let found = look(&chain, &mut shadows, &view, outcome, None);
        assert_eq!(found[0].differences[0].kind, DifferenceKind::Fault);
    }
    let status = only_status(&chain);
    let all = DIFFERENCE_EXAMPLES_MAX as u64 + 3;
    assert_eq!((status.requests, status.differed), (all, all));
    assert_eq!(status.differences, [(DifferenceKind::Fault, all)].into());
    assert_eq!(status.examples.len(), DIFFERENCE_EXAMPLES_MAX);
    assert_eq!(status.plugin.faults_total(), all);
    let [live, shadow] = &chain.status()[..] else { panic!("two plugins") };
    assert_eq!((live.faults_total(), live.calls), (0, all));
    assert_eq!((&*shadow.name, shadow.mode), ("20-new", PluginMode::Shadow));
}

#[test]
fn replies_are_compared_as_they_would_have_left() {
    let names = |name: &str| json!({ "domain-name": name });
    let compared = |sources: Vec<PluginSource>| {
        let (chain, mut runner, mut shadows) = ready(sources);
        let view = view_of(request(RequestKind::Request));
        let outcome = runner.terms(&view);
        let unedited: Reply = reply(ReplyKind::Ack);
        let mut edited = unedited.clone();
        let edits = runner.edit_reply(&view, &mut edited).trace;
        let reply = Some(SampledReply { unedited, edits });
        look(&chain, &mut shadows, &view, outcome, reply)
    };
    let found = compared(vec![
        misbehaving("10-live", names("live.example")),
        shadow("20-new", json!({ "domain-name": "new.example", "remove-routers": true })),
    ]);
    // Differences of the terms and of the reply are joined, each option once.
    let [found] = &found[..] else { panic!("{found:?}") };
    let kinds: Vec<String> =
        found.differences.iter().map(|difference| difference.kind.to_string()).collect();
    assert_eq!(kinds, ["option-3", "option-15"]);
    // Later live plugins have precedence for replies, too.
    let found = compared(vec![
        shadow("10-new", names("new.example")),
        misbehaving("20-live", names("live.example")),
    ]);
    assert_eq!(written(&found), [] as [&str; 0]);
}

#[test]
fn a_chain_of_shadows_asks_nobody_on_the_packet_path() {
    let (chain, mut runner, mut shadows) = ready(vec![shadow("10-new", json!({}))]);
    for kind in [RequestKind::Discover, RequestKind::Inform] {
        assert!(!chain.has_hook_for(kind) && chain.wants_binding_of(kind));
        assert!(chain.shadows_of(kind).is_some_and(|shadows| shadows.want_replies()));
    }
    assert!(!chain.wants_options() && chain.wants_lease_events() && !chain.is_empty());
    assert_eq!(runner.terms(&discover()), PolicyOutcome::default());
    let found = look(&chain, &mut shadows, &discover(), PolicyOutcome::default(), None);
    assert_eq!((found, only_status(&chain).agreed), (vec![], 1));
    // Without a shadow there is no runner for shadows.
    let (chain, _) = start(&runtime(), vec![misbehaving("10-live", json!({}))]);
    assert!(chain.shadows().is_none() && chain.shadow_runner().unwrap().is_none());
}

#[test]
fn lease_events_reach_shadows_behind_the_queue() {
    let (chain, _runner, mut shadows) = ready(vec![shadow("10-new", json!({}))]);
    let mut observer = chain.observer().unwrap();
    observer.on_lease(&lease_event(LeaseEventKind::Granted, lease()));
    assert_eq!(only_status(&chain).plugin.calls, 0);
    shadows.run_one(PATIENCE, lessor_stages::rehearse);
    let status = only_status(&chain);
    assert_eq!((status.plugin.calls, status.requests), (1, 0));
}

#[test]
fn samples_that_find_no_room_are_counted_and_nobody_waits() {
    let (chain, _runner, mut shadows) = ready(vec![shadow("10-new", json!({}))]);
    let sample = ShadowSample { view: discover(), outcome: PolicyOutcome::default(), reply: None };
    for _ in 0..WAITING_SAMPLES_MAX + 3 {
        chain.shadows().unwrap().offer(sample.clone());
    }
    let status = chain.shadows().unwrap().status();
    assert_eq!((status.waiting, status.lost), (WAITING_SAMPLES_MAX, 3));
    shadows.run_one(PATIENCE, lessor_stages::rehearse);
    assert_eq!(chain.shadows().unwrap().status().waiting, WAITING_SAMPLES_MAX - 1);
}

#[test]
fn a_thread_runs_them_until_it_is_stopped() {
    let (chain, _runner, shadows) = ready(vec![shadow("10-new", json!({ "pool": "garden" }))]);
    let (sender, reported) = std::sync::mpsc::channel();
    let report = move |difference| sender.send(difference).unwrap();
    let thread = shadows.start(lessor_stages::rehearse, report).unwrap();
    let sample = ShadowSample { view: discover(), outcome: PolicyOutcome::default(), reply: None };
    chain.shadows().unwrap().offer(sample);
    assert_eq!(written(&[reported.recv_timeout(PATIENCE).unwrap()]), ["pool: nothing, not garden"]);
    drop(thread);
    // The thread's end of the channel is dropped with it.
    assert!(reported.recv_timeout(PATIENCE).is_err());
}

/// A source in memory with one row, and a remote source.
struct Sources;

impl LookupSources for Sources {
    fn has_source(&self, name: &str) -> bool {
        ["memory", "remote"].contains(&name)
    }

    fn row(&self, source: &str, key: &str) -> Option<Option<SourceRow>> {
        let row = || [(Arc::from("plan"), Box::from("fast"))].into_iter().collect();
        (source == "memory").then(|| (key == "olt1/3").then(row))
    }
}

#[test]
fn what_was_looked_up_for_others_and_what_is_in_memory_answers_shadows() {
    let [first, second, third] =
        [["a", "memory", "circuit-id"], ["a", "memory", "nobody"], ["a", "remote", "key"]]
            .map(compared_planner);
    assert!(first.0.contains("Found Some(\"fast\")"), "{first:?}");
    assert!(second.0.contains("NotFound"), "{second:?}");
    assert!(third.0.contains("Unavailable"), "{third:?}");
    for (_, status) in [first, second] {
        // Rows in memory are available although no live plugin looked them up.
        assert_eq!((status.requests, status.differed, status.not_comparable), (2, 2, 0));
    }
    // No live plugin queried the remote source the second time, and a shadow causes no query.
    let status = third.1;
    assert_eq!((status.requests, status.differed, status.not_comparable), (2, 1, 1));
}

/// The output of a shadow that plans this lookup while a live plugin queries the remote source for
/// `key`, and its status after one exchange with that query and one without.
fn compared_planner(plan: [&str; 3]) -> (String, ShadowStatus) {
    let settings = json!({ "plan": [plan], "field": "plan" });
    let planner = plugin("20-new", &guest("planner"), &settings);
    let sources = vec![PluginSource { mode: PluginMode::Shadow, ..planner }];
    let chain = runtime().chain_with_sources(sources, Arc::new(Sources)).unwrap();
    let mut shadows = chain.shadow_runner().unwrap().unwrap();
    assert!(!chain.has_lookups_for(RequestKind::Discover), "nobody waits for a shadow's lookups");
    let answered = AnsweredLookup {
        plugin: "10-live".into(),
        name: "whatever".into(),
        source: "remote".into(),
        key: "key".into(),
        answer: LookupAnswer::Unavailable("it is down".to_owned()),
    };
    let view = View { lookups: [answered].into(), ..discover() };
    let found = look(&chain, &mut shadows, &view, PolicyOutcome::default(), None);
    let [told] = &written(&found)[..] else { panic!("{found:?}") };
    look(&chain, &mut shadows, &discover(), PolicyOutcome::default(), None);
    (told.replace('\\', ""), only_status(&chain))
}

//! Final terms: plugins behind the one that makes them final are not called. Also tests what
//! plugins read of the terms that earlier ones have set.

use lessor_core::{OptionValue, ReplyKind, RequestKind};
use lessor_policy_host::{PluginSource, SampledReply, TraceEntry, View};
use lessor_settings::{FailurePolicy, PluginMode};
use lessor_vocabulary::Catalogue;
use serde_json::json;

use crate::{
    chain::reply,
    common::{discover, guest, misbehaving, plugin, request, runtime, start, view_of},
    shadows::{look, ready, shadow, written},
};

fn garden(name: &str) -> PluginSource {
    let settings = json!({ "pool": "garden", "domain-name": "garden.example", "is-final": true });
    misbehaving(name, settings)
}

fn homes(name: &str) -> PluginSource {
    misbehaving(name, json!({ "pool": "homes", "domain-name": "homes.example" }))
}

fn shown(trace: &[TraceEntry]) -> serde_json::Value {
    trace.iter().map(|entry| json!(entry.shown(Catalogue::registered()))).collect()
}

#[test]
fn plugins_behind_the_one_that_makes_the_terms_final_are_not_asked() {
    let sources = vec![homes("10-homes"), garden("20-garden"), homes("30-boxes")];
    let (chain, mut runner) = start(&runtime(), sources);
    for kind in [RequestKind::Discover, RequestKind::Request, RequestKind::Inform] {
        let outcome = runner.terms(&view_of(request(kind)));
        assert_eq!(outcome.terms.pool_name(), Some("garden"), "{kind:?}");
        assert_eq!(outcome.final_by.as_deref(), Some("20-garden"));
        let trace = shown(&outcome.trace);
        assert_eq!(trace.as_array().unwrap().len(), 2);
        assert_eq!(
            trace[1],
            json!({
                "plugin": "20-garden",
                "set": ["domain-name=\"garden.example\"", "pool=garden", "final"],
            })
        );
    }
    assert_eq!(chain.status().iter().map(|status| status.calls).collect::<Vec<_>>(), [3, 3, 0]);
}

#[test]
fn nor_are_they_shown_the_reply() {
    let sources = vec![homes("10-homes"), garden("20-garden"), homes("30-boxes")];
    let (_chain, mut runner) = start(&runtime(), sources);
    let view = discover();
    let view = View { final_by: runner.terms(&view).final_by, ..view };
    let mut reply = reply(ReplyKind::Offer);
    let outcome = runner.edit_reply(&view, &mut reply);
    let shown: Vec<_> = outcome.trace.iter().map(|entry| &*entry.plugin).collect();
    assert_eq!(shown, ["10-homes", "20-garden"]);
    let name = reply.options.iter().find(|(code, _)| *code == 15).unwrap();
    assert_eq!(*name.1, OptionValue::Octets(b"garden.example".to_vec()));
}

#[test]
fn terms_are_final_only_if_the_call_returns() {
    let settings = json!({ "behaviour": "set-then-trap", "pool": "garden", "is-final": true });
    let failing =
        |on_failure| PluginSource { on_failure, ..misbehaving("10-garden", settings.clone()) };
    let (_chain, mut runner) =
        start(&runtime(), vec![failing(FailurePolicy::Skip), homes("20-homes")]);
    let outcome = runner.terms(&discover());
    assert_eq!((outcome.terms.pool_name(), outcome.final_by), (Some("homes"), None));
}

#[test]
fn a_refusal_with_final_terms_is_a_refusal() {
    let settings = json!({ "behaviour": "refuse", "is-final": true });
    let (_chain, mut runner) =
        start(&runtime(), vec![misbehaving("10-no", settings), homes("20-homes")]);
    let outcome = runner.terms(&discover());
    assert_eq!((outcome.trace.len(), outcome.final_by), (1, None));
    assert!(matches!(outcome.terms.verdict, lessor_core::Verdict::Refuse(_)));
}

#[test]
fn a_plugin_reads_what_earlier_ones_and_itself_have_set() {
    let first = json!({
        "pool": "homes", "lease-time-secs": 60, "domain-name": "homes.example", "remove-routers": true,
    });
    let told = |earlier: Vec<PluginSource>, settings: serde_json::Value| {
        let mirror = plugin("90-mirror", &guest("mirror"), &settings);
        let (_chain, mut runner) =
            start(&runtime(), earlier.into_iter().chain([mirror]).collect::<Vec<_>>());
        let outcome = runner.terms(&discover());
        let told = outcome.terms.options.into_iter().find(|(code, _)| *code == 226).unwrap();
        match told.1.as_deref() {
            Some(OptionValue::Octets(octets)) => String::from_utf8(octets.clone()).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let settings = json!({ "tells-terms": true });
    assert_eq!(
        told(vec![], settings.clone()),
        "None None None [224, 225] None [] None",
        "nobody has set anything but the mirror"
    );
    let name = "homes.example".as_bytes();
    assert_eq!(
        told(vec![misbehaving("10-first", first.clone())], settings.clone()),
        format!("Some(\"homes\") None Some(60) [15, 224, 225] Some({name:?}) [3] None")
    );
    // The latest setting is used, and the mirror's address replaces the pool.
    let renamed = misbehaving("20-second", json!({ "domain-name": "b.example" }));
    let settings = json!({ "tells-terms": true, "address": "100.64.9.9" });
    let name = "b.example".as_bytes();
    assert_eq!(
        told(vec![misbehaving("10-first", first), renamed], settings.clone()),
        format!("None Some(100.64.9.9) Some(60) [15, 224, 225] Some({name:?}) [3] None")
    );
    // Settings of a failed call are discarded.
    let failing = json!({ "behaviour": "set-then-trap", "pool": "garden" });
    let settings = json!({ "tells-terms": true });
    assert_eq!(
        told(vec![misbehaving("10-failing", failing)], settings),
        "None None None [224, 225] None [] None"
    );
}

#[test]
fn final_terms_keep_no_shadow_out_and_those_of_a_shadow_keep_plugins_out() {
    let compared = |sources: Vec<PluginSource>| {
        let (chain, mut runner, mut shadows) = ready(sources);
        let view = discover();
        let outcome = runner.terms(&view);
        let view = View { final_by: outcome.final_by.clone(), ..view };
        let mut edited = reply(ReplyKind::Offer);
        let edits = runner.edit_reply(&view, &mut edited).trace;
        let sampled = SampledReply { unedited: reply(ReplyKind::Offer), edits };
        let found = look(&chain, &mut shadows, &view, outcome, Some(sampled));
        let requests = chain.shadows().unwrap().status().shadows[0].requests;
        (written(&found), requests)
    };
    // The new version of a plugin comes after it and is compared with it.
    let later = shadow("21-new", json!({ "pool": "boxes", "domain-name": "garden.example" }));
    let (found, requests) = compared(vec![garden("20-garden"), later]);
    assert_eq!((found, requests), (vec!["pool: garden, not boxes".to_owned()], 1));
    let same = PluginSource { mode: PluginMode::Shadow, ..garden("21-new") };
    assert_eq!(compared(vec![garden("20-garden"), same]), (vec![], 1));
    // A shadow that would make the terms final would exclude the live plugin behind it.
    let early = PluginSource { mode: PluginMode::Shadow, ..garden("10-new") };
    let (found, requests) = compared(vec![early, homes("20-homes")]);
    assert_eq!(requests, 1);
    assert!(found.contains(&"pool: homes, not garden".to_owned()), "{found:?}");
    let of_name = found.iter().find(|line| line.starts_with("option-15")).unwrap();
    assert!(of_name.contains("garden.example"), "{of_name}");
}

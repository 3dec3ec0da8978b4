//! Policies that were built against released versions of the contract: they still load and decide
//! as they did when they were built.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use lessor_core::{OptionValue, RequestKind, Verdict};
use lessor_policy_host::{Hook, View};
use serde_json::json;

use crate::common::{CLIENT, discover, inspect, lease, plugin, request, runtime, start, view_of};

fn frozen(version: &str, name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/frozen");
    folder.join(version).join(format!("{name}.wasm"))
}

fn text_of(options: &[(u8, Option<Arc<OptionValue>>)], code: u8) -> String {
    let value =
        options.iter().find(|(found, _)| *found == code).and_then(|(_, value)| value.clone());
    match value.as_deref() {
        Some(OptionValue::Octets(octets)) => String::from_utf8(octets.clone()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn hooks_of_0_1_0_are_found() {
    let report = inspect(&frozen("0.1.0", "minimal")).unwrap();
    assert_eq!(report.hooks, [Hook::OnDiscover]);
    let report = inspect(&frozen("0.1.0", "mirror")).unwrap();
    assert_eq!(
        report.hooks,
        [Hook::OnDiscover, Hook::OnRequest, Hook::OnRelease, Hook::ReplyOptions, Hook::OnLease]
    );
    assert!(report.denied_imports.is_empty() && report.capabilities.is_empty());
}

#[test]
fn hooks_of_0_1_1_are_found_and_its_lookups_are_planned() {
    let report = inspect(&frozen("0.1.1", "planner")).unwrap();
    assert!(report.hooks.contains(&Hook::PlanLookups), "{:?}", report.hooks);
    let report = inspect(&frozen("0.1.1", "mirror")).unwrap();
    assert_eq!(report.hooks.len(), 5);
}

#[test]
fn a_policy_of_0_1_0_sees_what_it_saw_and_sets_what_it_set() {
    sees_what_it_saw_and_sets_what_it_set("0.1.0");
}

#[test]
fn a_policy_of_0_1_1_sees_what_it_saw_and_sets_what_it_set() {
    sees_what_it_saw_and_sets_what_it_set("0.1.1");
}

fn sees_what_it_saw_and_sets_what_it_set(version: &str) {
    let mirror = plugin("10-mirror", &frozen(version, "mirror"), &json!({ "address": CLIENT }));
    let minimal = plugin("20-minimal", &frozen(version, "minimal"), &json!({}));
    let (_chain, mut runner) = start(&runtime(), vec![mirror, minimal]);
    let mut asked = request(RequestKind::Request);
    asked.requested_address = Some(CLIENT);
    let view = View { binding: Some(Arc::new(lease())), ..view_of(asked) };
    let outcome = runner.terms(&view);
    assert!(outcome.trace.iter().all(|entry| entry.fault.is_none()), "{:?}", outcome.trace);
    let terms = outcome.terms;
    assert_eq!((terms.verdict, terms.address), (Verdict::Proceed, Some(CLIENT)));
    let seen = text_of(&terms.options, 224);
    for line in [
        "kind=RequestKind::Request",
        "hardware=1/[2, 0, 94, 0, 83, 1]",
        "key=hw:02:00:5e:00:53:01",
        "vendor=Some(\"modem\") host=Some(\"h\u{fffd}st\")",
        "network=access",
        "subnet=100.64.0.0/16",
        "interface=Some(\"eth0\")",
    ] {
        assert!(seen.lines().any(|found| found == line), "{line} is missing in {seen}");
    }
    let leased = text_of(&terms.options, 225);
    for line in ["circuit=Some([111, 108, 116, 49, 47, 51])", "active=true"] {
        assert!(leased.lines().any(|found| found == line), "{line} is missing in {leased}");
    }
    assert!(runner.terms(&discover()).trace.iter().all(|entry| entry.fault.is_none()));
}

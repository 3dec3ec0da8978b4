//! Pools: how full they are, and several in order of preference.

use lessor_core::{OptionValue, PoolChoice, RequestKind};
use lessor_policy_host::{FaultKind, View};
use serde_json::json;

use crate::{
    common::{ask, discover, guest, plugin, pools, runtime, start},
    scripts::{JAVASCRIPT, RHAI},
};

fn choice(names: &[&str]) -> Option<PoolChoice> {
    PoolChoice::new(names.iter().map(|name| (*name).into()))
}

#[test]
fn a_policy_in_rust_counts_and_names_pools() {
    let settings = json!({ "pools": ["garden", "open"], "count": ["open", "garden", "gone"] });
    let source = plugin("10-a", &guest("planner"), &settings);
    let (chain, mut runner) = start(&runtime(), vec![source]);
    assert!(chain.wants_pools_of(RequestKind::Discover));
    let view = View { pools: Some(pools()), ..discover() };
    let outcome = ask(&mut runner, &view);
    assert_eq!(outcome.terms.pool, choice(&["garden", "open"]));
    assert!(outcome.trace[0].set.iter().any(|set| set.to_string() == "pools=garden, open"));
    let Some(OptionValue::Octets(octets)) = outcome.terms.options[0].1.as_deref() else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        String::from_utf8_lossy(octets),
        "pools: [\"open\", \"garden\"]\nopen: Some(\"120 60 55\")\ngarden: Some(\"10 9 0\")\n\
         gone: None"
    );
}

#[test]
fn scripts_count_and_name_pools() {
    let rhai = r#"
        fn decide(request, terms) {
            let open = request.pool_usage("open");
            terms.pools = ["garden", "open"];
            if request.pool_usage("gone") != () { throw "it is not there"; }
            let names = request.pool_names();
            ignore(`${open.total} ${open.leased} ${open.free} ${names} ${terms.pools}`)
        }
    "#;
    let javascript = r#"
        function decide(request, terms) {
            const open = request.poolUsage("open");
            terms.pools = ["garden", "open"];
            if (request.poolUsage("gone")) throw new Error("it is not there");
            const names = JSON.stringify(request.poolNames());
            return ignore(`${open.total} ${open.leased} ${open.free} ${names} ${terms.pools}`);
        }
    "#;
    for (language, text) in [(&*RHAI, rhai), (&*JAVASCRIPT, javascript)] {
        let (chain, mut runner) = language.start(text, json!({}));
        assert!(chain.wants_pools_of(RequestKind::Discover));
        let outcome = runner.terms(&View { pools: Some(pools()), ..discover() });
        let said = format!("{:?}", outcome.terms.verdict);
        assert!(said.contains("120 60 55"), "{said}: {:?}", chain.status()[0].last_fault);
        assert_eq!(outcome.terms.pool, choice(&["garden", "open"]));
    }
}

#[test]
fn pools_are_counted_only_for_policies_that_read_them() {
    let (chain, _) = RHAI.start("fn decide(request, terms) { terms.pool = \"open\"; }", json!({}));
    assert!(!chain.wants_pools_of(RequestKind::Discover));
    let (chain, _) = start(&runtime(), vec![plugin("10-a", &guest("minimal"), &json!({}))]);
    assert!(!chain.wants_pools_of(RequestKind::Discover));
    // A script can hide that it reads them; then it gets an error instead of a wrong number.
    let text = "const NAME = 'pool' + 'Names';\nfunction decide(request) { request[NAME](); }";
    let (chain, mut runner) = JAVASCRIPT.start(text, json!({}));
    assert!(!chain.wants_pools_of(RequestKind::Discover));
    runner.terms(&discover());
    let fault = chain.status()[0].last_fault.clone().unwrap();
    assert_eq!(fault.kind, FaultKind::BadAnswer);
    assert!(fault.message.contains("write pool_usage or pool_names out"), "{}", fault.message);
}

#[test]
fn wrong_lists_of_pools_are_faults() {
    for value in ["[]", "5", "[1]", "[\"a\", 5]", "[\"a\"] * 9"] {
        let value = match value.strip_suffix(" * 9") {
            Some(item) => format!("[{}]", [item.trim_matches(['[', ']']); 9].join(",")),
            None => value.to_owned(),
        };
        let text = format!("fn decide(request, terms) {{ terms.pools = {value}; }}");
        let (kind, message) = RHAI.fault(&text);
        assert_eq!(kind, FaultKind::Failed, "{value}");
        assert!(message.contains("terms.pools: wanted a"), "{value}: {message}");
    }
    let long = "x".repeat(256);
    let (kind, _) = RHAI.fault(&format!("fn decide(r, terms) {{ terms.pools = [\"{long}\"]; }}"));
    assert_eq!(kind, FaultKind::BadAnswer);
}

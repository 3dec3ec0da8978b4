//! What a script is granted, and what it is not.

use std::sync::Arc;

use lessor_core::{LookupAnswer, SourceRow};
use lessor_policy_host::{FaultKind, LookupSources, Metric, PlannedLookup};
use lessor_settings::Grants;
use serde_json::json;
use tempfile::TempDir;

use super::{JAVASCRIPT, RHAI, RUNTIME, octets};
use crate::common::{ask, discover};

#[test]
fn what_a_script_is_not_granted_is_an_error_that_says_what_to_write() {
    for (language, text) in [
        (&RHAI, "fn decide(request, terms) {\n  metrics.add(\"seen\", 1);\n}"),
        (&JAVASCRIPT, "function decide() {\n  metrics.add(\"seen\");\n}"),
    ] {
        let (kind, message) = language.fault(text);
        assert_eq!(kind, FaultKind::Failed);
        assert!(message.contains("line 2, column"), "{message}");
        assert!(
            message.contains("write grants = [\"metrics\"] in the sidecar file of the script"),
            "{message}"
        );
    }
}

/// A source with one row.
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

#[test]
fn what_a_script_is_granted_it_can_use() {
    let rhai = r#"
        fn plan_lookups(request, plan) { plan.add("line", "subscribers", request.circuit_id); }

        fn decide(request, terms) {
            let seen = parse_int(state.get("seen") ?? "0") + 1;
            state.set("seen", seen.to_string());
            let is_swapped = state.replace("seen", "2", "20");
            metrics.add("seen");
            metrics.set("load", 0.5);
            log(`seen ${seen}`);
            let field = tables.field("subscribers", request.circuit_id, "plan");
            let row = tables.row("subscribers", request.circuit_id);
            let looked_up = request.lookup("line").field("plan");
            terms.option(224, `${seen} ${is_swapped} ${field} ${row.plan} ${looked_up}`);
        }
    "#;
    let javascript = r#"
        function planLookups(request, plan) {
            plan.add("line", "subscribers", request.circuitId);
        }

        function decide(request, terms) {
            const seen = Number(state.get("seen") ?? "0") + 1;
            state.set("seen", String(seen));
            const isSwapped = state.replace("seen", "2", "20");
            metrics.add("seen");
            metrics.set("load", 0.5);
            log(`seen ${seen}`);
            const field = tables.field("subscribers", request.circuitId, "plan");
            const row = tables.row("subscribers", request.circuitId);
            const lookedUp = request.lookup("line").field("plan");
            terms.option(224, `${seen} ${isSwapped} ${field} ${row.plan} ${lookedUp}`);
        }
    "#;
    for (language, text) in [(&RHAI, rhai), (&JAVASCRIPT, javascript)] {
        let folder = TempDir::new().unwrap();
        let mut source = language.source(folder.path(), text, &json!({}));
        // The state of plugins is stored under their names.
        source.name = format!("20-in-{}", language.ending);
        source.grants = Grants::all();
        let chain = RUNTIME.1.chain_with_sources(vec![source], Arc::new(Subscribers));
        let chain = chain.unwrap_or_else(|errors| panic!("{errors:#?}"));
        let mut runner = chain.runner().unwrap();
        for told in ["1 false fast fast fast", "2 true fast fast fast", "21 false fast fast fast"] {
            let mut view = discover();
            let plan = runner.plan(&view);
            let row = Subscribers.row("subscribers", "olt1/3").flatten().unwrap();
            let answer = LookupAnswer::Found { row, is_stale: false };
            let answered = |lookup: PlannedLookup| lookup.answered(answer.clone());
            view.lookups = plan.lookups.into_iter().map(answered).collect();
            let outcome = ask(&mut runner, &view);
            assert_eq!(chain.status()[0].last_fault, None);
            assert_eq!(outcome.terms.options[0].1, octets(told.as_bytes()), "{}", language.ending);
        }
        let metrics = chain.status()[0].metrics.clone();
        assert_eq!((metrics["seen"], metrics["load"]), (Metric::Counter(3), Metric::Gauge(0.5)));
        assert_eq!(chain.status()[0].state.unwrap().keys, 1);
    }
}

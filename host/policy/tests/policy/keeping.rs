//! What a chain keeps from the previous one: the instances of plugins that did not change.

use std::{fs, sync::Arc};

use lessor_core::{SourceRow, Verdict};
use lessor_policy_host::{
    Chain, FaultKind, LookupSources, NoLookupSources, PluginSource, Runner, Runtime,
};
use lessor_settings::{Capability, Grants};
use serde_json::json;

use crate::common::{ask, discover, guest, misbehaving, plugin, runtime, start, wait_for};

/// A plugin that shows how often its instance was called: it ignores every request after the third.
fn tired(name: &str) -> PluginSource {
    misbehaving(name, json!({ "behaviour": "ignore", "well-behaved-calls": 3 }))
}

fn is_tired(runner: &mut Runner) -> bool {
    runner.terms(&discover()).terms.verdict != Verdict::Proceed
}

/// The chain and the runner of a thread after a reload.
fn reloaded(
    runtime: &Arc<Runtime>,
    before: &mut Runner,
    plugins: Vec<PluginSource>,
    sources: Arc<dyn LookupSources>,
) -> (Arc<Chain>, Runner) {
    let chain_before = Arc::clone(before.chain());
    let chain = runtime.chain_after(Some(&chain_before), plugins, sources).unwrap();
    let mut runner = chain.runner_after(Some(&chain_before)).unwrap();
    runner.take_over(before);
    (chain, runner)
}

fn without_sources() -> Arc<dyn LookupSources> {
    Arc::new(NoLookupSources)
}

#[test]
fn instances_of_plugins_that_did_not_change_go_over_and_others_do_not() {
    let runtime = runtime();
    let (chain, mut runner) = start(&runtime, vec![tired("10-a"), tired("20-b")]);
    for _ in 0..2 {
        assert!(!is_tired(&mut runner));
    }
    // A new position in the chain is not a change, a new setting is one.
    let changed = misbehaving("20-b", json!({ "behaviour": "ignore", "well-behaved-calls": 9 }));
    let plugins = vec![plugin("05-new", &guest("minimal"), &json!({})), tired("10-a"), changed];
    let (next, mut runner) = reloaded(&runtime, &mut runner, plugins, without_sources());
    assert_eq!(next.kept_from(&chain), 1);
    assert!(!is_tired(&mut runner));
    assert!(is_tired(&mut runner), "10-a was called three times before");
    // The counters belong to the generation.
    let status = next.status();
    assert_eq!(status.iter().map(|plugin| plugin.calls).collect::<Vec<_>>(), [2, 2, 1]);

    // A different file at the same path is a change, too.
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("10-a.wasm");
    let at_path = || PluginSource { path: path.clone(), ..tired("10-a") };
    fs::copy(guest("misbehaving"), &path).unwrap();
    let (_, mut runner) = reloaded(&runtime, &mut runner, vec![at_path()], without_sources());
    assert!(!is_tired(&mut runner), "it lies elsewhere, so it is another one");
    let mut octets = fs::read(&path).unwrap();
    // A custom section without a name changes the file and nothing else.
    octets.extend([0, 1, 0]);
    fs::write(&path, octets).unwrap();
    let before = Arc::clone(runner.chain());
    let (next, _) = reloaded(&runtime, &mut runner, vec![at_path()], without_sources());
    assert_eq!(next.kept_from(&before), 0);
}

#[test]
fn the_way_back_has_the_same_instances_and_a_refused_chain_takes_none() {
    let runtime = runtime();
    let (first, mut runner) = start(&runtime, vec![tired("10-a")]);
    let broken = misbehaving("20-b", json!({ "behaviour": "refuse-settings" }));
    let refused = runtime.chain_after(Some(&first), vec![tired("10-a"), broken], without_sources());
    assert!(refused.is_err());
    assert!(!is_tired(&mut runner));
    let (second, mut after) =
        reloaded(&runtime, &mut runner, vec![tired("10-a")], without_sources());
    drop(runner);
    assert!(!is_tired(&mut after));
    let mut back = first.runner_after(Some(&second)).unwrap();
    back.take_over(&mut after);
    drop((after, second));
    assert!(!is_tired(&mut back));
    assert!(is_tired(&mut back));
}

#[test]
fn a_seat_without_an_instance_gets_one() {
    let runtime = runtime();
    let always = || misbehaving("10-a", json!({ "behaviour": "trap", "well-behaved-calls": 1 }));
    let (chain, mut runner) = start(&runtime, vec![always()]);
    wait_for("spare instances", || runner.is_prepared());
    // The instance traps, and its place is empty when the reload happens.
    assert_eq!(runner.terms(&discover()).trace[0].fault, None);
    assert_eq!(runner.terms(&discover()).trace[0].fault, Some(FaultKind::Trap));
    let (_, mut runner) = reloaded(&runtime, &mut runner, vec![always()], without_sources());
    assert_eq!(ask(&mut runner, &discover()).trace[0].fault, None);
    // This runner takes over no instance, so it creates one for its first call.
    let mut alone = chain.runner_after(Some(&chain)).unwrap();
    assert_eq!(alone.terms(&discover()).trace[0].fault, None);
}

/// A table in one version.
struct Table(u64);

impl LookupSources for Table {
    fn has_source(&self, name: &str) -> bool {
        name == "subscribers"
    }

    fn row(&self, source: &str, _key: &str) -> Option<Option<SourceRow>> {
        let row = [("version", self.0.to_string())];
        let row = row.map(|(name, value)| (Arc::from(name), Box::from(value)));
        (source == "subscribers").then(|| Some(row.into_iter().collect()))
    }

    fn versions(&self) -> Vec<(String, u64)> {
        vec![("subscribers".to_owned(), self.0)]
    }
}

#[test]
fn kept_instances_see_the_tables_of_their_generation() {
    let runtime = runtime();
    let granted = || {
        let source = tired("10-a");
        PluginSource { grants: Grants::default().with(Capability::Tables), ..source }
    };
    let chain = runtime.chain_with_sources(vec![granted(), tired("20-b")], Arc::new(Table(1)));
    let chain = chain.unwrap();
    let mut runner = chain.runner().unwrap();
    let plugins = || vec![granted(), tired("20-b")];
    let (same, mut runner) = reloaded(&runtime, &mut runner, plugins(), Arc::new(Table(1)));
    assert_eq!(same.kept_from(&chain), 2);
    // What it read from the table in `configure` may be outdated.
    let (changed, _) = reloaded(&runtime, &mut runner, plugins(), Arc::new(Table(2)));
    assert_eq!(changed.kept_from(&same), 1);
}

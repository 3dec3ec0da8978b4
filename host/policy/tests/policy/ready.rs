//! Chains that are made of compiled code only.

use std::{path::Path, sync::Arc};

use lessor_policy_host::{
    Chain, CompilerSettings, NoLookupSources, PluginSource, Runtime, RuntimeSettings, Unready,
};
use serde_json::json;

use crate::common::{misbehaving, plugin, settings};

#[test]
fn a_ready_chain_compiles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("compiled");
    let runtime = runtime_with(&cache, settings());
    let source = || misbehaving("10-policy", json!({}));
    let Err(Unready::NotCompiled(errors)) = ready(&runtime, vec![source()]) else {
        panic!("it is not compiled")
    };
    let said = errors[0].to_string();
    assert!(said.contains("10-policy") && said.contains("not compiled yet"), "{said}");
    runtime.chain(vec![source()]).unwrap();
    assert!(ready(&runtime, vec![source()]).is_ok());

    // The next process starts no child at all: it has no program for one.
    let compiler = CompilerSettings { program: "/nowhere".into(), ..CompilerSettings::default() };
    let next = runtime_with(&cache, RuntimeSettings { compiler, ..RuntimeSettings::default() });
    assert!(ready(&next, vec![source()]).is_ok());
    // Also if the files are only read.
    let other = folder.path().join("other");
    let further = RuntimeSettings { compiled: vec![cache], ..settings() };
    assert!(ready(&runtime_with(&other, further), vec![source()]).is_ok());
}

#[test]
fn a_mistake_weighs_more_than_missing_code() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("20-broken.wasm");
    std::fs::write(&broken, "broken").unwrap();
    let runtime = runtime_with(&folder.path().join("compiled"), settings());
    let sources =
        vec![misbehaving("10-policy", json!({})), plugin("20-broken", &broken, &json!({}))];
    let Err(Unready::Refused(errors)) = ready(&runtime, sources) else { panic!("one is broken") };
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].to_string().contains("20-broken"), "{errors:?}");
}

fn ready(runtime: &Arc<Runtime>, plugins: Vec<PluginSource>) -> Result<Arc<Chain>, Unready> {
    runtime.ready_chain(plugins, Arc::new(NoLookupSources))
}

fn runtime_with(cache: &Path, settings: RuntimeSettings) -> Arc<Runtime> {
    let cache = Some(cache.to_owned());
    Runtime::with_instances_max(RuntimeSettings { cache, ..settings }, 64).unwrap()
}

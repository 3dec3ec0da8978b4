//! Scripts, run by the interpreters that ship: what they read and set, and the errors for every
//! kind of mistake in them.

mod granted;
mod javascript;
mod rhai;
mod shared;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use lessor_core::{OptionValue, RequestKind, Verdict};
use lessor_policy_host::{
    Chain, FaultKind, PluginProblem, PluginSource, Runner, Runtime, RuntimeSettings, View,
    limits::SCRIPT_OCTETS_MAX,
};
use lessor_settings::PluginLimits;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{
    CLIENT, ask, discover, guest, inspect, lease, plugin, request, runtime_without_cache, settings,
    view_of,
};

/// A language and its interpreter, which is compiled once for all tests.
pub(crate) struct Language {
    ending: &'static str,
    interpreter: PathBuf,
}

pub(crate) static RHAI: LazyLock<Language> = LazyLock::new(|| Language::of("rhai", "rhai.wasm"));
pub(crate) static JAVASCRIPT: LazyLock<Language> =
    LazyLock::new(|| Language::of("js", "javascript.wasm"));

/// One runtime for all tests, so that an interpreter is compiled once and then loaded from the
/// cache.
pub(crate) static RUNTIME: LazyLock<(TempDir, Arc<Runtime>)> = LazyLock::new(|| {
    let folder = TempDir::new().unwrap();
    let cache = Some(folder.path().join("cache"));
    let runtime = Runtime::new(RuntimeSettings { cache, ..settings() }).unwrap();
    (folder, runtime)
});

impl Language {
    fn of(ending: &'static str, interpreter: &str) -> Self {
        static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| lessor_guests::interpreters().unwrap());
        Self { ending, interpreter: FOLDER.join(interpreter) }
    }

    pub(crate) fn source(&self, folder: &Path, text: &str, settings: &Value) -> PluginSource {
        let path = folder.join(format!("20-garden.{}", self.ending));
        fs::write(&path, text).unwrap();
        let mut source = plugin("20-garden", &path, settings);
        source.interpreter = Some(self.interpreter.clone());
        source
    }

    pub(crate) fn start(&self, text: &str, settings: Value) -> (Arc<Chain>, Runner) {
        let folder = TempDir::new().unwrap();
        let source = self.source(folder.path(), text, &settings);
        let chain = RUNTIME.1.chain(vec![source]).unwrap_or_else(|errors| panic!("{errors:#?}"));
        let runner = chain.runner().unwrap();
        (chain, runner)
    }

    /// The error for a script that is refused.
    pub(crate) fn mistake(&self, text: &str, settings: Value) -> String {
        let folder = TempDir::new().unwrap();
        let source = self.source(folder.path(), text, &settings);
        let errors = RUNTIME.1.chain(vec![source]).err().expect("this is not to be accepted");
        let [error] = &errors[..] else { panic!("{errors:#?}") };
        assert!(error.to_string().starts_with("plugin 20-garden ("), "{error}");
        error.problem.to_string()
    }

    /// The fault that a request causes.
    pub(crate) fn fault(&self, text: &str) -> (FaultKind, String) {
        let (chain, mut runner) = self.start(text, json!({}));
        let outcome = ask(&mut runner, &discover());
        assert_eq!(outcome.terms, Default::default());
        let fault = chain.status()[0].last_fault.clone().unwrap();
        (fault.kind, fault.message)
    }
}

pub(crate) fn octets(text: &[u8]) -> Option<Arc<OptionValue>> {
    Some(Arc::new(OptionValue::Octets(text.to_vec())))
}

/// How a script reads [`lease`] and [`request`].
const SEEN: &str = "request init-reboot 7 3 1 02:00:5e:00:53:01 - hw:02:00:5e:00:53:01 true 100.64.0.1 \
    olt1/3 hex:00ff false [53, 60, 12] [1, 3, 6] modem h\u{fffd}st 100.64.1.7 - - access \
    100.64.0.0/16 eth0 100.64.1.7 true ";

/// The reason that the script returns for a REQUEST.
fn seen(runner: &mut Runner) -> String {
    let mut request = request(RequestKind::Request);
    request.requested_address = Some(CLIENT);
    let view = View { binding: Some(Arc::new(lease())), ..view_of(request) };
    let Verdict::Ignore(reason) = runner.terms(&view).terms.verdict else { panic!("no reason") };
    reason.chars().take(SEEN.chars().count()).collect()
}

#[test]
fn files_that_are_no_scripts_or_no_interpreters_are_distinguished() {
    let folder = TempDir::new().unwrap();
    let text = "fn decide(request, terms) {}";
    let problem = |source: PluginSource| {
        let errors = RUNTIME.1.chain(vec![source]).err().unwrap();
        errors.iter().map(|error| error.problem.to_string()).collect::<Vec<_>>().join("\n")
    };
    let script = || RHAI.source(folder.path(), text, &json!({}));
    let missing = PluginSource { interpreter: Some("/nowhere/rhai.wasm".into()), ..script() };
    let said = problem(missing);
    assert!(said.contains("its interpreter /nowhere/rhai.wasm cannot be read"), "{said}");
    let policy = PluginSource { interpreter: Some(guest("minimal")), ..script() };
    let said = problem(policy);
    assert!(said.contains("does not export lessor:policy/interpreting"), "{said}");
    let direct = plugin("10-rhai", &RHAI.interpreter, &json!({}));
    assert!(problem(direct).contains("is an interpreter, not a policy"));
    let errors = inspect(&RHAI.interpreter).unwrap_err();
    assert!(matches!(*errors[0].problem, PluginProblem::IsInterpreter), "{}", errors[0]);
    let source = script();
    fs::write(&source.path, b"fn decide(request, terms) {}\n// \xff").unwrap();
    assert!(problem(source).contains("line 2 has an octet that is not UTF-8"));
    let source = script();
    fs::write(&source.path, " ".repeat(SCRIPT_OCTETS_MAX as usize + 1)).unwrap();
    assert!(problem(source).contains("the script has 1048577 octets"));
    let small = PluginLimits { memory_bytes_max: 1 << 16, ..PluginLimits::default() };
    assert!(problem(PluginSource { limits: small, ..script() }).contains("raise memory-mib"));
}

#[test]
fn scripts_of_one_language_share_their_interpreter() {
    let folder = TempDir::new().unwrap();
    let runtime = runtime_without_cache();
    let source = |number: u32| {
        let mut source = RHAI.source(folder.path(), "fn decide(request, terms) {}", &json!({}));
        source.name = format!("{number}-garden");
        source
    };
    let chain = runtime.chain((10..20).map(source).collect()).unwrap();
    let took: Vec<_> = chain.plugins().map(|report| report.prepared_in.unwrap()).collect();
    let later = took[1..].iter().sum::<std::time::Duration>();
    assert!(later < took[0], "the first compiles, the others do not: {took:?}");
}

//! Scripts, run by the interpreters that ship: what they read and set, and the errors for every
//! kind of mistake in them.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use lessor_core::{
    LeaseEventKind, LookupAnswer, OptionValue, RequestKind, SourceRow, SubscriberLimit, Verdict,
};
use lessor_policy_host::{
    Chain, FaultKind, Hook, LookupSources, Metric, PlannedLookup, PluginProblem, PluginSource,
    Runner, Runtime, RuntimeSettings, View, limits::SCRIPT_OCTETS_MAX,
};
use lessor_settings::{Grants, PluginLimits};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{
    CLIENT, NOW, ask, discover, guest, inspect, lease, lease_event, plugin, request,
    runtime_without_cache, settings, view_of,
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

#[test]
fn a_rhai_script_decides_with_its_settings_and_what_it_defines() {
    let text = r#"
        const GARDEN = "walled-garden";
        let seconds = 60;

        fn decide(request, terms) {
            this.count = (this.count ?? 0) + 1;
            let line = settings.lines[request.circuit_id];
            if line == () { terms.pool = GARDEN; terms.lease_time_secs = seconds; return; }
            terms.address = line.address;
            terms.option("domain-name-servers", ["192.0.2.53", "192.0.2.54"]);
            terms.option(26, 1492);
            terms.option("domain-name", `n${this.count}.example`);
            terms.option(43, [1, 2, 255]);
            terms.option(44, "hex:00ff");
            terms.remove_option("routers");
            terms.subscriber("ada", 2, "replace-oldest");
        }
    "#;
    let settings = json!({ "lines": { "olt1/3": { "address": "100.64.201.17" } } });
    let (chain, mut runner) = RHAI.start(text, settings);
    let report = chain.plugins().next().unwrap();
    assert_eq!(report.hooks, [Hook::OnDiscover, Hook::OnRequest, Hook::OnInform]);
    assert_eq!(report.interpreter.as_ref(), Some(&RHAI.interpreter));
    assert_eq!(report.octets, text.len() as u64);
    for count in 1..=3 {
        let terms = runner.terms(&discover()).terms;
        assert_eq!(terms.address, Some(Ipv4Addr::new(100, 64, 201, 17)));
        let name = format!("n{count}.example");
        let wanted = [
            (6, octets(&[192, 0, 2, 53, 192, 0, 2, 54])),
            (26, octets(&[5, 212])),
            (15, octets(name.as_bytes())),
            (43, octets(&[1, 2, 255])),
            (44, octets(&[0, 255])),
            (3, None),
        ];
        assert_eq!(terms.options, wanted);
        let SubscriberLimit { name, leases_max, .. } = terms.subscriber.unwrap();
        assert_eq!((&*name, leases_max.get()), ("ada", 2));
    }
    let mut unknown = request(RequestKind::Inform);
    unknown.relay_information = None;
    let mut view = view_of(unknown);
    assert!(runner.terms(&view).trace[0].fault.is_some(), "() is no key of a map");
    view.request = discover().request;
    assert_eq!(chain.status()[0].faults[&FaultKind::Failed], 1);
}

#[test]
fn a_rhai_script_reads_everything_there_is_to_read() {
    let text = r#"
        fn on_request(request, terms) {
            let seen = [
                request.kind, request.client_state, request.transaction_id, request.elapsed_secs,
                request.hardware_type, request.hardware_address, request.client_identifier,
                request.client_key, request.is_relayed, request.relay_address, request.circuit_id,
                request.remote_id, request.relay_information_is_remembered, request.option_codes,
                request.parameter_request_list, request.vendor_class, request.host_name,
                request.requested_address, request.client_address,
                request.requested_lease_time_secs, request.network_name, request.subnet,
                request.interface_name, request.lease_address, request.lease_is_active,
                request.lease_expires_at_ms, request.server_time_ms, request.packet,
                request.option(60), request.option("host-name"), request.option(77),
                request.relay_sub_option(1), request.relay_sub_option(9),
                request.lookup("line").status, request.lookup("line").found,
                request.lookup("line").stale, request.lookup("line").row,
                request.lookup("line").field("pool"),
            ];
            ignore(seen.map(|value| if value == () { "-" } else { value.to_string() })
                .reduce(|all, value| if all == () { value } else { `${all} ${value}` }))
        }
    "#;
    let (_chain, mut runner) = RHAI.start(text, json!({}));
    assert_eq!(seen(&mut runner), SEEN);
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
fn verdicts_are_what_functions_give() {
    for (text, wanted) in [
        (
            "fn decide(request, terms) { refuse(\"not here\") }",
            Verdict::Refuse("not here".to_owned()),
        ),
        ("fn decide(request, terms) { ignore(\"why\") }", Verdict::Ignore("why".to_owned())),
        ("fn decide(request, terms) { proceed() }", Verdict::Proceed),
        ("fn decide(request, terms) { }", Verdict::Proceed),
    ] {
        let (_chain, mut runner) = RHAI.start(text, json!({}));
        assert_eq!(runner.terms(&discover()).terms.verdict, wanted, "{text}");
    }
}

#[test]
fn mistakes_are_found_when_a_script_is_loaded_and_have_a_place() {
    for (text, wanted) in [
        ("fn decide(request, terms) {\n  let x = ;\n}", "line 2, column 11: "),
        (
            "fn decide(request, terms) {\n  terms.pool = gardn;\n}",
            "line 2, column 16: Undefined variable: gardn",
        ),
        (
            "// here\n\nfn on_discovery(r, t) {}",
            "line 3, column 4: on_discovery is not a hook; wanted one of decide, plan_lookups, plan_further_lookups",
        ),
        (
            "fn decide(request) {}",
            "line 1, column 4: the function decide has 1 parameter; wanted decide(request, terms)",
        ),
        ("fn helper() {}", "the script has no hook, so it would never be called"),
        ("", "the script has no hook"),
        ("let x = 5;\nthrow \"not today\";\nfn decide(r, t) {}", "line 2, column 1: not today"),
        ("fn configure() {}\nfn decide(r, t) {}", "line 1, column 4: wanted configure(settings)"),
    ] {
        let mistake = RHAI.mistake(text, json!({}));
        assert!(mistake.starts_with(wanted), "{text}: {mistake}");
    }
    let text = "fn configure(settings) {\n  if settings.pool == () { throw \"pool is missing\"; }\n}\nfn decide(r, t) {}";
    assert_eq!(
        RHAI.mistake(text, json!({})),
        "refuses its settings: line 2, column 28: pool is missing. Correct [settings] in its sidecar file"
    );
    RHAI.start(text, json!({ "pool": "garden" }));
}

#[test]
fn mistakes_that_show_when_a_script_runs_are_faults_with_their_place() {
    for (statement, wanted) in [
        ("throw \"no idea\";", "20-garden.rhai, line 2, column 1: no idea"),
        ("request.circuitid", "20-garden.rhai, line 2, column 9: "),
        ("terms.pool = 5;", "20-garden.rhai, line 2, column 7: terms.pool: wanted a text, found 5"),
        (
            "terms.address = \"here\";",
            "20-garden.rhai, line 2, column 7: terms.address: wanted an address",
        ),
        (
            "terms.option(\"dns\", \"x\");",
            "20-garden.rhai, line 2, column 7: no option is named `dns`; did you mean `domain-name-servers`?",
        ),
        (
            "terms.option(51, 60);",
            "20-garden.rhai, line 2, column 7: option 51 is set only by the server",
        ),
        (
            "terms.subscriber(\"a\", 1, \"both\");",
            "20-garden.rhai, line 2, column 7: subscriber: wanted \"refuse\" or",
        ),
        ("assist(1)", "20-garden.rhai, line 2, column 1: there is no function assist: "),
        ("5", "20-garden.rhai: on-discover returned 5; wanted nothing, proceed()"),
        ("deeper(5)", "20-garden.rhai, line 5, column 5: too deep"),
    ] {
        let text = format!(
            "fn decide(request, terms) {{\n{statement}\n}}\nfn deeper(n) {{\n    throw \"too deep\";\n}}"
        );
        let (kind, message) = RHAI.fault(&text);
        assert!(
            kind == FaultKind::Failed && message.starts_with(wanted),
            "{text}: {kind} {message}"
        );
    }
}

#[test]
fn scripts_cannot_do_more_than_other_policies() {
    let endless = "fn decide(request, terms) { loop {} }";
    assert_eq!(RHAI.fault(endless).0, FaultKind::DeadlineExceeded);
    let greedy = "fn decide(request, terms) { let all = [\"x\"]; loop { all += all; } }";
    let (kind, message) = RHAI.fault(greedy);
    assert_eq!(kind, FaultKind::MemoryExceeded, "{message}");
    let nested =
        format!("fn decide(r, t) {{ let x = {}1{}; }}", "(".repeat(5_000), ")".repeat(5_000));
    let mistake = RHAI.mistake(&nested, json!({}));
    assert!(mistake.contains("nest") || mistake.contains("complexity"), "{mistake}");
    // Each level uses as much stack as a script can make it use.
    for text in [
        "fn deeper(n) { deeper(n + 1) } fn decide(r, t) { deeper(0) }",
        "fn deeper(n) { let x = #{ a: [1, 2, (3 + (4 * (5 + deeper(n + 1))))] }; x } fn decide(r, t) { deeper(0) }",
        "fn deeper(n) { for i in [1, 2].map(|x| x + deeper(n + 1)) { if i > 1 { while true { switch i { 2 => deeper(i) } } } } } fn decide(r, t) { deeper(0) }",
        "fn decide(request, terms) { decide(request, terms) }",
    ] {
        let (kind, message) = RHAI.fault(text);
        assert_eq!(kind, FaultKind::Failed, "{text}: {message}");
        assert!(message.contains("calls are nested more than"), "{message}");
    }
}

#[test]
fn what_a_call_was_handed_is_gone_after_it() {
    let text = "fn decide(request, terms) {\n  if this.kept == () { this.kept = request; } \
                else { this.terms = terms; }\n}\nfn on_lease(event) {}\n\
                fn reply_options(request, reply) { this.kept.kind; }";
    let (_chain, mut runner) = RHAI.start(text, json!({}));
    runner.terms(&discover());
    // The object that the script kept now refers to the current request.
    runner.terms(&view_of(request(RequestKind::Inform)));
    assert!(runner.terms(&discover()).trace[0].fault.is_none());
}

#[test]
fn a_rhai_script_hears_of_leases() {
    let text = r#"
        fn on_lease(event) {
            throw `${event.kind} ${event.address} ${event.network_name} ${event.client_key} ` +
                `${event.hardware_address} ${event.circuit_id} ${event.remote_id} ` +
                `${event.relay_sub_option(1)} ${event.hardware_type} ${event.server_time_ms}`;
        }
    "#;
    let (chain, _runner) = RHAI.start(text, json!({}));
    let mut observer = chain.observer().unwrap();
    observer.on_lease(&lease_event(LeaseEventKind::Granted, lease()));
    let message = chain.status()[0].last_fault.clone().unwrap().message;
    let wanted = format!(
        "20-garden.rhai, line 3, column 13: granted {CLIENT} access hw:02:00:5e:00:53:01 \
         02:00:5e:00:53:01 olt1/3 hex:00ff olt1/3 1 {}",
        NOW.unix_ms()
    );
    assert_eq!(message, wanted);
}

#[test]
fn files_that_are_no_scripts_or_no_interpreters_are_told_apart() {
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

#[test]
fn a_javascript_script_decides_with_its_settings_and_what_it_remembers() {
    let text = r#"
        const GARDEN = "walled-garden";
        let count = 0;

        const decide = (request, terms) => {
            count += 1;
            const line = settings.lines[request.circuitId];
            if (!line) { terms.pool = GARDEN; terms.leaseTimeSecs = 60; return; }
            terms.address = line.address;
            terms.option("domain-name-servers", ["192.0.2.53", "192.0.2.54"]);
            terms.option(26, 1492);
            terms.option("domain-name", `n${count}.example`);
            terms.option(43, new Uint8Array([1, 2, 255]));
            terms.option(44, "hex:00ff");
            terms.removeOption("routers");
            terms.subscriber("ada", 2, "replace-oldest");
        };
    "#;
    let settings = json!({ "lines": { "olt1/3": { "address": "100.64.201.17" } } });
    let (chain, mut runner) = JAVASCRIPT.start(text, settings);
    let report = chain.plugins().next().unwrap();
    assert_eq!(report.hooks, [Hook::OnDiscover, Hook::OnRequest, Hook::OnInform]);
    for count in 1..=3 {
        let terms = runner.terms(&discover()).terms;
        assert_eq!(terms.address, Some(Ipv4Addr::new(100, 64, 201, 17)));
        let name = format!("n{count}.example");
        let wanted = [
            (6, octets(&[192, 0, 2, 53, 192, 0, 2, 54])),
            (26, octets(&[5, 212])),
            (15, octets(name.as_bytes())),
            (43, octets(&[1, 2, 255])),
            (44, octets(&[0, 255])),
            (3, None),
        ];
        assert_eq!(terms.options, wanted);
    }
    let mut unknown = request(RequestKind::Inform);
    unknown.relay_information = None;
    let terms = runner.terms(&view_of(unknown)).terms;
    assert_eq!((terms.pool_name(), terms.lease_time_secs), (Some("walled-garden"), Some(60)));
}

#[test]
fn a_javascript_script_reads_everything_there_is_to_read() {
    let text = r#"
        function onRequest(request, terms) {
            const seen = [
                request.kind, request.clientState, request.transactionId, request.elapsedSecs,
                request.hardwareType, request.hardwareAddress, request.clientIdentifier,
                request.clientKey, request.isRelayed, request.relayAddress, request.circuitId,
                request.remoteId, request.relayInformationIsRemembered, request.optionCodes,
                request.parameterRequestList, request.vendorClass, request.hostName,
                request.requestedAddress, request.clientAddress,
                request.requestedLeaseTimeSecs, request.networkName, request.subnet,
                request.interfaceName, request.leaseAddress, request.leaseIsActive,
                request.leaseExpiresAtMs, request.serverTimeMs, request.packet,
                request.option(60), request.option("host-name"), request.option(77),
                request.relaySubOption(1), request.relaySubOption(9),
                request.lookup("line").status, request.lookup("line").found,
                request.lookup("line").stale, request.lookup("line").row,
                request.lookup("line").field("pool"),
            ];
            if (new Date().getTime() !== request.serverTimeMs) return ignore("another time");
            const written = (value) => Array.isArray(value) ? `[${value.join(", ")}]` : `${value ?? "-"}`;
            return ignore(seen.map(written).join(" "));
        }
    "#;
    let (_chain, mut runner) = JAVASCRIPT.start(text, json!({}));
    assert_eq!(seen(&mut runner), SEEN);
}

#[test]
fn mistakes_in_javascript_are_found_when_it_is_loaded_and_have_a_place() {
    for (text, wanted) in [
        ("function decide(request, terms) {\n  const x = ;\n}", "line 2, column 13: SyntaxError: "),
        (
            "// here\n\nfunction onDiscovery(r, t) {}",
            "line 3, column 10: onDiscovery is not a hook; wanted one of decide, planLookups, planFurtherLookups",
        ),
        (
            "function decide(a, b, c) {}",
            "line 1, column 10: the function decide has 3 parameters; wanted decide(request, terms)",
        ),
        ("function helper() {}", "the script has no hook, so it would never be called"),
        ("const x = 5;\nthrow new Error(\"not today\");", "line 2, column "),
        ("Math.random();\nfunction decide() {}", "line 1, column "),
        ("x = 5;\nfunction decide() {}", "line 1, column "),
        ("function decide() {\n  nothing.here;\n}", "line 2, column 3: nothing is not defined"),
    ] {
        let mistake = JAVASCRIPT.mistake(text, json!({}));
        assert!(mistake.starts_with(wanted), "{text}: {mistake}");
    }
    let text = "function configure(settings) {\n  if (!settings.pool) throw \"pool is missing\";\n}\nfunction decide() {}";
    let mistake = JAVASCRIPT.mistake(text, json!({}));
    assert!(mistake.starts_with("refuses its settings: line 2, column "), "{mistake}");
    assert!(mistake.contains(": pool is missing. Correct [settings]"), "{mistake}");
    JAVASCRIPT.start(text, json!({ "pool": "garden" }));
}

#[test]
fn mistakes_that_show_when_javascript_runs_are_faults_with_their_place() {
    for (statement, line, wanted) in [
        ("throw new Error(\"no idea\");", 2, "no idea"),
        ("throw \"no idea\";", 2, "no idea"),
        ("terms.poool = \"x\";", 2, "terms has no poool; did you mean pool?"),
        ("terms.pool = 5;", 2, "terms.pool: wanted a text, found 5"),
        ("terms.address = \"here\";", 2, "terms.address: wanted an address"),
        (
            "terms.option(\"dns\", \"x\");",
            2,
            "no option is named `dns`; did you mean `domain-name-servers`?",
        ),
        ("terms.subscriber(\"a\", 1, \"both\");", 2, "subscriber: wanted \"refuse\" or"),
        ("deeper(5)", 5, "too deep"),
    ] {
        let text = format!(
            "function decide(request, terms) {{\n{statement}\n}}\nfunction deeper(n) {{\n    throw \"too deep\";\n}}"
        );
        let (kind, message) = JAVASCRIPT.fault(&text);
        let place = format!("20-garden.js, line {line}, column ");
        assert!(
            kind == FaultKind::Failed && message.starts_with(&place) && message.contains(wanted),
            "{text}: {kind} {message}"
        );
    }
    let (_, message) = JAVASCRIPT.fault("function decide() { return 5; }");
    assert!(
        message.starts_with("20-garden.js: on-discover returned 5; wanted nothing"),
        "{message}"
    );
}

#[test]
fn javascript_cannot_do_more_than_other_policies() {
    let endless = "function decide() { for (;;) {} }";
    assert_eq!(JAVASCRIPT.fault(endless).0, FaultKind::DeadlineExceeded);
    let greedy = "function decide() { let all = \"x\"; const kept = []; for (;;) { kept.push(new Array(65536).fill(all)); } }";
    let (kind, message) = JAVASCRIPT.fault(greedy);
    assert!([FaultKind::MemoryExceeded, FaultKind::DeadlineExceeded].contains(&kind), "{message}");
    for text in [
        "function deeper(n) { return deeper(n + 1); } function decide() { deeper(0); }",
        "function deeper(n) { return [1, 2].map((x) => x + deeper(n + 1)); } function decide() { deeper(0); }",
        "const o = { get x() { return this.x; } }; function decide() { o.x; }",
        "function deeper(a, b) { return [3, 2, 1].sort(deeper); } function decide() { deeper(0); }",
        "function decide() { return decide(); }",
    ] {
        let (kind, message) = JAVASCRIPT.fault(text);
        assert_eq!(kind, FaultKind::Failed, "{text}: {message}");
        assert!(message.contains("calls are nested more than"), "{message}");
    }
}

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

//! Scripts in JavaScript.

use lessor_core::RequestKind;
use lessor_policy_host::FaultKind;

use super::JAVASCRIPT;
use crate::common::{request, view_of};

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
    let (_chain, mut runner) = JAVASCRIPT.decides_by_settings(text);
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
    JAVASCRIPT.reads_everything(text);
}

#[test]
fn mistakes_in_javascript_are_found_when_it_is_loaded_and_have_a_place() {
    JAVASCRIPT.refuses_with_a_place(&[
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
    ]);
    let text = "function configure(settings) {\n  if (!settings.pool) throw \"pool is missing\";\n}\nfunction decide() {}";
    let mistake = JAVASCRIPT.refuses_its_settings(text);
    assert!(mistake.starts_with("refuses its settings: line 2, column "), "{mistake}");
    assert!(mistake.contains(": pool is missing. Correct [settings]"), "{mistake}");
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
        JAVASCRIPT.fails_at(&text, &format!(", line {line}, column "), wanted);
    }
    let other = ": on-discover returned 5; wanted nothing";
    JAVASCRIPT.fails_at("function decide() { return 5; }", other, "");
}

#[test]
fn javascript_cannot_do_more_than_other_policies() {
    let endless = "function decide() { for (;;) {} }";
    let greedy = "function decide() { let all = \"x\"; const kept = []; for (;;) { kept.push(new Array(65536).fill(all)); } }";
    let (kind, message) = JAVASCRIPT.is_stopped(endless, greedy);
    assert!([FaultKind::MemoryExceeded, FaultKind::DeadlineExceeded].contains(&kind), "{message}");
    JAVASCRIPT.limits_nested_calls(&[
        "function deeper(n) { return deeper(n + 1); } function decide() { deeper(0); }",
        "function deeper(n) { return [1, 2].map((x) => x + deeper(n + 1)); } function decide() { deeper(0); }",
        "const o = { get x() { return this.x; } }; function decide() { o.x; }",
        "function deeper(a, b) { return [3, 2, 1].sort(deeper); } function decide() { deeper(0); }",
        "function decide() { return decide(); }",
    ]);
}

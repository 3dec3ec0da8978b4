//! Scripts in Rhai.

use lessor_core::{LeaseEventKind, RequestKind, Verdict};
use lessor_policy_host::FaultKind;
use serde_json::json;

use super::RHAI;
use crate::common::{CLIENT, NOW, discover, lease, lease_event, request, view_of};

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
    let (chain, mut runner) = RHAI.decides_by_settings(text);
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
    RHAI.reads_everything(text);
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
    RHAI.refuses_with_a_place(&[
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
    ]);
    let text = "fn configure(settings) {\n  if settings.pool == () { throw \"pool is missing\"; }\n}\nfn decide(r, t) {}";
    assert_eq!(
        RHAI.refuses_its_settings(text),
        "refuses its settings: line 2, column 28: pool is missing. Correct [settings] in its sidecar file"
    );
}

#[test]
fn mistakes_that_show_when_a_script_runs_are_faults_with_their_place() {
    for (statement, wanted) in [
        ("throw \"no idea\";", ", line 2, column 1: no idea"),
        ("request.circuitid", ", line 2, column 9: "),
        ("terms.pool = 5;", ", line 2, column 7: terms.pool: wanted a text, found 5"),
        ("terms.address = \"here\";", ", line 2, column 7: terms.address: wanted an address"),
        (
            "terms.option(\"dns\", \"x\");",
            ", line 2, column 7: no option is named `dns`; did you mean `domain-name-servers`?",
        ),
        ("terms.option(51, 60);", ", line 2, column 7: option 51 is set only by the server"),
        (
            "terms.subscriber(\"a\", 1, \"both\");",
            ", line 2, column 7: subscriber: wanted \"refuse\" or",
        ),
        ("assist(1)", ", line 2, column 1: there is no function assist: "),
        ("5", ": on-discover returned 5; wanted nothing, proceed()"),
        ("deeper(5)", ", line 5, column 5: too deep"),
    ] {
        let text = format!(
            "fn decide(request, terms) {{\n{statement}\n}}\nfn deeper(n) {{\n    throw \"too deep\";\n}}"
        );
        RHAI.fails_at(&text, wanted, "");
    }
}

#[test]
fn scripts_cannot_do_more_than_other_policies() {
    let endless = "fn decide(request, terms) { loop {} }";
    let greedy = "fn decide(request, terms) { let all = [\"x\"]; loop { all += all; } }";
    let (kind, message) = RHAI.is_stopped(endless, greedy);
    assert_eq!(kind, FaultKind::MemoryExceeded, "{message}");
    let nested =
        format!("fn decide(r, t) {{ let x = {}1{}; }}", "(".repeat(5_000), ")".repeat(5_000));
    let mistake = RHAI.mistake(&nested, json!({}));
    assert!(mistake.contains("nest") || mistake.contains("complexity"), "{mistake}");
    // Each level uses as much stack as a script can make it use.
    RHAI.limits_nested_calls(&[
        "fn deeper(n) { deeper(n + 1) } fn decide(r, t) { deeper(0) }",
        "fn deeper(n) { let x = #{ a: [1, 2, (3 + (4 * (5 + deeper(n + 1))))] }; x } fn decide(r, t) { deeper(0) }",
        "fn deeper(n) { for i in [1, 2].map(|x| x + deeper(n + 1)) { if i > 1 { while true { switch i { 2 => deeper(i) } } } } } fn decide(r, t) { deeper(0) }",
        "fn decide(request, terms) { decide(request, terms) }",
    ]);
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
fn a_rhai_script_is_notified_of_leases() {
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

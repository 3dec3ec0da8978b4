//! Scripts fail closed: a name that does not exist is an error that suggests the right one, and
//! never an undefined value.

use lessor_core::{LeaseEventKind, ReplyKind, RequestKind};
use lessor_policy_host::{FaultKind, limits::STACK_OCTETS_MAX};
use serde_json::json;

use crate::{
    common::{discover, lease, lease_event, request, view_of},
    scripts::{JAVASCRIPT, RHAI},
};

/// The length of an `else if` chain that beginners may write.
const ELSE_IFS: usize = 370;
/// A length that no interpreter accepts.
const ELSE_IFS_TOO_MANY: usize = 3_000;

#[test]
fn a_property_of_javascript_that_there_is_not_is_a_fault_that_names_the_nearest() {
    for (statement, wanted) in [
        ("request.circuit_id", "request has no circuit_id; did you mean circuitId?"),
        ("request[\"circuit_id\"]", "request has no circuit_id; did you mean circuitId?"),
        ("request?.circuit_id", "request has no circuit_id; did you mean circuitId?"),
        ("if (!request.isPaid) return", "request has no isPaid; it has kind, "),
        ("request.lookups(\"x\")", "request has no lookups; did you mean lookup(…)?"),
        ("request.lookup(\"x\").feild(\"y\")", "lookup has no feild; did you mean field(…)?"),
        ("request.lookup(\"x\").fund", "lookup has no fund; did you mean found?"),
        ("request.lookup.found", "lookup is a function: call it first, lookup(…).found"),
        ("const { circuit_id } = request", "request has no circuit_id"),
        ("terms.colour", "terms has no colour; it has "),
        ("terms.leaseTime = 5", "terms has no leaseTime; did you mean leaseTimeSecs?"),
        ("request.kind = 5", "request.kind can be read, but not set"),
        ("terms.option = 5", "terms.option is a function: call it"),
        ("log(`${request}`)", "request is an object, not a value"),
        ("metrics.ad(\"x\")", "metrics has no ad; did you mean add(…)?"),
    ] {
        let text = format!("function decide(request, terms) {{\n  {statement};\n}}");
        let (kind, message) = JAVASCRIPT.fault(&text);
        assert_eq!(kind, FaultKind::Failed, "{statement}: {message}");
        assert!(message.contains(wanted), "{statement}: {message}");
        assert!(message.starts_with("20-garden.js, line 2, column "), "{statement}: {message}");
    }
}

#[test]
fn settings_and_what_asks_are_no_faults() {
    let text = r#"
        function decide(request, terms) {
            const is_there = "pool" in settings || "circuit_id" in request;
            const known = "circuitId" in request;
            const written = JSON.stringify({ pool: settings.pool ?? "garden", is_there, known });
            if (JSON.parse(JSON.stringify(request)).kind !== "discover") return ignore("not whole");
            if (typeof nothing !== "undefined") return ignore("defined");
            terms.option(224, written);
        }
    "#;
    let (chain, mut runner) = JAVASCRIPT.start(text, json!({}));
    let terms = runner.terms(&discover()).terms;
    assert_eq!(chain.status()[0].last_fault, None);
    let (_, value) = &terms.options[0];
    let written = format!("{value:?}");
    let wanted = r#"{"pool":"garden","is_there":false,"known":true}"#;
    assert!(written.contains(&format!("{:?}", wanted.as_bytes())), "{written}");
}

#[test]
fn replies_and_events_fail_closed_as_well() {
    for (language, text) in [
        (
            &JAVASCRIPT,
            "function replyOptions(request, reply) {\n  reply.yourAddres;\n}\nfunction onLease(event) {\n  event.ipAddress;\n}",
        ),
        (
            &RHAI,
            "fn reply_options(request, reply) {\n  reply.your_addres;\n}\nfn on_lease(event) {\n  event.ip_address;\n}",
        ),
    ] {
        let (chain, mut runner) = language.start(text, json!({}));
        let view = view_of(request(RequestKind::Discover));
        let mut reply = crate::chain::reply(ReplyKind::Offer);
        runner.edit_reply(&view, &mut reply);
        let message = chain.status()[0].last_fault.clone().unwrap().message;
        assert!(
            message.contains("line 2, column") && message.contains("did you mean your"),
            "{message}"
        );
        let mut observer = chain.observer().unwrap();
        observer.on_lease(&lease_event(LeaseEventKind::Granted, lease()));
        let message = chain.status()[0].last_fault.clone().unwrap().message;
        assert!(
            message.contains("line 5, column") && message.contains("event has no ip"),
            "{message}"
        );
    }
}

#[test]
fn missing_values_are_named_with_their_line() {
    for (language, statement, wanted) in [
        (&RHAI, "request.host.split(\"/\")", "request has no host; did you mean host_name?"),
        (
            &RHAI,
            "settings.lines.first()",
            "settings.lines is missing: it is (), so it has no first",
        ),
        (&RHAI, "settings.lines[1]", "settings.lines is missing"),
        (&RHAI, "let x = settings.lines + 1", "the left side is missing"),
        (&RHAI, "starts_with(settings.lines, \"x\")", "argument 1 is missing"),
        (
            &JAVASCRIPT,
            "settings.lines.at(0)",
            "settings.lines is missing (null or undefined), so it has no at",
        ),
        (&JAVASCRIPT, "const x = settings.lines[1]", "settings.lines is missing"),
        (&JAVASCRIPT, "const { x } = settings.lines", "settings.lines is missing"),
        (&JAVASCRIPT, "for (const x of settings.lines) log(x)", "settings.lines is missing"),
        (&JAVASCRIPT, "[1].map((n) => settings.lines.at(n))", "settings.lines is missing"),
        (&JAVASCRIPT, "log(\"a\", settings.lines.at(0))", "settings.lines is missing"),
        (&JAVASCRIPT, "request.kind.startWith(\"x\")", "did you mean request.kind.startsWith(…)?"),
    ] {
        let head =
            if std::ptr::eq(&raw const **language, &raw const *RHAI) { "fn" } else { "function" };
        let text = format!("{head} decide(request, terms) {{\n\n  {statement};\n}}");
        let (kind, message) = language.fault(&text);
        assert_eq!(kind, FaultKind::Failed, "{statement}: {message}");
        assert!(
            message.contains("line 3, column ") && message.contains(wanted),
            "{statement}: {message}"
        );
    }
}

#[test]
fn scripts_may_begin_with_a_mark() {
    for (language, text) in [
        (&RHAI, "\u{feff}fn decide(request, terms) { ignore(\"x\") }"),
        (&JAVASCRIPT, "\u{feff}function decide() { return ignore(\"x\"); }"),
    ] {
        language.start(text, json!({}));
    }
}

#[test]
fn a_long_chain_of_conditions_runs_and_a_longer_one_says_that_it_is_too_deep() {
    let chain = |count: usize, head: &str, open: &str, close: &str| {
        let condition = |n: usize| {
            format!(
                "if {open}request.transaction_or_not == {n}{close} {{ terms.pool = \"p{n}\"; }}"
            )
        };
        let all: Vec<String> = (0..count).map(condition).collect();
        format!("{head} decide(request, terms) {{\n{}\n}}", all.join(" else ")).replace(
            "request.transaction_or_not",
            if head == "fn" { "request.transaction_id" } else { "request.transactionId" },
        )
    };
    for (language, head, open, close) in
        [(&RHAI, "fn", "", ""), (&JAVASCRIPT, "function", "(", ")")]
    {
        let text = chain(ELSE_IFS, head, open, close);
        let (plugins, mut runner) = language.start(&text, json!({}));
        let outcome = runner.terms(&discover());
        assert_eq!(plugins.status()[0].last_fault, None, "{head}");
        let id = discover().request.transaction_id;
        let wanted = (id < ELSE_IFS as u32).then(|| format!("p{id}"));
        assert_eq!(outcome.terms.pool_name(), wanted.as_deref());
        let text = chain(ELSE_IFS_TOO_MANY, head, open, close);
        let mistake = language.mistake(&text, json!({}));
        assert!(mistake.contains("nested too deeply"), "{head}: {mistake}");
    }
    const { assert!(STACK_OCTETS_MAX >= 512 << 10) }
}

#[test]
fn a_loop_that_met_its_deadline_is_reported_with_its_hook() {
    for (language, text) in [
        (&RHAI, "fn decide(request, terms) { loop {} }"),
        (&JAVASCRIPT, "function decide() { for (;;) {} }"),
    ] {
        let (kind, message) = language.fault(text);
        assert_eq!(kind, FaultKind::DeadlineExceeded);
        assert!(
            message.starts_with("20-garden.") && message.contains("on-discover computed longer"),
            "{message}"
        );
        assert!(message.contains("deadline-ms"), "{message}");
    }
}

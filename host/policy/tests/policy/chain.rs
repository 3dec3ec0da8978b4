//! How a chain combines the answers of its plugins, and what plugins can read.

use std::{net::Ipv4Addr, sync::Arc};

use crate::common::{
    CLIENT, NOW, RELAY, ask, discover, guest, lease, lease_event, misbehaving, plugin,
    relay_information, request, runtime, start, view_of,
};
use lessor_core::{
    ClientKey, Destination, HardwareAddress, LeaseEventKind, OptionValue, Reply, ReplyKind,
    Request, RequestKind, Terms, Timestamp, Verdict,
};
use lessor_policy_host::{PluginSource, PolicyOutcome, Runner, TraceEntry, View};
use lessor_vocabulary::Catalogue;
use serde_json::json;

fn written(entry: &TraceEntry) -> serde_json::Value {
    serde_json::to_value(entry.shown(Catalogue::registered())).unwrap()
}

fn octets(text: &str) -> Arc<OptionValue> {
    Arc::new(OptionValue::Octets(text.as_bytes().to_vec()))
}

#[test]
fn a_chain_without_plugins_has_nothing_to_say() {
    let (chain, mut runner) = start(&runtime(), Vec::new());
    assert!(chain.is_empty() && !chain.has_hook_for(RequestKind::Discover));
    assert!(!chain.wants_options() && !chain.wants_lease_events());
    assert_eq!(runner.terms(&discover()), PolicyOutcome::default());
    assert!(runner.is_prepared());
}

#[test]
fn a_chain_knows_the_hooks_of_its_plugins() {
    let minimal = plugin("10-minimal", &guest("minimal"), &json!({}));
    let (chain, mut runner) = start(&runtime(), vec![minimal]);
    assert!(!chain.is_empty() && chain.has_hook_for(RequestKind::Discover));
    assert!(!chain.has_hook_for(RequestKind::Request));
    assert!(!chain.wants_options() && !chain.wants_lease_events());
    // A plugin without the hook is not called.
    assert!(runner.terms(&view_of(request(RequestKind::Request))).trace.is_empty());
    assert_eq!(runner.terms(&discover()).trace.len(), 1);
    assert_eq!(chain.status()[0].calls, 1);

    let (chain, _) = start(&runtime(), vec![misbehaving("10-all", json!({}))]);
    for kind in [
        RequestKind::Discover,
        RequestKind::Request,
        RequestKind::Decline,
        RequestKind::Release,
        RequestKind::Inform,
    ] {
        assert!(chain.has_hook_for(kind), "{kind:?}");
    }
    assert!(chain.wants_options() && chain.wants_lease_events());
}

#[test]
fn every_request_hook_is_asked_about_its_own_messages() {
    let source = misbehaving("10-all", json!({ "lease-time-secs": 60 }));
    let (_chain, mut runner) = start(&runtime(), vec![source]);
    for kind in [
        RequestKind::Discover,
        RequestKind::Request,
        RequestKind::Decline,
        RequestKind::Release,
        RequestKind::Inform,
    ] {
        let outcome = runner.terms(&view_of(request(kind)));
        assert_eq!(outcome.terms.lease_time_secs, Some(60), "{kind:?}");
    }
}

#[test]
fn what_is_set_later_wins_and_the_trace_tells_who_set_what() {
    let first = json!({ "pool": "residential", "lease-time-secs": 60, "domain-name": "a.example" });
    let second = json!({ "pool": "garden", "remove-routers": true, "domain-name": "b.example" });
    let sources = vec![misbehaving("10-first", first), misbehaving("20-second", second)];
    let (_chain, mut runner) = start(&runtime(), sources);
    let outcome = runner.terms(&discover());
    let wanted = Terms {
        verdict: Verdict::Proceed,
        pool: Some("garden".into()),
        address: None,
        lease_time_secs: Some(60),
        subscriber: None,
        options: vec![(15, Some(octets("a.example"))), (15, Some(octets("b.example"))), (3, None)],
        ..Terms::default()
    };
    assert_eq!(outcome.terms, wanted);
    let trace: Vec<_> = outcome.trace.iter().map(written).collect();
    assert_eq!(
        trace,
        [
            json!({
                "plugin": "10-first",
                "set": ["domain-name=\"a.example\"", "pool=residential", "lease-time-secs=60"],
            }),
            json!({
                "plugin": "20-second",
                "set": ["domain-name=\"b.example\"", "no routers", "pool=garden"],
            }),
        ]
    );
}

#[test]
fn pool_and_address_replace_one_another() {
    let runtime = runtime();
    let mirror = || plugin("10-mirror", &guest("mirror"), &json!({ "address": "100.64.9.9" }));
    let garden = || misbehaving("20-garden", json!({ "pool": "garden" }));
    let terms = |sources| start(&runtime, sources).1.terms(&discover()).terms;
    let found = terms(vec![mirror(), garden()]);
    assert_eq!((found.pool_name(), found.address), (Some("garden"), None));
    let found = terms(vec![garden(), mirror()]);
    assert_eq!((found.pool, found.address), (None, Some(Ipv4Addr::new(100, 64, 9, 9))));
}

#[test]
fn a_verdict_other_than_proceed_ends_the_chain() {
    for (behaviour, verdict) in [
        ("ignore", Verdict::Ignore("as the settings say".to_owned())),
        ("refuse", Verdict::Refuse("as the settings say".to_owned())),
    ] {
        let settings = json!({ "behaviour": behaviour, "pool": "garden" });
        let sources = vec![
            misbehaving("10-first", settings),
            misbehaving("20-second", json!({ "pool": "other" })),
        ];
        let (chain, mut runner) = start(&runtime(), sources);
        let outcome = runner.terms(&discover());
        assert_eq!(outcome.terms.verdict, verdict);
        assert_eq!(outcome.terms.pool_name(), Some("garden"));
        assert_eq!(outcome.trace.len(), 1);
        assert_eq!(outcome.trace[0].verdict, Some(verdict));
        assert_eq!([chain.status()[0].calls, chain.status()[1].calls], [1, 0]);
    }
}

/// What the mirror reads of a request: the message and the client's lease.
fn seen(view: &View) -> (String, String) {
    let source = plugin("10-mirror", &guest("mirror"), &json!({}));
    let (_chain, mut runner) = start(&runtime(), vec![source]);
    let outcome = ask(&mut runner, view);
    assert_eq!(outcome.trace[0].fault, None);
    let text = |wanted: u8| {
        let found = outcome.terms.options.iter().find(|(code, _)| *code == wanted);
        match found.unwrap().1.as_deref() {
            Some(OptionValue::Octets(octets)) => String::from_utf8(octets.clone()).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    (text(224), text(225))
}

#[test]
fn plugins_see_the_message() {
    let mut message = request(RequestKind::Discover);
    message.client_identifier = Some(Box::from(&b"\x01ab"[..]));
    message.requested_address = Some(CLIENT);
    message.lease_time_secs = Some(600);
    let (seen, _) = seen(&view_of(message));
    let wanted = [
        "kind=RequestKind::Discover",
        "state=None",
        "xid=7",
        "secs=3",
        "hardware=1/[2, 0, 94, 0, 83, 1]",
        "identifier=Some([1, 97, 98])",
        "key=id:016162",
        "relay=true Some(100.64.0.1)",
        "option-12=Some([104, 255, 115, 116])",
        "codes=[53, 60, 12]",
        "asked=[1, 3, 6]",
        "vendor=Some(\"modem\") host=Some(\"h\u{fffd}st\")",
        "requested=Some(100.64.1.7)",
        "client-address=None",
        "lease-time=Some(600)",
        "network=access",
        "subnet=100.64.0.0/16",
        "interface=Some(\"eth0\")",
        "now=1700000000000",
        "packet=[1, 1, 6]",
    ];
    assert_eq!(seen.lines().collect::<Vec<_>>(), wanted);
}

#[test]
fn plugins_see_a_message_that_has_little_in_it() {
    let mut message = request(RequestKind::Request);
    message.relay_address = Ipv4Addr::UNSPECIFIED;
    message.relay_information = None;
    message.client_address = CLIENT;
    message.arrival.interface = None;
    message.options = Default::default();
    message.parameter_request_list.clear();
    let (message, lease) = seen(&view_of(message));
    for line in [
        "state=Some(ClientState::Renewing)",
        "identifier=None",
        "key=hw:02:00:5e:00:53:01",
        "relay=false None",
        "option-12=None",
        "codes=[]",
        "asked=[]",
        "vendor=None host=None",
        "requested=None",
        "client-address=Some(100.64.1.7)",
        "lease-time=None",
        "interface=None",
    ] {
        assert!(message.lines().any(|found| found == line), "{line:?} is missing in {message}");
    }
    let nothing = "circuit=None remote=None sub-option-9=None remembered=false address=None \
                   active=false expires=None";
    assert_eq!(lease.replace('\n', " "), nothing);
}

#[test]
fn plugins_see_the_lease_and_the_line() {
    let mut view = discover();
    view.binding = Some(Arc::new(lease()));
    let line = "circuit=Some([111, 108, 116, 49, 47, 51]) remote=Some([0, 255]) sub-option-9=None";
    let active = "address=Some(100.64.1.7) active=true expires=Some(1700000060000)";
    assert_eq!(seen(&view).1.replace('\n', " "), format!("{line} remembered=false {active}"));

    // The lease has expired.
    view.now = NOW.after_secs(60);
    assert!(seen(&view).1.contains("active=false"));
}

#[test]
fn the_line_is_remembered_only_when_a_client_sends_directly() {
    let line = |edit: fn(&mut View, &mut Request)| {
        let mut message = request(RequestKind::Request);
        message.relay_address = Ipv4Addr::UNSPECIFIED;
        message.relay_information = None;
        message.client_address = CLIENT;
        let mut view = view_of(message.clone());
        view.binding = Some(Arc::new(lease()));
        edit(&mut view, &mut message);
        view.request = Arc::new(message);
        let seen = seen(&view).1;
        let circuit = seen.contains("circuit=Some([111, 108, 116, 49, 47, 51])");
        (circuit, seen.contains("remembered=true"))
    };
    assert_eq!(line(|_, _| ()), (true, true), "a renewal");
    let broadcast = line(|_, message| message.arrival.unicast = false);
    assert_eq!(broadcast, (false, false), "a broadcast on the link");
    let relayed = line(|_, message| message.relay_address = RELAY);
    assert_eq!(relayed, (false, false), "through a relay that adds nothing");
    let told = line(|_, message| message.relay_information = Some(relay_information()));
    assert_eq!(told, (true, false), "a message that carries option 82");
    let elsewhere = line(|_, message| message.client_address = Ipv4Addr::new(100, 64, 1, 8));
    assert_eq!(elsewhere, (false, false), "from an address that it does not lease");
    let unknown = line(|view, _| view.binding = None);
    assert_eq!(unknown, (false, false), "a client that is not remembered");
}

pub(crate) fn reply(kind: ReplyKind) -> Reply {
    Reply {
        kind,
        client_address: Ipv4Addr::UNSPECIFIED,
        your_address: CLIENT,
        next_server_address: Ipv4Addr::UNSPECIFIED,
        server_name: Default::default(),
        boot_file: Default::default(),
        force_broadcast: false,
        confirms_vpn: false,
        options: vec![
            (1, OptionValue::Address(Ipv4Addr::new(255, 255, 0, 0)).into()),
            (15, octets("old.example").into()),
            (3, OptionValue::Addresses(vec![RELAY]).into()),
        ],
        destination: Destination::Broadcast,
    }
}

fn edited(sources: Vec<PluginSource>, kind: ReplyKind) -> (Reply, Vec<serde_json::Value>) {
    let (_chain, mut runner): (_, Runner) = start(&runtime(), sources);
    let mut reply = reply(kind);
    let outcome = runner.edit_reply(&discover(), &mut reply);
    assert_eq!(outcome.dropped, None);
    (reply, outcome.trace.iter().map(written).collect())
}

#[test]
fn replies_are_edited_in_place() {
    let settings = json!({ "domain-name": "new.example", "remove-routers": true });
    let sources =
        vec![misbehaving("10-edit", settings), plugin("20-mirror", &guest("mirror"), &json!({}))];
    let (found, trace) = edited(sources, ReplyKind::Ack);
    // The mirror reads the result of the first plugin.
    let seen = "ReplyKind::Ack Some(100.64.1.7) [1, 15] Some([255, 255, 0, 0]) None 7 None None \
                None";
    let mut wanted = reply(ReplyKind::Ack);
    wanted.options = vec![
        wanted.options[0].clone(),
        (15, octets("new.example").into()),
        (225, octets(seen).into()),
    ];
    assert_eq!(found, wanted);
    assert_eq!(
        trace[0],
        json!({ "plugin": "10-edit", "set": ["domain-name=\"new.example\"", "no routers"] })
    );
}

#[test]
fn a_nak_is_shown_to_nobody() {
    let sources = vec![misbehaving("10-edit", json!({ "domain-name": "new.example" }))];
    let (found, trace) = edited(sources, ReplyKind::Nak);
    assert_eq!(found, reply(ReplyKind::Nak));
    assert!(trace.is_empty());
}

#[test]
fn lease_events_reach_the_plugins_that_want_them() {
    let seen = "LeaseEventKind::Renewed 100.64.1.7 access id:0102 Some([1, 2]) 1/[2, 0, 94, 0, 83, 1] \
                Some(\"olt1/3\") Some([0, 255]) Some(6) 1699999995000 18446744073709551615 \
                1700000000000 Some(\"olt1/3\") Some(\"hex:00ff\") 02:00:5e:00:53:01 Some(\"tv\") \
                Some(\"open\")";
    let mut leased = lease();
    leased.client = ClientKey::Identifier(Box::from([1, 2]));
    leased.expires_at = Timestamp::NEVER;
    let mut event = lease_event(LeaseEventKind::Renewed, leased);
    let sources = vec![
        plugin("10-deaf", &guest("minimal"), &json!({})),
        plugin("20-mirror", &guest("mirror"), &json!({ "lease-event": seen })),
    ];
    let chain = runtime().chain(sources).unwrap();
    let mut observer = chain.observer().unwrap();
    observer.on_lease(&event);
    let status = chain.status();
    assert_eq!([status[0].calls, status[1].calls], [0, 1]);
    assert_eq!(status[1].last_fault, None);
    // The guest faults on an event that it does not expect.
    event.kind = LeaseEventKind::Released;
    observer.on_lease(&event);
    assert!(chain.status()[1].last_fault.is_some());
}

#[test]
fn threads_have_instances_of_their_own() {
    let settings = json!({ "behaviour": "ignore", "well-behaved-calls": 2 });
    let chain = runtime().chain(vec![misbehaving("10-counts", settings)]).unwrap();
    let mut runners = [chain.runner().unwrap(), chain.runner().unwrap()];
    let threads = runners.iter_mut().map(|runner| {
        let verdicts =
            move || (0..3).map(|_| runner.terms(&discover()).terms.verdict).collect::<Vec<_>>();
        std::thread::scope(|scope| scope.spawn(verdicts).join().unwrap())
    });
    for verdicts in threads {
        let ignored = Verdict::Ignore("as the settings say".to_owned());
        assert_eq!(verdicts, [Verdict::Proceed, Verdict::Proceed, ignored]);
    }
    assert_eq!(chain.status()[0].calls, 6);
    drop(runners);
    let status = chain.status();
    assert_eq!(status[0].calls, 6, "calls of threads that are gone still count");
    assert!(status[0].call_time_max <= status[0].call_time_total);
    assert!(status[0].call_time_max.as_nanos() > 0);
}

#[test]
fn hardware_clients_are_shown_as_such() {
    let leased = lease();
    assert_eq!(
        leased.client,
        ClientKey::Hardware(HardwareAddress::ethernet([2, 0, 0x5e, 0, 0x53, 1]))
    );
    let seen = "LeaseEventKind::Granted 100.64.1.7 access hw:02:00:5e:00:53:01 None \
                1/[2, 0, 94, 0, 83, 1] None None None 1699999995000 1700000060000 1700000000000 None \
                None 02:00:5e:00:53:01 None None";
    let leased = lessor_core::Binding { relay_information: None, host_name: None, ..leased };
    let mut event = lease_event(LeaseEventKind::Granted, leased);
    event.pool_name = None;
    let source = plugin("10-mirror", &guest("mirror"), &json!({ "lease-event": seen }));
    let chain = runtime().chain(vec![source]).unwrap();
    chain.observer().unwrap().on_lease(&event);
    assert_eq!(chain.status()[0].last_fault, None);
}

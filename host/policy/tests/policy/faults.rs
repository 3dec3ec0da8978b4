//! The faults of plugins and their cost: one call, and no effect on other clients.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::common::{
    ask, discover, misbehaving, request, runtime, settings, start, view_of, wait_for,
};
use lessor_core::{
    LeaseEventKind, OptionValue, RelayInformation, Reply, ReplyKind, RequestKind, Verdict,
};
use lessor_policy_host::{
    Allocation, Chain, FaultKind, LeaseEvent, PluginProblem, PluginSource, Runner, Runtime, View,
    limits::SUSPENSION_MS_MIN,
};
use lessor_settings::{FailurePolicy, PluginLimits};
use serde_json::json;

/// The fault of a plugin with this behaviour, and the message of its last fault.
fn fault_of(source: PluginSource) -> (FaultKind, String) {
    let (chain, mut runner) = start(&runtime(), vec![source]);
    let outcome = runner.terms(&discover());
    let fault = outcome.trace[0].fault.expect("the call was to fail");
    assert_eq!(outcome.terms, lessor_core::Terms::default());
    let status = &chain.status()[0];
    assert_eq!((status.calls, status.faults[&fault]), (1, 1));
    let last = status.last_fault.clone().unwrap();
    assert_eq!(last.kind, fault);
    (fault, last.message)
}

fn behaving(behaviour: &str) -> PluginSource {
    misbehaving("10-wrong", json!({ "behaviour": behaviour, "pool": "garden" }))
}

#[test]
fn a_panic_is_a_trap_and_what_was_set_before_is_discarded() {
    let (kind, message) = fault_of(behaving("trap"));
    assert_eq!(kind, FaultKind::Trap);
    assert!(message.contains("unreachable"), "{message}");
    assert_eq!(fault_of(behaving("set-then-trap")).0, FaultKind::Trap);
}

#[test]
fn a_loop_is_stopped_at_its_deadline() {
    let mut source = behaving("loop");
    source.limits.deadline_ms = 20;
    let (chain, mut runner) = start(&runtime(), vec![source]);
    let began = Instant::now();
    let outcome = runner.terms(&discover());
    let took = began.elapsed();
    assert_eq!(outcome.trace[0].fault, Some(FaultKind::DeadlineExceeded));
    assert!(took >= Duration::from_millis(20), "{took:?}");
    // Only a machine that is busy with other work makes it longer.
    assert!(took < Duration::from_millis(2_000), "{took:?}");
    assert!(chain.status()[0].call_time_max >= Duration::from_millis(20));
}

/// Threads that keep every processor busy until this is dropped.
struct Hogs(Arc<AtomicBool>);

impl Hogs {
    fn start(count: usize) -> Self {
        let ended = Arc::<AtomicBool>::default();
        for _ in 0..count {
            let ended = Arc::clone(&ended);
            std::thread::spawn(move || while !ended.load(Ordering::Relaxed) {});
        }
        Self(ended)
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_healthy_call_that_waits_for_a_processor_is_no_fault() {
    // Each call takes some milliseconds, and many times that on a machine this busy.
    let mut source = misbehaving("10-slow", json!({ "call-rounds": 2_000_000 }));
    source.limits.deadline_ms = 40;
    let (chain, mut runner) = start(&runtime(), vec![source]);
    wait_for("the spare instance", || runner.is_prepared());
    let processors = std::thread::available_parallelism().unwrap().get();
    let hogs = Hogs::start(4 * processors);
    for _ in 0..50 {
        runner.terms(&discover());
    }
    drop(hogs);
    let status = &chain.status()[0];
    println!("longest call: {:?} for a deadline of 40 ms", status.call_time_max);
    assert_eq!((status.calls, &status.last_fault), (50, &None));
}

#[test]
fn a_loop_is_stopped_also_where_it_has_to_wait_for_a_processor() {
    let mut source = behaving("loop");
    source.limits.deadline_ms = 20;
    let (_chain, mut runner) = start(&runtime(), vec![source]);
    let _hogs = Hogs::start(4 * std::thread::available_parallelism().unwrap().get());
    let outcome = runner.terms(&discover());
    assert_eq!(outcome.trace[0].fault, Some(FaultKind::DeadlineExceeded));
}

#[test]
fn every_call_has_a_deadline_of_its_own() {
    let settings = json!({ "behaviour": "loop", "well-behaved-calls": 3 });
    let mut source = misbehaving("10-later", settings);
    source.limits.deadline_ms = 50;
    let (_chain, mut runner) = start(&runtime(), vec![source]);
    for _ in 0..3 {
        assert_eq!(runner.terms(&discover()).trace[0].fault, None);
        std::thread::sleep(Duration::from_millis(60));
    }
    assert_eq!(runner.terms(&discover()).trace[0].fault, Some(FaultKind::DeadlineExceeded));
}

#[test]
fn memory_has_a_limit() {
    let mut source = behaving("grow-memory");
    source.limits = PluginLimits { deadline_ms: 1_000, memory_bytes_max: 4 << 20, ..source.limits };
    let (kind, message) = fault_of(source);
    assert_eq!(kind, FaultKind::MemoryExceeded);
    assert!(
        message.contains("octets of memory on top of") && message.contains("limit is 4194304"),
        "{message}"
    );
}

#[test]
fn nested_calls_have_a_limit() {
    assert_eq!(fault_of(behaving("recurse")).0, FaultKind::StackExhausted);
}

#[test]
fn answers_have_a_limit() {
    let (kind, message) = fault_of(behaving("huge-pool-name"));
    assert_eq!(kind, FaultKind::BadAnswer);
    assert!(message.contains("passed more than 65536 octets"), "{message}");
    assert_eq!(fault_of(behaving("huge-reason")).0, FaultKind::BadAnswer);
    let long = misbehaving("10-long", json!({ "pool": "x".repeat(256) }));
    let (kind, message) = fault_of(long);
    assert_eq!(kind, FaultKind::BadAnswer);
    assert!(message.contains("256 octets; at most 255"), "{message}");
}

#[test]
fn options_have_limits_that_plugins_learn_of() {
    // The guest checks every answer and fails if one is wrong.
    let (chain, mut runner) = start(&runtime(), vec![behaving("bad-options")]);
    let outcome = runner.terms(&discover());
    assert_eq!(chain.status()[0].last_fault, None);
    assert_eq!(outcome.terms.options.len(), 64);
    let mut reply = reply();
    let edited = runner.edit_reply(&discover(), &mut reply);
    assert_eq!(chain.status()[0].last_fault, None);
    assert_eq!(edited.trace[0].set.len(), 64);
    assert_eq!(reply.options.len(), 1);
}

#[test]
fn a_fault_costs_one_call() {
    let settings = json!({ "behaviour": "trap", "well-behaved-calls": 1, "pool": "garden" });
    let (chain, mut runner) = start(&runtime(), vec![misbehaving("10-second", settings)]);
    for _ in 0..2 {
        let terms = ask(&mut runner, &discover()).terms;
        assert_eq!(terms.pool_name(), Some("garden"));
        assert_eq!(runner.terms(&discover()).trace[0].fault, Some(FaultKind::Trap));
    }
    assert_eq!(chain.status()[0].calls, 4);
}

#[test]
fn one_client_can_not_spoil_it_for_others() {
    let settings = json!({
        "behaviour": "loop", "client": "hw:02:00:5e:00:53:01", "lease-time-secs": 60,
    });
    let mut source = misbehaving("10-poisoned", settings);
    source.limits.deadline_ms = 20;
    let (_chain, mut runner) = start(&runtime(), vec![source]);
    let mut other = request(RequestKind::Discover);
    other.client_identifier = Some(Box::from(&b"other"[..]));
    let other = view_of(other);
    let poisoned = ask(&mut runner, &discover());
    assert_eq!(poisoned.trace[0].fault, Some(FaultKind::DeadlineExceeded));
    assert_eq!(ask(&mut runner, &other).terms.lease_time_secs, Some(60));
}

#[test]
fn faults_of_one_plugin_are_not_those_of_the_next() {
    let good = misbehaving("20-good", json!({ "pool": "garden" }));
    let (chain, mut runner) = start(&runtime(), vec![behaving("trap"), good]);
    let outcome = ask(&mut runner, &discover());
    assert_eq!(outcome.trace[0].fault, Some(FaultKind::Trap));
    assert_eq!((outcome.trace[1].fault, outcome.terms.pool_name()), (None, Some("garden")));
    assert_eq!(chain.status()[1].last_fault, None);
}

#[test]
fn the_failure_policy_drop_ends_the_chain() {
    let mut first = behaving("set-then-trap");
    first.on_failure = FailurePolicy::Drop;
    let second = misbehaving("20-second", json!({ "pool": "garden" }));
    let (chain, mut runner) = start(&runtime(), vec![first, second]);
    let outcome = runner.terms(&discover());
    assert_eq!(outcome.terms.verdict, Verdict::Drop("plugin 10-wrong: trap".to_owned()));
    assert_eq!((outcome.terms.pool, outcome.trace.len()), (None, 1));
    assert_eq!(chain.status()[1].calls, 0);
}

#[test]
fn while_no_spare_instance_is_ready_the_failure_policy_decides() {
    let settings = json!({
        "behaviour": "trap", "well-behaved-calls": 1, "configure-rounds": 200_000_000, "pool": "garden",
    });
    let mut source = misbehaving("10-slow", settings);
    source.on_failure = FailurePolicy::Drop;
    let (chain, mut runner) = start(&runtime(), vec![source]);
    // The spare instance has just been ordered and takes a while.
    let verdicts = [(); 3].map(|()| runner.terms(&discover()).terms.verdict);
    let dropped = |kind: &str| Verdict::Drop(format!("plugin 10-slow: {kind}"));
    assert_eq!(verdicts, [Verdict::Proceed, dropped("trap"), dropped("not-ready")]);
    let status = &chain.status()[0];
    assert_eq!((status.calls, status.faults[&FaultKind::NotReady]), (2, 1));
    let terms = ask(&mut runner, &discover()).terms;
    assert_eq!(terms.pool_name(), Some("garden"));
}

/// A client of a line; the guest fails for all of them.
fn client_of(number: u8, line: u8) -> View {
    let mut asked = request(RequestKind::Discover);
    asked.client_identifier = Some(Box::from([number]));
    asked.relay_information = Some(RelayInformation::from_octets([1, 1, line]));
    view_of(asked)
}

#[test]
fn a_client_whose_faults_cost_too_much_is_shut_out_alone() {
    let mut source = behaving("loop");
    source.limits.deadline_ms = 20;
    source.on_failure = FailurePolicy::Drop;
    source.settings_json =
        json!({ "behaviour": "loop", "client": "id:01", "pool": "garden" }).to_string();
    let (chain, mut runner) = start(&runtime(), vec![source]);
    let mut other_thread = chain.runner().unwrap();
    let offender = client_of(1, 1);
    let mut faults = 0;
    while ask(&mut runner, &offender).trace[0].fault == Some(FaultKind::DeadlineExceeded) {
        faults += 1;
    }
    // The burst is 50 ms.
    assert!((2..=3).contains(&faults), "{faults}");
    for runner in [&mut runner, &mut other_thread] {
        let outcome = ask(runner, &offender);
        assert_eq!(outcome.trace[0].fault, Some(FaultKind::ShutOut));
        assert_eq!(outcome.terms.verdict, Verdict::Drop("plugin 10-wrong: shut-out".to_owned()));
        // Another client of the same line, and a client of another line.
        for bystander in [client_of(2, 1), client_of(1, 2)] {
            let is_offender_elsewhere = bystander.client == offender.client;
            let outcome = ask(runner, &bystander);
            if !is_offender_elsewhere {
                assert_eq!(outcome.terms.pool_name(), Some("garden"), "{outcome:?}");
            }
            assert_ne!(outcome.trace[0].fault, Some(FaultKind::ShutOut));
        }
    }
    let status = &chain.status()[0];
    assert_eq!((status.suspensions, status.shut_out), (0, 1));
    let worst = &status.offenders[0];
    assert_eq!(worst.who.client.as_deref(), Some("id:01"));
    assert_eq!(worst.who.circuit_id.as_deref(), Some("hex:01"));
    assert!(worst.shut_out.is_some() && worst.cost >= Duration::from_millis(40), "{worst:?}");
}

#[test]
fn cheap_faults_cost_their_packets_only() {
    let settings = json!({ "behaviour": "trap", "client": "id:01", "pool": "garden" });
    let (chain, mut runner) = start(&runtime(), vec![misbehaving("10-wrong", settings)]);
    wait_for("the spare instance", || runner.is_prepared());
    let (offender, bystander) = (client_of(1, 1), client_of(2, 2));
    for _ in 0..500 {
        // The call does not wait for an instance: one is created if none is ready.
        let faulted = runner.terms(&offender).trace[0].fault;
        assert!(matches!(faulted, Some(FaultKind::Trap | FaultKind::ShutOut)), "{faulted:?}");
        assert_eq!(runner.terms(&bystander).terms.pool_name(), Some("garden"));
    }
    let status = &chain.status()[0];
    println!("{:?}, worst {:?}", status.faults, status.offenders[0]);
    assert_eq!((status.suspensions, status.faults[&FaultKind::NotReady]), (0, 0));
}

#[test]
fn faults_of_many_that_cost_too_much_suspend_a_plugin_for_a_while() {
    let mut source = behaving("loop");
    source.limits.deadline_ms = 100;
    source.on_failure = FailurePolicy::Drop;
    let (chain, mut runner) = start(&runtime(), vec![source]);
    let mut last = None;
    for line in 0..100 {
        let mut view = client_of(1, line);
        let request = Arc::make_mut(&mut view.request);
        request.relay_address = std::net::Ipv4Addr::new(100, 64, line % 4, 1);
        last = ask(&mut runner, &view).trace[0].fault;
        if last == Some(FaultKind::Suspended) {
            break;
        }
    }
    assert_eq!(last, Some(FaultKind::Suspended));
    let mut other = chain.runner().unwrap();
    let outcome = other.terms(&discover());
    assert_eq!(outcome.terms.verdict, Verdict::Drop("plugin 10-wrong: suspended".to_owned()));
    let status = &chain.status()[0];
    println!("suspended after {} calls", status.calls);
    assert!((10..30).contains(&status.calls), "{status:?}");
    let suspended = status.suspended.clone().unwrap();
    assert!(suspended.remaining <= Duration::from_millis(SUSPENSION_MS_MIN));
    assert!(suspended.caused_by.is_some() && suspended.until.ends_with('Z'), "{suspended:?}");
    wait_for("the end of the suspension", || chain.status()[0].suspended.is_none());
    assert_eq!(chain.status()[0].suspensions, 1);
}

#[test]
fn faults_in_the_lease_hook_do_not_concern_packets() {
    let settings = json!({ "lease-hook": "loop", "pool": "garden" });
    let mut source = misbehaving("10-wrong", settings);
    source.limits.deadline_ms = 100;
    let (chain, mut runner) = start(&runtime(), vec![source]);
    let mut observer = chain.observer().unwrap();
    for _ in 0..40 {
        observer.on_lease(&expired());
        assert_eq!(ask(&mut runner, &discover()).terms.pool_name(), Some("garden"));
    }
    let status = &chain.status()[0];
    assert!(status.faults[&FaultKind::DeadlineExceeded] >= 1, "{status:?}");
    assert!(status.faults[&FaultKind::ShutOut] > 0, "{status:?}");
    assert_eq!((status.suspensions, status.shut_out, &status.offenders[..]), (0, 0, &[][..]));
    assert!(!status.lease_event_offenders.is_empty());
}

fn expired() -> LeaseEvent {
    crate::common::lease_event(LeaseEventKind::Expired, crate::common::lease())
}

fn reply() -> Reply {
    Reply {
        kind: ReplyKind::Offer,
        client_address: std::net::Ipv4Addr::UNSPECIFIED,
        your_address: crate::common::CLIENT,
        next_server_address: std::net::Ipv4Addr::UNSPECIFIED,
        server_name: Default::default(),
        boot_file: Default::default(),
        force_broadcast: false,
        confirms_vpn: false,
        options: vec![(15, OptionValue::Octets(b"old.example".to_vec()).into())],
        destination: lessor_core::Destination::Broadcast,
    }
}

#[test]
fn a_fault_leaves_the_reply_as_it_was() {
    let settings = json!({ "behaviour": "set-then-trap", "domain-name": "new.example" });
    let mut source = misbehaving("10-wrong", settings);
    for (policy, dropped) in
        [(FailurePolicy::Skip, None), (FailurePolicy::Drop, Some("plugin 10-wrong: trap"))]
    {
        source.on_failure = policy;
        let (_chain, mut runner) = start(&runtime(), vec![source.clone()]);
        let mut found = reply();
        let outcome = runner.edit_reply(&discover(), &mut found);
        assert_eq!(found, reply());
        assert_eq!(outcome.dropped.as_deref(), dropped);
        assert_eq!(outcome.trace[0].fault, Some(FaultKind::Trap));
    }
}

#[test]
fn a_fault_in_the_lease_hook_is_in_the_status() {
    let mut source = behaving("loop");
    source.limits.deadline_ms = 20;
    let chain = runtime().chain(vec![source]).unwrap();
    let mut observer = chain.observer().unwrap();
    observer.on_lease(&expired());
    assert_eq!(chain.status()[0].faults[&FaultKind::DeadlineExceeded], 1);
}

#[test]
fn instances_have_a_limit() {
    let runtime = Runtime::with_instances_max(settings(), 3).unwrap();
    let chain = runtime.chain(vec![misbehaving("10-a", json!({}))]).unwrap();
    let runner = chain.runner().unwrap();
    wait_for("the spare instance", || runner.is_prepared());
    let third = chain.runner().unwrap();
    let errors = chain.runner().err().unwrap();
    assert!(
        matches!(&*errors[0].problem, PluginProblem::NoRoom { instances_max: 3 }),
        "{}",
        errors[0]
    );
    // A runner without a spare instance has not faulted, and gets one as soon as there is room.
    assert!(!third.is_prepared());
    drop(runner);
    wait_for("the other's spare instance", || third.is_prepared());
    assert_eq!(chain.status()[0].faults_total(), 0);
    // Room is released off the packet path.
    drop(third);
    wait_for("room", || chain.runner().is_ok());
}

#[test]
fn without_address_space_memory_comes_as_it_is_needed() {
    // 4 GiB for each of a million instances is more than any address space.
    let runtime = Runtime::with_instances_max(settings(), 1 << 20).unwrap();
    assert_eq!(runtime.allocation(), Allocation::OnDemand);
    let limited = |behaviour| {
        let mut source = behaving(behaviour);
        source.limits =
            PluginLimits { deadline_ms: 1_000, memory_bytes_max: 4 << 20, ..source.limits };
        let (_, mut runner): (Arc<Chain>, Runner) = start(&runtime, vec![source]);
        runner.terms(&discover())
    };
    assert_eq!(limited("well").terms.pool_name(), Some("garden"));
    assert_eq!(limited("grow-memory").trace[0].fault, Some(FaultKind::MemoryExceeded));
    assert_eq!(limited("recurse").trace[0].fault, Some(FaultKind::StackExhausted));
    assert_eq!(limited("loop").trace[0].fault, Some(FaultKind::DeadlineExceeded));
}

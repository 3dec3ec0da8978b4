//! Measures the cost of policy calls: builds policies, calls them a million times on one thread and
//! prints the time per call. Run with
//! `cargo run --release --package lessor-policy-host --example call_cost`.

#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::{
    error::Error,
    hint::black_box,
    net::{Ipv4Addr, SocketAddrV4},
    path::Path,
    sync::Arc,
    time::Instant,
};

use lessor_core::{
    AfterDataLoss, Arrival, ClientKeyKind, Destination, HardwareAddress, LeaseTime, Network,
    OptionSet, OptionValue, ReceivedOptions, RelayInformation, Reply, ReplyKind, Request,
    RequestKind, Subnet, Timestamp, UnknownClients,
};
use lessor_policy_host::{
    COMPILE_COMMAND, PluginSource, Runner, Runtime, RuntimeSettings, View, compile_child,
};
use lessor_settings::{PluginLimits, PluginMode};

const ROUNDS: usize = 200;
const CALLS_PER_ROUND: usize = 5_000;

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == COMPILE_COMMAND) {
        compile_child();
        return Ok(());
    }
    let files = lessor_guests::build(
        &["minimal", "walled-garden", "misbehaving"],
        lessor_guests::Target::Bare,
    )?;
    let [minimal, garden, replies] = &files[..] else { return Err("three files".into()) };
    let runtime = Runtime::new(RuntimeSettings::default())?;
    println!("memory of instances: {:?}", runtime.allocation());
    let view = view()?;

    let empty = source(minimal, "{}");
    let outside = source(garden, r#"{"unpaid": ["olt9/9"]}"#);
    let inside = source(garden, r#"{"unpaid": ["olt1/3"]}"#);
    let editing = source(replies, r#"{"domain-name": "example.net"}"#);
    let terms = |runner: &mut Runner| {
        black_box(runner.terms(black_box(&view)));
    };
    let reply = reply();
    let edit = |runner: &mut Runner| {
        let mut reply = reply.clone();
        black_box(runner.edit_reply(black_box(&view), &mut reply));
    };
    measure("no plugin", &runtime, vec![], terms)?;
    measure("empty hook", &runtime, vec![empty.clone()], terms)?;
    measure("two empty hooks", &runtime, vec![empty.clone(), empty], terms)?;
    measure("2 getters of octets", &runtime, vec![outside], terms)?;
    measure("2 getters of octets, 2 setters", &runtime, vec![inside], terms)?;
    measure("reply: 3 getters, 1 option", &runtime, vec![editing], edit)?;
    let interpreters = lessor_guests::interpreters()?;
    let folder = tempfile::TempDir::new()?;
    for Script { language, interpreter, ending, empty, example } in &SCRIPTS {
        let script = |text: &str, settings: &str| -> Result<PluginSource, Box<dyn Error>> {
            let path = folder.path().join(format!("10-measured.{ending}"));
            std::fs::write(&path, text)?;
            let interpreter = Some(interpreters.join(interpreter));
            Ok(PluginSource { interpreter, ..source(&path, settings) })
        };
        measure(&format!("{language}: empty"), &runtime, vec![script(empty, "{}")?], terms)?;
        let table = script(example, SUBSCRIBERS)?;
        measure(&format!("{language}: subscriber table"), &runtime, vec![table], terms)?;
    }
    Ok(())
}

struct Script {
    language: &'static str,
    interpreter: &'static str,
    ending: &'static str,
    empty: &'static str,
    example: &'static str,
}

const SCRIPTS: [Script; 2] = [
    Script {
        language: "Rhai",
        interpreter: "rhai.wasm",
        ending: "rhai",
        empty: "fn decide(request, terms) {}",
        example: include_str!("../../../examples/policies/rhai/subscriber-table.rhai"),
    },
    Script {
        language: "JavaScript",
        interpreter: "javascript.wasm",
        ending: "js",
        empty: "function decide(request, terms) {}",
        example: include_str!("../../../examples/policies/javascript-script/subscriber-table.js"),
    },
];

/// The line of the request has a pool, a lease time, two name servers and a limit.
const SUBSCRIBERS: &str = r#"{"lines": {"olt1/3": {"pool": "residential", "lease-time-secs": 3600,
    "domain-name-servers": ["192.0.2.53", "192.0.2.54"], "leases-max": 2}}}"#;

/// Prints the minimum, median and maximum of the rounds' averages: the minimum shows the cost of
/// the code, the maximum the noise of the machine.
fn measure(
    what: &str,
    runtime: &Arc<Runtime>,
    plugins: Vec<PluginSource>,
    call: impl Fn(&mut Runner),
) -> Result<(), Box<dyn Error>> {
    let chain = runtime.chain(plugins).map_err(|errors| format!("{errors:?}"))?;
    let mut runner = chain.runner().map_err(|errors| format!("{errors:?}"))?;
    let mut averages_ns: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            (0..CALLS_PER_ROUND).for_each(|_| call(&mut runner));
            began.elapsed().as_nanos() as f64 / CALLS_PER_ROUND as f64
        })
        .collect();
    averages_ns.sort_by(f64::total_cmp);
    let at =
        |share: usize| averages_ns.get(share * (ROUNDS - 1) / 100).copied().unwrap_or_default();
    println!("{what:32} {:8.0} {:8.0} {:8.0} ns", at(0), at(50), at(100));
    for status in chain.status().iter().filter(|status| status.last_fault.is_some()) {
        println!("  {status:?}");
    }
    Ok(())
}

fn source(path: &Path, settings: &str) -> PluginSource {
    PluginSource {
        catalogue: std::sync::Arc::default(),
        name: "10-measured".to_owned(),
        path: path.to_owned(),
        interpreter: None,
        settings_json: settings.to_owned(),
        grants: Default::default(),
        limits: PluginLimits::default(),
        on_failure: Default::default(),
        mode: PluginMode::Live,
    }
}

fn view() -> Result<View, Box<dyn Error>> {
    let relay = Ipv4Addr::new(100, 64, 0, 1);
    let subnet = Subnet {
        prefix: "100.64.0.0/16".parse()?,
        selection: Default::default(),
        lease_time: LeaseTime { default_secs: 3_600, min_secs: 60, max_secs: 86_400 },
        options: OptionSet::default(),
        settings: Default::default(),
        pools: Vec::new(),
        relays: None,
        reservations: Vec::new(),
        unknown_clients: UnknownClients::default(),
    };
    let network = Network {
        name: "access".into(),
        vpn: None,
        subnets: vec![subnet],
        authoritative: true,
        offer_hold_secs: 30,
        quarantine_secs: 3_600,
        bounds: lessor_core::Bounds::default(),
        client_key: ClientKeyKind::default(),
        after_data_loss: AfterDataLoss::default(),
        classes: Default::default(),
    };
    let request = Request {
        kind: RequestKind::Discover,
        arrival: Arrival {
            source: SocketAddrV4::new(relay, 67),
            server_address: Ipv4Addr::new(192, 0, 2, 1),
            link_addresses: None,
            own_addresses: Default::default(),
            unicast: true,
            interface: None,
            mtu_octets: None,
        },
        transaction_id: 7,
        elapsed_secs: 0,
        flags: 0,
        client_address: Ipv4Addr::UNSPECIFIED,
        relay_address: relay,
        hardware_address: HardwareAddress::ethernet([2, 0, 0x5e, 0, 0x53, 1]),
        client_identifier: None,
        requested_address: None,
        server_identifier: None,
        lease_time_secs: None,
        parameter_request_list: Default::default(),
        max_message_size: None,
        subnet_selection: None,
        classes: Default::default(),
        relay_information: Some(RelayInformation::from_octets(*b"\x01\x06olt1/3\x02\x04home")),
        options: ReceivedOptions::default(),
        packet: vec![0; 300].into(),
    };
    let client = ClientKeyKind::default().key_of(&request, None);
    Ok(View {
        client: client.ok_or("the request does not identify a client")?,
        request: Arc::new(request),
        now: Timestamp::from_unix_ms(1),
        network: Arc::new(network),
        subnet: 0,
        pools: None,
        binding: None,
        lookups: Default::default(),
        absent: Default::default(),
        catalogue: std::sync::Arc::default(),
        final_by: None,
    })
}

fn reply() -> Reply {
    let address = |last| OptionValue::Address(Ipv4Addr::new(192, 0, 2, last)).into();
    Reply {
        kind: ReplyKind::Offer,
        client_address: Ipv4Addr::UNSPECIFIED,
        your_address: Ipv4Addr::new(100, 64, 1, 7),
        next_server_address: Ipv4Addr::UNSPECIFIED,
        server_name: Default::default(),
        boot_file: Default::default(),
        force_broadcast: false,
        confirms_vpn: false,
        options: (1..=12).map(|code| (code, address(code))).collect(),
        destination: Destination::Broadcast,
    }
}

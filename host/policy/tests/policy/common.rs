//! Shared helpers of the tests: plugins, requests and a runtime.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use lessor_core::{
    AfterDataLoss, Arrival, Binding, BindingState, ClientKey, ClientKeyKind, HardwareAddress,
    HostName, LeaseEventKind, LeaseTime, Network, OptionSet, PoolUsage, ReceivedOptions,
    RelayInformation, Request, RequestKind, Subnet, Timestamp, UnknownClients,
};
use lessor_policy_host::{
    Absent, Chain, CompilerSettings, LeaseEvent, Lookups, PluginError, PluginReport, PluginSource,
    PolicyOutcome, Pools, Runner, Runtime, RuntimeSettings, View,
};
use lessor_settings::{FailurePolicy, Grants, PluginLimits, PluginMode};

/// The file of a guest under `tests/guests`.
pub(crate) fn guest(package: &str) -> PathBuf {
    lessor_guests::policy(package).unwrap()
}

/// A runtime that shares compiled code with other tests.
pub(crate) fn runtime() -> Arc<Runtime> {
    Runtime::new(settings()).unwrap()
}

/// A runtime that compiles everything itself.
pub(crate) fn runtime_without_cache() -> Arc<Runtime> {
    Runtime::new(settings_without_cache()).unwrap()
}

/// The settings of a runtime that shares compiled code with other tests.
pub(crate) fn settings() -> RuntimeSettings {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    RuntimeSettings { cache: Some(cache), ..settings_without_cache() }
}

/// The settings of a runtime without a cache. Its compiler's child is a separate program, because
/// the test's own program is a test harness.
pub(crate) fn settings_without_cache() -> RuntimeSettings {
    let program = env!("CARGO_BIN_EXE_lessor-compile-child").into();
    let compiler = CompilerSettings { program, ..CompilerSettings::default() };
    RuntimeSettings { compiler, ..RuntimeSettings::default() }
}

/// Inspects a file without running it.
pub(crate) fn inspect(path: &Path) -> Result<PluginReport, Vec<PluginError>> {
    Runtime::with_instances_max(settings(), 4).unwrap().inspect(path)
}

/// A plugin with default limits that is skipped when it fails. Its deadline allows for busy
/// machines.
pub(crate) fn plugin(name: &str, path: &Path, settings: &serde_json::Value) -> PluginSource {
    PluginSource {
        catalogue: std::sync::Arc::default(),
        name: name.to_owned(),
        path: path.to_owned(),
        interpreter: None,
        settings_json: settings.to_string(),
        grants: Grants::default(),
        limits: PluginLimits { deadline_ms: 200, ..PluginLimits::default() },
        on_failure: FailurePolicy::Skip,
        mode: PluginMode::Live,
    }
}

/// The guest that misbehaves as the settings say.
pub(crate) fn misbehaving(name: &str, settings: serde_json::Value) -> PluginSource {
    plugin(name, &guest("misbehaving"), &settings)
}

/// A chain and a runner for it.
pub(crate) fn start(runtime: &Arc<Runtime>, plugins: Vec<PluginSource>) -> (Arc<Chain>, Runner) {
    let chain = runtime.chain(plugins).unwrap();
    let runner = chain.runner().unwrap();
    (chain, runner)
}

/// Calls the plugins once the spare instances are ready, so that no plugin is absent for lack of
/// one.
pub(crate) fn ask(runner: &mut Runner, view: &View) -> PolicyOutcome {
    wait_for("spare instances", || runner.is_prepared());
    runner.terms(view)
}

/// Waits until a condition is true, for as long as a slow machine may take.
pub(crate) fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

pub(crate) const NOW: Timestamp = Timestamp::from_unix_ms(1_700_000_000_000);
pub(crate) const RELAY: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(100, 64, 1, 7);

pub(crate) fn network() -> Arc<Network> {
    Arc::new(Network {
        name: "access".into(),
        vpn: None,
        subnets: vec![Subnet {
            prefix: "100.64.0.0/16".parse().unwrap(),
            selection: Default::default(),
            lease_time: LeaseTime { default_secs: 3_600, min_secs: 60, max_secs: 86_400 },
            options: OptionSet::default(),
            settings: Default::default(),
            pools: Vec::new(),
            relays: None,
            reservations: Vec::new(),
            unknown_clients: UnknownClients::default(),
        }],
        authoritative: true,
        offer_hold_secs: 30,
        quarantine_secs: 3_600,
        bounds: lessor_core::Bounds::default(),
        client_key: ClientKeyKind::default(),
        after_data_loss: AfterDataLoss::default(),
        classes: Default::default(),
    })
}

/// A relayed message of `kind`, with circuit id `olt1/3` and remote id `00 ff`.
pub(crate) fn request(kind: RequestKind) -> Request {
    let mut options = ReceivedOptions::default();
    options.append(53, &[1]);
    options.append(60, b"modem");
    options.append(12, b"h\xffst");
    Request {
        kind,
        arrival: Arrival {
            source: SocketAddrV4::new(RELAY, 67),
            server_address: Ipv4Addr::new(192, 0, 2, 1),
            link_addresses: None,
            own_addresses: Default::default(),
            unicast: true,
            interface: Some("eth0".into()),
            mtu_octets: None,
        },
        transaction_id: 7,
        elapsed_secs: 3,
        flags: 0,
        client_address: Ipv4Addr::UNSPECIFIED,
        relay_address: RELAY,
        hardware_address: HardwareAddress::ethernet([2, 0, 0x5e, 0, 0x53, 1]),
        client_identifier: None,
        requested_address: None,
        server_identifier: None,
        lease_time_secs: None,
        parameter_request_list: [1_u8, 3, 6].into_iter().collect(),
        max_message_size: None,
        subnet_selection: None,
        classes: Default::default(),
        relay_information: Some(relay_information()),
        options,
        packet: Box::from(&b"\x01\x01\x06"[..]),
    }
}

pub(crate) fn relay_information() -> RelayInformation {
    RelayInformation::from_octets(*b"\x01\x06olt1/3\x02\x02\x00\xff")
}

pub(crate) fn view_of(request: Request) -> View {
    View {
        client: ClientKeyKind::default().key_of(&request, None).unwrap(),
        request: Arc::new(request),
        now: NOW,
        network: network(),
        subnet: 0,
        pools: None,
        binding: None,
        lookups: Lookups::default(),
        absent: Absent::default(),
        catalogue: std::sync::Arc::default(),
        final_by: None,
    }
}

pub(crate) fn discover() -> View {
    view_of(request(RequestKind::Discover))
}

/// An event of this lease, in the pool `open`, of a client that is called `tv`.
pub(crate) fn lease_event(kind: LeaseEventKind, binding: Binding) -> LeaseEvent {
    LeaseEvent {
        kind,
        binding: Arc::new(binding),
        network_name: "access".into(),
        pool_name: Some("open".into()),
        now: NOW,
        lookups: Lookups::default(),
        absent: Absent::default(),
    }
}

/// How full two pools are: `open`, which consists of two ranges, and `garden`, which is full.
pub(crate) fn pools() -> Pools {
    let usage = |pool: &str, size, leased, offered| PoolUsage {
        pool: pool.into(),
        size,
        leased,
        offered,
        quarantined: 0,
    };
    [usage("open", 100, 60, 5), usage("garden", 10, 9, 1), usage("open", 20, 0, 0)].into()
}

/// The record of a lease that the client of [`request`] holds.
pub(crate) fn lease() -> Binding {
    Binding {
        address: CLIENT,
        vpn: None,
        client: ClientKey::Hardware(HardwareAddress::ethernet([2, 0, 0x5e, 0, 0x53, 1])),
        hardware_address: HardwareAddress::ethernet([2, 0, 0x5e, 0, 0x53, 1]),
        state: BindingState::Leased,
        began_at: Timestamp::from_unix_ms(NOW.unix_ms() - 5_000),
        changed_at: Timestamp::from_unix_ms(NOW.unix_ms() - 1_000),
        expires_at: NOW.after_secs(60),
        subscriber: None,
        relay_information: Some(relay_information()),
        relay_address: None,
        revision: 1,
        host_name: Some(HostName::read("tv").unwrap()),
        unknown_fields: Default::default(),
    }
}

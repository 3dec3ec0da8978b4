//! Fixtures for the tests of several modules: a server's shared parts without its threads, and
//! packets made by the load generator's separate encoder.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    path::Path,
    sync::Arc,
    thread::JoinHandle,
};

use arc_swap::ArcSwap;
use lessor_core::{Arrival, Timestamp};
use lessor_generation::{Generation, GenerationSources};
use lessor_load::dhcproto::v4::{DhcpOption, Message, MessageType, OptionCode};
use lessor_net::{OwnSockets, Received};
use lessor_policy_host::{Runtime, RuntimeSettings};
use lessor_store::{Committer, CommitterLimits, CommitterThread, MemoryStore};

use crate::{
    counters::Counters,
    heard::Heard,
    held::{Engines, Held},
    hosts::Hosts,
    observer::Observer,
    probes::Probes,
    recorder::Recorder,
    shards::Shards,
    shared::Shared,
    watchers::Watching,
};

pub(crate) const NOW: Timestamp = Timestamp::from_unix_ms(1_700_000_000_000);
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The parts of a server without sockets.
pub(crate) struct TestParts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) held: Held,
    pub(crate) committer_thread: CommitterThread,
    pub(crate) observer_thread: JoinHandle<()>,
}

/// Creates a topology of subnets with one pool each, from the first to the ninth host.
pub(crate) fn topology(prefixes: &[&str]) -> lessor_core::Topology {
    let mut text = String::from(
        "[server]\nlisten = [\"127.0.0.1\"]\nauthoritative = true\n[store]\nbackend = \"memory\"\n",
    );
    for prefix in prefixes {
        let (network, _) = prefix.split_once('/').unwrap();
        let hosts = network.strip_suffix(".0").unwrap();
        text.push_str(&format!(
            "[[subnet]]\nprefix = \"{prefix}\"\n[[subnet.pool]]\nrange = \"{hosts}.1-{hosts}.9\"\n"
        ));
    }
    lessor_config::parse("test.toml", &text, Path::new("")).unwrap().topology
}

/// Creates the shared parts over a memory store.
pub(crate) fn parts(prefixes: &[&str], limits: CommitterLimits) -> TestParts {
    let runtime = Runtime::new(RuntimeSettings::default()).unwrap();
    let chain = runtime.chain(Vec::new()).unwrap();
    let engines = Arc::new(ArcSwap::from_pointee(Shards::new(topology(prefixes), 7)));
    let lookups = GenerationSources::default();
    let generation = Arc::new(Generation {
        number: 1,
        since: NOW,
        lookups,
        chain,
        rolled_back_from: None,
        stand_in: None,
    });
    let counters = Arc::new(Counters::new());
    let lookups = generation.lookups.clone();
    let watching = Watching { runner: generation.chain.observer().unwrap(), lookups };
    let (observer, observer_thread) =
        Observer::start(None, Arc::clone(&counters), watching).unwrap();
    let (committer, committer_thread) = Committer::start(Box::new(MemoryStore::default()), limits);
    let runner = generation.chain.runner().unwrap();
    let held = Held { generation: Arc::clone(&generation), runner, engines: Engines::of(&engines) };
    let shared = Arc::new(Shared {
        generation: ArcSwap::new(generation),
        engines,
        committer,
        counters,
        observer,
        recorder: Recorder::default(),
        heard: Heard::new(),
        hosts: Hosts::new(None),
        probes: Probes::new(),
        own_sockets: OwnSockets::nowhere(),
    });
    TestParts { shared, held, committer_thread, observer_thread }
}

/// Returns a relayed message of client `client`, from the relay with address `relay`.
pub(crate) fn packet(
    kind: MessageType,
    client: u8,
    relay: Ipv4Addr,
    options: Vec<DhcpOption>,
) -> Vec<u8> {
    use lessor_load::dhcproto::{Encodable, Encoder};
    let mut message = Message::default();
    message.set_giaddr(relay).set_chaddr(&[2, 0, 0x5e, 0, 0x53, client]);
    message.opts_mut().insert(DhcpOption::MessageType(kind));
    message.opts_mut().insert(DhcpOption::ParameterRequestList(vec![OptionCode::SubnetMask]));
    for option in options {
        message.opts_mut().insert(option);
    }
    let mut octets = Vec::new();
    message.encode(&mut Encoder::new(&mut octets)).unwrap();
    octets
}

/// Returns the packet as it arrives from the relay.
pub(crate) fn received(payload: &[u8], relay: Ipv4Addr) -> Received<'_> {
    Received {
        payload,
        is_cut: false,
        arrival: Arrival {
            source: SocketAddrV4::new(relay, 67),
            server_address: SERVER,
            link_addresses: None,
            own_addresses: Default::default(),
            unicast: true,
            interface: None,
            mtu_octets: None,
        },
        not_relayed: false,
        waited: std::time::Duration::ZERO,
    }
}

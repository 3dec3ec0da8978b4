//! Addresses are probed before they are offered: with ARP on the link, with ICMP behind a router.
//! Hosts without a lease hold some of them.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    process::Stdio,
    time::{Duration, Instant},
};

use lessor_e2e::{
    Capture, Host, LeaseState, Link, Server, Setup,
    plain::{Plain, PlainMessage, PlainReply, kind},
    require, wait,
};

const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const TAKEN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);
const FREE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 101);
const BROADCAST: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);
/// How long a probe waits for an answer in these tests.
const TIMEOUT: Duration = Duration::from_millis(600);

fn subnet(settings: &str) -> String {
    format!(
        "[[subnet]]\nprefix = \"192.0.2.0/24\"\nlease-time = \"10m\"\n{settings}\n\
         [[subnet.pool]]\nname = \"home\"\nrange = \"192.0.2.100-192.0.2.110\"\n"
    )
}

/// A link with a server, a host that uses the first address of the pool, and clients.
struct OnLink {
    server: Server,
    arp: Capture,
    client: Plain,
    squatter: Host,
    server_host: Host,
    _client_host: Host,
    _link: Link,
}

/// An ARP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Arp {
    is_request: bool,
    from: [u8; 6],
    sender: Ipv4Addr,
    target: Ipv4Addr,
}

impl Arp {
    fn read(frame: &[u8]) -> Option<Self> {
        let arp = frame.get(14..42)?;
        let address = |at: usize| Some(Ipv4Addr::from(*arp.get(at..)?.first_chunk::<4>()?));
        Some(Self {
            is_request: arp.get(6..8)? == [0, 1],
            from: *arp.get(8..)?.first_chunk::<6>()?,
            sender: address(14)?,
            target: address(24)?,
        })
    }
}

impl OnLink {
    fn new(settings: &str) -> Self {
        let link = Link::new();
        let server_host = link.host("server");
        server_host.add_address("eth0", "192.0.2.1/24");
        let squatter = link.host("squatter");
        squatter.add_address("eth0", "192.0.2.100/24");
        let server = Setup::on_link("eth0", &subnet(settings)).start_on(&server_host);
        let client_host = link.host("client");
        // Without any address there would be no route for its broadcasts.
        client_host.add_address("eth0", "203.0.113.9/24");
        let client = Plain::on(&client_host, "eth0", 68);
        let arp = Capture::of(&squatter, "eth0", "arp");
        let _client_host = client_host;
        Self { server, arp, client, squatter, server_host, _client_host, _link: link }
    }

    #[track_caller]
    fn ask(&self, message: &PlainMessage) -> PlainReply {
        self.client.ask(message, BROADCAST, wait::SOON).expect("a reply")
    }

    #[track_caller]
    fn acquire(&self, number: u32) -> Ipv4Addr {
        let offer = self.ask(&PlainMessage::new(kind::DISCOVER, number));
        let request = PlainMessage::new(kind::REQUEST, number)
            .with(50, &offer.your_address.octets())
            .with(54, &SERVER.octets());
        let ack = self.ask(&request);
        assert_eq!((ack.kind, ack.your_address), (kind::ACK, offer.your_address));
        ack.your_address
    }

    /// The probes on the link: requests whose sender has no address.
    fn probes(&self) -> Vec<Arp> {
        let frames = self.arp.frames();
        let messages = frames.iter().filter_map(|frame| Arp::read(frame));
        messages.filter(|arp| arp.is_request && arp.sender.is_unspecified()).collect()
    }

    fn probes_of(&self, address: Ipv4Addr) -> usize {
        self.probes().iter().filter(|probe| probe.target == address).count()
    }
}

fn hardware(text: &str) -> [u8; 6] {
    let octets = text.split(':').map(|octet| u8::from_str_radix(octet, 16).unwrap());
    octets.collect::<Vec<_>>().try_into().unwrap()
}

#[test]
fn an_address_that_answers_arp_is_not_offered() {
    require!(root, ip, tcpdump);
    let lab = OnLink::new("probe = \"auto\"\nprobe-timeout-ms = 600");
    let discover = PlainMessage::new(kind::DISCOVER, 1);
    let began = Instant::now();
    let offer = lab.ask(&discover);
    assert_eq!((offer.kind, offer.your_address), (kind::OFFER, FREE));
    assert!(began.elapsed() >= TIMEOUT, "{:?}: nobody could have answered later", began.elapsed());

    // On the wire: one probe of the address that answered, two of the one that did not.
    let own = hardware(&lab.server_host.hardware_address("eth0"));
    let probes = wait::soon("the probes", || Some(lab.probes()).filter(|seen| seen.len() == 3));
    assert!(probes.iter().all(|probe| probe.from == own), "{probes:?}");
    let targets: Vec<_> = probes.iter().map(|probe| probe.target).collect();
    assert_eq!(targets, [TAKEN, FREE, FREE]);

    let squatter = lab.squatter.hardware_address("eth0");
    let line = lab.server.journal_has("quarantined-in-use");
    assert_eq!(line.address, Some(TAKEN));
    let detail = line.detail.unwrap();
    assert_eq!(detail, format!("{squatter} answered an ARP request on eth0"));
    assert_eq!(lab.server.journal_has("offered-from-pool").address, Some(FREE));
    let leases = lab.server.leases();
    assert_eq!((leases[0].address, leases[0].state), (TAKEN, LeaseState::Quarantined));
    assert_eq!(lab.server.status().pool("home").quarantined, 1);

    // What was probed lately is not probed again, and neither is what a client has.
    assert_eq!(lab.ask(&discover).your_address, FREE);
    assert_eq!(lab.acquire(1), FREE);
    assert_eq!(lab.ask(&PlainMessage::new(kind::DISCOVER, 1)).your_address, FREE);
    assert_eq!(lab.probes().len(), 3);
}

#[test]
fn a_probe_delays_nobody_else_and_is_not_repeated_for_a_repeated_message() {
    require!(root, ip, tcpdump);
    let lab = OnLink::new("probe = \"arp\"\nprobe-timeout-ms = 1000");
    let known = lab.acquire(2);
    let before = lab.probes().len();

    let discover = PlainMessage::new(kind::DISCOVER, 1);
    lab.client.send(&discover, BROADCAST);
    wait::soon("a probe", || (lab.probes().len() > before).then_some(()));
    lab.client.send(&discover, BROADCAST);
    lab.client.send(&PlainMessage::new(kind::DISCOVER, 2), BROADCAST);
    let first = lab.client.receive(wait::SOON).unwrap();
    assert_eq!((first.kind, first.your_address), (kind::OFFER, known));
    let second = lab.client.receive(wait::SOON).unwrap();
    assert_eq!(second.transaction_id, discover.transaction_id);
    assert_ne!(second.your_address, known);
    // The repeated message has no answer of its own.
    assert_eq!(lab.client.receive(TIMEOUT), None);
    assert_eq!(lab.server.journal_has("probe-pending").address, None);
    assert_eq!(lab.probes_of(second.your_address), 2);
    assert_eq!(lab.probes().len(), before + 2);
}

/// A device that is set to its reserved address answers for itself.
#[test]
fn the_answer_of_the_client_itself_does_not_count() {
    require!(root, ip, tcpdump);
    let lab = OnLink::new("probe = \"arp\"\nprobe-timeout-ms = 100");
    let mut discover = PlainMessage::new(kind::DISCOVER, 1);
    discover.hardware_address = hardware(&lab.squatter.hardware_address("eth0"));
    assert_eq!(lab.ask(&discover).your_address, TAKEN);
    assert_eq!(lab.probes_of(TAKEN), 2);
}

#[test]
fn after_a_start_without_records_addresses_are_probed_although_no_scope_says_so() {
    require!(root, ip, tcpdump);
    let mut lab = OnLink::new("after-data-loss = \"probe\"");
    lab.server.process().says("are probed before new clients get them", wait::SOON);
    assert_eq!(lab.ask(&PlainMessage::new(kind::DISCOVER, 1)).your_address, FREE);
    assert_eq!(lab.server.journal_has("quarantined-in-use").address, Some(TAKEN));
    let targets = || lab.probes().iter().map(|probe| probe.target).collect::<Vec<_>>();
    wait::soon("the probes", || (targets() == [TAKEN, FREE, FREE]).then_some(()));
    let status = lab.server.ask(&["status"]);
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("are probed before new clients get them"), "{status}");

    // A restart does not end it: there is a record now, but not of all clients.
    assert_eq!(lab.acquire(1), FREE);
    assert!(lab.server.stop().success());
    lab.server.start_again();
    let third = Ipv4Addr::new(192, 0, 2, 102);
    assert_eq!(lab.ask(&PlainMessage::new(kind::DISCOVER, 2)).your_address, third);
    let probed = |address| lab.probes().iter().any(|probe| probe.target == address);
    wait::soon("a probe of the third address", || probed(third).then_some(()));
}

#[test]
fn nothing_is_probed_unless_a_scope_says_so() {
    require!(root, ip, tcpdump);
    let mut lab = OnLink::new("");
    assert_eq!(lab.ask(&PlainMessage::new(kind::DISCOVER, 1)).your_address, TAKEN);
    assert_eq!(lab.probes(), []);
    // A reload turns it on.
    lab.server.setup().put_subnets(&subnet("probe = \"arp\""));
    assert!(lab.server.reload().accepted);
    assert_eq!(lab.ask(&PlainMessage::new(kind::DISCOVER, 2)).your_address, FREE);
    assert_eq!(lab.probes_of(FREE), 2);
}

/// A server stops without waiting for probes, and their clients are answered.
#[test]
fn a_stop_does_not_wait_for_probes() {
    require!(root, ip, tcpdump);
    let mut lab = OnLink::new("probe = \"arp\"\nprobe-timeout-ms = 1000");
    lab.client.send(&PlainMessage::new(kind::DISCOVER, 1), BROADCAST);
    wait::soon("a probe", || (!lab.probes().is_empty()).then_some(()));
    lab.client.send(&PlainMessage::new(kind::DISCOVER, 2), BROADCAST);
    wait::soon("another probe", || (lab.probes_of(FREE) > 0).then_some(()));
    let began = Instant::now();
    assert!(lab.server.stop().success());
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(lab.client.receive(TIMEOUT).is_some());
}

#[test]
fn a_recording_has_the_results_and_a_replay_decides_by_them() {
    require!(root, ip, tcpdump);
    let lab = OnLink::new("probe = \"arp\"\nprobe-timeout-ms = 100");
    let file = lab.server.folder().join("recorded.jsonl");
    let path = file.to_str().unwrap();
    let arguments = ["record", "--output", path, "--with-leases", "--count", "4"];
    let mut recorder = lab.server.command(&arguments).stdout(Stdio::null()).spawn().unwrap();
    wait::soon("the recording to begin", || {
        let text = fs::read_to_string(&file).ok()?;
        text.starts_with("{\"recording\"").then_some(())
    });
    let acquired = [lab.acquire(1), lab.acquire(2)];
    assert_eq!(acquired, [FREE, Ipv4Addr::new(192, 0, 2, 102)]);
    assert!(recorder.wait().unwrap().success());
    let text = fs::read_to_string(&file).unwrap();
    let results = text.lines().filter(|line| line.starts_with("{\"probed\""));
    let results: Vec<serde_json::Value> =
        results.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(results.len(), 3, "{text}");
    assert_eq!(results[0]["probed"]["address"], "192.0.2.100");
    let by = &results[0]["probed"]["result"]["answered"];
    assert_eq!(*by, lab.squatter.hardware_address("eth0").as_str());
    assert_eq!(results[1]["probed"]["result"], "unanswered");

    let replayed = lab.server.ask(&["replay", path]);
    let said = String::from_utf8_lossy(&replayed.stdout).into_owned();
    assert!(replayed.status.success(), "{said}{}", String::from_utf8_lossy(&replayed.stderr));
}

#[test]
fn explain_says_that_the_address_would_be_probed() {
    require!(root, ip, tcpdump);
    let lab = OnLink::new("probe = \"auto\"");
    let explain = |arguments: &[&str]| {
        let line = ["explain", "--json", "--hardware-address", "02:00:5e:00:53:07"];
        let output = lab.server.ask(&[&line, arguments].concat());
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let said = |explained: &serde_json::Value| {
        explained["probe"].as_str().unwrap_or_else(|| panic!("{explained}")).to_owned()
    };
    let explained = explain(&["--link", "192.0.2.1", "--interface", "eth0"]);
    let expected = "192.0.2.100 is asked with an ARP request on eth0 first";
    assert!(said(&explained).starts_with(expected), "{explained}");
    assert_eq!(explained["reason"], "offered-from-pool");
    let explained = explain(&["--relay-address", "192.0.2.250"]);
    assert!(said(&explained).contains("ICMP echo request first, for 500 ms"), "{explained}");
    assert_eq!(lab.probes(), [], "an explanation probes nothing");
}

/// A server whose clients are behind a router, with a host there that uses the first address.
struct Routed {
    server: Server,
    icmp: Capture,
    relay: Plain,
    _hosts: [Host; 3],
    _links: [Link; 2],
}

const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

impl Routed {
    fn new(prepare: impl FnOnce(Setup) -> Setup) -> Self {
        let (uplink, customers) = (Link::new(), Link::new());
        let server_host = uplink.host("server");
        server_host.add_address("eth0", "192.0.2.1/24");
        let router = uplink.host("router");
        router.add_address("eth0", "192.0.2.2/24");
        customers.attach(&router, "eth1");
        router.add_address("eth1", &format!("{ROUTER}/24"));
        router.forward();
        server_host.add_route("10.0.0.0/24", "192.0.2.2");
        let squatter = customers.host("squatter");
        squatter.add_address("eth0", "10.0.0.10/24");
        squatter.add_route("default", &ROUTER.to_string());
        let subnets = "[[subnet]]\nprefix = \"10.0.0.0/24\"\nprobe = \"icmp\"\n\
                       probe-timeout-ms = 300\n[[subnet.pool]]\nname = \"home\"\n\
                       range = \"10.0.0.10-10.0.0.20\"\n";
        let server = prepare(Setup::for_relays(SERVER, subnets)).start_on(&server_host);
        let relay = Plain::on(&router, "eth0", 67);
        let icmp = Capture::of(&squatter, "eth0", "icmp");
        let (_hosts, _links) = ([server_host, router, squatter], [uplink, customers]);
        Self { server, icmp, relay, _hosts, _links }
    }

    fn discover(&self, number: u32) -> Option<Ipv4Addr> {
        let message = PlainMessage::new(kind::DISCOVER, number).relayed(ROUTER);
        let to = SocketAddrV4::new(SERVER, 67);
        self.relay.ask(&message, to, wait::SOON).map(|offer| offer.your_address)
    }

    /// The echo requests and replies at the host that uses an address: type, source, destination.
    fn echoes(&self) -> Vec<(u8, Ipv4Addr, Ipv4Addr)> {
        let frames = self.icmp.frames();
        let echo = |frame: &Vec<u8>| {
            let packet = frame.get(14..)?;
            let address = |at: usize| Some(Ipv4Addr::from(*packet.get(at..)?.first_chunk::<4>()?));
            Some((*packet.get(20)?, address(12)?, address(16)?))
        };
        frames.iter().filter_map(echo).collect()
    }
}

#[test]
fn an_address_behind_a_router_that_answers_icmp_is_not_offered() {
    require!(root, ip, tcpdump);
    let lab = Routed::new(|setup| setup);
    let (taken, free) = (Ipv4Addr::new(10, 0, 0, 10), Ipv4Addr::new(10, 0, 0, 11));
    assert_eq!(lab.discover(1), Some(free));
    // Request (8) and reply (0) at the host that answered.
    let echoes = wait::soon("the echo", || Some(lab.echoes()).filter(|seen| seen.len() >= 2));
    assert_eq!(echoes, [(8, SERVER, taken), (0, taken, SERVER)]);
    let line = lab.server.journal_has("quarantined-in-use");
    assert_eq!(line.address, Some(taken));
    assert_eq!(line.detail.as_deref(), Some("a host answered an ICMP echo request"));
    assert_eq!(lab.server.leases()[0].state, LeaseState::Quarantined);
}

/// Without the right to send probes, addresses are offered unprobed, and the log says so.
#[test]
fn a_server_that_may_not_probe_serves_nevertheless() {
    require!(root, ip, tcpdump);
    let mut lab = Routed::new(|setup| setup.without_capability("net_raw"));
    let began = Instant::now();
    assert_eq!(lab.discover(1), Some(Ipv4Addr::new(10, 0, 0, 10)));
    assert!(began.elapsed() < Duration::from_millis(300), "{:?}", began.elapsed());
    lab.server.process().says("so it is offered unprobed", wait::SOON);
    assert_eq!(lab.echoes(), []);
}

/// A client whose first addresses are all in use has to ask again.
#[test]
fn only_so_many_addresses_are_probed_for_one_message() {
    require!(root, ip, tcpdump);
    let lab = OnLink::new("probe = \"arp\"\nprobe-timeout-ms = 100");
    for last in 101..104 {
        lab.squatter.add_address("eth0", &format!("192.0.2.{last}/24"));
    }
    let discover = PlainMessage::new(kind::DISCOVER, 1);
    lab.client.send(&discover, BROADCAST);
    assert_eq!(lab.client.receive(TIMEOUT), None);
    lab.server.journal_has("addresses-in-use");
    let in_use = |wanted| {
        wait::soon("the quarantines", || {
            (lab.server.status().count("quarantined-in-use") == wanted).then_some(())
        });
    };
    in_use(3);
    // The client repeats its message.
    assert_eq!(lab.ask(&discover).your_address, Ipv4Addr::new(192, 0, 2, 104));
    in_use(4);
}

//! Host names, read off datagrams, lists, the journal and the hosts file: what clients
//! get to know, what stays on record, and what a resolver beside the server reads.

use std::{
    fs,
    net::{SocketAddr, SocketAddrV4, UdpSocket},
    os::unix::fs::MetadataExt,
    time::{Duration, Instant},
};

use lessor_e2e::{
    RefusedNameRow, Server, Setup, loopback_address,
    plain::{PlainMessage, PlainReply, kind},
    wait,
};

const PATIENCE: Duration = Duration::from_secs(5);
const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"
    options = { domain-name = "lan.example" }

    [[subnet.pool]]
    range = "100.64.1.1-100.64.1.250"

    [[subnet.reservation]]
    hardware-address = "02:00:5e:00:00:09"
    address = "100.64.2.9"
    options = { host-name = "printer" }
"#;
const HOSTS: &str = "[hosts]\npath = \"hosts/names\"\ndomain = \"lan.example\"";
const HOST_NAME: u8 = 12;
const FQDN: u8 = 81;
const RELEASE: u8 = 7;

/// A relay on loopback that is answered at the port it sends from (RFC 8357).
struct Clients(UdpSocket);

impl Clients {
    fn new() -> Self {
        let socket = UdpSocket::bind(SocketAddrV4::new(loopback_address(), 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    fn send(&self, server: &Server, number: u32, message: PlainMessage) {
        let SocketAddr::V4(local) = self.0.local_addr().unwrap() else { panic!("IPv4") };
        let line = [&[1, 1, number as u8][..], &[5, 4, 100, 64, 0, 1, 19, 0]].concat();
        let message = message.relayed(*local.ip()).with(82, &line);
        self.0.send_to(&message.octets(), server.address()).unwrap();
    }

    #[track_caller]
    fn ask(&self, server: &Server, number: u32, message: PlainMessage) -> PlainReply {
        self.send(server, number, message);
        let mut octets = [0; 2048];
        let (length, source) = self.0.recv_from(&mut octets).expect("an answer");
        let SocketAddr::V4(source) = source else { panic!("IPv4") };
        PlainReply::read(&octets[..length], source).unwrap()
    }

    /// The OFFER and the ACK of client `number`, which states these names.
    #[track_caller]
    fn acquire(
        &self,
        server: &Server,
        number: u32,
        names: &[(u8, &[u8])],
    ) -> (PlainReply, PlainReply) {
        let stating = |message: PlainMessage| {
            let message = message.with(55, &[1, 3]);
            names.iter().fold(message, |message, (code, octets)| message.with(*code, octets))
        };
        let offer = self.ask(server, number, stating(PlainMessage::new(kind::DISCOVER, number)));
        let request = PlainMessage::new(kind::REQUEST, number)
            .with(50, &offer.your_address.octets())
            .with(54, &server_identifier(&offer));
        let ack = self.ask(server, number, stating(request));
        assert_eq!((offer.kind, ack.kind), (kind::OFFER, kind::ACK));
        (offer, ack)
    }

    fn release(&self, server: &Server, number: u32, ack: &PlainReply) {
        let message = PlainMessage::new(RELEASE, number)
            .from_address(ack.your_address)
            .with(54, &server_identifier(ack));
        self.send(server, number, message);
    }
}

fn server_identifier(reply: &PlainReply) -> [u8; 4] {
    reply.server_identifier.expect("option 54").octets()
}

fn with_hosts_file() -> Setup {
    let setup = Setup::on_loopback(SUBNETS).with_tables(HOSTS);
    fs::create_dir(setup.folder().join("hosts")).unwrap();
    setup
}

/// The entries of the hosts file.
fn entries(server: &Server) -> Vec<String> {
    let text = fs::read_to_string(server.folder().join("hosts/names")).unwrap_or_default();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[track_caller]
fn has_entries(server: &Server, expected: &[String]) {
    wait::within(Duration::from_secs(20), &format!("the entries {expected:?}"), || {
        (entries(server) == expected).then_some(())
    });
}

fn entry(ack: &PlainReply, name: &str) -> String {
    format!("{} {name}.lan.example {name}", ack.your_address)
}

#[test]
fn a_client_is_answered_in_its_encoding_and_its_name_is_kept() {
    let mut server = Setup::on_loopback(SUBNETS).start();
    let clients = Clients::new();
    let (offer, ack) = clients.acquire(&server, 1, &[(FQDN, b"\x01\0\0Desk PC")]);
    let ascii = b"\x0a\xff\xffdesk-pc.lan.example".to_vec();
    assert_eq!([offer.option(FQDN), ack.option(FQDN)], [Some(ascii.clone()), Some(ascii)]);
    let wire: &[u8] = b"\x04\0\0\x04desk\x04bank\x07example\0";
    let (offer, ack) = clients.acquire(&server, 2, &[(FQDN, wire), (HOST_NAME, b"other")]);
    let answer = b"\x0c\xff\xff\x04desk\x03lan\x07example\0".to_vec();
    assert_eq!([offer.option(FQDN), ack.option(FQDN)], [Some(answer.clone()), Some(answer)]);
    let (_, ack) = clients.acquire(&server, 3, &[(HOST_NAME, b"Tablet\0")]);
    assert_eq!([ack.option(FQDN), ack.option(HOST_NAME)], [None, None]);
    clients.acquire(&server, 4, &[]);
    // The reservation has another name, which its client gets in both options.
    let named: &[(u8, &[u8])] = &[(HOST_NAME, b"laser"), (FQDN, b"\x04\0\0\x05laser")];
    let (_, ack) = clients.acquire(&server, 9, named);
    assert_eq!(ack.option(HOST_NAME), Some(b"printer".to_vec()));
    let answer = b"\x0c\xff\xff\x07printer\x03lan\x07example\0".to_vec();
    assert_eq!(ack.option(FQDN), Some(answer));

    let names = |server: &Server| {
        let leases = server.leases().into_iter();
        leases.map(|lease| lease.host_name.unwrap_or_default()).collect::<Vec<_>>()
    };
    let expected = ["desk-pc", "desk", "tablet", "", "printer"].map(|name| match name {
        "" => String::new(),
        name => format!("{name}.lan.example"),
    });
    assert_eq!(names(&server), expected);
    let listed = |arguments: &[&str]| {
        let output = server.ask(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(listed(&["leases"]).contains("host name"));
    assert!(!listed(&["leases", "--address", "100.64.1.4"]).contains("host name"));
    let csv = listed(&["leases", "--csv", "--find", "tablet"]);
    let (header, line) = csv.split_once('\n').unwrap();
    let cells: Vec<&str> = line.split(',').collect();
    let column = header.split(',').position(|name| name == "host-name").unwrap();
    assert_eq!(cells[column], "tablet.lan.example");

    server.kill();
    server.start_again();
    assert_eq!(names(&server), expected);
}

#[test]
fn a_name_that_no_host_has_is_dropped_and_never_the_message() {
    let server = Setup::on_loopback(SUBNETS).start();
    let clients = Clients::new();
    let names: &[(u8, &[u8])] = &[(HOST_NAME, b"a\nb"), (FQDN, b"\x04\0\0\x3fcut off")];
    let (_, ack) = clients.acquire(&server, 1, names);
    assert_eq!(ack.option(FQDN), None);
    let line = server.journal_has("ack-selecting");
    let refused = |option: &str, fault: &str| RefusedNameRow {
        option: option.to_owned(),
        fault: fault.to_owned(),
    };
    let expected = [refused("client-fqdn", "truncated"), refused("host-name", "control-character")];
    assert_eq!(line.refused_names, expected);
    assert_eq!(line.lease_name, None);
    clients.acquire(&server, 2, &[(HOST_NAME, b"PC")]);
    let line = server.journal_says("the name of the second client", |line| {
        line.reason == "ack-selecting" && line.lease_name.is_some()
    });
    assert_eq!(line.lease_name.as_deref(), Some("pc.lan.example"));

    let explained = server.ask(&[
        "explain",
        "--json",
        "--hardware-address",
        "02:00:5e:00:00:03",
        "--relay-address",
        "100.64.0.1",
        "--option",
        "host-name=localhost",
    ]);
    let text = String::from_utf8(explained.stdout).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    let refused = &value["host-name"]["refused"][0];
    assert_eq!(refused["option"], "host-name", "{text}");
    assert_eq!(refused["fault"], "reserved", "{text}");
}

#[test]
fn the_hosts_file_has_the_clients_of_running_leases() {
    let mut server = with_hosts_file().start();
    let clients = Clients::new();
    let (_, desk) = clients.acquire(&server, 1, &[(HOST_NAME, b"desk")]);
    let (_, tablet) = clients.acquire(&server, 2, &[(HOST_NAME, b"tablet")]);
    clients.acquire(&server, 3, &[]);
    let both = [entry(&desk, "desk"), entry(&tablet, "tablet")];
    has_entries(&server, &both);
    let file = server.folder().join("hosts/names");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o644);
    assert!(fs::read_to_string(&file).unwrap().starts_with("# "));

    // A second client of the same name waits until the first one has gone.
    let (_, second) = clients.acquire(&server, 4, &[(HOST_NAME, b"DESK")]);
    let line = server.journal_has("host-name-taken");
    assert_eq!(line.address, Some(second.your_address));
    assert_eq!(line.held_by, Some(desk.your_address));
    assert_eq!(line.lease_name.as_deref(), Some("desk.lan.example"));
    assert_eq!(entries(&server), both);
    clients.release(&server, 1, &desk);
    let later = [entry(&tablet, "tablet"), entry(&second, "desk")];
    has_entries(&server, &later);

    // The file is complete after a restart, whatever happened to it meanwhile.
    server.kill();
    fs::remove_file(&file).unwrap();
    server.start_again();
    has_entries(&server, &later);
    // Nothing is left beside it.
    assert_eq!(fs::read_dir(server.folder().join("hosts")).unwrap().count(), 1);
}

#[test]
fn entries_go_when_leases_expire() {
    let subnets = SUBNETS.replace("lease-time = \"1h\"", "lease-time = \"3s\"\nmin-lease-time = 1");
    let setup = Setup::on_loopback(&subnets).with_tables(HOSTS);
    fs::create_dir(setup.folder().join("hosts")).unwrap();
    let server = setup.start();
    let (_, ack) = Clients::new().acquire(&server, 1, &[(HOST_NAME, b"guest")]);
    has_entries(&server, &[entry(&ack, "guest")]);
    has_entries(&server, &[]);
}

#[test]
fn a_reload_changes_the_domain_and_the_place() {
    let mut server = with_hosts_file().start();
    let clients = Clients::new();
    let (_, ack) = clients.acquire(&server, 1, &[(HOST_NAME, b"desk")]);
    has_entries(&server, &[entry(&ack, "desk")]);
    let configuration = server.folder().join("lessor.toml");
    let text = fs::read_to_string(&configuration).unwrap();
    let text = text.replace("hosts/names", "hosts/others");
    let text = text.replace("domain = \"lan.example\"", "domain = \"example\"");
    fs::write(&configuration, text).unwrap();
    assert!(server.hang_up().accepted);
    let others = server.folder().join("hosts/others");
    let expected = format!("{} desk.lan.example desk.lan\n", ack.your_address);
    wait::soon("the other file", || {
        fs::read_to_string(&others).is_ok_and(|text| text.ends_with(&expected)).then_some(())
    });
}

#[test]
fn a_file_that_cannot_be_written_is_a_warning_and_delays_no_client() {
    let mut server = Setup::on_loopback(SUBNETS).with_tables(HOSTS).start();
    let clients = Clients::new();
    let started = Instant::now();
    for number in 1..=20 {
        clients.acquire(&server, number, &[(HOST_NAME, format!("pc{number}").as_bytes())]);
    }
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    server.process().says("cannot write the hosts file", PATIENCE);
    let warnings = server.process().output().matches("cannot write the hosts file").count();
    assert_eq!(warnings, 1);
    // Once there is a place for it, it is written.
    fs::create_dir(server.folder().join("hosts")).unwrap();
    wait::within(Duration::from_secs(30), "the file", || {
        (entries(&server).len() == 20).then_some(())
    });
}

#[test]
fn the_file_has_a_limited_number_of_entries() {
    let setup = Setup::on_loopback(SUBNETS).with_tables(&format!("{HOSTS}\nentries-max = 2"));
    fs::create_dir(setup.folder().join("hosts")).unwrap();
    let mut server = setup.start();
    let clients = Clients::new();
    for number in 1..=4 {
        clients.acquire(&server, number, &[(HOST_NAME, format!("pc{number}").as_bytes())]);
    }
    server.process().says("raise hosts.entries-max", PATIENCE);
    wait::soon("two entries", || (entries(&server).len() == 2).then_some(()));
}

#[test]
fn names_are_generated_where_the_configuration_says_so() {
    let subnets = format!("{SUBNETS}\n[[subnet]]\nprefix = \"100.65.0.0/16\"\n");
    let setup = Setup::on_loopback(&subnets)
        .with_server_setting("host-names = \"generated\"\nhost-name-prefix = \"guest\"");
    let server = setup.start();
    let named: &[(u8, &[u8])] = &[(HOST_NAME, b"Annas-Phone"), (FQDN, b"\0\0\0annas-phone")];
    let (_, ack) = Clients::new().acquire(&server, 1, named);
    let [a, b, c, d] = ack.your_address.octets();
    let label = format!("guest-{a}-{b}-{c}-{d}");
    assert_eq!(ack.option(HOST_NAME), Some(label.clone().into_bytes()));
    let name = format!("{label}.lan.example");
    let answer = [b"\x08\xff\xff", name.as_bytes()].concat();
    assert_eq!(ack.option(FQDN), Some(answer));
    assert_eq!(server.leases()[0].host_name, Some(name));
}

#[test]
fn a_policy_sees_the_checked_name_and_gives_another_one() {
    let setup = Setup::on_loopback(SUBNETS);
    let script = r#"
        fn decide(request, terms) {
            log(`states ${request.checked_host_name}`);
            if request.checked_host_name == "tv" {
                terms.option("host-name", "television");
            }
        }
        fn on_lease(event) { log(`heard ${event.kind} of ${event.host_name}`); }
    "#;
    setup.put_script("20-names.rhai", script, "grants = [\"log\"]\n");
    let mut server = setup.start();
    let clients = Clients::new();
    let (_, ack) = clients.acquire(&server, 1, &[(HOST_NAME, b"TV\0")]);
    assert_eq!(ack.option(HOST_NAME), Some(b"television".to_vec()));
    server.process().says("states tv", PATIENCE);
    server.process().says("heard granted of television.lan.example", PATIENCE);
    assert_eq!(server.leases()[0].address, ack.your_address);
}

//! Clients of Debian's Kea, ISC dhcpd and dnsmasq move to this server: the other server makes their
//! leases, `lessor import` takes over configuration and leases, and the clients renew here.

use std::{
    collections::{HashMap, HashSet},
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use lessor_e2e::{
    Former, FormerKind, Host, Link, Process, built, heavy,
    plain::{Plain, PlainMessage, PlainReply, kind},
    require,
};
use serde_json::Value;

const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 10, 0, 1), 67);
/// The relay's address on the link of the clients (giaddr).
const RELAY: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 1);
const PATIENCE: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 5;
const START_PATIENCE: Duration = Duration::from_secs(60);
/// The number of constructs that each configuration has at least.
const CONSTRUCTS_MIN: u64 = 50;
/// The share of those that are needed and carried, in percent.
const SHARE_MIN: u64 = 80;
/// Clients that appear only after the move.
const NEW_CLIENTS: u32 = 200;

#[test]
fn clients_of_kea_move() {
    require!(root, ip, kea_dhcp4);
    clients_move(FormerKind::Kea);
}

#[test]
fn clients_of_dhcpd_move() {
    require!(root, ip, dhcpd);
    clients_move(FormerKind::Dhcpd);
}

#[test]
fn clients_of_dnsmasq_move() {
    require!(root, ip, dnsmasq);
    clients_move(FormerKind::Dnsmasq);
}

#[test]
fn a_cut_off_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let golden = built::checkout().join("tests/golden/import/dhcpd-office.conf");
    fs::copy(golden, place("dhcpd.conf")).unwrap();
    fs::write(place("leases"), "lease 10.66.0.9 {\n  ends never;\n").unwrap();
    let output =
        import(FormerKind::Dhcpd, Some(&place("dhcpd.conf")), &place("leases"), folder.path());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("leases:1: the file ends within this block"), "{said}");
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["dhcpd.conf", "leases"]);
}

#[test]
fn what_root_imports_belongs_to_the_owner_of_the_store() {
    require!(root);
    /// The user of a server that is not root.
    const USER: u32 = 65_534;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let place = |name: &str| folder.path().join(name);
    let golden = built::checkout().join("tests/golden/import/dhcpd-office.conf");
    fs::copy(golden, place("dhcpd.conf")).unwrap();
    let client = "hardware ethernet 02:00:5e:00:00:01;";
    let lease = format!("lease 10.66.0.9 {{ binding state active; ends never; {client} }}\n");
    fs::write(place("leases"), lease).unwrap();
    // Only root may read the input.
    fs::set_permissions(place("leases"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(place("store")).unwrap();
    chown(place("store"), Some(USER), Some(USER)).unwrap();
    let output =
        import(FormerKind::Dhcpd, Some(&place("dhcpd.conf")), &place("leases"), folder.path());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let mut folders = vec![place("store")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::metadata(&path).unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (USER, USER), "{}", path.display());
            files += 1;
            folders.extend(metadata.is_dir().then_some(path));
        }
    }
    assert!(files > 2, "{files}");
    let configuration = fs::metadata(place("lessor.toml")).unwrap();
    assert_eq!(configuration.uid(), 0, "it belongs to who made it");
    assert_ne!(configuration.mode() & 0o004, 0, "the server may read it");
}

#[test]
fn any_user_can_read_a_new_configuration_whatever_the_umask_is() {
    let folder = tempfile::tempdir().unwrap();
    let input = tempfile::tempdir().unwrap();
    let (config, from) = (folder.path().join("lessor.toml"), input.path().join("dhcpd.conf"));
    let host = "host a { hardware ethernet 02:00:5e:00:00:01; fixed-address 10.66.0.9; }";
    let subnet = "subnet 10.66.0.0 netmask 255.255.0.0 { range 10.66.0.20 10.66.0.30; }";
    fs::write(&from, format!("{subnet}\n{host}\n")).unwrap();
    for umask in ["027", "077"] {
        let mut import = Command::new("sh");
        import.args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"]).arg(built::lessor());
        import.args(["import", "dhcpd"]).arg(&from).arg("--config").arg(&config);
        import.args(["--interface", "eth0", "--reservations", "file"]);
        let output = import.output().unwrap();
        let written: Vec<PathBuf> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(written.len(), 2, "{}", String::from_utf8_lossy(&output.stderr));
        for path in written {
            let mode = fs::metadata(&path).unwrap().mode();
            assert_eq!(mode & 0o777, 0o644, "{}", path.display());
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn a_configuration_that_is_replaced_keeps_what_is_about_the_program() {
    require!(root);
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let packaged = built::checkout().join("packaging/lessor.toml");
    fs::create_dir(place("real")).unwrap();
    fs::copy(packaged, place("real/lessor.toml")).unwrap();
    chown(place("real/lessor.toml"), Some(990), Some(991)).unwrap();
    fs::set_permissions(place("real/lessor.toml"), fs::Permissions::from_mode(0o440)).unwrap();
    std::os::unix::fs::symlink("real/lessor.toml", place("lessor.toml")).unwrap();
    let import = |more: &[&str]| {
        let mut import = Command::new(built::lessor());
        import.args(["import", "dhcpd"]).arg(office()).arg("--config").arg(place("lessor.toml"));
        import.args(["--interface", "eth0", "--replace"]).args(more).output().unwrap()
    };
    let output = import(&[]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("keeps its former [store], [plugins], [journal]."), "{said}");
    let text = fs::read_to_string(place("real/lessor.toml")).unwrap();
    assert!(text.contains("directory = \"/etc/lessor/plugins\""), "{text}");
    assert!(text.contains("10.66.0"), "{text}");
    assert!(fs::symlink_metadata(place("lessor.toml")).unwrap().is_symlink());
    let found = fs::metadata(place("real/lessor.toml")).unwrap();
    assert_eq!((found.uid(), found.gid(), found.mode() & 0o777), (990, 991, 0o440));
    let output = import(&["--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["kept"], serde_json::json!(["[store]", "[plugins]", "[journal]"]));
    // A configuration that is no file would be written to a file named `-`.
    let mut import = Command::new(built::lessor());
    import.args(["import", "dhcpd"]).arg(office()).args(["--interface", "eth0", "--config", "-"]);
    let output = import.current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!place("-").exists());
}

/// A small configuration of dhcpd.
fn office() -> PathBuf {
    built::checkout().join("tests/golden/import/dhcpd-office.conf")
}

/// A server's host, and a relay with its clients.
struct Site {
    server: Host,
    relay: Plain,
    _relay_host: Host,
    _link: Link,
}

impl Site {
    fn new() -> Self {
        let link = Link::new();
        let server = link.host("server");
        server.add_address("eth0", "10.10.0.1/24");
        server.add_route("10.64.0.0/16", "10.10.0.2");
        let relay_host = link.host("relay");
        relay_host.add_address("eth0", "10.10.0.2/24");
        relay_host.add_address("lo", &format!("{RELAY}/32"));
        let relay = Plain::on(&relay_host, "eth0", 67);
        Self { server, relay, _relay_host: relay_host, _link: link }
    }

    /// Asks until an answer arrives, as clients do.
    #[track_caller]
    fn ask(&self, message: &PlainMessage) -> PlainReply {
        let mut answers = (0..ATTEMPTS).filter_map(|_| self.relay.ask(message, SERVER, PATIENCE));
        answers.next().unwrap_or_else(|| panic!("no answer to {message:?}"))
    }

    /// Returns the address that a client gets.
    #[track_caller]
    fn acquire(&self, client: u32) -> Ipv4Addr {
        let offer = self.ask(&message(kind::DISCOVER, client));
        assert_eq!(offer.kind, kind::OFFER, "{offer:?}");
        let server = offer.server_identifier.unwrap();
        let request = message(kind::REQUEST, client)
            .with(50, &offer.your_address.octets())
            .with(54, &server.octets());
        let ack = self.ask(&request);
        assert_eq!((ack.kind, ack.your_address), (kind::ACK, offer.your_address), "{ack:?}");
        ack.your_address
    }
}

/// Whether a client is a phone, which its vendor class says.
const fn is_phone(client: u32) -> bool {
    client % 50 == 7
}

/// A message of a client: some have a client identifier, some are on a line, some are phones.
fn message(kind: u8, client: u32) -> PlainMessage {
    let message = PlainMessage::new(kind, client).relayed(RELAY).with(55, &[1, 3, 6, 15]);
    let identifier = [&[1], &message.hardware_address[..]].concat();
    let message = if client.is_multiple_of(2) { message } else { message.with(61, &identifier) };
    let message = if is_phone(client) { message.with(60, b"Aastra 6731i") } else { message };
    if !client.is_multiple_of(3) {
        return message;
    }
    let circuit = format!("olt1/{client}");
    let sub_option = [&[1, circuit.len() as u8], circuit.as_bytes()].concat();
    message.with(82, &sub_option)
}

fn clients_move(former_kind: FormerKind) {
    let _alone = heavy();
    let count = std::env::var("LESSOR_MOVED_LEASES").ok().and_then(|text| text.parse().ok());
    let count: u32 = count.unwrap_or(2_000);
    let site = Site::new();
    let mut former = Former::start(former_kind, &site.server);
    let held: HashMap<u32, Ipv4Addr> =
        (1..=count).map(|client| (client, site.acquire(client))).collect();
    former.stop();

    let folder = tempfile::tempdir().unwrap();
    let configuration = former.configuration();
    let output = import(former_kind, Some(&configuration), &former.leases(), folder.path());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // Some lines of each configuration cannot be carried.
    assert_eq!(output.status.code(), Some(3), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["leases"]["active"], count, "{}", report["leases"]);
    assert_eq!(report["leases"]["not-carried"], 0);
    say_how_much_was_carried(former_kind, &report);

    let config = folder.path().join("lessor.toml");
    let mut serve = site.server.command(built::lessor());
    serve.arg("serve").arg("--config").arg(&config);
    let mut lessor = Process::start("lessor", &mut serve, &folder.path().join("lessor.log"));
    lessor.says("serving", START_PATIENCE);

    for (client, address) in &held {
        let renewal = message(kind::REQUEST, *client).from_address(*address).relayed(RELAY);
        let reply = site.ask(&renewal);
        assert_eq!((reply.kind, reply.your_address), (kind::ACK, *address), "client {client}");
    }
    let mut taken: HashSet<Ipv4Addr> = held.values().copied().collect();
    assert_eq!(taken.len(), held.len(), "an address was leased twice before the move");
    for client in count + 1..=count + NEW_CLIENTS {
        let address = site.acquire(client);
        assert!(taken.insert(address), "{address} is leased twice");
        // The class that the old server had.
        let of_phones = address.octets()[..3] == [10, 64, 129];
        assert_eq!(of_phones, is_phone(client), "{address} for client {client}");
    }
    println!(
        "{}: {} of {count} clients renewed, {NEW_CLIENTS} new clients got free addresses, 0 \
         addresses leased twice",
        former_kind.name(),
        held.len()
    );
}

fn import(
    former: FormerKind,
    configuration: Option<&PathBuf>,
    leases: &Path,
    folder: &Path,
) -> Output {
    let mut command = Command::new(built::lessor());
    command.args(["import", former.name()]).args(configuration);
    command.arg("--leases").arg(leases);
    command.arg("--config").arg(folder.join("lessor.toml"));
    command.arg("--store").arg(folder.join("store"));
    command.args(["--interface", "eth0", "--json"]);
    command.output().unwrap()
}

fn say_how_much_was_carried(former: FormerKind, report: &Value) {
    let totals = &report["totals"];
    let count = |key: &str| totals[key].as_u64().unwrap();
    let (carried, not_carried) = (count("carried") + count("changed"), count("not-carried"));
    let share = 100 * carried / (carried + not_carried);
    let constructs = carried + not_carried + count("not-needed");
    println!(
        "{}: {constructs} constructs: {totals}: {share} % of those that are needed are carried",
        former.name()
    );
    assert!(constructs >= CONSTRUCTS_MIN, "{totals}");
    assert!(share >= SHARE_MIN, "{totals}");
}

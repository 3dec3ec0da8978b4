//! Wrong configurations, and the shipped ones.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    time::Duration,
};

use lessor_e2e::{Setup, built, loopback_address, relay, wait};
use lessor_load::{Answer, Subscriber};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.99.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);

/// A configuration with five mistakes.
const MISTAKEN: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/33"
    lease-tiem = "1h"

    [[subnet]]
    prefix = "100.65.0.0/16"
    lease-time = "one hour"
    options = { routers = ["100.65.0.256"], no-such-option = 1 }
"#;
const MISTAKES: [&str; 5] =
    ["100.64.0.0/33", "lease-tiem", "one hour", "100.65.0.256", "no-such-option"];

#[test]
fn every_mistake_is_listed_at_the_start() {
    let said = Setup::on_loopback(MISTAKEN).refused();
    for mistake in MISTAKES {
        assert!(said.contains(mistake), "nothing about {mistake} in: {said}");
    }
    assert!(said.contains("lessor.toml"), "{said}");
    assert!(said.contains("5 mistakes"), "{said}");
}

#[test]
fn every_mistake_is_listed_at_a_reload_and_the_old_configuration_serves_on() {
    let mut server = Setup::on_loopback(SUBNETS).start();
    let mut relay = relay(server.address(), LINK);
    let subscriber = Subscriber::new([2, 0, 0, 0, 0, 1], "line");
    let lease = relay.acquire(&subscriber, Duration::from_secs(5)).unwrap();
    server.setup().put_subnets(MISTAKEN);

    for reload in [server.hang_up(), server.reload()] {
        assert!(!reload.accepted, "{}", reload.said);
        for mistake in MISTAKES {
            assert!(reload.said.contains(mistake), "nothing about {mistake} in: {}", reload.said);
        }
    }
    let renewed = relay.renew(&subscriber, lease.address, Duration::from_secs(5)).unwrap();
    assert!(matches!(renewed, Answer::Ack(_)), "{renewed:?}");

    // The server still answers queries and reports the mistakes; after the correction, all is well.
    assert_eq!(server.status().generation, 1);
    assert_eq!(server.leases().len(), 1);
    let output = server.ask(&["status"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.starts_with("note: ") && said.contains("`lessor check` lists them"), "{said}");
    let output = server.ask(&["replay", "/nowhere.jsonl"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("5 mistakes") && !said.contains("lessor: "), "{said}");
    fs::write(server.folder().join("lessor.toml"), "[store]\npath = \"store\"\n[server\n").unwrap();
    assert_eq!(server.status().generation, 1);
    server.setup().put_subnets(SUBNETS);
    assert!(server.reload().accepted);
    assert_eq!(server.status().generation, 2);
    assert_eq!(server.leases().len(), 1);
}

#[test]
fn a_socket_that_cannot_be_had_is_reported_with_what_to_do() {
    let taken = UdpSocket::bind((loopback_address(), 6767)).unwrap();
    let SocketAddr::V4(address) = taken.local_addr().unwrap() else { panic!("not IPv4") };
    let said = Setup::listening(address, SUBNETS).refused();
    assert!(said.contains(&address.to_string()), "{said}");
    assert!(said.contains("another DHCP server may be running"), "{said}");
}

#[test]
fn an_address_that_is_not_there_yet_is_waited_for_and_told() {
    // Not an address of this machine (RFC 5737).
    let address = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 199), 6767);
    let mut server = Setup::listening(address, SUBNETS).start();
    let said = server.process().says("an endpoint does not serve", wait::SOON);
    assert!(said.contains("192.0.2.199:6767"), "{said}");
    let endpoints = server.status().endpoints;
    assert_eq!(endpoints[0].state, "address-missing", "{endpoints:?}");
}

#[test]
fn a_plugin_that_cannot_serve_is_reported_at_the_start() {
    let setup = Setup::on_loopback(SUBNETS);
    setup.put_policy("10-broken", b"this is no policy", "");
    setup.put_policy("20-broken", b"nor is this", "");
    let said = setup.refused();
    assert!(said.contains("10-broken") && said.contains("20-broken"), "{said}");
}

#[test]
fn every_configuration_that_ships_passes_the_check() {
    let examples = built::checkout().join("examples");
    let mut checked = 0;
    for entry in fs::read_dir(&examples).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            passes_the_check(&examples, &path);
            checked += 1;
        }
    }
    assert!(checked > 0, "no configuration in {}", examples.display());
}

/// Checks an example in a separate folder, with the shipped policies as its plugins.
#[track_caller]
fn passes_the_check(examples: &Path, path: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let name = path.file_name().unwrap();
    let plugins = folder.path().join("plugins");
    fs::create_dir(&plugins).unwrap();
    let mut text = fs::read_to_string(path).unwrap();
    // Folders of the system in an example are replaced by folders of the test.
    text = text.replace("\"/etc/lessor/plugins\"", "\"plugins\"");
    text = text.replace("\"/etc/lessor/sources/", "\"sources/");
    fs::write(folder.path().join(name), text).unwrap();
    copy_sources(examples, &folder.path().join("sources"));
    let own = path.with_extension("");
    let shipped = if own.is_dir() { own } else { examples.join("demo-plugins") };
    for entry in fs::read_dir(shipped).unwrap().map(Result::unwrap) {
        let sidecar = entry.path();
        if sidecar.is_dir() {
            continue;
        }
        if sidecar.extension().is_some_and(|found| found == "rhai") {
            lessor_guests::interpreters().unwrap();
            fs::copy(&sidecar, plugins.join(sidecar.file_name().unwrap())).unwrap();
            continue;
        }
        let stem = sidecar.file_stem().unwrap().to_string_lossy().into_owned();
        let (_, package) = stem.split_once('-').unwrap();
        fs::copy(&sidecar, plugins.join(sidecar.file_name().unwrap())).unwrap();
        if sidecar.with_extension("rhai").exists() {
            continue;
        }
        fs::copy(built::policy(package), plugins.join(format!("{stem}.wasm"))).unwrap();
    }
    let output = Command::new(built::lessor())
        .args(["check", "--config"])
        .arg(folder.path().join(name))
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {complaint}", path.display());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("is valid"), "{}: {said}", path.display());
    for remote in said.lines().filter(|line| line.contains("(http)")) {
        assert!(remote.ends_with(", not contacted by a check"), "{remote}");
    }
}

/// Copies the shipped sources, and creates secrets, which are not shipped.
fn copy_sources(examples: &Path, sources: &Path) {
    fs::create_dir(sources).unwrap();
    for entry in fs::read_dir(examples.join("sources")).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), sources.join(entry.file_name())).unwrap();
    }
    for secret in ["billing.password", "crm.token", "radius.secret"] {
        let path = sources.join(secret);
        fs::write(&path, "a secret\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

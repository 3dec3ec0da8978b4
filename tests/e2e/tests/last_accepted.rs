//! With a broken configuration or policy, the server starts with the last accepted generation.

use std::{fs, net::Ipv4Addr, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use lessor_e2e::{Server, Setup, relay, wait};
use lessor_load::Subscriber;

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.1.255"
"#;
const OTHER_SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.2.0-100.64.2.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);

#[test]
fn clients_are_served_after_a_start_with_a_broken_policy_and_the_operator_is_notified() {
    let mut server = Setup::on_loopback(SUBNETS).with_policy("10-policy", "minimal", "").start();
    let before = acquire(&server, 1);
    assert!(server.stop().success());
    fs::write(server.folder().join("plugins/10-policy.wasm"), "broken").unwrap();
    server.start_again();

    assert_eq!(acquire(&server, 1), before);
    assert_eq!(server.leases().len(), 1);
    server.process().says("THE CONFIGURATION CANNOT SERVE", wait::SOON);
    server.process().says("10-policy.wasm", wait::SOON);
    let status = server.ask(&["status"]);
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("THE CONFIGURATION CANNOT SERVE"), "{status}");
    assert!(status.contains("10-policy.wasm"), "{status}");
    assert!(server.metrics().contains("lessor_serves_last_accepted 1"), "{}", server.metrics());
    assert_eq!(server.status().plugins.len(), 1);
    // A reload with the same mistake changes nothing, and a reload without it succeeds.
    assert!(!server.reload().accepted);
    assert!(server.metrics().contains("lessor_serves_last_accepted 1"));
    fs::remove_file(server.folder().join("plugins/10-policy.wasm")).unwrap();
    fs::remove_file(server.folder().join("plugins/10-policy.toml")).unwrap();
    assert!(server.reload().accepted);
    assert!(server.metrics().contains("lessor_serves_last_accepted 0"));
    assert_eq!(server.status().plugins.len(), 0);
}

#[test]
fn a_broken_configuration_is_replaced_by_what_the_last_reload_accepted() {
    let mut server = Setup::on_loopback(SUBNETS).start();
    assert_eq!(acquire(&server, 1).octets()[2], 1);
    replace(&server, SUBNETS, OTHER_SUBNETS);
    assert!(server.reload().accepted);
    assert!(server.stop().success());
    replace(&server, "prefix = \"100.64.0.0/16\"", "prefix = \"100.64.0.0/99\"");
    server.start_again();
    server.process().says("THE CONFIGURATION CANNOT SERVE", wait::SOON);
    server.process().says("100.64.0.0/99", wait::SOON);
    assert_eq!(acquire(&server, 2).octets()[2], 2);
}

#[test]
fn a_missing_plugin_directory_does_not_end_service() {
    let mut server = Setup::on_loopback(SUBNETS).with_policy("10-policy", "minimal", "").start();
    assert!(server.stop().success());
    fs::remove_dir_all(server.folder().join("plugins")).unwrap();
    server.start_again();
    acquire(&server, 1);
    assert_eq!(server.status().plugins.len(), 1);
}

#[test]
fn a_strict_start_is_refused() {
    let mut server = Setup::on_loopback(SUBNETS).with_argument("--strict").start();
    assert!(server.stop().success());
    fs::write(server.folder().join("plugins/10-policy.wasm"), "broken").unwrap();
    let said = server.restart_is_refused();
    assert!(said.contains("10-policy.wasm"), "{said}");
    fs::remove_file(server.folder().join("plugins/10-policy.wasm")).unwrap();
    replace(&server, "100.64.0.0/16", "100.64.0.0/99");
    let said = server.restart_is_refused();
    assert!(said.contains("100.64.0.0/99"), "{said}");
}

#[test]
fn a_configuration_that_hides_its_store_is_refused() {
    let mut server = Setup::on_loopback(SUBNETS).start();
    assert!(server.stop().success());
    replace(&server, "path = \"store\"", "path = ");
    let said = server.restart_is_refused();
    assert!(said.contains("does not clearly say where leases are"), "{said}");
    // The store differs from that of the copy.
    replace(&server, "path = ", "path = \"elsewhere\" \nbroken = ");
    let said = server.restart_is_refused();
    assert!(said.contains("has not accepted a generation yet"), "{said}");
}

#[test]
fn the_copy_can_be_read_by_nobody_else() {
    let server = Setup::on_loopback(SUBNETS).with_policy("10-policy", "minimal", "").start();
    let copy = server.folder().join("store/last-accepted");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&copy), 0o700);
    for file in ["lessor.toml", "manifest.json", "plugins/10-policy.wasm"] {
        assert_eq!(mode(&copy.join(file)), 0o600, "{file}");
    }
}

#[track_caller]
fn acquire(server: &Server, number: u8) -> Ipv4Addr {
    let subscriber = Subscriber::new([2, 0, 0, 0, 0, number], "line");
    let mut relay = relay(server.address(), LINK);
    relay.acquire(&subscriber, Duration::from_secs(5)).unwrap().address
}

/// Replaces a text of the configuration, which must exist.
#[track_caller]
fn replace(server: &Server, old: &str, new: &str) {
    let path = server.folder().join("lessor.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{text}");
    fs::write(&path, text.replacen(old, new, 1)).unwrap();
}

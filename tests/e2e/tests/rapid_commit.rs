//! Rapid commit (RFC 4039): a DISCOVER that is answered with an ACK.

use std::net::Ipv4Addr;

use lessor_e2e::{
    Setup, ShortExchange,
    plain::{PlainMessage, kind},
};
use serde_json::Value;

const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"
    rapid-commit = true

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.1.255"

    [[subnet.pool]]
    name = "slow"
    range = "100.64.2.0-100.64.2.255"
    rapid-commit = false
    by-policy-only = true
"#;

fn rapid(client: u32) -> PlainMessage {
    PlainMessage::new(kind::DISCOVER, client).with(80, &[])
}

#[test]
fn a_discover_gets_an_ack_after_its_lease_is_durable() {
    let mut server = Setup::on_loopback(SUBNETS).start();
    let relay = ShortExchange::new(LINK);
    let ack = relay.ask(&server, rapid(1));
    let address = Ipv4Addr::new(100, 64, 1, 0);
    assert_eq!((ack.kind, ack.your_address), (kind::ACK, address));
    assert_eq!(ack.option(80), Some(Vec::new()));
    assert_eq!(ack.option(51), Some(3600_u32.to_be_bytes().to_vec()));
    let line = server.journal_has("ack-rapid-commit");
    assert_eq!(line.message.as_deref(), Some("DHCPDISCOVER"));
    assert_eq!((line.address, line.lease_time_secs), (Some(address), Some(3600)));
    server.kill();
    server.start_again();
    assert_eq!(server.leases().iter().map(|lease| lease.address).collect::<Vec<_>>(), [address]);
    // The client that asks again has the same lease.
    assert_eq!(relay.ask(&server, rapid(1)).your_address, address);
    assert_eq!(server.leases().len(), 1);
}

#[test]
fn without_option_80_nothing_is_committed() {
    let server = Setup::on_loopback(SUBNETS).start();
    let relay = ShortExchange::new(LINK);
    for message in [
        PlainMessage::new(kind::DISCOVER, 1),
        // Option 80 has no octets (RFC 4039 section 4).
        PlainMessage::new(kind::DISCOVER, 2).with(80, &[1]),
        PlainMessage::new(kind::DISCOVER, 3).with(80, &[0; 255]),
    ] {
        let offer = relay.ask(&server, message);
        assert_eq!((offer.kind, offer.option(80)), (kind::OFFER, None));
    }
    assert!(server.leases().is_empty());
}

#[test]
fn a_policy_can_forbid_it_and_its_limits_hold() {
    let setup = Setup::on_loopback(SUBNETS);
    let script = "fn decide(request, terms) {\n\
                  let device = request.hardware_address;\n\
                  if device.ends_with(\":01\") { terms.remove_option(\"rapid-commit\"); }\n\
                  if device.ends_with(\":02\") { terms.pool = \"slow\"; }\n\
                  if device.ends_with(\":03\") { return refuse(\"unknown\"); }\n\
                  if device.ends_with(\":04\") || device.ends_with(\":05\") {\n\
                  terms.subscriber(\"line\", 1, \"refuse\");\n\
                  }\n\
                  }\n";
    setup.put_script("10-rapid.rhai", script, "");
    let server = setup.start();
    let relay = ShortExchange::new(LINK);
    for client in [1, 2] {
        let offer = relay.ask(&server, rapid(client));
        assert_eq!((offer.kind, offer.option(80)), (kind::OFFER, None), "{client}");
    }
    relay.is_ignored(&server, rapid(3));
    server.journal_has("refused-without-nak");
    assert_eq!(relay.ask(&server, rapid(4)).kind, kind::ACK);
    relay.is_ignored(&server, rapid(5));
    server.journal_has("subscriber-limit");
    assert_eq!(server.leases().len(), 1);
}

#[test]
fn it_is_explained_without_a_lease() {
    let server = Setup::on_loopback(SUBNETS).start();
    let output = server.ask(&[
        "explain",
        "--json",
        "--relay-address",
        "100.64.0.1",
        "--hardware-address",
        "02:00:5e:00:00:01",
        "--option",
        "80=",
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let explanation: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(explanation["reason"], "ack-rapid-commit");
    assert_eq!(explanation["reply"]["kind"], "DHCPACK");
    assert!(server.leases().is_empty());
}

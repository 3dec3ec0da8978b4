//! A third-party load generator, with many clients behind a relay.

use std::net::Ipv4Addr;

use lessor_e2e::{ExchangeReport, Link, Setup, heavy, perfdhcp, require};

const CLIENTS: u32 = 10_000;
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 1);
const RELAY: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 2);
const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "10.7.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "many"
    range = "10.7.1.0-10.7.200.255"
"#;

/// The exchanges per second of each try. On a busy machine, the generator may fail to read its
/// replies, which is not a fault of the server; the test then tries again at a lower rate.
const PER_SEC: [u32; 3] = [1_000, 400, 200];

#[test]
fn ten_thousand_clients_get_a_lease_each_and_no_packet_is_lost() {
    require!(root, ip, perfdhcp);
    let _alone = heavy();
    for per_sec in PER_SEC {
        let link = Link::new();
        let (server_host, relay_host) = (link.host("server"), link.host("relay"));
        server_host.add_address("eth0", "10.7.0.1/16");
        relay_host.add_address("eth0", "10.7.0.2/16");
        let server = Setup::for_relays(SERVER, SUBNETS).start_on(&server_host);
        let (halves, said) = perfdhcp(&relay_host, RELAY, SERVER, CLIENTS, per_sec);

        assert_eq!(server_host.unread_datagrams(), 0, "the server was too slow: {said}");
        if relay_host.unread_datagrams() > 0 && Some(&per_sec) != PER_SEC.last() {
            continue;
        }
        let whole = u64::from(CLIENTS);
        let wanted = ExchangeReport { sent: whole, received: whole, dropped: 0 };
        assert_eq!(halves, [wanted; 2], "{said}");
        assert!(said.contains("non unique addresses: 0"), "{said}");
        let status = server.status();
        assert_eq!(status.count("ack-selecting"), whole, "{:?}", status.reasons);
        assert_eq!(status.pool("many").leased, whole);
        assert_eq!(server.leases().len(), CLIENTS as usize);
        return;
    }
}

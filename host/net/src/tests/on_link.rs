//! Tests clients on the link: a pair of interfaces between two namespaces.

use std::{
    fs,
    io::ErrorKind,
    net::{Ipv4Addr, UdpSocket},
    slice,
    sync::Arc,
    time::{Duration, Instant},
};

use lessor_core::{Arrival, Destination, HardwareAddress};

use super::{
    Datagram, SEND_BUFFER_OCTETS, address, assert_silent, at,
    lab::{ip, next_frame, on_a_link},
    receive_only, relayed, reply,
};
use crate::{Endpoint, Host, NetError, Outgoing, SendFailure, transmit::SEND_PATIENCE_MS};

const CLIENT: [u8; 6] = [0x02, 0x00, 0x5e, 0x00, 0x53, 0x01];
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const EVERYBODY: &str = "255.255.255.255:67";

fn server() -> Endpoint {
    on_link(&Host::read(SEND_BUFFER_OCTETS).unwrap(), "server0").unwrap()
}

/// Opens the endpoint of an interface that exists.
fn on_link(host: &Arc<Host>, name: &str) -> Result<Endpoint, NetError> {
    let links = host.links();
    Endpoint::on_link(host, links.named(name).unwrap())
}

fn link_addresses(arrival: &Arrival) -> Option<&[Ipv4Addr]> {
    arrival.link_addresses.as_deref()
}

fn ask(client: &UdpSocket, endpoint: &mut Endpoint, destination: &str) -> Datagram {
    client.send_to(b"ask", destination).unwrap();
    let datagram = receive_only(endpoint);
    assert_eq!(datagram.payload, b"ask");
    datagram
}

fn hear(client: &UdpSocket) -> (Vec<u8>, String) {
    let mut octets = [0; 2048];
    let (length, from) = client.recv_from(&mut octets).unwrap();
    (octets[..length].to_vec(), from.to_string())
}

fn server_hardware_address() -> [u8; 6] {
    let output = std::process::Command::new("ip")
        .args(["-brief", "link", "show", "dev", "server0"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let written = text.split_whitespace().nth(2).unwrap();
    let address: HardwareAddress = written.parse().unwrap();
    address.octets().try_into().unwrap()
}

fn hardware(address: Ipv4Addr, octets: [u8; 6]) -> Destination {
    let hardware_address = HardwareAddress::ethernet(octets);
    Destination::Hardware { address, hardware_address }
}

#[test]
fn a_client_without_an_address_is_heard() {
    on_a_link(|lab| {
        let mut endpoint = server();
        let datagram = ask(&lab.client(68), &mut endpoint, EVERYBODY);
        assert!(!datagram.not_relayed);
        assert_eq!(datagram.arrival.source, at(Ipv4Addr::UNSPECIFIED, 68));
        assert_eq!(datagram.arrival.server_address, SERVER);
        assert_eq!(link_addresses(&datagram.arrival), Some(&[SERVER][..]));
        assert!(datagram.arrival.own_addresses.contains(SERVER));
        assert!(!datagram.arrival.unicast);
        assert_eq!(datagram.arrival.interface.as_deref(), Some("server0"));
    });
}

#[test]
fn a_client_without_an_address_is_answered_by_hardware_address() {
    on_a_link(|lab| {
        let mut endpoint = server();
        let tap = lab.tap();
        let offer = reply("offer", hardware(address(50), CLIENT), SERVER);
        assert_eq!(endpoint.send(slice::from_ref(&offer)).sent, 1);
        let frame = next_frame(&tap);
        assert_eq!(frame.to, CLIENT);
        assert_eq!(frame.from, server_hardware_address());
        assert_eq!(frame.source, at(SERVER, 67));
        assert_eq!(frame.destination, at(address(50), 68));
        assert_eq!(frame.payload, b"offer");

        // The system sends the same frame once the client has the address.
        lab.give_client(50);
        let client = lab.client(68);
        assert_eq!(endpoint.send(&[offer]).sent, 1);
        assert_eq!(hear(&client), (b"offer".to_vec(), "192.0.2.1:67".to_owned()));
    });
}

#[test]
fn a_broadcast_reply_reaches_a_client_without_an_address() {
    on_a_link(|lab| {
        let mut endpoint = server();
        let (tap, client) = (lab.tap(), lab.client(68));
        assert_eq!(endpoint.send(&[reply("nak", Destination::Broadcast, SERVER)]).sent, 1);
        let frame = next_frame(&tap);
        assert_eq!(frame.to, [0xff; 6]);
        assert_eq!(frame.destination, at(Ipv4Addr::BROADCAST, 68));
        assert_eq!(hear(&client), (b"nak".to_vec(), "192.0.2.1:67".to_owned()));
    });
}

#[test]
fn hardware_addresses_that_are_not_ethernet_are_answered_by_broadcast() {
    on_a_link(|lab| {
        let mut endpoint = server();
        let client = lab.client(68);
        for (kind, octets) in [(1, &[2; 8][..]), (6, &CLIENT), (1, &[]), (32, &[7; 16])] {
            let hardware_address = HardwareAddress::new(kind, octets).unwrap();
            let destination = Destination::Hardware { address: address(50), hardware_address };
            assert_eq!(endpoint.send(&[reply("offer", destination, SERVER)]).sent, 1);
            assert_eq!(hear(&client).0, b"offer", "{hardware_address}");
        }
    });
}

#[test]
fn a_renewal_comes_once_and_is_answered_from_the_address_it_was_sent_to() {
    on_a_link(|lab| {
        lab.give_client(50);
        // The server uses a second address of the interface, and not the one that the system would
        // choose.
        ip("address add 192.0.2.2/24 dev server0");
        let mut endpoint = server();
        let client = lab.client(68);
        let arrival = ask(&client, &mut endpoint, "192.0.2.2:67").arrival;
        assert!(arrival.unicast);
        assert_eq!(arrival.source, at(address(50), 68));
        assert_eq!(arrival.server_address, address(2));
        assert_eq!(link_addresses(&arrival), Some(&[SERVER, address(2)][..]));
        let ack = reply("ack", Destination::Client(arrival.source), arrival.server_address);
        assert_eq!(endpoint.send(&[ack]).sent, 1);
        assert_eq!(hear(&client), (b"ack".to_vec(), "192.0.2.2:67".to_owned()));
    });
}

#[test]
fn a_directed_broadcast_is_a_broadcast() {
    on_a_link(|lab| {
        lab.give_client(50);
        let arrival = ask(&lab.client(68), &mut server(), "192.0.2.255:67").arrival;
        assert!(!arrival.unicast);
        assert_eq!(arrival.server_address, SERVER);
        assert_eq!(link_addresses(&arrival), Some(&[SERVER][..]));
    });
}

#[test]
fn relayed_endpoints_take_their_own_address_and_leave_the_link_alone() {
    on_a_link(|lab| {
        lab.give_client(50);
        let client = lab.client(68);
        let mut everywhere = relayed(at(Ipv4Addr::UNSPECIFIED, 67)).unwrap();
        let mut link = server();
        ask(&client, &mut link, "192.0.2.1:67");
        assert_silent(&mut everywhere);

        let mut exact = relayed(at(SERVER, 67)).unwrap();
        ask(&client, &mut exact, "192.0.2.1:67");
        assert_silent(&mut link);
        assert_silent(&mut everywhere);

        client.send_to(b"ask", EVERYBODY).unwrap();
        assert!(!receive_only(&mut link).not_relayed);
        assert!(receive_only(&mut everywhere).not_relayed);
        assert_silent(&mut exact);
    });
}

#[test]
fn a_roaming_client_is_on_the_link_whatever_its_source_address() {
    on_a_link(|lab| {
        // The server's routes to the client's old address lead elsewhere.
        ip("link add uplink0 type veth peer name uplink1");
        ip("address add 198.51.100.1/24 dev uplink0");
        ip("link set uplink0 up");
        ip("link set uplink1 up");
        ip("route add default via 198.51.100.2");
        for interface in ["all", "server0"] {
            fs::write(format!("/proc/sys/net/ipv4/conf/{interface}/rp_filter"), "0").unwrap();
        }
        lab.in_client(|| ip("address add 203.0.113.7/24 dev client0"));
        let arrival = ask(&lab.client(68), &mut server(), EVERYBODY).arrival;
        assert_eq!(arrival.source, at(Ipv4Addr::new(203, 0, 113, 7), 68));
        assert_eq!(arrival.server_address, SERVER);
        assert_eq!(link_addresses(&arrival), Some(&[SERVER][..]));
    });
}

#[test]
fn what_is_sent_to_another_interfaces_address_is_judged_by_the_link_all_the_same() {
    on_a_link(|lab| {
        ip("address add 198.51.100.1/32 dev lo");
        lab.give_client(50);
        lab.in_client(|| ip("route add 198.51.100.1 via 192.0.2.1"));
        let arrival = ask(&lab.client(68), &mut server(), "198.51.100.1:67").arrival;
        assert!(arrival.unicast);
        assert_eq!(arrival.server_address, Ipv4Addr::new(198, 51, 100, 1));
        assert_eq!(link_addresses(&arrival), Some(&[SERVER][..]));
    });
}

#[test]
fn an_interface_without_an_address_borrows_none_to_judge_its_clients_by() {
    on_a_link(|lab| {
        ip("address del 192.0.2.1/24 dev server0");
        ip("address add 198.51.100.1/32 dev lo");
        let arrival = ask(&lab.client(68), &mut server(), EVERYBODY).arrival;
        assert_eq!(arrival.server_address, Ipv4Addr::new(198, 51, 100, 1));
        assert_eq!(link_addresses(&arrival), Some(&[][..]));
        assert!(arrival.own_addresses.contains(Ipv4Addr::new(198, 51, 100, 1)));
    });
}

#[test]
fn addresses_may_change_while_the_server_runs() {
    on_a_link(|lab| {
        let host = Host::read(SEND_BUFFER_OCTETS).unwrap();
        let mut endpoint = on_link(&host, "server0").unwrap();
        ip("address del 192.0.2.1/24 dev server0");
        ip("address add 203.0.113.1/24 dev server0");
        ip("link set server0 address 02:00:5e:00:53:99");
        host.refresh().unwrap();
        let arrival = ask(&lab.client(68), &mut endpoint, EVERYBODY).arrival;
        let new = Ipv4Addr::new(203, 0, 113, 1);
        assert_eq!(arrival.server_address, new);
        assert_eq!(link_addresses(&arrival), Some(&[new][..]));
        let tap = lab.tap();
        assert_eq!(endpoint.send(&[reply("offer", Destination::Broadcast, new)]).sent, 1);
        assert_eq!(next_frame(&tap).from, [0x02, 0x00, 0x5e, 0x00, 0x53, 0x99]);
    });
}

#[test]
fn many_replies_of_all_kinds_go_out_in_one_call() {
    on_a_link(|lab| {
        lab.give_client(50);
        lab.introduce_client(50);
        let mut endpoint = server();
        let tap = lab.tap();
        // Another port than 68 keeps these datagrams apart from the frames on the tap.
        let client = lab.client(6868);
        let mut replies: Vec<_> = (0..300)
            .map(|number| {
                let destination = match number % 3 {
                    0 => hardware(address(60), CLIENT),
                    1 => Destination::Broadcast,
                    _ => Destination::Client(at(address(50), 6868)),
                };
                reply(&format!("{number:03}"), destination, SERVER)
            })
            .collect();
        replies[60].packet = vec![0; 1600]; // longer than a frame
        replies[61].packet = vec![0; 66_000]; // longer than a datagram
        let report = endpoint.send(&replies);
        assert_eq!(report.sent, 298);
        let mut failed = report.failed;
        failed.sort_by_key(|unsent| unsent.position);
        assert_eq!(failed.iter().map(|unsent| unsent.position).collect::<Vec<_>>(), [60, 61]);
        for unsent in &failed {
            assert_eq!(unsent.failure.errno(), Some(nix::libc::EMSGSIZE));
        }

        let framed = (0..198).map(|_| next_frame(&tap).payload);
        let routed = (0..100).map(|_| hear(&client).0);
        let mut heard: Vec<_> = framed.chain(routed).collect();
        heard.sort();
        let mut sent: Vec<_> = replies.into_iter().map(|reply| reply.packet).collect();
        sent.drain(60..62);
        assert_eq!(heard, sent);
    });
}

#[test]
fn replies_to_neighbours_that_do_not_answer_fail_at_once_and_cost_others_nothing() {
    on_a_link(|lab| {
        lab.give_client(50);
        let mut endpoint = server();
        let client = lab.client(68);
        let dead = |number: usize| Outgoing {
            packet: vec![0; 300],
            destination: Destination::Client(at(address(60 + (number % 150) as u8), 68)),
            server_address: SERVER,
        };
        let mut replies: Vec<_> = (0..12_000).map(dead).collect();
        replies.push(reply("ack", Destination::Client(at(address(50), 68)), SERVER));
        let started = Instant::now();
        let report = endpoint.send(&replies);
        assert!(started.elapsed() < Duration::from_millis(SEND_PATIENCE_MS + 1000));
        assert_eq!(report.sent, 150 * 2 + 1);
        assert_eq!(report.sent + report.failed.len(), replies.len());
        for unsent in report.failed {
            let SendFailure::Unreachable(why) = unsent.failure else { panic!("{unsent:?}") };
            assert!(why.to_string().contains("does not answer ARP"), "{why}");
        }
        // That client was not known to answer either.
        assert_eq!(hear(&client).0, b"ack");
    });
}

#[test]
fn an_interface_that_is_down_fails_what_goes_by_hardware_address() {
    on_a_link(|lab| {
        let mut endpoint = server();
        ip("link set server0 down");
        let offer = || reply("offer", hardware(address(50), CLIENT), SERVER);
        let report = endpoint.send(&[offer(), offer()]);
        assert_eq!(report.sent, 0);
        assert_eq!(report.failed.len(), 2);
        assert_eq!(report.failed[0].failure.kind(), Some(ErrorKind::NetworkDown));
        ip("link set server0 up");
        lab.wait_until_joined();
        let tap = lab.tap();
        assert_eq!(endpoint.send(&[offer()]).sent, 1);
        assert_eq!(next_frame(&tap).payload, b"offer");
    });
}

#[test]
fn an_interface_that_is_gone_stays_gone() {
    on_a_link(|_| {
        let mut endpoint = server();
        ip("link del server0");
        ip("link add server0 type veth peer name other0");
        ip("address add 192.0.2.1/24 dev server0");
        ip("link set server0 up");
        let renewed = Destination::Client(at(address(50), 68));
        let replies =
            [reply("offer", Destination::Broadcast, SERVER), reply("ack", renewed, SERVER)];
        let report = endpoint.send(&replies);
        let mut errors: Vec<_> =
            report.failed.iter().map(|unsent| unsent.failure.errno()).collect();
        errors.sort();
        assert_eq!(errors, [Some(nix::libc::ENXIO), Some(nix::libc::ENODEV)]);
        assert_silent(&mut endpoint);
        drop(endpoint);
        server();
    });
}

#[test]
fn several_interfaces_are_kept_apart() {
    on_a_link(|lab| {
        ip("link add other0 type veth peer name other1");
        ip("address add 198.51.100.1/24 dev other0");
        ip("link set other0 up");
        ip("link set other1 up");
        let mut other = on_link(&Host::read(SEND_BUFFER_OCTETS).unwrap(), "other0").unwrap();
        let mut link = server();
        ask(&lab.client(68), &mut link, EVERYBODY);
        assert_silent(&mut other);
    });
}

#[test]
fn an_interface_without_frames_is_refused() {
    on_a_link(|_| {
        ip("tuntap add dev tunnel0 mode tun");
        let text =
            on_link(&Host::read(SEND_BUFFER_OCTETS).unwrap(), "tunnel0").unwrap_err().to_string();
        assert!(text.contains("interface tunnel0 is not Ethernet"), "{text}");
    });
}

#[test]
fn a_long_list_of_interfaces_is_cut() {
    on_a_link(|_| {
        for number in 0..6 {
            ip(&format!("link add a{number} type veth peer name b{number}"));
        }
        let text = Host::read(SEND_BUFFER_OCTETS).unwrap().links().names();
        assert!(text.contains("lo, ") && text.ends_with(" and 2 more"), "{text}");
    });
}

#[test]
fn another_server_on_the_link_is_noticed() {
    on_a_link(|_| {
        let _other = UdpSocket::bind("0.0.0.0:67").unwrap();
        let text =
            on_link(&Host::read(SEND_BUFFER_OCTETS).unwrap(), "server0").unwrap_err().to_string();
        assert!(text.contains("another DHCP server may be running"), "{text}");
    });
}

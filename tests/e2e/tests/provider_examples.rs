//! `examples/cable-network.toml` and `examples/iptv-and-phones.toml`, with the messages that such
//! devices send and what arrives at them.

use std::net::{Ipv4Addr, SocketAddrV4};

use lessor_e2e::{
    Host, JournalLine, LeaseState, Link, Server, Setup,
    plain::{Plain, PlainMessage, PlainReply, kind},
    require, wait,
};

const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The server of an example, and a host with the addresses of its relays.
struct Lab {
    server: Server,
    relay: Plain,
    _hosts: [Host; 2],
    _link: Link,
}

impl Lab {
    fn of(example: &str, relays: &[Ipv4Addr]) -> Self {
        let link = Link::new();
        let server_host = link.host("server");
        server_host.add_address("eth0", "192.0.2.1/24");
        let relay_host = link.host("relay");
        relay_host.add_address("eth0", "192.0.2.254/24");
        for relay in relays {
            relay_host.add_address("eth0", &format!("{relay}/32"));
        }
        server_host.add_route("default", "192.0.2.254");
        let server = Setup::of_example(example).start_on(&server_host);
        let relay = Plain::on(&relay_host, "eth0", 67);
        Self { server, relay, _hosts: [server_host, relay_host], _link: link }
    }

    fn ask(&self, message: &PlainMessage) -> Option<PlainReply> {
        self.relay.ask(message, SocketAddrV4::new(SERVER, 67), wait::SOON)
    }

    /// Gets a lease with these options in both messages, and returns the ACK.
    #[track_caller]
    fn acquire(&self, device: &Device) -> PlainReply {
        let offer = self.ask(&device.message(kind::DISCOVER)).expect("an offer");
        assert_eq!(offer.kind, kind::OFFER);
        let request = device
            .message(kind::REQUEST)
            .with(50, &offer.your_address.octets())
            .with(54, &offer.server_identifier.expect("option 54").octets());
        let ack = self.ask(&request).expect("an ACK");
        assert_eq!((ack.kind, ack.your_address), (kind::ACK, offer.your_address));
        ack
    }

    /// The classes of the client that got this lease, as the journal has them.
    #[track_caller]
    fn classes(&self, ack: &PlainReply) -> Vec<String> {
        let is_it = |line: &JournalLine| {
            line.reason == "ack-selecting" && line.address == Some(ack.your_address)
        };
        self.server.journal_says("the ACK", is_it).classes
    }
}

/// A device: its number, the relay in front of it, and its options.
struct Device<'d> {
    number: u32,
    relay: Ipv4Addr,
    options: &'d [(u8, &'d [u8])],
}

impl Device<'_> {
    fn message(&self, kind: u8) -> PlainMessage {
        let message = PlainMessage::new(kind, self.number).relayed(self.relay);
        self.options.iter().fold(message, |message, (code, octets)| message.with(*code, octets))
    }
}

#[track_caller]
fn has(reply: &PlainReply, code: u8, octets: &[u8]) {
    let found = reply.option(code);
    assert_eq!(found.as_deref(), Some(octets), "option {code} of {:?}", reply.options());
}

#[test]
fn the_cable_network_serves_modems_and_what_is_behind_them() {
    require!(root, ip);
    const RELAY: Ipv4Addr = Ipv4Addr::new(10, 8, 0, 1);
    let lab = Lab::of("cable-network", &[RELAY]);
    let device = |number, options| Device { number, relay: RELAY, options };

    // A modem asks for hardly anything, and gets what it needs.
    let modem: &[(u8, &[u8])] = &[(60, b"docsis3.1:0523"), (55, &[1, 3, 51])];
    let ack = lab.acquire(&device(1, modem));
    assert_eq!(ack.your_address, Ipv4Addr::new(10, 8, 16, 0));
    assert_eq!(ack.boot_file(), "modems/basic.cm");
    assert_eq!(ack.next_server(), Ipv4Addr::new(10, 8, 0, 10));
    has(&ack, 4, &[10, 8, 0, 10]);
    has(&ack, 2, &3600_u32.to_be_bytes());
    has(&ack, 7, &[10, 8, 0, 11]);
    has(&ack, 3, &[10, 8, 0, 1]);
    has(&ack, 51, &(7 * 86_400_u32).to_be_bytes());
    has(&ack, 122, &[1, 4, 192, 0, 2, 1, 2, 4, 192, 0, 2, 2]);
    assert_eq!(lab.classes(&ack), ["modems"]);

    // The modem of a customer with a faster line: 02:00:5e:00:53:77.
    let gold = lab.acquire(&device(0x5377, modem));
    assert_eq!(gold.your_address, Ipv4Addr::new(10, 8, 1, 77));
    assert_eq!(gold.boot_file(), "modems/gold.cm");
    assert_eq!(gold.next_server(), Ipv4Addr::new(10, 8, 0, 10));

    // The telephone adapter behind a modem: option 122 as the modem vendors' tools write it.
    let behind_modem: &[u8] = b"\x02\x06\x02\x00\x5e\x00\x00\x01";
    let adapter: &[(u8, &[u8])] =
        &[(60, b"pktc1.0:0532"), (55, &[1, 3, 6, 122]), (82, behind_modem)];
    let ack = lab.acquire(&device(2, adapter));
    assert_eq!(ack.your_address.octets()[..3], [10, 8, 64]);
    assert_eq!(ack.boot_file(), "phones/adapter.bin");
    let mut expected = b"\x03\x15\x00\x04prov\x05cable\x07example\x00".to_vec();
    expected.extend([4, 12, 0, 0, 1, 0xf4, 0, 0, 0x0f, 0xa0, 0, 0, 0, 3]);
    expected.extend(b"\x06\x09\x05BASIC\x011\x00\x08\x01\x0a");
    has(&ack, 122, &expected);
    has(&ack, 6, &[10, 8, 0, 53]);

    // A set-top box says what it is in option 43, and gets an answer there.
    let set_top: &[(u8, &[u8])] =
        &[(60, b"OpenCable2.0"), (43, b"\x02\x04ESTB\x04\x03abc"), (82, behind_modem)];
    let ack = lab.acquire(&device(3, set_top));
    assert_eq!(ack.your_address.octets()[..3], [10, 8, 96]);
    has(&ack, 43, b"\x33\x1chttps://guide.cable.example/");
    assert_eq!(lab.classes(&ack), ["set-top-boxes", "behind-modems"]);

    // Two of the customer's computers; the third takes the place of the first. The set-top box and
    // the adapter count as well: they are behind the same modem.
    let other_modem: &[(u8, &[u8])] = &[(82, b"\x02\x06\x02\x00\x5e\x00\x00\x02")];
    let computers = [4, 5, 6].map(|number| lab.acquire(&device(number, other_modem)));
    for ack in &computers {
        assert_eq!(ack.your_address.octets()[..3], [198, 51, 100]);
        has(ack, 3, &[198, 51, 100, 1]);
        assert_eq!(ack.boot_file(), "");
        assert_eq!(ack.option(122), None);
    }
    let leased = lab.server.leases().into_iter();
    let leased = leased.filter(|lease| lease.address.octets()[0] == 198);
    let leased: Vec<_> = leased.filter(|lease| lease.state == LeaseState::Leased).collect();
    assert_eq!(leased.len(), 2, "{leased:?}");
    assert!(leased.iter().all(|lease| lease.address != computers[0].your_address), "{leased:?}");
}

#[test]
fn boxes_and_phones_get_the_settings_of_their_makers() {
    require!(root, ip);
    const OFFICE: Ipv4Addr = Ipv4Addr::new(10, 40, 0, 1);
    const VOICE: Ipv4Addr = Ipv4Addr::new(10, 50, 0, 1);
    let lab = Lab::of("iptv-and-phones", &[OFFICE, VOICE]);

    let options: &[(u8, &[u8])] = &[(60, b"ViewBox 7"), (55, &[1, 3, 6])];
    let ack = lab.acquire(&Device { number: 1, relay: OFFICE, options });
    assert_eq!(ack.your_address, Ipv4Addr::new(10, 40, 3, 0));
    let mut expected = b"\x01\x1fhttps://tv.example.net/channels".to_vec();
    expected.extend([2, 4, 0, 0, 0x0e, 0x10, 3, 4, 0, 40, 0, 41]);
    has(&ack, 43, &expected);
    has(&ack, 42, &[192, 0, 2, 123]);

    // A phone starts among the computers and learns its VLAN, in each of the three ways.
    let options: &[(u8, &[u8])] = &[(60, b"DeskPhone 450"), (55, &[1, 3, 6])];
    let ack = lab.acquire(&Device { number: 2, relay: OFFICE, options });
    assert_eq!(ack.your_address.octets()[..2], [10, 40]);
    has(&ack, 132, b"50");
    has(&ack, 133, &[5]);
    has(&ack, 43, &[2, 2, 0, 50]);
    has(&ack, 125, &[0, 0, 0x7e, 0xd9, 4, 2, 2, 0, 50]);
    has(&ack, 51, &120_u32.to_be_bytes());
    assert_eq!(ack.boot_file(), "");
    assert_eq!(lab.classes(&ack), ["phones-without-vlan"]);

    // In its VLAN it gets its settings, and no VLAN any more.
    let ack = lab.acquire(&Device { number: 2, relay: VOICE, options });
    assert_eq!(ack.your_address, Ipv4Addr::new(10, 50, 0, 10));
    assert_eq!(ack.boot_file(), "phones/settings.cfg");
    assert_eq!(ack.next_server(), Ipv4Addr::new(192, 0, 2, 69));
    has(&ack, 150, &[192, 0, 2, 69, 192, 0, 2, 70]);
    let url = b"https://phones.example.net/";
    let part = [&[1, url.len() as u8][..], url].concat();
    has(&ack, 125, &[&[0, 0, 0x7e, 0xd9, part.len() as u8][..], &part].concat());
    assert_eq!([132, 133, 43].map(|code| ack.option(code)), [None, None, None]);
    assert_eq!(lab.classes(&ack), ["phones"]);

    // A phone of the other maker has no names in option 43: it gets the options that have a number.
    let wall: &[(u8, &[u8])] = &[(60, b"WallPhone"), (55, &[1, 3, 6])];
    let ack = lab.acquire(&Device { number: 3, relay: OFFICE, options: wall });
    has(&ack, 132, b"50");
    assert_eq!([43, 125].map(|code| ack.option(code)), [None, None]);

    // A computer gets none of all that, and no address among the phones.
    let computer: &[(u8, &[u8])] = &[(60, b"MSFT 5.0"), (55, &[1, 3, 6, 43, 125, 132, 150])];
    let ack = lab.acquire(&Device { number: 4, relay: OFFICE, options: computer });
    assert_eq!(ack.your_address.octets()[..3], [10, 40, 1]);
    assert_eq!([43, 125, 132, 150].map(|code| ack.option(code)), [None, None, None, None]);
    let astray = Device { number: 4, relay: VOICE, options: computer };
    lab.relay.send(&astray.message(kind::DISCOVER), SocketAddrV4::new(SERVER, 67));
    lab.server.journal_has("no-free-address");
}

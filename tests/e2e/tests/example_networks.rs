//! `examples/hotel.toml` and `examples/pxe.toml`, with the messages that their devices send and
//! what arrives at them.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::Path,
};

use lessor_e2e::{
    Link, Setup,
    plain::{Plain, PlainMessage, PlainReply, kind},
    require, wait,
};

/// Options that a client sends, by code.
type Sent<'o> = &'o [(u8, &'o [u8])];

const EVERYBODY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);

#[track_caller]
fn has(reply: &PlainReply, code: u8, octets: &[u8]) {
    let found = reply.option(code);
    assert_eq!(found.as_deref(), Some(octets), "option {code} of {:?}", reply.options());
}

/// The message of a device behind a relay, with these options.
fn relayed(kind: u8, number: u32, relay: Ipv4Addr, options: Sent<'_>) -> PlainMessage {
    let message = PlainMessage::new(kind, number).relayed(relay);
    options.iter().fold(message, |message, (code, octets)| message.with(*code, octets))
}

/// The REQUEST that accepts an offer of the device.
fn accepting(message: PlainMessage, offer: &PlainReply) -> PlainMessage {
    let server = offer.server_identifier.expect("option 54");
    message.with(50, &offer.your_address.octets()).with(54, &server.octets())
}

#[test]
fn the_hotel_serves_its_rooms_its_halls_and_its_office() {
    require!(root, ip);
    const RELAY: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 1);
    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 2);
    let (rooms, office) = (Link::new(), Link::new());
    let server_host = rooms.host("server");
    server_host.add_address("eth0", "10.20.0.2/20");
    office.attach(&server_host, "office0");
    server_host.add_address("office0", "10.30.0.1/24");
    let switch = rooms.host("switch");
    switch.add_address("eth0", "10.20.0.1/20");
    let computers = office.host("computers");
    let setup = Setup::of_example("hotel");
    let sources = setup.folder().join("sources");
    fs::create_dir_all(&sources).unwrap();
    let list = "../../examples/sources/hotel-devices.txt";
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join(list);
    fs::copy(list, sources.join("hotel-devices.txt")).unwrap();
    let server = setup.start_on(&server_host);
    let relay = Plain::on(&switch, "eth0", 67);
    let acquire = |number, options: Sent<'_>| {
        let to = SocketAddrV4::new(SERVER, 67);
        let discover = relayed(kind::DISCOVER, number, RELAY, options);
        let offer = relay.ask(&discover, to, wait::SOON).expect("an offer");
        let request = accepting(relayed(kind::REQUEST, number, RELAY, options), &offer);
        let ack = relay.ask(&request, to, wait::SOON).expect("an ACK");
        assert_eq!((ack.kind, ack.your_address), (kind::ACK, offer.your_address));
        ack
    };

    // A television set in a room gets its channels although it does not ask for them.
    let room: (u8, &[u8]) = (82, b"\x01\x08room/312");
    let ack = acquire(1, &[(60, b"HotelTV 55"), (55, &[1, 3]), room]);
    assert_eq!(ack.your_address.octets()[..3], [10, 20, 13]);
    has(&ack, 43, b"\x01\x18https://tv.hotel.example");
    has(&ack, 51, &86_400_u32.to_be_bytes());

    // A door lock in the corridor, 02:00:5e:00:53:01, does not get a router; a guest with the same
    // address in a room is a guest.
    let ask: (u8, &[u8]) = (55, &[1, 3, 15]);
    let ack = acquire(0x5301, &[ask, (82, b"\x01\x0acorridor/3")]);
    assert_eq!(ack.your_address.octets()[..3], [10, 20, 14]);
    assert_eq!(ack.option(3), None);
    let ack = acquire(2, &[ask, room]);
    assert_eq!(ack.your_address.octets()[..3], [10, 20, 1]);
    has(&ack, 3, &[10, 20, 0, 1]);
    has(&ack, 15, b"hotel.example");
    let ack = acquire(3, &[ask, (82, b"\x01\x06hall/1")]);
    assert_eq!(ack.your_address.octets()[..3], [10, 20, 10]);
    has(&ack, 15, b"conference.hotel.example");
    has(&ack, 51, &1_800_u32.to_be_bytes());

    // Only a computer in the office installs itself; in a room the same one gets no boot file.
    let installing: Sent<'_> = &[(93, &[0, 7]), (55, &[1, 3, 67])];
    let client = Plain::on(&computers, "eth0", 68);
    let discover = installing
        .iter()
        .fold(PlainMessage::new(kind::DISCOVER, 4), |it, (code, octets)| it.with(*code, octets));
    let offer = client.ask(&discover, EVERYBODY, wait::SOON).expect("an offer");
    assert_eq!(offer.your_address.octets()[..3], [10, 30, 0]);
    assert_eq!(offer.boot_file(), "ipxe.efi");
    assert_eq!(offer.next_server(), Ipv4Addr::new(10, 30, 0, 10));
    let ack = acquire(5, &[(93, &[0, 7]), (55, &[1, 3, 67]), room]);
    assert_eq!((ack.boot_file(), ack.next_server()), (String::new(), Ipv4Addr::UNSPECIFIED));
    drop(server);
}

#[test]
fn each_architecture_boots_its_own_file() {
    require!(root, ip);
    const RELAY: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
    let link = Link::new();
    let server_host = link.host("server");
    server_host.add_address("eth0", "192.0.2.1/24");
    let relay_host = link.host("relay");
    relay_host.add_address("eth0", "192.0.2.254/24");
    relay_host.add_address("eth0", "198.51.100.1/32");
    server_host.add_route("default", "192.0.2.254");
    let server = Setup::of_example("pxe").start_on(&server_host);
    let relay = Plain::on(&relay_host, "eth0", 67);
    let offer = |number, options: Sent<'_>| {
        let to = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 67);
        let discover = relayed(kind::DISCOVER, number, RELAY, options);
        relay.ask(&discover, to, wait::SOON).expect("an offer")
    };
    let menu = "http://192.0.2.10/menu.ipxe";
    let by_http = "http://192.0.2.10/ipxe.efi";
    let cases: [(Sent<'_>, &str); 6] = [
        (&[(93, &[0, 0])], "undionly.kpxe"),
        (&[(93, &[0, 7])], "ipxe.efi"),
        (&[(93, &[0, 11])], "ipxe-arm64.efi"),
        (&[(93, &[0, 7]), (77, b"iPXE")], menu),
        (&[(93, &[0, 16]), (60, b"HTTPClient:Arch:00016")], by_http),
        (&[], "undionly.kpxe"),
    ];
    for (number, (options, file)) in (1..).zip(cases) {
        let reply = offer(number, options);
        assert_eq!(reply.boot_file(), file, "{options:?}");
        assert_eq!(reply.next_server(), Ipv4Addr::new(192, 0, 2, 10), "{options:?}");
        assert_eq!(reply.server_name(), "boot.example.net");
        let class = reply.option(60);
        assert_eq!(class.as_deref(), (file == by_http).then_some(&b"HTTPClient"[..]));
    }
    // The machine that is being installed: 02:00:5e:00:53:01.
    let installed: [Sent<'_>; 2] = [&[(93, &[0, 7])], &[(93, &[0, 7]), (77, b"iPXE")]];
    for options in installed {
        let reply = offer(0x5301, options);
        assert_eq!(reply.your_address, Ipv4Addr::new(198, 51, 100, 9));
        assert_eq!(reply.boot_file(), "http://192.0.2.10/install.ipxe");
    }
    drop(server);
}

//! The cases: the messages to a server, and the parts of its answers that matter.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    thread,
    time::Duration,
};

use crate::subject::{
    Addition, Answer, GIADDR, Kind, ON_LINK, POOL_SIZE, Packet, RELAY, RESERVED_FOR, Service, Site,
    TO_RELAY, Type, device,
};

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct ComparedCase {
    /// A unique description of the case.
    pub name: &'static str,
    /// The addresses that the server has on the link of the clients.
    on_link: &'static [&'static str],
    /// Lines that only this server has in each subnet.
    lessor: &'static str,
    play: fn(&Site) -> String,
}

const USUAL: &[&str] = &["10.77.0.1/24"];
/// An address on the link that no client uses and that is not in a pool.
const UNUSED: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 150);
/// The code of the subnet mask.
const MASK: u8 = 1;
/// Within this time, a server is expected to notice what has become of its interfaces.
const NOTICED_WITHIN: Duration = Duration::from_secs(5);

impl ComparedCase {
    /// Starts a server, runs the case with it, and returns the outcome.
    pub(super) fn play(&self, kind: Kind) -> String {
        let site = Site::new(self.on_link);
        let subnets = if kind == Kind::Lessor { self.lessor } else { "" };
        let additions = vec![Addition { subnets, ..Addition::default() }];
        let started = kind.start(&site, &Service { additions, ..Service::default() });
        let Some(_running) = started else { return "does not start".to_owned() };
        (self.play)(&site)
    }
}

/// Returns every case, in the order of the table.
pub fn cases() -> Vec<ComparedCase> {
    let case = |name, play| ComparedCase { name, on_link: USUAL, lessor: "", play };
    vec![
        case("DISCOVER on the link, ciaddr set", |site| {
            site.broadcast(&discover(1).from_address(UNUSED)).to_string()
        }),
        case("REQUEST, SELECTING, ciaddr set beside options 50 and 54", |site| {
            let offered = site.broadcast(&discover(1));
            site.broadcast(&selecting(1, &offered).from_address(UNUSED)).to_string()
        }),
        case("REQUEST, SELECTING, ciaddr and option 54 but no option 50", |site| {
            site.broadcast(&discover(1));
            let request = request(1).address_option(54, ON_LINK).from_address(UNUSED);
            site.broadcast(&request).to_string()
        }),
        case("REQUEST, INIT-REBOOT, ciaddr set beside option 50, own lease", |site| {
            let address = acquire_on_link(site, 1);
            let request = request(1).address_option(50, address).from_address(UNUSED);
            site.broadcast(&request).to_string()
        }),
        case(
            "unicast renewal from behind a relay, of an address that another client has",
            |site| {
                acquire_by_relay(site, 1);
                let other = acquire_by_relay(site, 2);
                site.unicast(&request(1).from_address(other)).to_string()
            },
        ),
        case("unicast renewal from behind a relay, own lease", |site| {
            let address = acquire_by_relay(site, 1);
            site.unicast(&request(1).from_address(address)).to_string()
        }),
        case("relayed DISCOVER, giaddr 224.0.0.9, link selection", |site| {
            let relay = Ipv4Addr::new(224, 0, 0, 9);
            let selection = [&[5, 4][..], &GIADDR.octets()].concat();
            site.relay(&discover(1).relayed_by(relay).option(82, &selection)).to_string()
        }),
        case("relayed DISCOVER whose answer is longer than the MTU", |site| {
            site.link_to_relay_carries(544);
            thread::sleep(NOTICED_WITHIN);
            // The line's name is as long as an option can be.
            site.relay(&relayed(discover(1)).on_line(&"l".repeat(253))).to_string()
        }),
        case("INFORM on the link without ciaddr", |site| {
            site.broadcast(&Packet::new(Type::Inform, device(1))).to_string()
        }),
        ComparedCase {
            name: "DISCOVER on an interface without an IPv4 address",
            on_link: &[],
            lessor: "",
            play: |site| with_address(&site.broadcast(&discover(1))),
        },
        ComparedCase {
            name: "DISCOVER on an interface whose second address has the subnet",
            on_link: &["10.99.0.1/24", "10.77.0.1/24"],
            lessor: "",
            play: |site| with_address(&site.broadcast(&discover(1))),
        },
        case("DISCOVER after the server's interface was deleted and made again", |site| {
            site.server_gets_its_interface_again("10.77.0.1/24");
            thread::sleep(NOTICED_WITHIN);
            site.broadcast(&discover(1)).to_string()
        }),
        case("REQUEST, SELECTING, option 54 names another address of the server", |site| {
            let offered = site.broadcast(&discover(1));
            let address = offered.your_address().unwrap_or(UNUSED);
            let request = request(1).address_option(50, address).address_option(54, TO_RELAY);
            site.broadcast(&request).to_string()
        }),
        case("REQUEST, INIT-REBOOT, own lease, option 54 is 0.0.0.0", |site| {
            let address = acquire_on_link(site, 1);
            let request = request(1).address_option(50, address);
            site.broadcast(&request.address_option(54, Ipv4Addr::UNSPECIFIED)).to_string()
        }),
        ComparedCase {
            name: "DISCOVER that asks for the server's own address, which the pool contains",
            on_link: &["10.77.0.1/24", "10.77.0.12/24"],
            lessor: "",
            play: |site| {
                let own = Ipv4Addr::new(10, 77, 0, 12);
                let answer = site.broadcast(&discover(1).address_option(50, own));
                match answer.your_address() {
                    Some(address) if address == own => format!("{} of it", answer.kind()),
                    Some(_) => format!("{} of another address", answer.kind()),
                    None => answer.to_string(),
                }
            },
        },
        case("relayed DISCOVER, hlen 0, no option 61", |site| {
            site.relay(&relayed(discover(1)).without_hardware_address()).to_string()
        }),
        case("RELEASE over another line, pool full; another client asks", |site| {
            let held = fill_by_relay(site);
            site.relay(&relayed(held.release()).on_line("line-9"));
            ask_over_line_9(site).to_string()
        }),
        case("RELEASE from ciaddr without option 82, pool full; another client asks", |site| {
            let held = fill_by_relay(site);
            site.tell_directly(&held.release());
            ask_over_line_9(site).to_string()
        }),
        case("RELEASE from elsewhere without option 82, pool full; another client asks", |site| {
            let held = fill_by_relay(site);
            site.relay_from(STRANGER, &held.release());
            ask_over_line_9(site).to_string()
        }),
        case("DECLINE over another line; the client of the lease renews", |site| {
            let held = acquire_over_line(site, 1);
            site.relay(&relayed(held.decline()).on_line("line-9"));
            site.unicast(&request(1).from_address(held.address)).to_string()
        }),
        case("DECLINE from elsewhere without option 82; the client of the lease renews", |site| {
            let held = acquire_over_line(site, 1);
            site.relay_from(STRANGER, &held.decline().from_address(held.address));
            site.unicast(&request(1).from_address(held.address)).to_string()
        }),
        case("one client declines 20 addresses of a pool of 8; another one asks", |site| {
            for _ in 0..20 {
                let offered = site.broadcast(&discover(1));
                if offered.your_address().is_none() {
                    break;
                }
                let acknowledged = site.broadcast(&selecting(1, &offered));
                if let Some(address) = acknowledged.your_address() {
                    let decline = Packet::without_parameters(Type::Decline, device(1));
                    let decline = decline.address_option(50, address).address_option(54, ON_LINK);
                    site.tell(&decline);
                }
            }
            site.broadcast(&discover(2)).to_string()
        }),
        case("20 devices of one line ask for offers of a pool of 8; another line asks", |site| {
            for number in 0..20 {
                let offered = site.relay(&relayed(discover(100 + number)).on_line("line-1"));
                if offered.reply().is_none() && usize::from(number) >= POOL_SIZE {
                    break;
                }
            }
            site.relay(&relayed(discover(1)).on_line("line-2")).to_string()
        }),
        case("DISCOVER after the client declined its reserved address", |site| {
            let reserved = |kind| Packet::new(kind, RESERVED_FOR);
            let offered = site.broadcast(&reserved(Type::Discover));
            let address = offered.your_address().unwrap_or(UNUSED);
            let named =
                |kind| reserved(kind).address_option(50, address).address_option(54, ON_LINK);
            site.broadcast(&named(Type::Request));
            site.tell(&named(Type::Decline));
            let answer = site.broadcast(&reserved(Type::Discover));
            match answer.your_address() {
                Some(again) if again == address => format!("{} of the same address", answer.kind()),
                Some(_) => format!("{} of an address of the pool", answer.kind()),
                None => answer.to_string(),
            }
        }),
        ComparedCase {
            name: "DISCOVER after a start without records (Lessor: `after-data-loss = \"hold\"`)",
            on_link: USUAL,
            lessor: "after-data-loss = \"hold\"",
            play: |site| site.broadcast(&discover(1)).to_string(),
        },
        case("REQUEST, INIT-REBOOT, unknown client, free address", |site| {
            let free = Ipv4Addr::new(10, 77, 0, 15);
            site.broadcast(&request(1).address_option(50, free)).to_string()
        }),
        case("REQUEST, INIT-REBOOT, unknown client, address of another network", |site| {
            let elsewhere = Ipv4Addr::new(192, 0, 2, 15);
            site.broadcast(&request(1).address_option(50, elsewhere)).to_string()
        }),
        case("DISCOVER, option 55 without the subnet mask", |site| {
            let asked = Packet::without_parameters(Type::Discover, device(1)).option(55, &[3, 6]);
            let answer = site.broadcast(&asked);
            match (answer.reply(), answer.option(MASK)) {
                (None, _) => answer.to_string(),
                (Some(reply), Some(_)) => format!("{} with the mask", reply.kind()),
                (Some(reply), None) => format!("{} without the mask", reply.kind()),
            }
        }),
        case("DISCOVER with option 53 twice, alike", |site| {
            site.broadcast(&discover(1).option(53, &[Type::Discover as u8])).to_string()
        }),
        case("REQUEST, SELECTING, option 50 twice, alike", |site| {
            let offered = site.broadcast(&discover(1));
            let address = offered.your_address().unwrap_or(UNUSED);
            site.broadcast(&selecting(1, &offered).address_option(50, address)).to_string()
        }),
        case("DISCOVER with an empty option 50", |site| {
            site.broadcast(&discover(1).option(50, &[])).to_string()
        }),
        case("DISCOVER with option 52 = 0", |site| {
            site.broadcast(&discover(1).option(52, &[0])).to_string()
        }),
        case("DISCOVER whose last option is cut short", |site| {
            site.broadcast(&discover(1).cut_in_an_option()).to_string()
        }),
        case("relayed DISCOVER with two options 82", |site| {
            let asked = relayed(discover(1)).on_line("line-1").on_line("line-2");
            let answer = site.relay(&asked);
            let Some(reply) = answer.reply() else { return answer.to_string() };
            let options = reply.datagram.options();
            let echoed = options.iter().filter(|(code, _)| *code == 82);
            let echoed: Vec<_> =
                echoed.map(|(_, octets)| String::from_utf8_lossy(octets)).collect();
            let has = |line: &str| echoed.iter().any(|octets| octets.contains(line));
            let echo = match (has("line-1"), has("line-2")) {
                (true, true) => "both echoed",
                (true, false) => "the first echoed",
                (false, true) => "the second echoed",
                (false, false) => "none echoed",
            };
            format!("{answer}, {echo}")
        }),
    ]
}

fn discover(number: u8) -> Packet {
    Packet::new(Type::Discover, device(number))
}

fn request(number: u8) -> Packet {
    Packet::new(Type::Request, device(number))
}

fn relayed(packet: Packet) -> Packet {
    packet.relayed_by(GIADDR)
}

/// Returns the REQUEST that accepts an offer.
fn selecting(number: u8, offered: &Answer) -> Packet {
    let identifier = offered.option(54).and_then(|octets| <[u8; 4]>::try_from(octets).ok());
    request(number)
        .address_option(50, offered.your_address().unwrap_or(UNUSED))
        .address_option(54, identifier.map_or(ON_LINK, Ipv4Addr::from))
}

fn acquire_on_link(site: &Site, number: u8) -> Ipv4Addr {
    let offered = site.broadcast(&discover(number));
    site.broadcast(&selecting(number, &offered)).your_address().unwrap_or(UNUSED)
}

fn acquire_by_relay(site: &Site, number: u8) -> Ipv4Addr {
    let offered = site.relay(&relayed(discover(number)));
    site.relay(&relayed(selecting(number, &offered))).your_address().unwrap_or(UNUSED)
}

/// The lease of client 1 behind the relay, on a line.
struct Held {
    address: Ipv4Addr,
    server_identifier: Ipv4Addr,
}

/// The source of messages that are sent directly, but not from the address of their client.
const STRANGER: SocketAddrV4 = SocketAddrV4::new(RELAY, 68);

impl Held {
    fn release(&self) -> Packet {
        let release = Packet::without_parameters(Type::Release, device(1));
        release.from_address(self.address).address_option(54, self.server_identifier)
    }

    fn decline(&self) -> Packet {
        let decline = Packet::without_parameters(Type::Decline, device(1));
        decline.address_option(50, self.address).address_option(54, self.server_identifier)
    }
}

/// Acquires a lease for a client behind the relay, on its own line.
fn acquire_over_line(site: &Site, number: u8) -> Held {
    let line = format!("line-{number}");
    let offered = site.relay(&relayed(discover(number)).on_line(&line));
    let acknowledged = site.relay(&relayed(selecting(number, &offered)).on_line(&line));
    let identifier = acknowledged.option(54).and_then(|octets| <[u8; 4]>::try_from(octets).ok());
    Held {
        address: acknowledged.your_address().unwrap_or(UNUSED),
        server_identifier: identifier.map_or(TO_RELAY, Ipv4Addr::from),
    }
}

/// Gives every address of the pool of the relay to a client on its own line, and returns the lease
/// of client 1.
fn fill_by_relay(site: &Site) -> Held {
    let held = acquire_over_line(site, 1);
    for number in 2..=POOL_SIZE as u8 {
        acquire_over_line(site, number);
    }
    held
}

fn ask_over_line_9(site: &Site) -> Answer {
    site.relay(&relayed(discover(9)).on_line("line-9"))
}

/// Describes the answer and the subnet of its address.
fn with_address(answer: &Answer) -> String {
    match answer.your_address().map(|address| address.octets()) {
        Some([first, second, third, _]) => {
            format!("{} of {first}.{second}.{third}.0/24", answer.kind())
        }
        None => answer.to_string(),
    }
}

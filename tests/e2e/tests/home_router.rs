//! `examples/home-router.toml` with its policy, as a router at home runs it: started before its
//! bridge exists, for real clients, and at night.

use std::{
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use lessor_e2e::{
    Capture, Datagram, Host, Link, Setup, WrongClock, built,
    clients::{Client, Udhcpc},
    require, wait,
};

const LAPTOP: &str = "02:00:5e:00:53:11";
const TABLET: &str = "02:00:5e:00:53:12";
const VISITOR: &str = "02:00:5e:00:53:99";
const ROUTER: [u8; 4] = [192, 168, 1, 1];
const DAY_SECS: u64 = 24 * 3600;

#[test]
fn the_router_gives_its_own_address_to_the_household_and_another_resolver_to_guests() {
    require!(root, ip, udhcpc, tcpdump);
    let link = Link::new();
    let router = Host::new("router");
    let server = Setup::of_example("home-router").start_on(&router);
    assert_eq!(server.status().endpoints[0].state, "missing");
    link.attach(&router, "br-lan");
    router.add_address("br-lan", "192.168.1.1/24");

    let capture = Capture::start(&router, "br-lan");
    let laptop = device(&link, "laptop", LAPTOP);
    let mut client = Udhcpc::start(&laptop);
    let address = client.acquires();
    assert_eq!(pool_of(&server, LAPTOP), "home");
    let ack = capture.sees("the laptop's ACK", |seen| is_ack_of(seen, address));
    assert_eq!(ack.option(3), Some(&ROUTER[..]));
    assert_eq!(ack.option(6), Some(&ROUTER[..]));
    assert_eq!(ack.option(15), Some(&b"home.arpa"[..]));
    let routes = laptop.ip(&["route"]);
    assert!(routes.contains("default via 192.168.1.1"), "{routes}");

    let visitor = device(&link, "visitor", VISITOR);
    let mut client = Udhcpc::start(&visitor);
    let address = client.acquires();
    assert_eq!(pool_of(&server, VISITOR), "guests");
    let ack = capture.sees("the visitor's ACK", |seen| is_ack_of(seen, address));
    assert_eq!(ack.option(3), Some(&ROUTER[..]));
    assert_eq!(ack.option(6), Some(&[9, 9, 9, 9, 149, 112, 112, 112][..]));
}

#[test]
fn the_tablet_of_a_child_has_no_way_out_at_night() {
    require!(root, ip, udhcpc, tcpdump, faketime);
    let link = Link::new();
    let router = Host::new("router");
    link.attach(&router, "br-lan");
    router.add_address("br-lan", "192.168.1.1/24");
    let clock = WrongClock::new();
    let by_day = secs_to("14:00");
    clock.is_ahead_by(by_day);
    let mut server = Setup::of_example("home-router").with_clock(&clock).start_on(&router);
    let capture = Capture::start(&router, "br-lan");
    let tablet = device(&link, "tablet", TABLET);
    let mut client = Udhcpc::start(&tablet);
    let address = client.acquires();
    let ack = capture.sees("the ACK by day", |seen| is_ack_of(seen, address));
    assert_eq!(ack.option(3), Some(&ROUTER[..]));

    clock.is_ahead_by(by_day + 8 * 3600);
    server.process().says("the clock was set forward", wait::SOON);
    client.renews();
    let at_night = |seen: &Datagram| is_ack_of(seen, address) && seen.option(3).is_none();
    let ack = capture.sees("the ACK at night", at_night);
    assert_eq!(ack.option(6), None);
}

#[test]
fn the_cases_of_the_policy_pass() {
    lessor_guests::interpreters().unwrap_or_else(|error| panic!("{error}"));
    let folder = built::checkout().join("examples/home-router");
    let tested = Command::new(built::lessor())
        .args(["plugin", "test", "50-household.rhai", "--cases", "cases"])
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&tested.stdout);
    assert!(tested.status.success(), "{said}{}", String::from_utf8_lossy(&tested.stderr));
}

/// A host on the link whose interface has this hardware address.
fn device(link: &Link, role: &str, hardware_address: &str) -> Host {
    let host = link.host(role);
    host.ip(&["link", "set", "dev", "eth0", "address", hardware_address]);
    host
}

fn pool_of(server: &lessor_e2e::Server, hardware_address: &str) -> String {
    let leases = server.leases();
    let lease = leases.iter().find(|lease| lease.hardware_address == hardware_address);
    lease.and_then(|lease| lease.pool.clone()).unwrap_or_else(|| panic!("{leases:?}"))
}

fn is_ack_of(seen: &Datagram, address: std::net::Ipv4Addr) -> bool {
    seen.is(Datagram::ACK) && seen.your_address() == address
}

/// The seconds from now to the next time that clocks of Greenwich show `time`.
fn secs_to(time: &str) -> i64 {
    let (hours, minutes) = time.split_once(':').unwrap();
    let wanted: u64 = hours.parse::<u64>().unwrap() * 3600 + minutes.parse::<u64>().unwrap() * 60;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() % DAY_SECS;
    ((wanted + DAY_SECS - now) % DAY_SECS).try_into().unwrap()
}

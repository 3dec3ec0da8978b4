//! The disk is full: no lease is acknowledged that cannot be stored, and service resumes
//! automatically as soon as there is room.

use std::{collections::BTreeSet, fs::File, io::Write, net::Ipv4Addr, path::Path, time::Duration};

use lessor_e2e::{Server, Setup, relay, require, wait};
use lessor_load::{Acquired, Answer, Relay, Subscriber};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.99.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const STORE_MIB: u32 = 192;

#[test]
fn nothing_is_acknowledged_while_the_disk_is_full_and_all_is_well_once_it_is_not() {
    require!(root, unshare);
    let mut server = Setup::on_loopback(SUBNETS).with_small_store(STORE_MIB).start();
    let mut relay = relay(server.address(), LINK);
    let before = relay.acquire(&subscriber(0), Duration::from_secs(5)).unwrap();

    let ballast =
        server.root().join(server.folder().join("store/ballast").strip_prefix("/").unwrap());
    fill_up(&ballast);
    let acknowledged = acknowledged_until_failure(&mut relay);
    assert!(server.process().is_running());
    let status = server.status();
    assert!(status.count("store-failed") > 0, "{:?}", status.reasons);
    assert!(status.store.failed_flushes > 0, "{:?}", status.store);
    assert!(status.store.last_error.is_some(), "{:?}", status.store);
    server.process().says("no lease is acknowledged until it can", wait::SOON);
    // An offer needs no disk, and there may be room by the time of the REQUEST.
    let offer = relay.discover(&subscriber(u16::MAX), Duration::from_secs(5)).unwrap();
    assert!(matches!(offer, Answer::Offer(_)), "{offer:?}");

    std::fs::remove_file(&ballast).unwrap();
    let after = wait::within(Duration::from_secs(30), "the server to acknowledge again", || {
        relay.acquire(&subscriber(u16::MAX), Duration::from_millis(500)).ok()
    });
    let addresses: BTreeSet<Ipv4Addr> =
        acknowledged.iter().chain([&before, &after]).map(|acquired| acquired.address).collect();
    assert_eq!(addresses.len(), acknowledged.len() + 2, "an address was given twice");
    is_kept(&server, &addresses);
}

/// Gets leases until one is not acknowledged, which must happen.
fn acknowledged_until_failure(relay: &mut Relay) -> Vec<Acquired> {
    let mut acknowledged = Vec::new();
    for number in 1..20_000 {
        match relay.acquire(&subscriber(number), Duration::from_secs(2)) {
            Ok(acquired) => acknowledged.push(acquired),
            Err(_) => return acknowledged,
        }
    }
    panic!("20,000 leases were acknowledged with a full disk");
}

/// Writes until there is no room left.
fn fill_up(ballast: &Path) {
    let mut file = File::create(ballast).unwrap_or_else(|error| panic!("{ballast:?}: {error}"));
    for size in [1 << 16, 1 << 12, 1] {
        let block = vec![b'x'; size];
        while file.write_all(&block).is_ok() {}
    }
}

#[track_caller]
fn is_kept(server: &Server, addresses: &BTreeSet<Ipv4Addr>) {
    let kept: BTreeSet<Ipv4Addr> = server.leases().into_iter().map(|lease| lease.address).collect();
    assert!(addresses.is_subset(&kept), "lost: {:?}", addresses.difference(&kept));
}

fn subscriber(number: u16) -> Subscriber {
    let [high, low] = number.to_be_bytes();
    Subscriber::new([2, 0, 0, 0, high, low], format!("line{number}"))
}

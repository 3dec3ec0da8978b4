//! The journal leaves the last space of the disk to the leases, and is not larger than configured.

use std::{
    fs::{self, File},
    io::Write,
    net::Ipv4Addr,
    path::Path,
    time::Duration,
};

use lessor_e2e::{Server, Setup, relay, require, wait};
use lessor_load::Subscriber;
use nix::sys::statvfs::statvfs;

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"

    [[subnet.pool]]
    range = "100.64.1.0-100.64.99.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const DISK_MIB: u32 = 256;
const FREE_MIB_MIN: u64 = 32;

#[test]
fn the_journal_stops_before_the_disk_is_full_and_leases_go_on() {
    require!(root, unshare);
    let journal = format!("path = \"store/journal.jsonl\"\nfree-mib-min = {FREE_MIB_MIN}");
    let mut server =
        Setup::on_loopback(SUBNETS).with_journal(&journal).with_small_store(DISK_MIB).start();
    acquire(&server, 1);
    let store = server.root().join(server.folder().join("store").strip_prefix("/").unwrap());
    let ballast = store.join("ballast");
    fill_up_to(&ballast, (FREE_MIB_MIN - 8) << 20);
    wait::soon("the journal to stop", || {
        acquire(&server, 2);
        server.status().journal_problem
    });
    server.process().says("cannot write the journal", wait::SOON);
    let lines =
        |store: &Path| fs::read_to_string(store.join("journal.jsonl")).unwrap().lines().count();
    let before = lines(&store);
    // Each lease is acknowledged, because the journal left space for the store.
    for number in 0..100 {
        acquire(&server, number);
    }
    assert_eq!(server.leases().len(), 100);
    assert_eq!(lines(&store), before);
    let lost = server.status().events_lost;
    assert!(lost >= 100, "{lost}");
    // This is logged once, not for each line.
    assert_eq!(server.process().times_said("cannot write the journal"), 1);

    fs::remove_file(&ballast).unwrap();
    wait::soon("the journal to go on", || {
        acquire(&server, 1);
        server.status().journal_problem.is_none().then_some(())
    });
    server.process().says("the journal can be written again", wait::SOON);
    wait::soon("lines in the journal", || (lines(&store) > before).then_some(()));
}

/// Writes until only `free` octets are free.
fn fill_up_to(ballast: &Path, free: u64) {
    let mut file = File::create(ballast).unwrap();
    let block = vec![b'x'; 1 << 20];
    loop {
        let found = statvfs(ballast).unwrap();
        if found.blocks_available() * found.fragment_size() <= free {
            return;
        }
        file.write_all(&block).unwrap();
    }
}

#[track_caller]
fn acquire(server: &Server, number: u8) {
    let subscriber = Subscriber::new([2, 0, 0, 0, 0, number], format!("line{number}"));
    relay(server.address(), LINK).acquire(&subscriber, Duration::from_secs(5)).unwrap();
}

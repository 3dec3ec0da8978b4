//! Reloads do not leak memory: a server has about the same memory after many reloads as after a
//! few.
//!
//! `LESSOR_RELOADS` sets the number of reloads; `cargo xtask reloads` measures a thousand, and also
//! the latency.

use std::{fs, time::Duration};

use lessor_e2e::{
    Server, Setup,
    bystanders::{LINK, SUBNETS},
    process_status::resident_kib,
    relay,
};
use lessor_load::Subscriber;

/// A script, because each instance of an interpreter has megabytes of memory.
const SCRIPT: &str = "fn on_discover(request, terms) { terms.lease_time_secs = 1800; }\n";
/// The reloads before memory is first measured; later reloads reuse what the first ones allocate.
const REHEARSED: u32 = 3;
/// The number of reloads, small enough for the test suite.
const RELOADS: u32 = 60;
/// The maximum growth, in percent of the memory after the first reloads.
const GROWTH_MAX_PERCENT: u64 = 20;
/// The possible error of a measurement on a busy machine.
const NOISE_KIB: u64 = 8 << 10;

#[test]
fn reloads_leave_nothing_in_memory() {
    let reloads = std::env::var("LESSOR_RELOADS").map_or(RELOADS, |text| text.parse().unwrap());
    let setup = Setup::on_loopback(SUBNETS)
        .with_plugin_setting("cache = \"cache\"")
        .with_policy("10-table", "subscriber-table", "[settings.subscribers]\n")
        .with_policy("20-terms", "misbehaving", "[settings]\nlease-time-secs = 600\n");
    setup.put_script("05-script.rhai", SCRIPT, "");
    let mut server = setup.start();
    let mut relay = relay(server.address(), LINK);
    let mut after_rehearsal = 0;
    for number in 1..=reloads {
        // Two policies are kept, and the third one is created again.
        let secs = 600 + number % 2;
        let sidecar = format!("[settings]\nlease-time-secs = {secs}\n");
        fs::write(server.folder().join("plugins/20-terms.toml"), sidecar).unwrap();
        let reload = server.reload();
        assert!(reload.accepted, "{}", reload.said);
        let subscriber = Subscriber::new([2, 0, 0, 0, 0, number as u8], "line");
        let acquired = relay.acquire(&subscriber, Duration::from_secs(30)).unwrap();
        assert_eq!(acquired.lease_time_secs, secs);
        if number == REHEARSED {
            after_rehearsal = memory_kib(&mut server);
        }
    }
    let now = memory_kib(&mut server);
    let most = after_rehearsal + after_rehearsal * GROWTH_MAX_PERCENT / 100 + NOISE_KIB;
    println!("{after_rehearsal} KiB after {REHEARSED} reloads, {now} KiB after {reloads}");
    assert!(now <= most, "{after_rehearsal} KiB after {REHEARSED} reloads, {now} KiB in the end");
}

/// Returns the memory of the server: the minimum within a second, because replaced generations are
/// dropped a moment later.
fn memory_kib(server: &mut Server) -> u64 {
    let id = server.process().id();
    let resident = || {
        std::thread::sleep(Duration::from_millis(100));
        resident_kib(id)
    };
    (0..10).map(|_| resident()).min().unwrap()
}

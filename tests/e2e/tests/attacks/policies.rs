//! The effect of policies and their files on unrelated subscribers: odd files in the plugin
//! directory, continuous reloads, and deadlines that are too long.
//!
//! Other tests cover compilation, faults, sources and stored values.

use std::{
    fs,
    time::{Duration, Instant},
};

use lessor_e2e::{
    Server, Setup,
    attack::scaled,
    built,
    bystanders::{Bystanders, LINK, SUBNETS},
    heavy, relay,
};
use lessor_load::Subscriber;
use nix::{sys::stat::Mode, unistd::mkfifo};

const HEALTHY: &str = "[settings]\nlease-time-secs = 777\n";
const LEASE_TIME_SECS: u32 = 777;

fn started() -> Server {
    Setup::on_loopback(SUBNETS)
        .with_plugin_setting("cache = \"cache\"")
        .with_policy("10-healthy", "misbehaving", HEALTHY)
        .start()
}

#[test]
fn odd_files_in_the_plugin_directory() {
    let _alone = heavy();
    let mut server = started();
    let plugins = server.folder().join("plugins");
    let bystanders = Bystanders::of(&mut server, LEASE_TIME_SECS);
    let (watched, ()) = bystanders.around(&mut server, |server| {
        mkfifo(&plugins.join("20-odd.wasm"), Mode::S_IRUSR).unwrap();
        let reload = server.hang_up();
        assert!(!reload.accepted && reload.said.contains("it is a pipe"), "{}", reload.said);
        fs::remove_file(plugins.join("20-odd.wasm")).unwrap();

        fs::write(plugins.join("20-\u{1b}[2Jodd.rhai"), "fn decide(r, t) {}").unwrap();
        let reload = server.hang_up();
        assert!(!reload.accepted && !reload.said.contains('\u{1b}'), "{}", reload.said);
        fs::remove_file(plugins.join("20-\u{1b}[2Jodd.rhai")).unwrap();

        for backup in [".20-odd.rhai.swp", "20-odd.rhai~", "#20-odd.rhai#", ".20-odd.rhai"] {
            fs::write(plugins.join(backup), "this is no policy").unwrap();
        }
        let reload = server.hang_up();
        assert!(reload.accepted, "{}", reload.said);
        assert_eq!(server.status().plugins.len(), 1);
    });
    watched.conclude("odd files in the plugin directory");
}

#[test]
fn reloads_one_after_the_other() {
    let _alone = heavy();
    let mut server = started();
    let component = fs::read(built::policy("misbehaving")).unwrap();
    let bystanders = Bystanders::of(&mut server, LEASE_TIME_SECS);
    let (watched, ()) = bystanders.around(&mut server, |server| {
        for number in 0..scaled(5, 50) {
            // The first policy stays the same, and the second one changes each time.
            let sidecar = format!("[settings]\npool = \"residential\"\ncall-rounds = {number}\n");
            server.setup().put_policy("20-changing", &component, &sidecar);
            let reload = server.hang_up();
            assert!(reload.accepted, "{}", reload.said);
        }
    });
    watched.conclude("reloads one after the other");
}

/// One packet occupies the worker for a second before its client is shut out, as such a deadline
/// allows. Other clients wait and lose nothing, and the server reports the cost.
#[test]
fn a_deadline_of_a_second() {
    let _alone = heavy();
    let mut server = started();
    let component = fs::read(built::policy("misbehaving")).unwrap();
    let sidecar = "[limits]\ndeadline-ms = 1000\n[settings]\nbehaviour = \"loop\"\n\
                   client = \"hw:02:00:00:00:00:66\"\n";
    let bystanders = Bystanders::of(&mut server, LEASE_TIME_SECS);
    let (watched, ()) = bystanders.around(&mut server, |server| {
        server.setup().put_policy("20-slow", &component, sidecar);
        assert!(server.hang_up().accepted);
        let mut relay = relay(server.address(), LINK);
        let slow = Subscriber::new([2, 0, 0, 0, 0, 0x66], "slow");
        for _ in 0..scaled(1, 4) {
            let began = Instant::now();
            relay.discover(&slow, Duration::from_millis(2_500)).unwrap();
            std::thread::sleep(Duration::from_millis(2_600).saturating_sub(began.elapsed()));
        }
    });
    let warned = watched.logged.iter().any(|line| line.contains("deadlines:"));
    assert!(warned, "nothing about deadlines in {:?}", watched.logged);
    watched.conclude("a deadline of a second");
}

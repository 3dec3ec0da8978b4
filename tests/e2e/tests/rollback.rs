//! Rollback: a new generation whose policies fail too often is automatically replaced by the
//! previous one.

use std::{net::Ipv4Addr, thread, time::Duration};

use lessor_e2e::{Server, Setup, relay, wait};
use lessor_load::Subscriber;

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.99.255"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const GOOD: &str = "[limits]\ndeadline-ms = 1000\n[settings]\nlease-time-secs = 777\n";
const BAD: &str = "[settings]\nbehaviour = \"trap\"\n";

/// Returns the lease time that a new subscriber gets now.
#[track_caller]
fn lease_time_secs(server: &Server, number: u8) -> u32 {
    let mut relay = relay(server.address(), LINK);
    let subscriber = Subscriber::new([2, 0, 0, 0, 3, number], "line");
    relay.acquire(&subscriber, Duration::from_secs(5)).unwrap().lease_time_secs
}

fn replace_policy(server: &mut Server, sidecar: &str) {
    let component = std::fs::read(lessor_e2e::built::policy("misbehaving")).unwrap();
    server.setup().put_policy("50-policy", &component, sidecar);
    assert!(server.hang_up().accepted);
}

#[test]
fn a_generation_that_fails_is_rolled_back_and_the_next_reload_tries_again() {
    let mut server = Setup::on_loopback(SUBNETS)
        .with_plugin_setting("rollback = { faults-max = 7, window = \"10m\" }")
        .with_policy("50-policy", "misbehaving", GOOD)
        .start();
    assert_eq!(lease_time_secs(&server, 1), 777);

    replace_policy(&mut server, BAD);
    assert_eq!(server.status().generation, 2);
    // The policy is skipped. An exchange has four calls that fail, for two messages and two
    // replies; one line counts at most twice, a quarter of the limit.
    for number in 20..=22 {
        assert_eq!(lease_time_secs(&server, number), 3600);
    }
    thread::sleep(Duration::from_millis(500));
    assert_eq!(server.status().generation, 2, "three lines are not enough");
    assert_eq!(lease_time_secs(&server, 23), 3600);
    let status = wait::soon("the old generation to be back", || {
        let status = server.status();
        (status.generation == 3).then_some(status)
    });
    assert_eq!((status.rollbacks, status.rolled_back_from), (1, Some(2)));
    assert_eq!(lease_time_secs(&server, 4), 777);
    let said = server.process().says("rolled back: the policies", wait::SOON);
    assert!(said.contains("ERROR") && said.contains("rolled_back_from=2"), "{said}");
    assert!(server.metrics().contains("\nlessor_rollbacks_total 1\n"));

    // The files are unchanged, so a reload tries them again. The previous generation returns after
    // the second failure, too.
    assert!(server.hang_up().accepted);
    assert_eq!(server.status().rolled_back_from, None);
    for number in 30..=33 {
        assert_eq!(lease_time_secs(&server, number), 3600);
    }
    let status = wait::soon("the old generation to be back again", || {
        let status = server.status();
        (status.generation == 5).then_some(status)
    });
    assert_eq!((status.rollbacks, status.rolled_back_from), (2, Some(4)));
    assert_eq!(lease_time_secs(&server, 7), 777);
}

#[test]
fn without_the_setting_or_after_the_window_a_generation_stays() {
    let mut server =
        Setup::on_loopback(SUBNETS).with_policy("50-policy", "misbehaving", GOOD).start();
    replace_policy(&mut server, BAD);
    for number in 1..=4 {
        lease_time_secs(&server, number);
    }
    let faults = server.status().plugin("50-policy").faults.values().sum::<u64>();
    assert!(faults >= 8, "{faults}");
    thread::sleep(Duration::from_millis(500));
    assert_eq!((server.status().generation, server.status().rollbacks), (2, 0));
}

#[test]
fn a_shadow_that_fails_rolls_nothing_back() {
    let mut server = Setup::on_loopback(SUBNETS)
        .with_plugin_setting("rollback = { faults-max = 0, window = \"10m\" }")
        .with_policy("50-policy", "misbehaving", GOOD)
        .start();
    let component = std::fs::read(lessor_e2e::built::policy("misbehaving")).unwrap();
    server.setup().put_policy("60-new", &component, &format!("mode = \"shadow\"\n{BAD}"));
    assert!(server.hang_up().accepted);
    assert_eq!(lease_time_secs(&server, 1), 777);
    wait::soon("the shadow to fail", || {
        (server.shadows().shadows[0].plugin.faults_of("trap") > 0).then_some(())
    });
    thread::sleep(Duration::from_millis(500));
    assert_eq!((server.status().generation, server.status().rollbacks), (2, 0));
}

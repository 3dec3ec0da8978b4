//! Shadow mode: a policy runs on live traffic, decides nothing, and is compared with the decisions,
//! until it is made live.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use lessor_e2e::{JournalLine, Server, Setup, ShadowRow, heavy, loopback_address, relay, wait};
use lessor_load::{LoadArgs, LoadReport, Subscriber};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.99.255"

    [[subnet.pool]]
    name = "walled-garden"
    range = "100.64.250.0-100.64.250.255"
    by-policy-only = true
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const CLIENTS: u32 = 400;

/// The unpaid lines of the live policy and of the new one, in which the second line is new.
const LIVE: &str = "[limits]\ndeadline-ms = 1000\n[settings]\nunpaid = [\"olt0/1/0/onu3\"]\n";
const NEW: &str = "mode = \"shadow\"\n[limits]\ndeadline-ms = 1000\n[settings]\nunpaid = \
                   [\"olt0/1/0/onu3\", \"olt0/1/2/onu7\"]\n";
const NEW_LINE: &str = "olt0/1/2/onu7";

fn load(server: &Server, first_client: u32) -> LoadReport {
    lessor_load::run(&LoadArgs {
        server: server.address(),
        relay: vec![SocketAddrV4::new(loopback_address(), 0)],
        link_selection: Some(LINK),
        clients: CLIENTS,
        first_client,
        window: 16,
        ..LoadArgs::default()
    })
    .unwrap()
}

/// Waits until the shadow has compared all requests of the journal, and returns it.
#[track_caller]
fn shadow(server: &Server) -> ShadowRow {
    let status = server.status();
    let asked: u64 = status.reasons.iter().map(|(_, count)| count).sum();
    wait::within(Duration::from_secs(60), "the shadow to see every request", || {
        let mut summary = server.shadows();
        assert_eq!((summary.lost, summary.shadows.len()), (0, 1), "{summary:?}");
        let shadow = summary.shadows.remove(0);
        (shadow.requests == asked && summary.waiting == 0).then_some(shadow)
    })
}

fn differing(line: &JournalLine) -> bool {
    line.reason == "shadow-difference"
}

#[test]
fn a_shadow_differs_where_it_should_and_is_promoted_by_a_word() {
    let _alone = heavy();
    let mut server = Setup::on_loopback(SUBNETS)
        .with_policy("20-garden", "walled-garden", LIVE)
        .with_policy("21-garden-new", "walled-garden", NEW)
        .start();
    let report = load(&server, 0);
    assert_eq!(
        (report.acquired, report.failed, report.naks),
        (u64::from(CLIENTS), 0, 0),
        "{report}"
    );

    let shadow = shadow(&server);
    // The DISCOVER and the REQUEST of the one line, and their retransmissions on a busy machine.
    let of_new_line = || -> Vec<JournalLine> {
        let lines = server.journal().into_iter();
        lines.filter(|line| line.circuit_id.as_deref() == Some(NEW_LINE)).collect()
    };
    let expected = of_new_line().iter().filter(|line| !differing(line)).count() as u64;
    assert!(expected >= 2, "{expected}");
    assert_eq!((shadow.differed, shadow.agreed), (expected, shadow.requests - expected));
    for kind in ["pool", "lease-time"] {
        assert_eq!(shadow.differences.get(kind), Some(&expected), "{shadow:?}");
    }
    assert_eq!(shadow.differences.len(), 2, "{shadow:?}");
    assert!(!server.shadows_agree());

    // The journal has a line for each of them, and for no others.
    let told = wait::soon("the journal to tell every difference", || {
        let told: Vec<_> = server.journal().into_iter().filter(differing).collect();
        (told.len() as u64 == expected).then_some(told)
    });
    for line in &told {
        assert_eq!(line.circuit_id.as_deref(), Some(NEW_LINE), "{line:?}");
        assert_eq!(line.shadow.as_deref(), Some("21-garden-new"));
        let pool = line.differences.iter().find(|difference| difference.kind == "pool").unwrap();
        assert_eq!((pool.live.as_deref(), pool.shadow.as_deref()), (None, Some("walled-garden")));
    }
    // Only the line that the live policy lists is in the garden.
    assert_eq!(server.status().pool("walled-garden").leased, 1);
    let metrics = server.metrics();
    let counted = format!(
        "lessor_shadow_differences_total{{plugin=\"21-garden-new\",difference=\"pool\"}} {expected}"
    );
    assert!(metrics.lines().any(|line| line == counted), "{counted} is not in {metrics}");

    // Promotion.
    let component = std::fs::read(lessor_e2e::built::policy("walled-garden")).unwrap();
    let live = NEW.replace("shadow", "live");
    server.setup().put_policy("21-garden-new", &component, &live);
    assert!(server.hang_up().accepted);
    let mut relay = relay(server.address(), LINK);
    let subscriber = Subscriber::new([2, 0, 0, 0, 1, 1], NEW_LINE);
    let lease = relay.acquire(&subscriber, Duration::from_secs(5)).unwrap();
    assert_eq!((lease.address.octets()[2], lease.lease_time_secs), (250, 120));
    assert!(server.shadows().shadows.is_empty());
}

#[test]
fn a_shadow_that_agrees_says_so_to_scripts() {
    let server = Setup::on_loopback(SUBNETS)
        .with_policy("20-garden", "walled-garden", LIVE)
        .with_policy("21-garden-new", "walled-garden", &format!("mode = \"shadow\"\n{LIVE}"))
        .start();
    assert!(!server.shadows_agree(), "it has not been asked yet");
    let mut relay = relay(server.address(), LINK);
    for (number, line) in [(1, "olt0/1/0/onu3"), (2, "olt0/1/0/onu4")] {
        let subscriber = Subscriber::new([2, 0, 0, 0, 2, number], line);
        relay.acquire(&subscriber, Duration::from_secs(5)).unwrap();
    }
    let shadow = shadow(&server);
    assert_eq!((shadow.agreed, shadow.differed), (shadow.requests, 0), "{shadow:?}");
    assert!(server.shadows_agree());
}

#[test]
fn shadows_that_loop_or_trap_delay_nobody() {
    let _alone = heavy();
    let faulty = |behaviour: &str| {
        format!(
            "mode = \"shadow\"\non-failure = \"drop\"\n[settings]\nbehaviour = \"{behaviour}\"\n"
        )
    };
    let server = Setup::on_loopback(SUBNETS)
        .with_policy("20-garden", "walled-garden", LIVE)
        .with_policy("30-loop", "misbehaving", &faulty("loop"))
        .with_policy("40-trap", "misbehaving", &faulty("trap"))
        .start();
    let report = load(&server, 0);
    assert_eq!(
        (report.acquired, report.failed, report.naks),
        (u64::from(CLIENTS), 0, 0),
        "{report}"
    );
    let summary = wait::within(Duration::from_secs(60), "the shadows to have seen all", || {
        let summary = server.shadows();
        (summary.waiting == 0).then_some(summary)
    });
    assert_eq!(summary.lost, 0, "{summary:?}");
    for shadow in &summary.shadows {
        assert_eq!(shadow.differences.get("fault"), Some(&shadow.requests), "{shadow:?}");
        assert!(shadow.requests > 0, "{shadow:?}");
    }
    let garden = server.status().plugin("20-garden").clone();
    assert_eq!(garden.faults.values().sum::<u64>(), 0, "{garden:?}");
    // All of these differ; the journal has as many lines as its limit for a second, and the rest is
    // counted.
    let told = server.journal().iter().filter(|line| differing(line)).count() as u64;
    let differed: u64 = summary.shadows.iter().map(|shadow| shadow.differed).sum();
    wait::soon("the journal to have its share of the differences", || {
        let left_out = server.shadows().lines_left_out;
        let told = server.journal().iter().filter(|line| differing(line)).count() as u64;
        (told + left_out == differed).then_some(())
    });
    assert!(told > 0);
}

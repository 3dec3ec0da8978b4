//! Lease times of dhcpd's classes and hosts are within the limits that they have there.

use lessor_import::{Imported, LineOutcome, OldServer};

use crate::common::{imported, outcome};

#[test]
fn the_limits_of_subnets_limit_what_classes_and_hosts_say() {
    // As dhcpd 4.4.3-P1 does, with its own limits where none are written.
    let read = |subnets: &str| {
        imported(
            OldServer::Dhcpd,
            &format!(
                "class \"short\" {{ match if exists user-class; default-lease-time 111; }}
             class \"own\" {{ match if exists root-path; default-lease-time 111;
                             min-lease-time 60; }}
             if exists host-name {{ default-lease-time 200000; }}
             host a {{ hardware ethernet 02:00:5e:00:00:01; fixed-address 10.0.0.1;
                      default-lease-time infinite; }}
             {subnets}"
            ),
        )
    };
    let subnet = |third: u8, inner: &str| {
        format!("subnet 10.0.{third}.0 netmask 255.255.255.0 {{ range 10.0.{third}.9; {inner} }} ")
    };
    let times = |found: &Imported, count: usize| {
        let times =
            found.configuration.lines().filter_map(|line| line.strip_prefix("lease-time = "));
        times.take(count).map(str::to_owned).collect::<Vec<_>>()
    };
    let longest = |found: &Imported| {
        found.topology.networks()[0].subnets[0].reservations[0].settings.longest_lease_secs()
    };
    let found = read(&subnet(0, ""));
    assert_eq!(times(&found, 3), ["\"5m\"", "\"111s\"", "\"1d\""], "{}", found.configuration);
    assert_eq!(longest(&found), 86_400);
    for (statement, secs) in [("class \"short\"", 300), ("if", 86_400), ("fixed-address", 86_400)] {
        let (carried, note) = outcome(&found, statement);
        assert_eq!(carried, LineOutcome::Carried, "{statement}");
        assert!(note.contains(&format!("to {secs} seconds")), "{note}");
    }
    assert_eq!(outcome(&found, "class \"own\"").1, "");
    // Where subnets differ, no time is right in all of them. A host is in one.
    let found = read(&(subnet(0, "") + &subnet(1, "min-lease-time 100; max-lease-time 500000;")));
    assert_eq!(
        times(&found, 3),
        ["\"111s\"", "\"111s\"", "\"200000s\""],
        "{}",
        found.configuration
    );
    assert_eq!(longest(&found), 86_400);
    for statement in ["class \"short\"", "if"] {
        let (changed, note) = outcome(&found, statement);
        assert_eq!(changed, LineOutcome::Changed, "{statement}");
        assert!(note.contains("not limited"), "{note}");
    }
}

//! Tags that a `dhcp-host` of dnsmasq sets become classes that reservations name.

use lessor_import::{LineOutcome, OldServer};

use crate::common::{imported, outcome, says};

const RANGE: &str = "dhcp-range=10.0.1.0,10.0.1.255,255.255.0.0,1h\n";

#[test]
fn what_is_for_a_tag_of_hosts_is_for_a_class_of_their_reservations() {
    let found = imported(
        OldServer::Dnsmasq,
        &format!(
            "{RANGE}\
             dhcp-range=tag:gold,10.0.2.0,10.0.2.255,255.255.0.0,1h
             dhcp-option=tag:gold,option:ntp-server,192.0.2.1
             dhcp-option-force=tag:gold,option:tftp-server,192.0.2.2
             dhcp-option=tag:gold,tag:office,option:lpr-server,192.0.2.3
             dhcp-boot=tag:office,office.img,boothost,192.0.2.4
             dhcp-broadcast=tag:office
             dhcp-host=02:00:5e:00:53:01,set:gold,set:unused,10.0.3.1
             dhcp-host=02:00:5e:00:53:02,set:gold
             dhcp-host=02:00:5e:00:53:03,set:office,set:gold,10.0.3.3
             dhcp-host=02:00:5e:00:53:04,set:unused,10.0.3.4\n"
        ),
    );
    says(
        &found,
        &[
            "name = \"gold-and-office\"\noptions = { lpr-servers = [\"192.0.2.3\"] }",
            "name = \"gold\"\npools = [\"gold\", \"others\"]\nalways-send = [\"tftp-server-name\"]\n\
             options = { ntp-servers = [\"192.0.2.1\"], tftp-server-name = \"192.0.2.2\" }",
            "name = \"office\"\nnext-server = \"192.0.2.4\"\nserver-name = \"boothost\"\n\
             boot-file = \"office.img\"\nalways-broadcast = true",
            "hardware-address = \"02:00:5e:00:53:02\"\nclasses = [\"gold\"]",
            "address = \"10.0.3.1\"\nclasses = [\"gold\"]",
            "address = \"10.0.3.3\"\nclasses = [\"gold\", \"office\", \"gold-and-office\"]",
            "address = \"10.0.3.4\"",
        ],
    );
    let after = found.configuration.split("address = \"10.0.3.4\"").nth(1).unwrap();
    assert!(!after.contains("classes"), "{}", found.configuration);
    assert_eq!(found.report.totals().not_carried, 0, "{}", found.report);
    for statement in ["dhcp-range=tag:gold", "dhcp-boot", "dhcp-host=02:00:5e:00:53:01"] {
        assert_eq!(
            outcome(&found, statement),
            (LineOutcome::Carried, String::new()),
            "{statement}"
        );
    }
}

#[test]
fn a_tag_that_clients_and_hosts_set_is_one_class() {
    let found = imported(
        OldServer::Dnsmasq,
        &format!(
            "{RANGE}\
             dhcp-vendorclass=set:phones,Aastra
             dhcp-option=tag:phones,option:tftp-server,192.0.2.2
             dhcp-host=02:00:5e:00:53:01,set:phones,10.0.3.1\n"
        ),
    );
    says(
        &found,
        &[
            "name = \"phones\"\nmatch = { vendor-class = { starts-with = \"Aastra\" } }",
            "address = \"10.0.3.1\"\nclasses = [\"phones\"]",
        ],
    );
}

#[test]
fn what_no_class_can_say_is_reported() {
    let text = |lines: &str| {
        format!(
            "{RANGE}\
             dhcp-vendorclass=set:phones,Aastra
             dhcp-host=02:00:5e:00:53:01,set:gold,10.0.3.1\n{lines}\n"
        )
    };
    // Whether a client is a phone and gold, no reservation says.
    let found = imported(
        OldServer::Dnsmasq,
        &text("dhcp-option=tag:phones,tag:gold,option:ntp-server,192.0.2.1"),
    );
    let (not_carried, why) = outcome(&found, "dhcp-option");
    assert_eq!(not_carried, LineOutcome::NotCarried);
    assert!(why.contains("several tags"), "{why}");
    assert!(!found.configuration.contains("classes"), "{}", found.configuration);

    let found = imported(
        OldServer::Dnsmasq,
        &text("dhcp-option=tag:phones,tag:!gold,option:ntp-server,192.0.2.1"),
    );
    let (not_carried, why) = outcome(&found, "dhcp-option");
    assert_eq!(not_carried, LineOutcome::NotCarried, "{why}");

    // A phone gets the option also if it is a host that has the tag only.
    let found = imported(
        OldServer::Dnsmasq,
        &text(
            "dhcp-option=tag:phones,tag:!old,option:ntp-server,192.0.2.1\ndhcp-mac=set:old,02:00:5f:*:*:*\n\
             dhcp-host=02:00:5e:00:53:02,set:old,10.0.3.2",
        ),
    );
    let (changed, note) = outcome(&found, "dhcp-option");
    assert_eq!(changed, LineOutcome::Changed);
    assert!(note.contains("whatever the tags of a dhcp-host"), "{note}");

    // A range and a host set the tag.
    let found = imported(
        OldServer::Dnsmasq,
        "dhcp-range=set:gold,10.0.0.0,10.0.0.255,255.255.255.0,1h
         dhcp-range=10.0.1.0,10.0.1.255,255.255.255.0,1h
         dhcp-host=02:00:5e:00:53:01,set:gold,10.0.1.7
         dhcp-option=tag:gold,option:ntp-server,192.0.2.1\n",
    );
    says(
        &found,
        &[
            "name = \"gold\"\noptions = { ntp-servers = [\"192.0.2.1\"] }",
            "[subnet.options]\nntp-servers = [\"192.0.2.1\"]",
            "address = \"10.0.1.7\"\nclasses = [\"gold\"]",
        ],
    );
}

#[test]
fn a_class_is_lost_with_its_reservations() {
    let found = imported(
        OldServer::Dnsmasq,
        &format!(
            "{RANGE}\
             dhcp-range=tag:gold,10.0.2.0,10.0.2.255,255.255.0.0,1h
             dhcp-option=tag:gold,option:ntp-server,192.0.2.1
             dhcp-host=02:00:5e:00:53:01,set:gold,192.0.2.1\n"
        ),
    );
    assert!(!found.configuration.contains("[[class]]"), "{}", found.configuration);
    assert_eq!(outcome(&found, "dhcp-host").0, LineOutcome::NotCarried);
    // The pool is closed to everybody, which no one should overlook.
    let (closed, note) = outcome(&found, "dhcp-range=tag:gold");
    assert_eq!(closed, LineOutcome::NotCarried);
    assert!(note.contains("only a policy"), "{note}");
    let (not_carried, why) = outcome(&found, "dhcp-option");
    assert_eq!(not_carried, LineOutcome::NotCarried);
    assert_eq!(why, "the class has no test, and no reservation that is carried names it");
}

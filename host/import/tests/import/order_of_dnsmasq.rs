//! Of several lines that are for a client, the one counts that dnsmasq would use, or the report
//! says which does not.

use lessor_import::{Imported, LineOutcome, OldServer};

use crate::common::{Folder, import, imported, outcome, says};

const RANGE: &str = "dhcp-range=set:lan,10.0.0.50,10.0.0.99,255.255.255.0,1h\n";
const TAGS: &str = "dhcp-match=set:efi,option:client-arch,7\ndhcp-userclass=set:ipxe,iPXE\n\
                    dhcp-vendorclass=set:a,AAA\ndhcp-mac=set:b,02:00:5e:*:*:*\n";

fn dnsmasq(lines: &str) -> Imported {
    imported(OldServer::Dnsmasq, lines)
}

#[track_caller]
fn is_carried(found: &Imported, statement: &str) {
    assert_eq!(outcome(found, statement), (LineOutcome::Carried, String::new()), "{statement}");
}

/// Checks that the report names the line whose value clients of both lines get.
#[track_caller]
fn gives_way(found: &Imported, statement: &str, line: usize) {
    let (changed, note) = outcome(found, statement);
    assert_eq!(changed, LineOutcome::Changed, "{}", found.report);
    let wanted =
        format!("clients that configuration:{line} is for as well get only what that line says");
    assert!(note.contains(&wanted), "{note}");
}

#[test]
fn the_class_of_the_last_line_comes_first() {
    let found = dnsmasq(&format!(
        "{RANGE}{TAGS}\
         dhcp-boot=tag:efi,ipxe.efi,srv,10.0.0.2\n\
         dhcp-boot=tag:ipxe,http://boot/boot.ipxe,srv,10.0.0.2\n\
         dhcp-option=tag:a,42,10.0.0.1\ndhcp-option=tag:b,42,10.0.0.2\n"
    ));
    says(&found, &["name = \"ipxe\"", "name = \"efi\""]);
    says(&found, &["name = \"b\"", "name = \"a\""]);
    for statement in ["dhcp-boot=tag:efi", "dhcp-boot=tag:ipxe", "dhcp-option=tag:a"] {
        is_carried(&found, statement);
    }
    let found = dnsmasq(&format!(
        "{RANGE}{TAGS}\
         dhcp-option=tag:a,tag:b,4,10.0.0.1\ndhcp-option=tag:a,4,10.0.0.2\n\
         dhcp-option=tag:b,9,10.0.0.1\ndhcp-option=tag:b,tag:efi,9,10.0.0.2\n"
    ));
    says(&found, &["name = \"a\"", "name = \"a-and-b\""]);
    says(&found, &["name = \"b-and-efi\"", "name = \"b\""]);
    assert_eq!(found.report.totals().not_carried, 0, "{}", found.report);
}

#[test]
fn tags_of_hosts_are_ordered_by_their_lines_too() {
    let found = dnsmasq(&format!(
        "{RANGE}dhcp-host=02:00:00:00:00:08,10.0.0.8,set:x,set:y\n\
         dhcp-option=tag:x,42,10.0.0.1\ndhcp-option=tag:y,42,10.0.0.2\n"
    ));
    says(&found, &["name = \"y\"", "name = \"x\"", "classes = [\"x\", \"y\"]"]);
}

#[test]
fn lines_that_need_opposite_orders_are_reported() {
    let found = dnsmasq(&format!(
        "{RANGE}{TAGS}\
         dhcp-option=tag:a,42,10.0.0.1\ndhcp-option=tag:b,42,10.0.0.2\n\
         dhcp-option=tag:b,4,10.0.0.1\ndhcp-option=tag:a,4,10.0.0.2\n"
    ));
    says(&found, &["name = \"a\"", "name = \"b\""]);
    gives_way(&found, "dhcp-option=tag:b,42", 6);
    for statement in ["dhcp-option=tag:a,42", "dhcp-option=tag:b,4,", "dhcp-option=tag:a,4,"] {
        is_carried(&found, statement);
    }
}

#[test]
fn lines_of_clients_that_differ_need_no_order() {
    let found = dnsmasq(&format!(
        "{RANGE}dhcp-circuitid=set:a,one\ndhcp-circuitid=set:b,two\n\
         dhcp-option=tag:a,42,10.0.0.1\ndhcp-option=tag:b,42,10.0.0.2\n\
         dhcp-option=tag:b,4,10.0.0.1\ndhcp-option=tag:a,4,10.0.0.2\n\
         dhcp-option=tag:!a,9,10.0.0.1\ndhcp-option=tag:a,9,10.0.0.2\n\
         dhcp-option=tag:a,7,10.0.0.1\ndhcp-option=tag:!a,7,10.0.0.2\n"
    ));
    for line in found.report.entries().iter().filter(|of| of.statement.starts_with("dhcp-option")) {
        assert_eq!(line.outcome, LineOutcome::Carried, "{line:?}");
    }
}

#[test]
fn a_tag_of_a_host_comes_before_the_absence_of_the_tag() {
    for lines in [
        "dhcp-boot=tag:!ipxe,undi.0\ndhcp-boot=tag:ipxe,menu\n",
        "dhcp-boot=tag:ipxe,menu\ndhcp-boot=tag:!ipxe,undi.0\n",
    ] {
        let host = "dhcp-host=02:00:00:00:00:31,set:ipxe\n";
        let found = dnsmasq(&format!("{RANGE}{TAGS}{host}{lines}"));
        says(&found, &["name = \"ipxe\"", "name = \"not-ipxe\""]);
    }
}

#[test]
fn a_line_for_a_range_that_comes_after_one_for_a_class_is_reported() {
    let found = dnsmasq(&format!(
        "{RANGE}{TAGS}\
         dhcp-boot=tag:efi,efi.img,,10.0.0.2\ndhcp-boot=tag:lan,lan.img,,10.0.0.3\n\
         dhcp-boot=tag:ipxe,menu,,10.0.0.2\ndhcp-option=tag:a,42,10.0.0.1\n\
         dhcp-option=tag:lan,42,10.0.0.2\n"
    ));
    says(
        &found,
        &["prefix = \"10.0.0.0/24\"", "next-server = \"10.0.0.3\"\nboot-file = \"lan.img\""],
    );
    gives_way(&found, "dhcp-boot=tag:lan", 6);
    is_carried(&found, "dhcp-boot=tag:ipxe");
    // Options for what clients send come first in dnsmasq, too.
    is_carried(&found, "dhcp-option=tag:lan");
}

#[test]
fn sub_options_for_several_tags_are_not_joined() {
    let found = dnsmasq(&format!(
        "{RANGE}{TAGS}dhcp-option=encap:175,1,1b\n\
         dhcp-option=tag:a,encap:175,2,2b\ndhcp-option=tag:b,encap:175,3,3b\n\
         dhcp-option=tag:lan,encap:175,4,4b\n"
    ));
    // Those for all clients are.
    says(&found, &["name = \"b\"", "175 = \"hex:010101030103\""]);
    says(&found, &["name = \"a\"", "175 = \"hex:010101020102\""]);
    gives_way(&found, "dhcp-option=tag:a,encap", 8);
    assert!(outcome(&found, "dhcp-option=tag:lan").1.contains("get only what that line says"));
}

#[test]
fn a_client_of_two_ranges_gets_addresses_of_the_first() {
    let found = dnsmasq(&format!(
        "{RANGE}{TAGS}\
         dhcp-range=tag:b,10.0.0.110,10.0.0.119,255.255.255.0,1h\n\
         dhcp-range=tag:a,10.0.0.120,10.0.0.129,255.255.255.0,1h\n\
         dhcp-option=tag:a,42,10.0.0.1\n"
    ));
    says(&found, &["name = \"b\"", "pools = [\"b\", \"others\"]", "name = \"a\""]);
}

#[test]
fn reservations_outside_of_ranges_get_what_is_for_the_first_or_the_static_one() {
    let lines = format!(
        "{RANGE}dhcp-range=set:two,10.0.0.110,10.0.0.120,255.255.255.0,1h\n\
         dhcp-option=3,10.0.0.1\ndhcp-option=6,10.0.0.1\n\
         dhcp-option=tag:lan,42,10.0.0.1\ndhcp-option=tag:two,42,10.0.0.2\n\
         dhcp-boot=tag:lan,pxe,,10.0.0.9\ndhcp-option-force=tag:lan,209,conf\n\
         dhcp-host=02:00:00:00:00:07,10.0.0.7\ndhcp-host=02:00:00:00:00:15,10.0.0.115\n\
         dhcp-host=02:00:00:00:00:16,somewhere\n"
    );
    let found = dnsmasq(&lines);
    says(
        &found,
        &[
            "name = \"lan-outside-of-ranges\"\nnext-server = \"10.0.0.9\"\nboot-file = \"pxe\"\n\
             always-send = [\"pxelinux-configuration-file\"]\n\
             options = { ntp-servers = [\"10.0.0.1\"], pxelinux-configuration-file = \"conf\" }",
            "range = \"10.0.0.50-10.0.0.99\"\nboot-file = \"pxe\"",
            "range = \"10.0.0.110-10.0.0.120\"\npreference = 2\n\
             options = { ntp-servers = [\"10.0.0.2\"] }",
            "address = \"10.0.0.7\"\nclasses = [\"lan-outside-of-ranges\"]",
        ],
    );
    let classes = found.configuration.matches("classes = ").count();
    assert_eq!(classes, 1, "{}", found.configuration);
    let found = dnsmasq(&format!(
        "{lines}dhcp-range=set:st,10.0.0.0,static,255.255.255.0,1h\n\
         dhcp-option=tag:st,42,10.0.0.3\n"
    ));
    says(
        &found,
        &[
            "name = \"st-outside-of-ranges\"\noptions = { ntp-servers = [\"10.0.0.3\"] }",
            "address = \"10.0.0.7\"\nclasses = [\"st-outside-of-ranges\"]",
        ],
    );
    assert!(!found.configuration.contains("lan-outside"), "{}", found.configuration);
    let found = dnsmasq(&format!(
        "{RANGE}dhcp-range=set:st,10.0.0.0,static,255.255.255.0,1h\n\
         dhcp-option=tag:st,42,10.0.0.3\n"
    ));
    assert_eq!(outcome(&found, "dhcp-option").0, LineOutcome::NotNeeded);
    assert!(!found.configuration.contains("ntp-servers"), "{}", found.configuration);
}

#[test]
fn a_tag_of_ranges_and_of_what_clients_send_is_for_both() {
    let found = dnsmasq(&format!(
        "{RANGE}dhcp-mac=set:lan,02:00:5e:*:*:*\ndhcp-option=tag:lan,42,10.0.0.1\n"
    ));
    assert_eq!(found.configuration.matches("ntp-servers").count(), 2, "{}", found.configuration);
}

#[test]
fn an_option_for_a_tag_comes_before_the_name_of_a_host() {
    let host = "dhcp-host=02:00:00:00:00:07,set:x,own\n";
    let other = "dhcp-host=02:00:00:00:00:08,other\n";
    let found = dnsmasq(&format!("{RANGE}{host}{other}dhcp-option=tag:x,12,of-tag\n"));
    is_carried(&found, "dhcp-option");
    assert!(!found.configuration.contains("host-name = \"own\""), "{}", found.configuration);
    let found = dnsmasq(&format!("{RANGE}{TAGS}{host}dhcp-option=tag:a,12,of-tag\n"));
    says(&found, &["host-name = \"of-tag\"", "host-name = \"own\""]);
    let (changed, note) = outcome(&found, "dhcp-option");
    assert_eq!(changed, LineOutcome::Changed);
    assert!(note.contains("the name of its dhcp-host"), "{note}");
}

#[test]
fn the_last_host_of_a_client_counts() {
    let found = dnsmasq(&format!(
        "{RANGE}\
         dhcp-host=02:00:00:00:00:24,10.0.0.24\ndhcp-host=02:00:00:00:00:24,10.0.0.25\n\
         dhcp-host=02:00:00:00:00:26,10.0.0.26\ndhcp-host=02:00:00:00:00:26,set:x\n\
         dhcp-host=02:00:00:00:00:27,named\ndhcp-host=02:00:00:00:00:27,10.0.0.27\n\
         dhcp-host=02:00:00:00:00:28,02:00:00:00:00:29,10.0.0.28\n\
         dhcp-host=02:00:00:00:00:29,10.0.0.29\n\
         dhcp-host=02:00:00:00:00:32,10.0.0.32\ndhcp-host=02:00:00:00:00:32,10.9.0.32\n\
         dhcp-host=02:00:00:00:00:33,10.0.0.33\ndhcp-host=02:00:00:00:00:33,ignore\n\
         dhcp-option=tag:x,42,10.0.0.1\n"
    ));
    says(
        &found,
        &[
            "hardware-address = \"02:00:00:00:00:26\"\nclasses = [\"x\"]",
            "hardware-address = \"02:00:00:00:00:27\"\noptions = { host-name = \"named\" }",
            "address = \"10.0.0.25\"",
            "hardware-address = \"02:00:00:00:00:27\"\naddress = \"10.0.0.27\"",
            "hardware-address = \"02:00:00:00:00:28\"\naddress = \"10.0.0.28\"",
            "hardware-address = \"02:00:00:00:00:29\"\naddress = \"10.0.0.29\"",
            "hardware-address = \"02:00:00:00:00:32\"\naddress = \"10.0.0.32\"",
            "hardware-address = \"02:00:00:00:00:33\"\naddress = \"10.0.0.33\"",
        ],
    );
    for address in ["10.0.0.24", "10.0.0.26", "10.9.0.32"] {
        assert!(!found.configuration.contains(address), "{}", found.configuration);
    }
    for statement in ["dhcp-host=02:00:00:00:00:24,10.0.0.24", "dhcp-host=02:00:00:00:00:26,10"] {
        let replaced = (LineOutcome::NotNeeded, "a later line replaces it".to_owned());
        assert_eq!(outcome(&found, statement), replaced, "{statement}");
    }
    let (changed, note) = outcome(&found, "dhcp-host=02:00:00:00:00:28");
    assert_eq!(changed, LineOutcome::Changed);
    assert!(note.contains("without the identifiers that a later line has"), "{note}");
    // Tags decide whether the last one is used.
    let found = dnsmasq(&format!(
        "{RANGE}dhcp-host=02:00:00:00:00:24,10.0.0.24\n\
         dhcp-host=02:00:00:00:00:24,tag:lan,10.0.0.25\n"
    ));
    assert_eq!(outcome(&found, "dhcp-host=02:00:00:00:00:24,tag").0, LineOutcome::NotCarried);
}

#[test]
fn files_of_hosts_and_options_come_after_all_other_lines() {
    let folder = Folder::new();
    folder.write("first", "02:00:00:00:00:24,10.0.0.24\n02:00:00:00:00:27,10.0.0.27\n");
    folder.write("second", "02:00:00:00:00:24,10.0.0.25\n");
    folder.write("options", "3,10.0.0.3\n");
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    folder.write("folder/a", "02:00:00:00:00:27,10.0.0.37\n");
    let path = folder.write(
        "dnsmasq.conf",
        &format!(
            "dhcp-hostsdir=folder\ndhcp-hostsfile=first\ndhcp-hostsfile=second\n\
             dhcp-optsfile=options\n{RANGE}dhcp-host=02:00:00:00:00:24,10.0.0.34\n\
             dhcp-option=3,10.0.0.1\n"
        ),
    );
    let found = import(OldServer::Dnsmasq, &path).unwrap();
    says(
        &found,
        &["routers = [\"10.0.0.3\"]", "address = \"10.0.0.24\"", "address = \"10.0.0.37\""],
    );
    for address in ["10.0.0.25", "10.0.0.27", "10.0.0.34", "10.0.0.1\""] {
        assert!(!found.configuration.contains(address), "{address}: {}", found.configuration);
    }
}

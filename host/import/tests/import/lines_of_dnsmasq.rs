//! What lines of dnsmasq do besides naming a value: older spellings, hosts files, folders, and what
//! dnsmasq sends or refuses by itself.

use std::path::Path;

use lessor_import::{Imported, LineOutcome, OldServer, Wishes, read_configuration};

use crate::common::{Folder, import, refused};

const RANGE: &str = "dhcp-range=10.0.0.50,10.0.0.99,255.255.255.0,1h\n";

fn dnsmasq(lines: &str) -> Imported {
    let folder = Folder::new();
    let path = folder.write("dnsmasq.conf", lines);
    import(OldServer::Dnsmasq, &path).unwrap_or_else(|refusal| panic!("{refusal}\n{lines}"))
}

fn outcome(imported: &Imported, statement: &str) -> (LineOutcome, String) {
    let mut entries = imported.report.entries().iter();
    let found = entries.find(|entry| entry.statement.starts_with(statement));
    let found = found.unwrap_or_else(|| panic!("{statement} is not in {}", imported.report));
    (found.outcome, found.note.clone())
}

#[track_caller]
fn says(imported: &Imported, text: &str) {
    let found = imported.configuration.contains(text);
    assert!(found, "{text} is not in\n{}", imported.configuration);
}

#[track_caller]
fn lacks(imported: &Imported, text: &str) {
    let found = imported.configuration.contains(text);
    assert!(!found, "{text} is in\n{}", imported.configuration);
}

#[test]
fn older_spellings_of_tags_restrict_as_current_ones_do() {
    let found = dnsmasq(
        "dhcp-range=net:red,10.0.0.50,10.0.0.99,255.255.255.0,1h\n\
         dhcp-range=10.0.0.150,10.0.0.199,255.255.255.0,1h\n\
         dhcp-vendorclass=red,Aastra\n\
         dhcp-option=red,net:#blue,option:ntp-server,10.0.0.2\n\
         dhcp-mac=blue,02:00:5f:*:*:*\n\
         dhcp-boot=net:red,pxelinux.0,,10.0.0.3\n\
         dhcp-broadcast=net:red\n",
    );
    says(&found, "range = \"10.0.0.50-10.0.0.99\"\nby-policy-only = true");
    says(
        &found,
        "name = \"red\"\nmatch = { vendor-class = { starts-with = \"Aastra\" } }\n\
         pools = [\"red\", \"others\"]\nnext-server = \"10.0.0.3\"\nboot-file = \"pxelinux.0\"\n\
         always-broadcast = true",
    );
    says(&found, "name = \"red-and-not-blue\"");
    lacks(&found, "net:");
    assert_eq!(found.report.totals().not_carried, 0, "{}", found.report);
}

#[test]
fn a_range_for_a_tag_that_nothing_sets_is_for_nobody() {
    let found = dnsmasq("dhcp-range=net:red,10.0.0.50,10.0.0.99,255.255.255.0,1h\n");
    says(&found, "by-policy-only = true");
    assert_ne!(outcome(&found, "dhcp-range").0, LineOutcome::Carried);
}

#[test]
fn unknown_clients_that_are_ignored_get_no_address() {
    for spelling in ["tag:!known", "#known", "net:#known"] {
        let found = dnsmasq(&format!(
            "{RANGE}dhcp-range=tag:phones,10.0.0.150,10.0.0.199,255.255.255.0,1h\n\
             dhcp-vendorclass=set:phones,Aastra\n\
             dhcp-host=02:00:5e:00:53:01,10.0.0.9\ndhcp-host=02:00:5e:00:53:02,a\n\
             dhcp-ignore={spelling}\nno-hosts\n"
        ));
        assert_eq!(outcome(&found, "dhcp-ignore").0, LineOutcome::Carried, "{}", found.report);
        says(&found, "name = \"known\"\npools = [\"known\"]");
        says(&found, "name = \"known\"\nrange = \"10.0.0.50-10.0.0.99\"\nby-policy-only = true");
        says(&found, "range = \"10.0.0.150-10.0.0.199\"\nby-policy-only = true");
        lacks(&found, "\"phones\"]");
        says(&found, "address = \"10.0.0.9\"\nclasses = [\"known\"]");
        says(&found, "hardware-address = \"02:00:5e:00:53:02\"\nclasses = [\"known\"]");
    }
    let nobody = dnsmasq(&format!("{RANGE}dhcp-ignore=tag:!known\n"));
    says(&nobody, "by-policy-only = true");
    assert_eq!(outcome(&nobody, "dhcp-ignore").0, LineOutcome::NotCarried);
    let others = dnsmasq(&format!("{RANGE}dhcp-ignore=tag:old\n"));
    lacks(&others, "by-policy-only");
    assert_eq!(outcome(&others, "dhcp-ignore").0, LineOutcome::NotCarried);
}

#[test]
fn a_host_has_the_address_of_its_name() {
    let folder = Folder::new();
    folder.write(
        "names",
        "10.0.0.7 fred.lan fred # a\n::1 fred\n10.0.0.20 x wilma\n10.0.0.8 Wilma\n\
         10.0.0.21 a dino\n10.0.0.22 b dino\n10.0.0.23 betty.lan\n",
    );
    let path = folder.write(
        "dnsmasq.conf",
        &format!(
            "{RANGE}no-hosts\naddn-hosts=names\nhost-record=barney,10.0.0.9\n\
             dhcp-host=02:00:5e:00:53:01,fred\ndhcp-host=02:00:5e:00:53:02,WILMA\n\
             dhcp-host=02:00:5e:00:53:03,barney.lan\ndhcp-host=02:00:5e:00:53:04,betty.lan\n\
             dhcp-host=02:00:5e:00:53:05,dino\n"
        ),
    );
    let found = import(OldServer::Dnsmasq, &path).unwrap();
    for (last, address) in [(1, "10.0.0.7"), (2, "10.0.0.8"), (3, "10.0.0.9")] {
        says(
            &found,
            &format!("hardware-address = \"02:00:5e:00:53:0{last}\"\naddress = \"{address}\""),
        );
    }
    assert_eq!(outcome(&found, "dhcp-host=02:00:5e:00:53:01").0, LineOutcome::Changed);
    lacks(&found, "10.0.0.2");
    assert_eq!(outcome(&found, "dhcp-host=02:00:5e:00:53:04").0, LineOutcome::Carried);
    assert_eq!(outcome(&found, "addn-hosts").0, LineOutcome::Carried);
}

#[test]
fn etc_hosts_is_the_file_beside_the_configuration() {
    let folder = Folder::new();
    let lines = format!("{RANGE}dhcp-host=02:00:5e:00:53:01,fred\n");
    let path = folder.write("dnsmasq.conf", &lines);
    let found = import(OldServer::Dnsmasq, &path).unwrap();
    let (changed, note) = outcome(&found, "dhcp-host");
    assert_eq!(changed, LineOutcome::Changed);
    assert!(note.contains("/etc/hosts") && note.contains("beside the configuration as"), "{note}");
    folder.write("hosts", "127.0.0.1 localhost\n10.0.0.7\tfred\n");
    says(&import(OldServer::Dnsmasq, &path).unwrap(), "address = \"10.0.0.7\"");
    for without in ["no-hosts\n", "port=0\n"] {
        let path = folder.write("dnsmasq.conf", &format!("{lines}{without}"));
        let found = import(OldServer::Dnsmasq, &path).unwrap();
        lacks(&found, "10.0.0.7");
        assert_eq!(outcome(&found, "dhcp-host").0, LineOutcome::Carried);
    }
    let path = folder.write("dnsmasq.conf", &format!("{lines}no-hosts\naddn-hosts=gone\n"));
    let found = import(OldServer::Dnsmasq, &path).unwrap();
    assert!(outcome(&found, "dhcp-host").1.contains("gone"), "{}", found.report);
    assert_eq!(outcome(&found, "addn-hosts").0, LineOutcome::NotNeeded);
}

#[test]
fn folders_of_hosts_are_read() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("hosts.d")).unwrap();
    folder.write("hosts.d/b", "02:00:5e:00:53:02,10.0.0.8\n");
    folder.write("hosts.d/a", "02:00:5e:00:53:01,10.0.0.7\n");
    folder.write("hosts.d/#a#", "nonsense\n");
    let path = folder.write("dnsmasq.conf", &format!("{RANGE}dhcp-hostsfile=hosts.d\n"));
    let found = import(OldServer::Dnsmasq, &path).unwrap();
    says(&found, "address = \"10.0.0.7\"");
    says(&found, "address = \"10.0.0.8\"");
    assert_eq!(found.report.totals().not_carried, 0, "{}", found.report);
}

#[test]
fn values_are_those_that_dnsmasq_sends() {
    let found = dnsmasq(
        "dhcp-range=10.0.0.50,10.0.0.99,255.255.255.0,45\n\
         dhcp-option=252,\"\\n\"\ndhcp-option=225,-1\n\
         dhcp-host=02:00:5e:00:53:01,10.0.0.9,45\n",
    );
    says(&found, "proxy-auto-discovery = \"hex:0a\"");
    says(&found, "225 = \"hex:ffffffff\"");
    says(&found, "lease-time = \"2m\"\nmin-lease-time = \"2m\"\nmax-lease-time = \"2m\"");
    says(&found, "address = \"10.0.0.9\"\nlease-time = \"2m\"");
}

#[test]
fn the_address_of_dnsmasq_as_boot_server_is_reported() {
    let found = dnsmasq(&format!("{RANGE}dhcp-boot=pxelinux.0\n"));
    let (changed, note) = outcome(&found, "dhcp-boot");
    assert_eq!(changed, LineOutcome::Changed);
    assert!(note.contains("write next-server"), "{note}");
    let found = dnsmasq(&format!("{RANGE}dhcp-boot=pxelinux.0,,10.0.0.2\n"));
    assert_eq!(outcome(&found, "dhcp-boot"), (LineOutcome::Carried, String::new()));
}

#[test]
fn what_is_not_sent_is_not_advised() {
    let found = dnsmasq(&format!(
        "{RANGE}dhcp-option=3\ndhcp-option=option:dns-server,10.0.0.2\n\
         dhcp-vendorclass=set:phones,Aastra\ndhcp-option=tag:phones,6\n\
         dhcp-option=option:ntp-server\n"
    ));
    assert_eq!(outcome(&found, "dhcp-range"), (LineOutcome::Carried, String::new()));
    assert_eq!(outcome(&found, "dhcp-option=3").0, LineOutcome::NotNeeded);
    says(&found, "never-send = [\"domain-name-servers\"]");
    assert_eq!(outcome(&found, "dhcp-option=option:ntp-server").0, LineOutcome::NotCarried);
    let of_range = dnsmasq(
        "dhcp-range=set:a,10.0.0.50,10.0.0.99,255.255.255.0,1h\n\
         dhcp-range=set:b,10.0.1.50,10.0.1.99,255.255.255.0,1h\n\
         dhcp-option=3,10.0.0.1\ndhcp-option=tag:a,3\ndhcp-option=6,10.0.0.1\n",
    );
    says(&of_range, "prefix = \"10.0.0.0/24\"");
    says(&of_range, "never-send = [\"routers\"]");
    assert_eq!(outcome(&of_range, "dhcp-range=set:a"), (LineOutcome::Carried, String::new()));
}

#[test]
fn patterns_of_interfaces_are_not_carried() {
    let found = dnsmasq(&format!("{RANGE}interface=eth*\ninterface=br0\n"));
    let (not_carried, note) = outcome(&found, "interface=eth*");
    assert_eq!(not_carried, LineOutcome::NotCarried);
    assert!(note.contains("--interface"), "{note}");
    let folder = Folder::new();
    let all = format!("{RANGE}interface=br0,eth*,wlan0\nexcept-interface=wl*\n");
    let path = folder.write("dnsmasq.conf", &all);
    let target = Path::new("/etc/lessor/lessor.toml");
    let wishes = Wishes::default();
    let found = read_configuration(OldServer::Dnsmasq, &path, target, &wishes).unwrap();
    says(&found, "interfaces = [\"br0\"]");
    let path = folder.write("dnsmasq.conf", &format!("{RANGE}interface=eth*\n"));
    let refusal = read_configuration(OldServer::Dnsmasq, &path, target, &wishes).unwrap_err();
    assert!(refusal.to_string().contains("--interface"), "{refusal}");
    assert!(refused(OldServer::Dnsmasq, "interface=eth*\n").contains("no subnet"));
}

#[test]
fn the_last_of_two_lines_counts() {
    let found = dnsmasq(&format!(
        "{RANGE}dhcp-option=3,10.0.0.1\ndhcp-option-force=option:router,10.0.0.2\n\
         dhcp-vendorclass=set:a,Aastra\ndhcp-userclass=set:b,iPXE\n\
         dhcp-option=tag:a,tag:b,42,10.0.0.3\ndhcp-option=tag:b,tag:a,42,10.0.0.4\n\
         dhcp-boot=one,,10.0.0.5\ndhcp-boot=two,,10.0.0.6\ndomain=one.example\n\
         domain=two.example\ndhcp-option=6,10.0.0.1\ndhcp-option=6\n"
    ));
    for replaced in [
        "dhcp-option=3",
        "dhcp-option=tag:a,tag:b",
        "dhcp-boot=one",
        "domain=one",
        "dhcp-option=6,10.0.0.1",
    ] {
        let (not_needed, note) = outcome(&found, replaced);
        assert_eq!(not_needed, LineOutcome::NotNeeded, "{replaced}");
        assert!(note.contains("a later line replaces it"), "{note}");
    }
    says(&found, "routers = [\"10.0.0.2\"]");
    says(&found, "ntp-servers = [\"10.0.0.4\"]");
    says(&found, "boot-file = \"two\"");
    says(&found, "domain-name = \"two.example\"");
    lacks(&found, "domain-name-servers");
    lacks(&found, "10.0.0.3");
}

#[test]
fn an_option_for_all_clients_replaces_what_dnsmasq_sends_by_itself() {
    let lines = "dhcp-range=10.0.0.50,10.0.0.99,255.255.255.0,10.0.0.254,1h\ndomain=all.example\n\
                 domain=lan.example,10.0.0.0/24\ndhcp-host=02:00:5e:00:53:01,a,10.0.0.9\n";
    let own = dnsmasq(lines);
    says(&own, "domain-name = \"all.example\"");
    says(&own, "domain-name = \"lan.example\"");
    says(&own, "broadcast-address = \"10.0.0.254\"");
    says(&own, "host-name = \"a\"");
    let replaced = dnsmasq(&format!(
        "{lines}dhcp-option=15,z.example\ndhcp-option=12,b\ndhcp-option=28,10.0.0.253\n"
    ));
    for text in ["all.example", "lan.example", "10.0.0.254", "host-name = \"a\""] {
        lacks(&replaced, text);
    }
    says(&replaced, "broadcast-address = \"10.0.0.253\"");
    says(&replaced, "host-name = \"b\"");
    says(&replaced, "domain-name = \"z.example\"");
    for statement in ["domain=all", "domain=lan"] {
        assert_eq!(outcome(&replaced, statement).0, LineOutcome::NotNeeded, "{statement}");
    }
    let withheld = dnsmasq(&format!("{lines}dhcp-option=15\ndhcp-option=12\ndhcp-option=28\n"));
    for text in ["domain-name =", "host-name", "broadcast-address"] {
        lacks(&withheld, text);
    }
}

#[test]
fn known_clients_of_a_file_of_reservations_are_served() {
    let hosts: String = (1..=150)
        .map(|last| format!("dhcp-host=02:00:5e:00:53:{last:02x},10.0.0.{last}\n"))
        .collect();
    let found = dnsmasq(&format!(
        "dhcp-range=10.0.0.200,10.0.0.220,255.255.255.0,1h\n{hosts}dhcp-ignore=tag:!known\n"
    ));
    let (_, rows) = found.reservations.as_ref().unwrap();
    assert_eq!(rows.matches(",known").count(), 150, "{rows}");
    says(&found, "by-policy-only = true");
}

#[test]
fn an_interface_that_is_excluded_anywhere_is_not_served() {
    let folder = Folder::new();
    let lines = "except-interface=eth1,wl*\ninterface=eth0,eth1\ninterface=wlan0\n";
    let path = folder.write("dnsmasq.conf", &format!("{RANGE}{lines}"));
    let target = Path::new("/etc/lessor/lessor.toml");
    let found = read_configuration(OldServer::Dnsmasq, &path, target, &Wishes::default()).unwrap();
    says(&found, "interfaces = [\"eth0\"]");
}

#[test]
fn a_range_without_a_mask_is_in_the_subnet_around_it() {
    let found = dnsmasq(
        "dhcp-range=10.0.1.10,10.0.1.100,1h\ndomain=lan.example,10.0.0.0/16\n\
         dhcp-range=10.0.0.10,10.0.0.100,255.255.0.0,1h\n",
    );
    assert_eq!(found.configuration.matches("[[subnet]]").count(), 1, "{}", found.configuration);
    says(&found, "prefix = \"10.0.0.0/16\"");
    says(&found, "range = \"10.0.1.10-10.0.1.100\"");
    says(&found, "domain-name = \"lan.example\"");
    let (changed, note) = outcome(&found, "dhcp-range=10.0.1.10");
    assert_eq!(changed, LineOutcome::Changed);
    assert!(note.contains("10.0.0.0/16 is assumed"), "{note}");
}

#[test]
fn a_host_is_sent_its_name_without_the_domain() {
    let found = dnsmasq(&format!("{RANGE}dhcp-host=02:00:5e:00:53:01,bob.example.com,10.0.0.9\n"));
    says(&found, "host-name = \"bob\"");
    lacks(&found, "host-name = \"bob.example.com\"");
}

#[test]
fn texts_of_matches_may_be_longer_in_messages_and_numbers_may_not() {
    let found = dnsmasq(&format!(
        "{RANGE}dhcp-match=set:pxe,60,PXEClient:Arch:00007\n\
         dhcp-match=set:arch,option:client-arch,7\ndhcp-match=set:number,60,123\n\
         dhcp-match=set:octets,61,ff:aa\ndhcp-option=tag:pxe,42,10.0.0.1\n\
         dhcp-option=tag:arch,4,10.0.0.1\ndhcp-option=tag:number,7,10.0.0.1\n\
         dhcp-option=tag:octets,9,10.0.0.1\n"
    ));
    says(&found, "vendor-class = { starts-with = \"PXEClient:Arch:00007\" }");
    says(&found, "options = { client-architecture = \"hex:0007\" }");
    says(&found, "options = { client-identifier = { starts-with = \"hex:ffaa\" } }");
    for (statement, note) in [
        ("dhcp-match=set:pxe", "finds the text anywhere"),
        ("dhcp-match=set:number", "finds the number anywhere"),
    ] {
        let (changed, found) = outcome(&found, statement);
        assert_eq!(changed, LineOutcome::Changed, "{statement}");
        assert!(found.contains(note), "{found}");
    }
    for statement in ["dhcp-match=set:arch", "dhcp-match=set:octets"] {
        assert_eq!(outcome(&found, statement), (LineOutcome::Carried, String::new()));
    }
}

#[test]
fn the_vendor_class_comes_back_with_the_options_of_a_vendor() {
    let lines = format!("{RANGE}dhcp-option=vendor:PXEClient,6,2b\n");
    let found = dnsmasq(&lines);
    says(&found, "vendor-class-identifier = \"PXEClient\"");
    let note = outcome(&found, "dhcp-option").1;
    assert!(note.contains("dnsmasq repeats that of the client"), "{note}");
    let found = dnsmasq(&format!("{lines}dhcp-option=60,own\n"));
    says(&found, "vendor-class-identifier = \"own\"");
    lacks(&found, "vendor-class-identifier = \"PXEClient\"");
    let found = dnsmasq(&format!("{RANGE}dhcp-option=vendor:,6,2b\n"));
    says(&found, "match = { vendor-class = { present = true } }");
    let note = outcome(&found, "dhcp-option").1;
    assert!(note.contains("without vendor-class-identifier"), "{note}");
}

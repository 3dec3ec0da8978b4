//! What `dhcpd.conf` says of pools, hosts and groups reaches the clients that it reaches there, or
//! the report says that it does not.

use lessor_core::{OptionValue, Reservation, option::code};
use lessor_import::{Imported, LineOutcome, OldServer};

use crate::common::{Folder, import};

fn imported(text: &str) -> Imported {
    let folder = Folder::new();
    let path = folder.write("dhcpd.conf", text);
    import(OldServer::Dhcpd, &path).unwrap_or_else(|refusal| panic!("{refusal}\n{text}"))
}

/// The outcome and the note of the only statement that begins like this.
#[track_caller]
fn outcome(imported: &Imported, statement: &str) -> (LineOutcome, String) {
    let entries = imported.report.entries().iter();
    let mut found = entries.filter(|entry| entry.statement.starts_with(statement));
    let (Some(entry), None) = (found.next(), found.next()) else {
        panic!("{statement} is not there once: {}", imported.report);
    };
    (entry.outcome, entry.note.clone())
}

/// The ranges that clients of no class get addresses of.
fn open(imported: &Imported) -> Vec<String> {
    let networks = imported.topology.networks().iter();
    let pools = networks.flat_map(|of| of.subnets.iter()).flat_map(|subnet| subnet.pools.iter());
    let open = pools.filter(|pool| !pool.by_policy_only);
    open.map(|pool| format!("{}-{}", pool.first, pool.last)).collect()
}

fn reserved(imported: &Imported, position: usize) -> &Reservation {
    &imported.topology.networks()[0].subnets[0].reservations[position]
}

const CLASSES: &str = "class \"voip\" { match if option vendor-class-identifier = \"voip\"; }
    class \"stb\" { match if option vendor-class-identifier = \"stb\"; }\n";

#[test]
fn a_class_with_a_pool_of_its_own_leaves_the_other_pool_to_all_others() {
    let found = imported(&format!(
        "{CLASSES}subnet 10.0.0.0 netmask 255.255.255.0 {{
             pool {{ allow members of \"voip\"; range 10.0.0.10 10.0.0.19; }}
             pool {{ deny members of \"voip\"; range 10.0.0.20 10.0.0.29; }}
         }}"
    ));
    assert_eq!(open(&found), ["10.0.0.20-10.0.0.29"], "{}", found.configuration);
    assert!(found.configuration.contains("pools = [\"voip\"]"), "{}", found.configuration);
    assert_eq!(found.report.totals().not_carried, 0, "{}", found.report);
    // Of two classes that are denied, one has no pool.
    let found = imported(&format!(
        "{CLASSES}subnet 10.0.0.0 netmask 255.255.255.0 {{
             pool {{ allow members of \"voip\"; range 10.0.0.10 10.0.0.19; }}
             pool {{ deny members of \"voip\"; deny members of \"stb\";
                     range 10.0.0.20 10.0.0.29; }}
         }}"
    ));
    assert!(open(&found).is_empty(), "{}", found.configuration);
    assert_eq!(outcome(&found, "deny members of \"stb\"").0, LineOutcome::NotCarried);
}

#[test]
fn a_subnet_whose_pools_nobody_gets_is_not_taken_for_carried() {
    let found = imported(&format!(
        "{CLASSES}subnet 10.0.0.0 netmask 255.255.255.0 {{
             pool {{ deny members of \"voip\"; range 10.0.0.20 10.0.0.29; }}
         }}
         subnet 10.0.1.0 netmask 255.255.255.0 {{
             pool {{ allow members of \"voip\"; range 10.0.1.20 10.0.1.29; }}
         }}
         subnet 10.0.2.0 netmask 255.255.255.0 {{ }}
         subnet 10.0.3.0 netmask 255.255.255.0 {{ pool {{ deny all clients; range 10.0.3.9; }} }}"
    ));
    assert!(found.report.totals().not_carried > 0, "{}", found.report);
    let last = found.report.to_string();
    let last = last.lines().last().unwrap();
    assert_eq!(
        last,
        "no client gets an address of a pool of 10.0.0.0/24 and 1 more until a class or a policy \
         says so"
    );
}

#[test]
fn pools_for_known_clients_are_for_policies_wherever_it_is_said() {
    let subnet = |inner: &str| {
        format!("subnet 10.0.0.0 netmask 255.255.255.0 {{ {inner} range 10.0.0.10 10.0.0.19; }}")
    };
    for text in [
        format!("deny unknown-clients; {}", subnet("")),
        format!("ignore unknown-clients; {}", subnet("")),
        format!("boot-unknown-clients off; {}", subnet("")),
        subnet("deny unknown-clients;"),
        format!("shared-network s {{ deny unknown-clients; {} }}", subnet("")),
        format!("group {{ deny unknown-clients; {} }}", subnet("")),
        format!("allow unknown-clients; {}", subnet("deny unknown-clients;")),
        "subnet 10.0.0.0 netmask 255.255.255.0 { deny unknown-clients;
             pool { range 10.0.0.10 10.0.0.19; } }"
            .to_owned(),
        "shared-network s {
             subnet 10.0.0.0 netmask 255.255.255.0 { deny unknown-clients; }
             pool { range 10.0.0.10 10.0.0.19; } }"
            .to_owned(),
        format!(
            "{CLASSES}deny unknown-clients; subnet 10.0.0.0 netmask 255.255.255.0 {{
                 pool {{ allow members of \"voip\"; range 10.0.0.10 10.0.0.19; }} }}"
        ),
    ] {
        let found = imported(&text);
        assert!(open(&found).is_empty(), "{text}\n{}", found.configuration);
        assert!(!found.configuration.contains("pools ="), "{text}\n{}", found.configuration);
        assert!(found.report.totals().not_carried > 0, "{text}\n{}", found.report);
    }
    for text in [
        format!("deny unknown-clients; {}", subnet("allow unknown-clients;")),
        format!("deny unknown-clients; allow unknown-clients; {}", subnet("")),
        format!("boot-unknown-clients on; {}", subnet("")),
    ] {
        assert_eq!(open(&imported(&text)), ["10.0.0.10-10.0.0.19"], "{text}");
    }
}

#[test]
fn permits_that_together_name_all_clients_leave_a_pool_open() {
    for (permits, is_open) in [
        ("allow known-clients; allow unknown-clients;", true),
        ("allow known clients; allow unknown clients;", true),
        ("allow all clients; allow members of \"voip\";", true),
        ("allow unauthenticated clients;", true),
        ("deny dynamic bootp clients; deny authenticated clients;", true),
        ("allow known-clients;", false),
        ("allow unknown-clients;", false),
        ("deny unknown-clients;", false),
        ("deny all clients;", false),
        ("allow authenticated clients;", false),
        ("allow dynamic bootp clients;", false),
        ("allow all clients; deny known-clients;", false),
        ("deny after 4 2027/01/01 00:00:00;", false),
    ] {
        let found = imported(&format!(
            "{CLASSES}subnet 10.0.0.0 netmask 255.255.255.0 {{
                 pool {{ {permits} range 10.0.0.10 10.0.0.19; }} }}"
        ));
        assert_eq!(!open(&found).is_empty(), is_open, "{permits}\n{}", found.configuration);
        let is_whole = found.report.totals().not_carried == 0;
        assert_eq!(is_whole, is_open, "{permits}\n{}", found.report);
    }
}

#[test]
fn hosts_have_the_settings_of_their_groups() {
    let found = imported(
        "subnet 10.0.0.0 netmask 255.255.255.0 { range 10.0.0.10 10.0.0.19; }
         group {
             next-server 10.9.9.9;
             filename \"pxelinux.0\";
             server-name \"x\";
             default-lease-time 1234;
             max-lease-time 99;
             group {
                 filename \"inner.0\";
                 option host-name \"inner\";
                 host a { hardware ethernet 02:00:5e:00:00:01; fixed-address 10.0.0.1; }
             }
             host b { hardware ethernet 02:00:5e:00:00:02; fixed-address 10.0.0.2;
                      default-lease-time 4321; }
         }",
    );
    let inner = &reserved(&found, 0).settings;
    assert_eq!(inner.boot.next_server, Some("10.9.9.9".parse().unwrap()));
    assert_eq!(inner.longest_lease_secs(), 1234);
    assert_eq!(reserved(&found, 1).settings.longest_lease_secs(), 4321);
    assert!(reserved(&found, 0).options.get(code::HOST_NAME).is_some());
    assert!(found.configuration.contains("boot-file = \"inner.0\""), "{}", found.configuration);
    assert!(found.configuration.contains("boot-file = \"pxelinux.0\""), "{}", found.configuration);
    let (not_carried, note) = outcome(&found, "max-lease-time");
    assert_eq!(not_carried, LineOutcome::NotCarried);
    assert!(note.contains("only hosts"), "{note}");
    // The subnets of a group have what its hosts cannot have.
    let found = imported(
        "group {
             max-lease-time 99;
             subnet 10.0.0.0 netmask 255.255.255.0 { range 10.0.0.10 10.0.0.19; }
             host a { hardware ethernet 02:00:5e:00:00:01; fixed-address 10.0.0.1; }
         }
         group { max-lease-time 98; }",
    );
    assert_eq!(outcome(&found, "max-lease-time 99").0, LineOutcome::Changed);
    assert_eq!(outcome(&found, "max-lease-time 98").0, LineOutcome::NotCarried);
}

#[test]
fn what_a_reservation_cannot_have_is_not_carried() {
    for said in [
        "max-lease-time 9",
        "min-lease-time 9",
        "always-broadcast on",
        "authoritative",
        "not authoritative",
        "ignore-client-uids on",
        "adaptive-lease-time-threshold 9",
        "abandon-lease-time 9",
        "option dhcp-renewal-time 9",
        "allow bootp",
        "server-identifier 10.0.0.9",
        "local-address 10.0.0.9",
    ] {
        let found = imported(&format!(
            "subnet 10.0.0.0 netmask 255.255.255.0 {{ range 10.0.0.10 10.0.0.19; }}
             host a {{ hardware ethernet 02:00:5e:00:00:01; fixed-address 10.0.0.1; {said}; }}"
        ));
        assert_eq!(outcome(&found, said).0, LineOutcome::NotCarried, "{said}");
        assert!(!found.configuration.contains("10.0.0.9"), "{}", found.configuration);
        let in_pool = format!("pool {{ range 10.0.0.10 10.0.0.19; {said}; }}");
        let found = imported(&format!("subnet 10.0.0.0 netmask 255.255.255.0 {{ {in_pool} }}"));
        assert_eq!(outcome(&found, said).0, LineOutcome::NotCarried, "{said} in a pool");
    }
    let found = imported(
        "subnet 10.0.0.0 netmask 255.255.255.0 { range 10.0.0.10 10.0.0.19; }
         host a { hardware ethernet 02:00:5e:00:00:01; fixed-address 10.0.0.1; ping-check off; }",
    );
    assert_eq!(outcome(&found, "ping-check").0, LineOutcome::Carried, "it comes to nothing");
}

#[test]
fn a_server_identifier_is_that_of_its_subnet() {
    let found = imported(
        "server-identifier 10.0.0.1;
         subnet 10.0.0.0 netmask 255.255.255.0 { range 10.0.0.1 10.0.0.9; }
         subnet 10.0.1.0 netmask 255.255.255.0 {
             server-identifier 10.0.1.1; range 10.0.1.1 10.0.1.9; }
         host a { hardware ethernet 02:00:5e:00:00:01; fixed-address 10.0.1.1; }",
    );
    let text = &found.configuration;
    let of_server = text.split("[[subnet]]").next().unwrap();
    assert!(of_server.contains("server-identifier = \"10.0.0.1\""), "{text}");
    assert!(!of_server.contains("10.0.1.1"), "{text}");
    let of_second = text.split("prefix = \"10.0.1.0/24\"").nth(1).unwrap();
    assert!(of_second.contains("server-identifier = \"10.0.1.1\""), "{text}");
    assert_eq!(outcome(&found, "server-identifier 10.0.1.1").0, LineOutcome::Carried);
    let (not_carried, note) = outcome(&found, "fixed-address 10.0.1.1");
    assert_eq!(not_carried, LineOutcome::NotCarried);
    assert!(note.contains("an address of the server"), "{note}");
}

#[test]
fn what_unknown_clients_get_depends_on_authority_in_kea_only() {
    let dhcpd = imported(
        "authoritative;
         subnet 10.0.0.0 netmask 255.255.255.0 { range 10.0.0.10 10.0.0.19; }
         subnet 10.0.1.0 netmask 255.255.255.0 { not authoritative; range 10.0.1.10 10.0.1.19; }",
    );
    let folder = Folder::new();
    let path = folder.write(
        "kea.json",
        "{\"Dhcp4\": {\"authoritative\": true, \"subnet4\": [{\"subnet\": \"10.0.0.0/24\"},
          {\"subnet\": \"10.0.1.0/24\", \"authoritative\": false}]}}",
    );
    let kea = import(OldServer::Kea, &path).unwrap();
    for (found, of_server, of_second) in [
        (dhcpd, "unknown-clients = \"adopt\"", "authoritative = false\nlease-time"),
        (
            kea,
            "unknown-clients = \"refuse\"",
            "authoritative = false\nunknown-clients = \"ignore\"",
        ),
    ] {
        let text = &found.configuration;
        let [first, second] = ["[server]", "prefix = \"10.0.1.0/24\""].map(|begin| {
            let rest = text.split(begin).nth(1).unwrap();
            rest.split("[[subnet]]").next().unwrap()
        });
        assert!(first.contains(of_server), "{text}");
        assert!(second.contains(of_second), "{text}");
    }
}

#[test]
fn hosts_have_their_names_where_their_subnet_says_so() {
    let host = |name: &str, last: u8| {
        format!(
            "host {name} {{ hardware ethernet 02:00:5e:00:00:{last}; fixed-address 10.0.0.{last}; }}"
        )
    };
    let subnet = "subnet 10.0.0.0 netmask 255.255.255.0 { use-host-decl-names on; }";
    let named = |found: &Imported, position: usize| {
        let value = reserved(found, position).options.get(code::HOST_NAME);
        value.map(|value| match &**value {
            OptionValue::Text(name) => name.clone(),
            other => panic!("{other:?}"),
        })
    };
    let found = imported(&format!("{} {subnet} {}", host("before", 10), host("behind", 11)));
    assert_eq!(named(&found, 0).as_deref(), Some("before"));
    assert_eq!(named(&found, 1).as_deref(), Some("behind"));
    assert_eq!(outcome(&found, "use-host-decl-names").0, LineOutcome::Carried);
    let found = imported(&format!(
        "use-host-decl-names on; {} {} group {{ use-host-decl-names on; option host-name \"set\"; {} }}
         group {{ use-host-decl-names on; {} }}",
        subnet.replace(" on;", " off;"),
        host("a", 10),
        host("b", 11),
        host("c", 12)
    ));
    assert_eq!(named(&found, 0), None, "the subnet says no");
    assert_eq!(named(&found, 1).as_deref(), Some("set"));
    assert_eq!(named(&found, 2).as_deref(), Some("c"), "the group comes first");
    let found = imported(&format!(
        "{subnet} host d {{ hardware ethernet 02:00:5e:00:00:13; option routers 10.0.0.1; }}"
    ));
    assert_eq!(outcome(&found, "use-host-decl-names").0, LineOutcome::Changed);
    let found = imported("use-host-decl-names perhaps; subnet 10.0.0.0 netmask 255.0.0.0 { }");
    assert_eq!(outcome(&found, "use-host-decl-names").0, LineOutcome::NotCarried);
}

#[test]
fn ranges_for_bootp_clients_serve_them() {
    let imported =
        |ranges: &str| imported(&format!("subnet 10.0.0.0 netmask 255.255.255.0 {{ {ranges} }}"));
    let dynamic = "range dynamic-bootp 10.0.0.10 10.0.0.19;";
    let found = imported(&format!("allow bootp; {dynamic}"));
    assert!(found.configuration.contains("bootp = \"dynamic\""), "{}", found.configuration);
    assert_eq!(outcome(&found, "range").0, LineOutcome::Carried);
    let found = imported(&format!("allow bootp; {dynamic} range 10.0.0.20;"));
    assert!(found.configuration.contains("bootp = \"dynamic\""), "{}", found.configuration);
    assert_eq!(outcome(&found, "range dynamic-bootp").0, LineOutcome::Changed);
    let found = imported(
        "allow bootp; pool { allow all clients; allow dynamic bootp clients; range 10.0.0.10; }",
    );
    assert!(found.configuration.contains("bootp = \"dynamic\""), "{}", found.configuration);
    let found = imported(dynamic);
    assert!(!found.configuration.contains("bootp ="), "{}", found.configuration);
    let (changed, note) = outcome(&found, "range");
    assert_eq!(changed, LineOutcome::Changed);
    assert!(note.contains("BOOTP clients are not served"), "{note}");
}

#[test]
fn of_two_lines_about_the_same_the_later_one_counts() {
    for (first, second) in [
        ("option routers 10.0.0.2", "option routers 10.0.0.3"),
        ("option routers 10.0.0.2", "option dhcp.routers 10.0.0.3"),
        ("default-lease-time 600", "default-lease-time 700"),
        ("authoritative", "not authoritative"),
        ("option dhcp-renewal-time 8", "option dhcp-renewal-time 9"),
        ("next-server 10.0.0.2", "next-server 10.0.0.3"),
    ] {
        let lines = format!("{first};\n{second};\n");
        let outer = "option domain-name \"a\"; default-lease-time 500;";
        let found = imported(&format!(
            "{outer} subnet 10.0.0.0 netmask 255.255.255.0 {{ range 10.0.0.10;\n{lines} }}"
        ));
        let of_line = |line: usize| {
            let mut entries = found.report.entries().iter();
            let entry = entries.find(|entry| entry.place.line() == line).unwrap();
            (entry.outcome, entry.note.clone())
        };
        let (replaced, note) = of_line(2);
        assert_eq!(replaced, LineOutcome::NotNeeded, "{lines}");
        assert!(note.contains("dhcpd.conf:3 says it again"), "{note}");
        assert_eq!(of_line(3).0, LineOutcome::Carried, "{lines}");
        // Lines of an outer block are not about the same.
        assert_eq!(outcome(&found, "default-lease-time 500").0, LineOutcome::Carried);
    }
    let found = imported(
        "subnet 10.0.0.0 netmask 255.255.255.0 { }
         host a { hardware ethernet 02:00:5e:00:00:01; fixed-address 10.0.0.1;
                  filename \"a\"; filename \"b\"; }",
    );
    assert_eq!(outcome(&found, "filename \"a\"").0, LineOutcome::NotNeeded);
}

//! Statements of `dhcpd.conf` count in the order in which dhcpd executes them, and in words capital
//! letters are small ones. What is wanted here is what dhcpd 4.4.3-P1 was seen to do.

use lessor_import::{Imported, LineOutcome, OldServer};

use crate::common::{imported, outcome, says};

const SUBNET: &str = "subnet 10.0.0.0 netmask 255.255.255.0 { range 10.0.0.10 10.0.0.99; }";

fn read(text: &str) -> Imported {
    imported(OldServer::Dhcpd, text)
}

/// The blocks `[[class]]`, in their order.
fn classes(found: &Imported) -> Vec<&str> {
    let blocks = found.configuration.split("\n\n");
    blocks.filter(|block| block.contains("[[class]]")).collect()
}

#[test]
fn the_last_of_several_ifs_counts() {
    let found = read(&format!(
        "if option vendor-class-identifier = \"A\" {{ filename \"a\"; }}
         elsif option vendor-class-identifier = \"B\" {{ filename \"b\"; }}
         class \"one\" {{ match if exists host-name; filename \"one\"; }}
         if exists user-class {{ filename \"u\"; }}
         class \"two\" {{ match if exists root-path; filename \"two\"; }}
         {SUBNET}"
    ));
    let files: Vec<&str> = classes(&found)
        .iter()
        .filter_map(|class| class.split("boot-file = \"").nth(1)?.split('"').next())
        .collect();
    assert_eq!(files, ["one", "two", "u", "a", "b"], "{}", found.configuration);
    assert_eq!(found.report.totals().carried, 14, "{}", found.report);
}

#[test]
fn a_later_statement_replaces_what_an_if_sets() {
    let found = read(&format!(
        "if exists user-class {{ filename \"u\"; option ntp-servers 1.1.1.1; next-server 1.1.1.1; }}
         else {{ filename \"else\"; }}
         filename \"all\";
         option Dhcp.NTP-servers 3.3.3.3;
         if exists host-name {{ filename \"h\"; }}
         {SUBNET}"
    ));
    let [host, user] = classes(&found)[..] else { panic!("{}", found.configuration) };
    assert!(host.contains("boot-file = \"h\""), "{host}");
    assert!(user.contains("next-server = \"1.1.1.1\""), "{user}");
    assert!(!user.contains("boot-file") && !user.contains("ntp"), "{user}");
    for (statement, line) in [("filename \"u\"", 3), ("option ntp-servers", 4)] {
        let (not_needed, note) = outcome(&found, statement);
        assert_eq!(not_needed, LineOutcome::NotNeeded, "{statement}");
        assert!(note.contains(&format!(":{line} sets it again")), "{note}");
    }
    let (not_needed, note) = outcome(&found, "else");
    assert_eq!(not_needed, LineOutcome::NotNeeded);
    assert!(note.contains("replace all of it"), "{note}");
    assert_eq!(outcome(&found, "filename \"h\"").0, LineOutcome::Carried);
    // A statement before it does not, and neither does one that is not carried.
    let found = read(&format!(
        "filename \"all\";
         if exists user-class {{ filename \"u\"; next-server 1.1.1.1; }}
         next-server boot.example;
         {SUBNET}"
    ));
    says(&found, &["next-server = \"1.1.1.1\"\nboot-file = \"u\""]);
}

#[test]
fn what_a_subnet_sets_as_well_is_said_of_every_setting() {
    for (said, is_said) in [
        ("filename \"f\"", true),
        ("server-name \"s\"", true),
        ("next-server 10.0.0.9", true),
        ("default-lease-time 9000", true),
        ("min-lease-time 900", true),
        ("max-lease-time 90000", true),
        ("always-broadcast on", true),
        ("option dhcp-renewal-time 9", true),
        ("option ntp-servers 10.0.0.9", true),
        ("option time-servers 10.0.0.9", false),
    ] {
        let inner = if is_said { said } else { "option routers 10.0.0.1" };
        let subnet =
            format!("subnet 10.0.0.0 netmask 255.255.255.0 {{ {inner}; range 10.0.0.10; }}");
        let found = read(&format!("if exists user-class {{ {said}; }} {subnet}"));
        let (is, note) = outcome(&found, "if exists");
        let wanted = if is_said { LineOutcome::Changed } else { LineOutcome::Carried };
        assert_eq!(is, wanted, "{said}: {note}");
        assert_eq!(note.contains("come before those of subnets"), is_said, "{said}: {note}");
    }
    let found = read(
        "if exists user-class { filename \"u\"; }
         subnet 10.0.0.0 netmask 255.255.255.0 { pool { filename \"f\"; range 10.0.0.10; } }",
    );
    assert_eq!(outcome(&found, "if exists").0, LineOutcome::Changed);
    // What is set outside of subnets only comes after the `if`.
    let found =
        read(&format!("filename \"f\"; if exists user-class {{ filename \"u\"; }} {SUBNET}"));
    assert_eq!(outcome(&found, "if exists").0, LineOutcome::Carried);
}

#[test]
fn a_subclass_stands_where_its_class_does() {
    let found = read(&format!(
        "subclass \"second\" \"x\" {{ next-server 10.0.0.3; }}
         class \"first\" {{ match if exists user-class; next-server 10.0.0.1; }}
         class \"second\" {{ match option vendor-class-identifier; next-server 10.0.0.2; }}
         {SUBNET}"
    ));
    let wanted =
        ["next-server = \"10.0.0.1\"", "next-server = \"10.0.0.3\"", "next-server = \"10.0.0.2\""];
    says(&found, &wanted);
    assert_eq!(classes(&found).len(), 3);
}

#[test]
fn only_the_subnets_behind_it_are_authoritative() {
    let subnet = |third: u8, inner: &str| {
        format!("subnet 10.0.{third}.0 netmask 255.255.255.0 {{ {inner} }}\n")
    };
    let found = read(&format!(
        "{} {} shared-network s {{ {} authoritative; }} authoritative; {}
         group {{ not authoritative; {} }} group {{ {} }} not authoritative;",
        subnet(0, ""),
        subnet(1, "authoritative;"),
        subnet(2, ""),
        subnet(3, ""),
        subnet(4, ""),
        subnet(5, ""),
    ));
    let networks = found.topology.networks().iter();
    let authoritative = networks.filter(|network| network.authoritative);
    let prefixes: Vec<String> = authoritative
        .flat_map(|network| network.subnets.iter())
        .map(|subnet| subnet.prefix.to_string())
        .collect();
    assert_eq!(
        prefixes,
        ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24", "10.0.5.0/24"],
        "{}",
        found.configuration
    );
    let (carried, note) = outcome(&found, "subnet 10.0.3.0");
    assert_eq!(carried, LineOutcome::Carried);
    assert!(note.contains("behind it only"), "{note}");
    let found = read(&format!("authoritative; {SUBNET}"));
    assert_eq!(outcome(&found, "subnet").1, "");
}

#[test]
fn capital_letters_of_words_do_not_matter() {
    let text = "option space Acme;
        option ACME.Model code 1 = Text;
        option Site-Flag code 224 = Boolean;
        option site-flag TRUE;
        Default-Lease-Time Infinite;
        Class \"Phones\" { Match If Substring(Option Vendor-Class-Identifier, 0, 3) = \"Abc\"; }
        class \"phones\" { match hardware; Lease Limit 4; }
        SubClass \"phones\" 1:02:00:5E:00:00:09;
        If Not Exists User-Class { Filename \"X\"; } ElsIf Option Host-Name = \"H\" { Next-Server 10.0.0.9; }
        Shared-Network Campus {
            Subnet 10.0.0.0 NetMask 255.255.255.0 {
                Vendor-Option-Space ACME;
                Option acme.MODEL \"Big\";
                Option Routers 10.0.0.1;
                Pool { Deny Members Of \"Phones\"; Allow Unknown-Clients; Range 10.0.0.10 10.0.0.19; }
                Pool { Deny Unknown-Clients; Range 10.0.0.20 10.0.0.29; }
            }
        }
        Group {
            Use-Host-Decl-Names ON;
            Host PrinterOne { Hardware Ethernet 02:00:5E:00:00:0A; Fixed-Address 10.0.0.5; }
        }
        Not Authoritative;
        On Commit { Log(Info, \"x\"); }";
    let found = read(text);
    // Texts in quotes and names keep their letters, so lower case is the same for everything else.
    let mut small = String::new();
    for (position, part) in text.split('"').enumerate() {
        match position % 2 {
            0 => small.push_str(&part.to_lowercase()),
            _ => small.push_str(&format!("\"{part}\"")),
        }
    }
    let small = small.replace("campus", "Campus").replace("printerone", "PrinterOne");
    let wanted = read(&small);
    let without_file =
        |found: &Imported| found.configuration.lines().skip(1).collect::<Vec<_>>().join("\n");
    assert_eq!(without_file(&found), without_file(&wanted));
    let totals = |found: &Imported| {
        let totals = found.report.totals();
        (totals.carried, totals.changed, totals.not_needed, totals.not_carried)
    };
    assert_eq!(totals(&found), totals(&wanted), "{}\n{}", found.report, wanted.report);
    says(
        &found,
        &[
            "name = \"Phones\"",
            "shared-network = \"Campus\"",
            "range = \"10.0.0.20-10.0.0.29\"\nby-policy-only = true",
            "host-name = \"PrinterOne\"",
        ],
    );
    assert_eq!(outcome(&found, "Deny Unknown-Clients").0, LineOutcome::NotCarried);
    assert_eq!(outcome(&found, "Option Routers 10.0.0.1").0, LineOutcome::Carried);
    assert_eq!(outcome(&found, "On Commit").0, LineOutcome::NotCarried);
}

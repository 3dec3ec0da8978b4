//! Classes, expressions and tags of other servers become classes where conditions can say the same.

use lessor_import::{LineOutcome, OldServer};

use crate::common::{imported, outcome, says};

const SUBNET: &str = "subnet 10.0.0.0 netmask 255.255.255.0 { range 10.0.0.10 10.0.0.99; }\n";

#[test]
fn classes_of_dhcpd_with_subclasses_and_limits_are_carried() {
    let found = imported(
        OldServer::Dhcpd,
        &format!(
            "class \"paid\" {{ match hardware; }}
             subclass \"paid\" 1:02:00:5e:00:00:01;
             subclass \"paid\" 1:02:00:5e:00:00:02 {{ option host-name \"two\"; }}
             class \"ports\" {{
                 match if exists agent.circuit-id;
                 spawn with option agent.circuit-id;
                 lease limit 4;
             }}
             class \"makers\" {{ match substring(hardware, 1, 3); }}
             subclass \"makers\" 00:04:f2;
             {SUBNET}"
        ),
    );
    says(
        &found,
        &[
            "name = \"paid-1-02-00-5e-00-00-02\"",
            "match = { hardware-address = \"02:00:5e:00:00:02\" }",
            "options = { host-name = \"two\" }",
            "name = \"paid\"",
            "match = { hardware-address = [\"02:00:5e:00:00:01\", \"02:00:5e:00:00:02\"] }",
            "name = \"ports\"",
            "match = { circuit-id = { present = true } }",
            "limit = { by = \"circuit-id\", leases-max = 4 }",
            "name = \"makers\"",
            "match = { hardware-address = \"00:04:f2\" }",
        ],
    );
    assert_eq!(found.report.totals().not_carried, 0, "{}", found.report);
}

#[test]
fn pools_name_their_classes_and_those_of_no_class_are_for_policies() {
    let found = imported(
        OldServer::Dhcpd,
        "class \"phones\" { match if option vendor-class-identifier = \"phone\"; }
         class \"odd\" { match if option host-name ~= \"x$\"; }
         subnet 10.0.0.0 netmask 255.255.0.0 {
             pool { allow members of \"phones\"; range 10.0.1.0 10.0.1.255; }
             pool { deny members of \"phones\"; range 10.0.2.0 10.0.2.255; }
             pool { allow members of \"odd\"; range 10.0.3.0 10.0.3.255; }
             pool { allow known-clients; range 10.0.4.0 10.0.4.255; }
             pool { range 10.0.5.0 10.0.5.255; }
         }",
    );
    says(
        &found,
        &[
            "name = \"phones\"\nmatch = { vendor-class = \"phone\" }\npools = [\"phones\", \"others\"]",
            "name = \"phones\"\nrange = \"10.0.1.0-10.0.1.255\"\nby-policy-only = true",
            "name = \"not-phones\"\nrange = \"10.0.2.0-10.0.2.255\"\n",
            "range = \"10.0.3.0-10.0.3.255\"\nby-policy-only = true",
            "range = \"10.0.4.0-10.0.4.255\"\nby-policy-only = true",
            "name = \"others\"\nrange = \"10.0.5.0-10.0.5.255\"\n",
        ],
    );
    assert_eq!(outcome(&found, "class \"odd\"").0, LineOutcome::NotCarried);
    let (not_carried, note) = outcome(&found, "allow members of \"odd\"");
    assert_eq!(not_carried, LineOutcome::NotCarried);
    assert!(note.contains("only a policy"), "{note}");
    assert_eq!(outcome(&found, "allow members of \"phones\"").0, LineOutcome::Carried);
    assert_eq!(outcome(&found, "deny members of \"phones\"").0, LineOutcome::Carried);
}

#[test]
fn a_class_without_another_pool_cannot_be_kept_away_and_gets_none() {
    let found = imported(
        OldServer::Dhcpd,
        "class \"phones\" { match if option vendor-class-identifier = \"phone\"; }
         subnet 10.0.0.0 netmask 255.255.0.0 {
             pool { deny members of \"phones\"; range 10.0.2.0 10.0.2.255; }
         }",
    );
    says(&found, &["by-policy-only = true"]);
    assert_eq!(outcome(&found, "range 10.0.2.0").0, LineOutcome::Changed);
}

#[test]
fn branches_are_classes_until_one_is_not_carried() {
    let found = imported(
        OldServer::Dhcpd,
        &format!(
            "if option user-class = \"iPXE\" {{ filename \"menu\"; }}
             elsif option host-name ~= \"x$\" {{ filename \"x\"; }}
             else {{ filename \"y\"; }}
             if exists user-class and option user-class = \"z\" {{ next-server 192.0.2.1; }}
             {SUBNET}"
        ),
    );
    says(
        &found,
        &[
            "match = { user-class = { present = true }, not = { not = { user-class = \"z\" } } }",
            "next-server = \"192.0.2.1\"",
            "match = { user-class = \"iPXE\" }\nboot-file = \"menu\"",
        ],
    );
    assert_eq!(outcome(&found, "elsif").0, LineOutcome::NotCarried);
    let (not_carried, note) = outcome(&found, "else");
    assert_eq!(not_carried, LineOutcome::NotCarried);
    assert!(note.contains("a branch before it"), "{note}");
}

#[test]
fn a_class_that_no_message_meets_is_left_out_and_does_not_end_the_import() {
    let found = imported(
        OldServer::Kea,
        "{ \"Dhcp4\": {
            \"client-classes\": [
                { \"name\": \"none\", \"test\": \"option[60].hex == 'a' and not (option[60].hex == 'a')\",
                  \"option-data\": [ { \"name\": \"host-name\", \"data\": \"never\" } ] },
                { \"name\": \"one\", \"test\": \"option[60].hex == 'a'\" } ],
            \"subnet4\": [ { \"id\": 1, \"subnet\": \"10.0.0.0/24\",
                \"pools\": [ { \"pool\": \"10.0.0.10 - 10.0.0.20\", \"client-class\": \"none\" },
                             { \"pool\": \"10.0.0.30 - 10.0.0.40\" } ] } ] } }",
    );
    says(&found, &["name = \"one\"", "by-policy-only = true"]);
    assert!(!found.configuration.contains("none"), "{}", found.configuration);
    let (not_carried, note) = outcome(&found, "{ \"name\": \"none\"");
    assert_eq!(not_carried, LineOutcome::NotCarried);
    assert!(note.contains("no [[class]] can say it"), "{note}");
    assert_eq!(outcome(&found, "{ \"name\": \"host-name\"").0, LineOutcome::NotCarried);
}

#[test]
fn classes_of_kea_are_carried_with_what_is_for_them() {
    let long = "x".repeat(130);
    let found = imported(
        OldServer::Kea,
        &format!(
            "{{ \"Dhcp4\": {{
            \"client-classes\": [
                {{ \"name\": \"modems\", \"test\": \"substring(option[60].hex,0,6) == 'docsis'\",
                   \"valid-lifetime\": 600, \"next-server\": \"192.0.2.7\",
                   \"boot-file-name\": \"{long}\" }},
                {{ \"name\": \"rest\", \"test\": \"not member('modems') and relay4[1].exists\" }},
                {{ \"name\": \"known\", \"test\": \"member('KNOWN')\" }},
                {{ \"name\": \"later\", \"test\": \"option[60].exists\", \"only-if-required\": true }},
                {{ \"name\": \"by host\" }} ],
            \"subnet4\": [ {{ \"id\": 1, \"subnet\": \"10.0.0.0/16\", \"client-class\": \"modems\",
                \"pools\": [ {{ \"pool\": \"10.0.1.0/24\" }} ],
                \"option-data\": [ {{ \"name\": \"boot-file-name\", \"data\": \"f\" }} ] }},
              {{ \"id\": 2, \"subnet\": \"10.1.0.0/16\",
                \"pools\": [ {{ \"pool\": \"10.1.1.0/24\", \"client-class\": \"VENDOR_CLASS_eRouter1.0\" }} ] }} ] }} }}"
        ),
    );
    says(
        &found,
        &[
            "name = \"modems\"\nmatch = { vendor-class = { starts-with = \"docsis\" } }\n\
             pools = [\"modems\"]\nlease-time = \"10m\"\n",
            "next-server = \"192.0.2.7\"\n",
            "match = { circuit-id = { present = true }, not = { vendor-class = { starts-with = \"docsis\" } } }",
            "name = \"VENDOR_CLASS_eRouter1.0\"\nmatch = { vendor-class = \"eRouter1.0\" }",
            "name = \"modems\"\nrange = \"10.0.1.0-10.0.1.255\"\nby-policy-only = true",
            "name = \"VENDOR_CLASS_eRouter1.0\"\nrange = \"10.1.1.0-10.1.1.255\"",
        ],
    );
    let (changed, note) = outcome(&found, "{ \"name\": \"modems\"");
    assert_eq!(changed, LineOutcome::Changed);
    assert!(note.contains("come before those of subnets"), "{note}");
    let (changed, note) = outcome(&found, "\"boot-file-name\"");
    assert_eq!(changed, LineOutcome::Changed);
    assert!(note.contains("has no room"), "{note}");
    for name in ["known", "later", "by host"] {
        let statement = format!("{{ \"name\": \"{name}\"");
        assert_eq!(outcome(&found, &statement).0, LineOutcome::NotCarried, "{name}");
    }
}

#[test]
fn tags_of_dnsmasq_are_classes_of_what_is_for_them() {
    let found = imported(
        OldServer::Dnsmasq,
        "dhcp-range=10.0.1.0,10.0.1.255,255.255.0.0,1h
         dhcp-range=tag:phones,10.0.2.0,10.0.2.255,255.255.0.0,1h
         dhcp-option=tag:phones,tag:!gold,option:ntp-server,192.0.2.1
         dhcp-option-force=tag:phones,option:tftp-server,192.0.2.2
         dhcp-option=option:T1,600
         dhcp-vendorclass=set:phones,Aastra
         dhcp-mac=set:phones,00:04:f2:*:*:*
         dhcp-subscrid=set:gold,gold
         dhcp-userclass=set:ipxe,iPXE
         dhcp-match=set:efi,option:client-arch,7
         dhcp-match=set:unused,175
         tag-if=set:both,tag:efi,tag:!ipxe
         dhcp-boot=tag:both,boot.efi,boothost,192.0.2.3
         dhcp-boot=undionly.kpxe
         dhcp-broadcast=tag:gold
         bootp-dynamic
         dhcp-rapid-commit\n",
    );
    says(
        &found,
        &[
            "bootp = \"dynamic\"",
            "boot-file = \"undionly.kpxe\"",
            "renewal-time = \"10m\"",
            "rapid-commit = true",
            "name = \"phones-and-not-gold\"",
            "not = { options = { relay-agent-information = { 6 = \"gold\" } } }",
            "options = { ntp-servers = [\"192.0.2.1\"] }",
            "name = \"phones\"",
            "match = { any = [{ vendor-class = { starts-with = \"Aastra\" } }, { hardware-address = \
             \"00:04:f2\" }] }",
            "pools = [\"phones\", \"others\"]",
            "always-send = [\"tftp-server-name\"]",
            "always-broadcast = true",
            "name = \"both\"",
            "match = { options = { client-architecture = \"hex:0007\" }, not = { user-class = { \
             starts-with = \"iPXE\" } } }",
            "next-server = \"192.0.2.3\"\nserver-name = \"boothost\"\nboot-file = \"boot.efi\"",
        ],
    );
    assert_eq!(outcome(&found, "dhcp-match=set:unused").0, LineOutcome::NotNeeded);
    assert_eq!(outcome(&found, "dhcp-vendorclass").0, LineOutcome::Changed);
    assert_eq!(outcome(&found, "dhcp-range=tag:phones").0, LineOutcome::Carried);
    assert_eq!(found.report.totals().not_carried, 0, "{}", found.report);
}

#[test]
fn regular_expressions_are_classes_if_they_list_beginnings() {
    let found = imported(
        OldServer::Dhcpd,
        &format!(
            "class \"boxes\" {{
                 match if option vendor-class-identifier ~= \"^(stb|iptv)-\";
                 option host-name \"box\";
             }}
             class \"anywhere\" {{
                 match if option vendor-class-identifier ~= \"stb\";
                 option host-name \"box\";
             }}
             {SUBNET}"
        ),
    );
    says(&found, &["name = \"boxes\"", "starts-with = \"stb-\"", "starts-with = \"iptv-\""]);
    let (outcome_of, why) = outcome(&found, "class \"anywhere\"");
    assert_eq!(outcome_of, LineOutcome::NotCarried);
    assert!(why.contains("anywhere in the value") && why.contains("docs/policies.md"), "{why}");

    let kea = r#"{ "Dhcp4": {
        "client-classes": [
            { "name": "boxes", "test": "match('stb-[12].*', option[60].text)", "next-server": "192.0.2.9" },
            { "name": "other", "test": "match('.*stb', option[60].text)" }
        ],
        "subnet4": [ { "id": 1, "subnet": "10.0.0.0/24", "pools": [ { "pool": "10.0.0.10-10.0.0.99" } ] } ]
    } }"#;
    let found = imported(OldServer::Kea, kea);
    says(&found, &["name = \"boxes\"", "starts-with = \"stb-1\"", "starts-with = \"stb-2\""]);
    assert!(!found.configuration.contains("other"), "{}", found.configuration);
}

#[test]
fn options_of_a_vendor_are_those_of_a_class_in_dnsmasq() {
    let found = imported(
        OldServer::Dnsmasq,
        "interface=eth1\n\
         dhcp-range=set:lan,10.0.0.10,10.0.0.99,255.255.255.0,1h\n\
         dhcp-option=vendor:MSFT,2,1i\n\
         dhcp-option=vendor:MSFT,1,2i\n\
         dhcp-vendorclass=set:phone,Aastra\n\
         dhcp-option=tag:phone,vendor:Aastra-9,3,\"x\"\n\
         dhcp-option=tag:lan,vendor:MSFT,3,1i\n\
         dhcp-option=vendor:PXEClient,1,0.0.0.0\n",
    );
    let classes = [
        "name = \"phone-and-vendor-Aastra-9\"",
        "name = \"vendor-MSFT\"",
        "match = { vendor-class = { starts-with = \"MSFT\" } }",
        "vendor-specific-information = \"hex:010400000002020400000001\"",
    ];
    says(&found, &classes);
    let (outcome_of, note) = outcome(&found, "dhcp-option=vendor:MSFT,2");
    assert_eq!(outcome_of, LineOutcome::Changed);
    assert!(note.contains("at its beginning"), "{note}");
    // Within option 43, 0.0.0.0 is not dnsmasq's own address.
    says(&found, &["name = \"vendor-PXEClient\"", "\"hex:010400000000\""]);
    let (outcome_of, why) = outcome(&found, "dhcp-option=tag:lan,vendor");
    assert_eq!(outcome_of, LineOutcome::NotCarried);
    assert!(why.contains("several tags"), "{why}");
}

#[test]
fn reservations_of_kea_name_their_classes() {
    let found = imported(
        OldServer::Kea,
        "{ \"Dhcp4\": {
            \"client-classes\": [
                { \"name\": \"phones\", \"test\": \"option[60].hex == 'phone'\" },
                { \"name\": \"gold service\", \"valid-lifetime\": 600 },
                { \"name\": \"of hooks\", \"valid-lifetime\": 700 },
                { \"name\": \"lost\", \"test\": \"member('KNOWN')\" } ],
            \"reservations-global\": true,
            \"reservations\": [ { \"hw-address\": \"02:00:5e:00:53:02\",
                \"client-classes\": [\"phones\"] } ],
            \"subnet4\": [ { \"id\": 1, \"subnet\": \"10.0.0.0/24\",
                \"pools\": [ { \"pool\": \"10.0.0.10 - 10.0.0.20\",
                    \"client-class\": \"gold service\" } ],
                \"reservations\": [ { \"hw-address\": \"02:00:5e:00:53:01\",
                    \"client-classes\": [\"phones\", \"gold service\", \"lost\", \"phones\"] },
                  { \"hw-address\": \"02:00:5e:00:53:03\", \"client-classes\": [\"lost\"] } ] } ] } }",
    );
    says(
        &found,
        &[
            "name = \"gold-service\"\npools = [\"gold-service\"]\nlease-time = \"10m\"",
            "[[reservation]]\nhardware-address = \"02:00:5e:00:53:02\"\nclasses = [\"phones\"]",
            "hardware-address = \"02:00:5e:00:53:01\"\nclasses = [\"phones\", \"gold-service\"]",
        ],
    );
    assert!(found.topology.reservations_name_classes());
    let (not_carried, note) = outcome(&found, "{ \"name\": \"of hooks\"");
    assert_eq!(not_carried, LineOutcome::NotCarried);
    assert!(note.contains("no reservation that is carried names it"), "{note}");
    let (changed, note) = outcome(&found, "{ \"hw-address\": \"02:00:5e:00:53:01\"");
    assert_eq!(
        (changed, note.as_str()),
        (LineOutcome::Changed, "its class \"lost\" is not carried")
    );
    assert_eq!(outcome(&found, "{ \"hw-address\": \"02:00:5e:00:53:02\"").0, LineOutcome::Carried);
    let (not_carried, note) = outcome(&found, "{ \"hw-address\": \"02:00:5e:00:53:03\"");
    assert_eq!(not_carried, LineOutcome::NotCarried);
    assert!(note.contains("gives its client nothing"), "{note}");
}

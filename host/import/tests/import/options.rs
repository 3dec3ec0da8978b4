//! Options are sent with the octets that the other servers send. The octets below were recorded
//! from Kea 2.2.0, ISC dhcpd 4.4.3-P1 and dnsmasq 2.90 with these configurations.

use std::collections::BTreeMap;

use lessor_core::OptionValue;
use lessor_import::{
    LineOutcome,
    OldServer::{self, Dhcpd, Dnsmasq, Kea},
};

use crate::common::{self, Folder};

/// The options of the only subnet as a client with this vendor class gets them, in hexadecimal.
fn options(origin: OldServer, text: &str, vendor_class: &[u8]) -> BTreeMap<u8, String> {
    let folder = Folder::new();
    let imported = common::import(origin, &folder.write("configuration", text)).unwrap();
    let networks = imported.topology.networks();
    let [network] = networks else { panic!("{networks:?}") };
    let value = |value: &OptionValue| match value {
        OptionValue::ByClass(values) => {
            lessor_vocabulary::ForClass::chosen(values, vendor_class).map(<[u8]>::to_vec)
        }
        OptionValue::ByEnterprise(parts) => {
            lessor_vocabulary::ForEnterprise::chosen(parts, Some(vendor_class), &[])
        }
        value => Some(value.to_octets()),
    };
    let hexadecimal = |octets: Vec<u8>| lessor_vocabulary::hexadecimal::digits(&octets);
    let options = network.subnets[0].options.iter();
    options.filter_map(|(code, found)| Some((code, hexadecimal(value(found)?)))).collect()
}

fn assert_octets(found: &BTreeMap<u8, String>, wanted: &[(u8, &str)]) {
    let wanted = wanted.iter().map(|(code, octets)| (*code, (*octets).to_owned()));
    assert_eq!(*found, wanted.collect());
}

const KEA: &str = r#"{ "Dhcp4": {
    "subnet4": [ { "subnet": "10.99.0.0/24", "pools": [ { "pool": "10.99.0.10 - 10.99.0.20" } ] } ],
    "option-def": [
        { "name": "sub1", "code": 1, "space": "vendor-encapsulated-options-space",
          "type": "ipv4-address", "array": true },
        { "name": "sub2", "code": 2, "space": "vendor-encapsulated-options-space",
          "type": "string" },
        { "name": "own", "code": 224, "type": "uint16", "encapsulate": "ownspace" },
        { "name": "inner", "code": 9, "space": "ownspace", "type": "uint8" },
        { "name": "outer2", "code": 225, "type": "empty", "encapsulate": "sp2" },
        { "name": "deep", "code": 7, "space": "sp2", "type": "empty", "encapsulate": "sp3" },
        { "name": "deepest", "code": 8, "space": "sp3", "type": "boolean" },
        { "name": "fq", "code": 226, "type": "fqdn", "array": true },
        { "name": "tup", "code": 227, "type": "tuple", "array": true },
        { "name": "tup1", "code": 228, "type": "tuple" },
        { "name": "rec", "code": 229, "type": "record", "record-types": "uint8, ipv4-address",
          "array": true },
        { "name": "str", "code": 230, "type": "string" },
        { "name": "bin", "code": 231, "type": "binary" },
        { "name": "docs", "code": 232, "type": "record", "record-types": "uint8, fqdn",
          "array": true },
        { "name": "acme1", "code": 5, "space": "vendor-32473", "type": "string" } ],
    "option-data": [
        { "name": "vendor-encapsulated-options", "csv-format": false, "data": "0104C0000235" },
        { "name": "sub1", "space": "vendor-encapsulated-options-space",
          "data": "192.0.2.80, 192.0.2.81" },
        { "name": "sub2", "space": "vendor-encapsulated-options-space", "data": "abc" },
        { "name": "own", "data": "513" },
        { "name": "inner", "space": "ownspace", "data": "7" },
        { "name": "outer2" },
        { "name": "deep", "space": "sp2" },
        { "name": "deepest", "space": "sp3", "data": "true" },
        { "name": "fq", "data": "a.example, b.example" },
        { "name": "tup", "data": "ab, cde" },
        { "name": "tup1", "data": "ab" },
        { "name": "rec", "data": "7, 192.0.2.1, 192.0.2.2" },
        { "name": "str", "data": "a, b" },
        { "name": "bin", "data": "0a0b" },
        { "name": "docs", "data": "7, x.example, y.example" },
        { "name": "vivso-suboptions", "data": "32473" },
        { "name": "acme1", "space": "vendor-32473", "data": "hello", "always-send": true },
        { "name": "vivco-suboptions", "data": "32473, 0403616263" } ] } }"#;

#[test]
fn octets_are_those_that_kea_sends() {
    assert_octets(
        &options(Kea, KEA, b""),
        &[
            (43, "0104c00002350203616263"),
            (124, "00007ed90403616263"),
            (125, "00007ed907050568656c6c6f"),
            (224, "0201090107"),
            (225, "0703080101"),
            (226, "0161076578616d706c65000162076578616d706c6500"),
            (227, "02616203636465"),
            (228, "026162"),
            (229, "07c0000201c0000202"),
            (230, "61"),
            (231, "0a0b"),
            (232, "070178076578616d706c65000179076578616d706c6500"),
        ],
    );
}

const DHCPD: &str = r#"
option space acme; option acme.url code 1 = text;
option space ubnt;
option ubnt.addr code 1 = ip-address; option ubnt.n code 2 = unsigned integer 8;
option space inner;
option inner.x code 3 = unsigned integer 8; option inner.y code 4 = unsigned integer 8;
option space vend; option vend.t code 4 = text;
option vendor.vend code 32473 = encapsulate vend;
option outer code 224 = encapsulate inner;
option rec code 225 = { integer 8, unsigned integer 16, ip-address };
option arr code 226 = array of { integer 8, ip-address };
option dl code 227 = domain-list; option dn code 228 = domain-name;
option dlc code 229 = domain-list compressed;
option v6 code 230 = ip6-address;
option neg code 231 = signed integer 16;
option flagged code 232 = { boolean, string };
option acme.url "http://a";
option inner.x 5;
option vend.t "tt";
option vendor.vend 04:01:41;
option rec 7 300 192.0.2.7;
option arr 1 192.0.2.1, 2 192.0.2.2;
option dl "a.example", "b.example"; option dn c.example; option dlc "a.example", "b.example";
option v6 2001:db8::1; option neg -7; option flagged on "abc";
option slp-directory-agent true 192.0.2.1, 192.0.2.2;
class "u" {
    match if substring(option vendor-class-identifier, 0, 4) = "ubnt";
    vendor-option-space ubnt;
    option ubnt.n 7;
}
subnet 10.99.0.0 netmask 255.255.255.0 {
    range 10.99.0.30 10.99.0.40;
    option ubnt.addr 192.0.2.9;
    option inner.y 6;
}
"#;

#[test]
fn the_mask_is_that_of_the_subnet_as_kea_sends_it() {
    let kea = r#"{"Dhcp4": {"subnet4": [{
        "id": 1, "subnet": "10.0.0.0/24", "pools": [{"pool": "10.0.0.10 - 10.0.0.20"}],
        "option-data": [{"name": "subnet-mask", "data": "255.255.0.0"}]
    }]}}"#;
    let found = common::imported(Kea, kea);
    let entry = found.report.entries().iter().find(|entry| entry.note.contains("mask")).unwrap();
    assert_eq!(entry.outcome, LineOutcome::NotNeeded, "{entry:?}");
    assert!(!found.configuration.contains("255.255.0.0"), "{}", found.configuration);
}

#[test]
fn octets_are_those_that_dhcpd_sends() {
    let for_all = [
        (78, "01c0000201c0000202"),
        (125, "00007ed903040141"),
        (224, "030105040106"),
        (225, "07012cc0000207"),
        (226, "01c000020102c0000202"),
        (227, "0161076578616d706c65000162076578616d706c6500"),
        (228, "0163076578616d706c6500"),
        (229, "0161076578616d706c65000162c002"),
        (230, "20010db8000000000000000000000001"),
        (231, "fff9"),
        (232, "01616263"),
    ];
    assert_octets(&options(Dhcpd, DHCPD, b"other"), &for_all);
    let of_class = [&[(43, "0104c0000209020107")][..], &for_all].concat();
    assert_octets(&options(Dhcpd, DHCPD, b"ubnt7"), &of_class);
}

#[test]
fn dhcpd_sends_octets_of_option_43_rather_than_those_of_a_space() {
    let octets = "option vendor-encapsulated-options 09:01:07;";
    let found = options(Dhcpd, &format!("{octets}{DHCPD}"), b"ubnt7");
    assert_eq!(found[&43], "090107");
    let selected = format!("vendor-option-space acme;{DHCPD}");
    assert_eq!(options(Dhcpd, &selected, b"")[&43], "0108687474703a2f2f61");
}

const DNSMASQ: &str = "dhcp-range=set:net,10.99.0.50,10.99.0.60,255.255.255.0,1h
dhcp-option=encap:175,190,user
dhcp-option=tag:net,encap:175,191,pass
dhcp-option=vi-encap:32473,1,\"https://a/\"
dhcp-option=tag:net,vi-encap:32473,2,7547
dhcp-option=114,\"https://portal.example.net/\"
dhcp-option=option:sip-server,sip.example.net
dhcp-option=138,192.0.2.138
dhcp-option=224,300
dhcp-option=226,01:02
";

/// dnsmasq sends sub-options in another order, and an octet 255 at the end of those in option 175.
#[test]
fn octets_are_those_that_dnsmasq_sends() {
    assert_octets(
        &options(Dnsmasq, DNSMASQ, b""),
        &[
            (114, "68747470733a2f2f706f7274616c2e6578616d706c652e6e65742f"),
            (120, "0003736970076578616d706c65036e657400"),
            (125, "00007ed910010a68747470733a2f2f612f02021d7b"),
            (138, "c000028a"),
            (175, "be0475736572bf0470617373"),
            (224, "012c"),
            (226, "0102"),
        ],
    );
}

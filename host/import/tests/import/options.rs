//! Options are sent with the octets that the other servers send. The octets below were recorded
//! from Kea 2.2.0 and ISC dhcpd 4.4.3-P1 with these configurations.

use std::collections::BTreeMap;

use lessor_core::OptionValue;
use lessor_import::Origin::{self, Kea};

use crate::common::{self, Folder};

/// The options of the only subnet as a client with this vendor class gets them, in hexadecimal.
fn options(origin: Origin, text: &str, vendor_class: &[u8]) -> BTreeMap<u8, String> {
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

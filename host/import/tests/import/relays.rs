//! Relays of Kea whose addresses are in no subnet.

use std::net::Ipv4Addr;

use lessor_import::OldServer;

use crate::common::{Folder, import};

const CONFIGURATION: &str = r#"{ "Dhcp4": {
    "interfaces-config": { "interfaces": [ "eth0" ] },
    "subnet4": [
        { "id": 1, "subnet": "10.1.0.0/24", "relay": { "ip-addresses": [ "192.0.2.7", "10.1.0.1" ] } },
        { "id": 2, "subnet": "10.2.0.0/24", "relay": { "ip-addresses": [ "192.0.2.7" ] } }
    ],
    "shared-networks": [ {
        "name": "campus", "relay": { "ip-addresses": [ "192.0.2.9" ] },
        "subnet4": [
            { "id": 3, "subnet": "10.3.0.0/24" },
            { "id": 4, "subnet": "10.4.0.0/24",
              "relay": { "ip-addresses": [ "192.0.2.9", "192.0.2.10" ] } }
        ]
    } ]
} }"#;

#[test]
fn a_relay_selects_one_subnet_or_shared_network() {
    let folder = Folder::new();
    let path = folder.write("kea-dhcp4.conf", CONFIGURATION);
    let imported = import(OldServer::Kea, &path).unwrap();
    let networks = imported.topology.networks().iter();
    let subnets = networks.flat_map(|network| network.subnets.clone());
    let relays: Vec<Vec<Ipv4Addr>> =
        subnets.map(|subnet| subnet.selection.relay_addresses().to_vec()).collect();
    let relay = |last| Ipv4Addr::new(192, 0, 2, last);
    assert_eq!(relays, [vec![relay(7)], vec![], vec![relay(9)], vec![relay(10)]]);
}

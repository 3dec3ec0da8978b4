//! Reservations by every identifier, with several of them, and without an address.

use lessor_core::{Reservation, ReservationOwner};
use lessor_import::{Imported, OldServer};

use crate::common::*;

/// Imports a configuration whose subnet is 10.0.0.0/24.
fn imported(origin: OldServer, text: &str) -> Imported {
    let folder = Folder::new();
    let path = folder.write("configuration", text);
    import(origin, &path).unwrap_or_else(|refusal| panic!("{refusal}"))
}

fn kea(parameters: &str, reservations: &str) -> Imported {
    let subnet = format!("{{ \"subnet\": \"10.0.0.0/24\", \"reservations\": [{reservations}] }}");
    imported(
        OldServer::Kea,
        &format!(
            "{{ \"Dhcp4\": {{ \"host-reservation-identifiers\": [\"hw-address\", \"duid\", \
             \"flex-id\"], \"hooks-libraries\": [{{ \"library\": \"libdhcp_flex_id.so\", \
             \"parameters\": {{ {parameters} }} }}], \"subnet4\": [{subnet}] }} }}"
        ),
    )
}

fn of_subnet(imported: &Imported) -> &[Reservation] {
    &imported.topology.networks()[0].subnets[0].reservations
}

fn owners(reservation: &Reservation) -> Vec<String> {
    reservation.owners.iter().map(ReservationOwner::to_string).collect()
}

#[test]
fn a_flexible_identifier_is_what_its_expression_says() {
    for (expression, wanted) in [
        ("relay4[6].hex", "relay-sub-options.subscriber-id port7"),
        (" relay4[ 151 ].hex ", "relay-sub-options.virtual-subnet-selection port7"),
        ("relay4[remote-id].hex", "remote-id port7"),
        ("option[82].option[1].hex", "circuit-id port7"),
        ("option[61].hex", "client-identifier port7"),
    ] {
        let parameters = format!("\"identifier-expression\": {expression:?}");
        let row = "{ \"flex-id\": \"'port7'\", \"ip-address\": \"10.0.0.9\" }";
        let found = kea(&parameters, row);
        assert_eq!(owners(&of_subnet(&found)[0]), [wanted], "{expression}");
    }
    for expression in ["concat(relay4[1].hex, relay4[2].hex)", "pkt4.mac", "option[60].hex", ""] {
        let parameters = format!("\"identifier-expression\": {expression:?}");
        let row = "{ \"flex-id\": \"'port7'\", \"ip-address\": \"10.0.0.9\" }";
        let found = kea(&parameters, row);
        assert!(of_subnet(&found).is_empty(), "{expression}");
        assert!(found.report.to_string().contains("is not one sub-option"), "{expression}");
    }
}

#[test]
fn what_has_no_address_keeps_the_rest() {
    let found = kea(
        "",
        "{ \"duid\": \"00:03:00:01:02\", \"hostname\": \"a\", \"next-server\": \"10.0.0.7\" },\
         { \"hw-address\": \"02:00:5e:00:53:01\" }, { \"hw-address\": \"02:00:5e:00:53:02\", \
         \"ip-address\": \"0.0.0.0\", \"hostname\": \"b\" }",
    );
    let [first, second] = of_subnet(&found) else { panic!("{}", found.configuration) };
    assert_eq!((owners(first), first.address), (vec!["duid hex:0003000102".to_owned()], None));
    assert_eq!(first.settings.boot.next_server, Some("10.0.0.7".parse().unwrap()));
    assert_eq!(second.address, None);
    assert!(found.report.to_string().contains("it gives its client nothing"));
}

#[test]
fn hosts_of_dhcpd_and_dnsmasq_have_all_of_their_identifiers() {
    let subnet = "subnet 10.0.0.0 netmask 255.255.255.0 { range 10.0.0.100 10.0.0.110; }\n";
    let found = imported(
        OldServer::Dhcpd,
        &format!(
            "{subnet}host a {{ hardware ethernet 02:00:5e:00:53:01; \
             option dhcp-client-identifier \"me\"; \
             host-identifier option agent.subscriber-id \"4711\"; fixed-address 10.0.0.9; }}\n\
             host b {{ hardware ethernet 02:00:5e:00:53:02; option host-name \"b\"; }}\n\
             host c {{ hardware ethernet 02:00:5e:00:53:03; }}\n"
        ),
    );
    let wanted = [
        "hardware-address 02:00:5e:00:53:01",
        "client-identifier me",
        "relay-sub-options.subscriber-id 4711",
    ];
    let mut named = owners(&of_subnet(&found)[0]);
    named.sort();
    let mut wanted: Vec<String> = wanted.iter().map(|owner| (*owner).to_owned()).collect();
    wanted.sort();
    assert_eq!(named, wanted);
    let [shared] = found.topology.shared_reservations().list() else { panic!() };
    assert_eq!(owners(shared), ["hardware-address 02:00:5e:00:53:02"]);
    let found = imported(
        OldServer::Dnsmasq,
        "dhcp-range=10.0.0.100,10.0.0.110,255.255.255.0\n\
         dhcp-host=02:00:5e:00:53:01,02:00:5e:00:53:02,id:me,10.0.0.9,45m\n\
         dhcp-host=02:00:5e:00:53:03,set:phones\ndhcp-option=tag:phones,66,10.0.0.7\n\
         dhcp-host=02:00:5e:00:53:04,set:nothing\n",
    );
    let [laptop] = of_subnet(&found) else { panic!("{}", found.configuration) };
    assert_eq!((laptop.owners.count(), laptop.settings.longest_lease_secs()), (3, 2_700));
    let [phone] = found.topology.shared_reservations().list() else { panic!() };
    let classes = phone.settings.classes.as_ref().unwrap();
    assert_eq!(classes.iter().map(|name| &**name).collect::<Vec<_>>(), ["phones"]);
    assert!(found.topology.classes().iter().any(|(_, class)| class.options.get(66).is_some()));
}

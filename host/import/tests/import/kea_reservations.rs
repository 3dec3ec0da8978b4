//! Reservations of Kea that its switches turn off, and its own classes.

use lessor_core::Reservation;
use lessor_import::{Imported, LineOutcome, OldServer};

use crate::common::{Folder, import};

fn kea(members: &str) -> Imported {
    let folder = Folder::new();
    let path = folder.write("kea.json", &format!("{{ \"Dhcp4\": {{ {members} }} }}"));
    import(OldServer::Kea, &path).unwrap_or_else(|refusal| panic!("{refusal}\n{members}"))
}

fn outcome(imported: &Imported, statement: &str) -> (LineOutcome, String) {
    let mut entries = imported.report.entries().iter();
    let found = entries.find(|entry| entry.statement.starts_with(statement));
    let found = found.unwrap_or_else(|| panic!("{statement} is not in {}", imported.report));
    (found.outcome, found.note.clone())
}

/// A subnet `10.0.N.0/24` with these members, and with a pool and two reservations of `N`.
fn subnet(number: u8, members: &str) -> String {
    let host = |last: u8| {
        format!(
            "{{ \"hw-address\": \"02:00:5e:00:{number:02}:{last:02}\", \
             \"ip-address\": \"10.0.{number}.{last}\" }}"
        )
    };
    format!(
        "{{ \"subnet\": \"10.0.{number}.0/24\", {members} \
         \"pools\": [ {{ \"pool\": \"10.0.{number}.50 - 10.0.{number}.99\" }} ], \
         \"reservations\": [ {}, {} ] }}",
        host(9),
        host(59)
    )
}

/// The last octets of the reserved addresses of all subnets, in their order.
fn reserved(imported: &Imported) -> Vec<Vec<u8>> {
    let networks = imported.topology.networks().iter();
    let subnets = networks.flat_map(|network| network.subnets.iter());
    let last = |of: &Reservation| of.address.map(|address| address.octets()[3]);
    subnets.map(|subnet| subnet.reservations.iter().filter_map(last).collect()).collect()
}

#[test]
fn switches_of_each_scope_decide_which_reservations_are_carried() {
    const BOTH: &[u8] = &[9, 59];
    const NONE: &[u8] = &[];
    for (global, own, carried) in [
        ("", "", BOTH),
        ("\"reservations-in-subnet\": false,", "", NONE),
        ("\"reservations-in-subnet\": false,", "\"reservations-in-subnet\": true,", BOTH),
        ("", "\"reservations-in-subnet\": false,", NONE),
        ("\"reservations-out-of-pool\": true,", "", &[9]),
        ("\"reservation-mode\": \"disabled\",", "", NONE),
        ("\"reservation-mode\": \"global\",", "", NONE),
        ("\"reservation-mode\": \"out-of-pool\",", "", &[9]),
        ("\"reservation-mode\": \"disabled\",", "\"reservation-mode\": \"all\",", BOTH),
    ] {
        let found = kea(&format!("{global} \"subnet4\": [ {} ]", subnet(1, own)));
        assert_eq!(reserved(&found), [carried], "{global} {own}");
        for (last, address) in [("09", 9), ("59", 59)] {
            let statement = format!("{{ \"hw-address\": \"02:00:5e:00:01:{last}\"");
            let wanted = match carried.contains(&address) {
                true => LineOutcome::Carried,
                false => LineOutcome::NotCarried,
            };
            assert_eq!(outcome(&found, &statement).0, wanted, "{global} {own} {}", found.report);
        }
    }
}

#[test]
fn a_shared_network_passes_its_switches_on() {
    let found = kea(&format!(
        "\"shared-networks\": [ {{ \"name\": \"a\", \"reservations-in-subnet\": false, \
         \"subnet4\": [ {}, {} ] }} ], \"subnet4\": [ {} ]",
        subnet(1, ""),
        subnet(2, "\"reservations-in-subnet\": true,"),
        subnet(3, "")
    ));
    let mut all = reserved(&found);
    all.sort();
    assert_eq!(all, [vec![], vec![9, 59], vec![9, 59]], "{}", found.configuration);
}

#[test]
fn what_a_reservation_in_a_pool_sets_stays_when_its_address_is_ignored() {
    let found =
        kea("\"reservations-out-of-pool\": true, \"subnet4\": [ { \"subnet\": \"10.0.0.0/24\", \
         \"pools\": [ { \"pool\": \"10.0.0.50 - 10.0.0.99\" } ], \"reservations\": [ \
         { \"hw-address\": \"02:00:5e:00:53:01\", \"ip-address\": \"10.0.0.60\", \
         \"hostname\": \"a\" } ] } ]");
    let (changed, note) = outcome(&found, "{ \"hw-address\"");
    assert_eq!(changed, LineOutcome::Changed);
    assert!(note.contains("reservations-out-of-pool"), "{note}");
    assert!(found.configuration.contains("host-name = \"a\""), "{}", found.configuration);
    assert!(!found.configuration.contains("10.0.0.60"), "{}", found.configuration);
}

#[test]
fn global_reservations_are_used_only_where_they_are_on() {
    let of = |global: &str, own: &str| {
        kea(&format!(
            "{global} \"reservations\": [ \
             {{ \"hw-address\": \"02:00:5e:00:53:01\", \"ip-address\": \"10.0.1.7\", \
                \"option-data\": [ {{ \"name\": \"routers\", \"data\": \"10.0.1.2\" }} ] }}, \
             {{ \"hw-address\": \"02:00:5e:00:53:02\", \"hostname\": \"b\" }} ], \
             \"subnet4\": [ {{ \"subnet\": \"10.0.1.0/24\", {own} \"pools\": [] }}, \
             {{ \"subnet\": \"10.0.2.0/24\" }} ]"
        ))
    };
    let first = "{ \"hw-address\": \"02:00:5e:00:53:01\"";
    let second = "{ \"hw-address\": \"02:00:5e:00:53:02\"";
    let off = of("", "");
    for statement in [first, second, "{ \"name\": \"routers\""] {
        let (not_carried, note) = outcome(&off, statement);
        assert_eq!(not_carried, LineOutcome::NotCarried, "{}", off.report);
        assert!(note.contains("reservations-global"), "{note}");
    }
    assert!(!off.configuration.contains("02:00:5e"), "{}", off.configuration);
    let everywhere = of("\"reservations-global\": true,", "");
    assert_eq!(everywhere.report.totals().not_carried, 0, "{}", everywhere.report);
    assert_eq!(outcome(&everywhere, second).0, LineOutcome::Carried);
    let in_one = of("", "\"reservations-global\": true,");
    assert_eq!(outcome(&in_one, first).0, LineOutcome::Carried);
    assert_eq!(outcome(&in_one, second).0, LineOutcome::Changed);
    let by_mode = of("\"reservation-mode\": \"global\",", "");
    assert_eq!(outcome(&by_mode, first).0, LineOutcome::Carried);
    let by_inner = of("\"reservations-global\": true,", "\"reservations-global\": false,");
    assert_eq!(outcome(&by_inner, first).0, LineOutcome::NotCarried);
}

#[test]
fn an_early_lookup_uses_the_classes_of_a_reservation_only() {
    let found = kea("\"early-global-reservations-lookup\": true, \
         \"client-classes\": [ { \"name\": \"gold\", \"valid-lifetime\": 600 } ], \
         \"reservations\": [ { \"hw-address\": \"02:00:5e:00:53:01\", \
         \"ip-address\": \"10.0.1.7\", \"client-classes\": [ \"gold\" ] } ], \
         \"subnet4\": [ { \"subnet\": \"10.0.1.0/24\" } ]");
    assert_eq!(outcome(&found, "{ \"hw-address\"").0, LineOutcome::Changed);
    assert!(found.configuration.contains("classes = [\"gold\"]"), "{}", found.configuration);
    assert!(!found.configuration.contains("10.0.1.7"), "{}", found.configuration);
}

#[test]
fn identifiers_that_kea_does_not_look_for_are_not_carried() {
    let of = |identifiers: &str| {
        kea(&format!(
            "{identifiers} \"hooks-libraries\": [ {{ \"library\": \"libdhcp_flex_id.so\", \
             \"parameters\": {{ \"identifier-expression\": \"relay4[2].hex\" }} }} ], \
             \"subnet4\": [ {{ \"subnet\": \"10.0.0.0/24\", \"reservations\": [ \
             {{ \"client-id\": \"01:02\", \"ip-address\": \"10.0.0.7\" }}, \
             {{ \"flex-id\": \"01:02\", \"ip-address\": \"10.0.0.8\" }} ] }} ]"
        ))
    };
    assert_eq!(reserved(&of("")), [[7]]);
    assert_eq!(reserved(&of("\"host-reservation-identifiers\": [ \"flex-id\" ],")), [[8]]);
    let found = of("\"host-reservation-identifiers\": [ \"duid\" ],");
    assert!(reserved(&found).concat().is_empty());
    assert!(outcome(&found, "{ \"flex-id\"").1.contains("host-reservation-identifiers"));
}

#[test]
fn keys_that_kea_does_not_have_are_reported() {
    let found = kea("\"subnet4\": [ { \"subnet\": \"10.0.0.0/24\", \"pools\": [ { \
         \"pool\": \"10.0.0.50 - 10.0.0.99\", \"valid-lifetime\": 60, \"next-server\": \"10.0.0.1\", \
         \"pool-id\": 4, \"user-context\": {} } ], \"reservations\": [ { \
         \"hw-address\": \"02:00:5e:00:53:01\", \"ip-address\": \"10.0.0.7\", \
         \"valid-lifetime\": 61, \"user-context\": {} } ] } ]");
    for (statement, wanted) in [
        ("\"valid-lifetime\": 60", LineOutcome::NotCarried),
        ("\"next-server\"", LineOutcome::NotCarried),
        ("\"pool-id\"", LineOutcome::NotNeeded),
        ("\"user-context\"", LineOutcome::NotNeeded),
        ("\"valid-lifetime\": 61", LineOutcome::NotCarried),
        ("{ \"hw-address\"", LineOutcome::Carried),
    ] {
        assert_eq!(outcome(&found, statement).0, wanted, "{statement}");
    }
}

#[test]
fn classes_that_make_kea_silent_are_not_carried() {
    let found = kea(
        "\"client-classes\": [ { \"name\": \"DROP\", \"test\": \"option[60].hex == 'bad'\" }, \
         { \"name\": \"SKIP_DDNS\", \"test\": \"option[60].hex == 'b'\" }, \
         { \"name\": \"ALL\", \"valid-lifetime\": 60 }, \
         { \"name\": \"UNKNOWN\", \"valid-lifetime\": 61 } ], \
         \"subnet4\": [ { \"subnet\": \"10.0.0.0/24\", \"reservations\": [ \
         { \"hw-address\": \"02:00:5e:00:53:01\", \"client-classes\": [ \"DROP\" ] }, \
         { \"hw-address\": \"02:00:5e:00:53:02\", \"ip-address\": \"10.0.0.7\", \
           \"client-classes\": [ \"SKIP_DDNS\" ] } ] } ]",
    );
    for statement in ["{ \"name\": \"DROP\"", "{ \"hw-address\": \"02:00:5e:00:53:01\""] {
        let (not_carried, note) = outcome(&found, statement);
        assert_eq!(not_carried, LineOutcome::NotCarried);
        assert!(note.contains("Kea drops these clients"), "{note}");
    }
    assert_eq!(outcome(&found, "{ \"name\": \"ALL\"").0, LineOutcome::NotCarried);
    assert_eq!(outcome(&found, "{ \"name\": \"UNKNOWN\"").0, LineOutcome::NotCarried);
    assert_eq!(outcome(&found, "{ \"name\": \"SKIP_DDNS\"").0, LineOutcome::NotNeeded);
    assert_eq!(outcome(&found, "{ \"hw-address\": \"02:00:5e:00:53:02\"").0, LineOutcome::Carried);
    assert!(!found.configuration.contains("[[class]]"), "{}", found.configuration);
}

#[test]
fn pools_for_known_clients_are_for_a_class_that_all_reservations_name() {
    let of = |unknown: &str| {
        kea(&format!(
            "\"subnet4\": [ {{ \"subnet\": \"10.0.0.0/24\", \"pools\": [ \
             {{ \"pool\": \"10.0.0.50 - 10.0.0.59\", \"client-class\": \"KNOWN\" }}, \
             {{ \"pool\": \"10.0.0.60 - 10.0.0.69\", \"client-class\": \"{unknown}\" }} ], \
             \"reservations\": [ {{ \"hw-address\": \"02:00:5e:00:53:01\" }}, \
             {{ \"hw-address\": \"02:00:5e:00:53:02\", \"ip-address\": \"10.0.0.7\" }} ] }} ]"
        ))
    };
    for (class, pools) in [("UNKNOWN", "[\"KNOWN\"]"), ("ALL", "[\"KNOWN\", \"others\"]")] {
        let found = of(class);
        let wanted = [
            format!("name = \"KNOWN\"\npools = {pools}"),
            "range = \"10.0.0.50-10.0.0.59\"\nby-policy-only = true".to_owned(),
            "hardware-address = \"02:00:5e:00:53:01\"\nclasses = [\"KNOWN\"]".to_owned(),
            "address = \"10.0.0.7\"\nclasses = [\"KNOWN\"]".to_owned(),
        ];
        for text in &wanted {
            assert!(found.configuration.contains(text), "{text}\n{}", found.configuration);
        }
    }
}

#[test]
fn a_pool_for_unknown_clients_is_open_if_the_others_need_none() {
    let found = kea("\"subnet4\": [ { \"subnet\": \"10.0.0.0/24\", \"pools\": [ \
         { \"pool\": \"10.0.0.60 - 10.0.0.69\", \"client-class\": \"UNKNOWN\" } ], \
         \"reservations\": [ { \"hw-address\": \"02:00:5e:00:53:02\", \
         \"ip-address\": \"10.0.0.7\" } ] } ]");
    assert!(!found.configuration.contains("by-policy-only"), "{}", found.configuration);
    assert!(!found.configuration.contains("[[class]]"), "{}", found.configuration);
    assert_eq!(outcome(&found, "\"client-class\": \"UNKNOWN\"").0, LineOutcome::Changed);
}

#[test]
fn pools_of_high_availability_are_for_nobody() {
    let found = kea("\"subnet4\": [ { \"subnet\": \"10.0.0.0/24\", \"pools\": [ \
         { \"pool\": \"10.0.0.60 - 10.0.0.69\", \"client-class\": \"HA_server1\" } ] } ]");
    let (not_carried, note) = outcome(&found, "\"client-class\": \"HA_server1\"");
    assert_eq!(not_carried, LineOutcome::NotCarried);
    assert!(note.contains("high availability"), "{note}");
    assert!(found.configuration.contains("by-policy-only = true"), "{}", found.configuration);
}

#[test]
fn the_last_of_two_options_counts() {
    let found = kea("\"option-data\": [ { \"name\": \"routers\", \"data\": \"10.0.0.1\" }, \
         { \"code\": 3, \"data\": \"10.0.0.2\" } ], \"subnet4\": [ { \
         \"subnet\": \"10.0.0.0/24\" } ]");
    assert!(found.configuration.contains("routers = [\"10.0.0.2\"]"), "{}", found.configuration);
    let (not_needed, note) = outcome(&found, "{ \"name\": \"routers\"");
    assert_eq!((not_needed, note.as_str()), (LineOutcome::NotNeeded, "a later line replaces it"));
    assert_eq!(outcome(&found, "{ \"code\": 3").0, LineOutcome::Carried);
}

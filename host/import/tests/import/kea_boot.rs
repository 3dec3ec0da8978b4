//! Options 66 and 67 of Kea beside the fields of the header. Kea 2.2.0 sends both, whatever scopes
//! they are in.

use lessor_import::{Imported, LineOutcome, OldServer};

use crate::common::{imported, outcome, says};

fn kea(global: &str, class: &str, subnet: &str, reservation: &str) -> Imported {
    imported(
        OldServer::Kea,
        &format!(
            r#"{{ "Dhcp4": {{ "interfaces-config": {{ "interfaces": ["eth0"] }}, {global}
            "client-classes": [ {{ "name": "c", "test": "option[60].text == 'a'" {class} }} ],
            "subnet4": [ {{ "subnet": "192.0.2.0/24", "pools": [ {{ "pool": "192.0.2.128/25" }} ],
              "reservations": [ {{ "hw-address": "02:00:5e:00:53:01" {reservation} }} ] {subnet} }} ]
            }} }}"#
        ),
    )
}

const OPTION: &str = r#""option-data": [ { "name": "boot-file-name", "data": "option" } ]"#;
const FIELD: &str = r#", "boot-file-name": "field""#;

#[test]
fn a_subnet_with_a_boot_file_keeps_the_option_of_all_clients() {
    let found = kea(&format!("{OPTION},"), "", FIELD, r#", "ip-address": "192.0.2.9""#);
    says(
        &found,
        &[
            "[options]\nboot-file-name = \"option\"",
            "[[subnet]]",
            "boot-file = \"field\"",
            "boot-file-name = \"option\"",
        ],
    );
    assert_eq!(outcome(&found, "\"boot-file-name\"").0, LineOutcome::Carried);
    // A subnet without one has it from there.
    let found = kea(&format!("{OPTION},"), "", "", r#", "ip-address": "192.0.2.9""#);
    assert_eq!(found.configuration.matches("boot-file-name").count(), 1);
}

#[test]
fn a_class_or_a_reservation_with_a_boot_file_hides_the_option_and_the_report_says_so() {
    let wide = format!("{OPTION},");
    let narrow = format!(", {OPTION}");
    let address = r#", "ip-address": "192.0.2.9""#;
    for (global, subnet) in [(wide.as_str(), ""), ("", narrow.as_str())] {
        let found = kea(global, FIELD, subnet, address);
        let (changed, note) = outcome(&found, "{ \"name\": \"c\"");
        assert_eq!(changed, LineOutcome::Changed, "{}", found.report);
        assert!(note.contains("boot-file-name as option 67"), "{note}");
        let found = kea(global, "", subnet, &format!("{FIELD}{address}"));
        assert_eq!(outcome(&found, "{ \"hw-address\"").0, LineOutcome::Changed);
    }
    // Both in one scope mean each as it stands, and there is nothing to hide without an option.
    let found = kea(&wide, &format!("{FIELD}, {OPTION}"), "", address);
    assert!(!found.report.to_string().contains("as option 67"), "{}", found.report);
    let found = kea("", FIELD, FIELD, &format!("{FIELD}{address}"));
    assert!(!found.report.to_string().contains("as option 67"), "{}", found.report);
}

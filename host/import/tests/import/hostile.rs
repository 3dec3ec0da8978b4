//! Files that are cut off, contradictory or hostile are refused with their line, and nothing is
//! changed.

use crate::common::{self, Folder, refused};
use lessor_import::OldServer::{Dhcpd, Dnsmasq, Kea};

#[test]
fn configurations_that_are_cut_off_are_refused_with_their_line() {
    for (origin, name) in [(Kea, "kea-dhcp4.conf"), (Dhcpd, "dhcpd.conf")] {
        let whole = common::golden(name);
        let folder = Folder::with_golden();
        let end = whole.trim_end().len();
        let mut refusals = 0;
        for cut in (1..end).step_by(97) {
            let Some(part) = whole.get(..cut) else { continue };
            let path = folder.write(name, part);
            // What is cut off between two statements is whole for dhcpd.
            if let Err(refusal) = common::import(origin, &path) {
                let said = refusal.to_string();
                assert!(said.starts_with(path.to_str().unwrap()), "cut at {cut}: {said}");
                refusals += 1;
            }
        }
        assert!(refusals > 20, "{name}: {refusals}");
    }
}

#[test]
fn contradictory_configurations_are_refused_with_their_line() {
    for (origin, text, said) in [
        (Kea, "{\"Dhcp4\": {\"subnet4\": [\n{\"subnet\": \"10.0.0.0/33\"}]}}", ":2: "),
        (Kea, "{\"Dhcp4\": {\"valid-lifetime\": 1,\n\"valid-lifetime\": 2}}", ":2: "),
        (Kea, "{}", ":1: the file has no \"Dhcp4\""),
        (Kea, "{\"Dhcp4\": {\"subnet4\": {}}}", ":1: this is not a list"),
        (Dhcpd, "subnet 10.0.0.0 netmask 255.0.255.0 { }", ":1: "),
        (Dhcpd, "\nsubnet 10.0.0.0 netmask 255.0.0.0 { range a b; }", ":2: "),
        (Dhcpd, "include \"/etc/no/such/file\";", ":1: "),
        (Dhcpd, "# nothing", "has no subnet"),
        (Dnsmasq, "conf-file=no-such-file", ":1: "),
        (Dnsmasq, "interface=eth0", "has no subnet"),
    ] {
        let refusal = refused(origin, text);
        assert!(refusal.contains(said), "{text}: {refusal}");
    }
    // Two subnets with common addresses: the server would refuse them, and says which.
    let both = "subnet 10.0.0.0 netmask 255.0.0.0 { }\nsubnet 10.1.0.0 netmask 255.255.0.0 { }";
    let refusal = refused(Dhcpd, both);
    assert!(refusal.contains("overlap") && refusal.contains("import again"), "{refusal}");
}

#[test]
fn files_that_include_themselves_are_refused() {
    let folder = Folder::new();
    for (origin, text) in [
        (Kea, "{\"Dhcp4\": <?include \"self\"?>}"),
        (Dhcpd, "include \"self\";"),
        (Dnsmasq, "conf-file=self"),
    ] {
        let path = folder.write("self", text);
        let refusal = common::import(origin, &path).unwrap_err().to_string();
        assert!(refusal.contains("include each other more than 10 deep"), "{refusal}");
    }
}

#[test]
fn deep_nesting_and_what_is_no_file_are_refused() {
    let deep = "{\"Dhcp4\":".repeat(50_000);
    assert!(refused(Kea, &deep).contains("nested more than 32 deep"));
    let deep = "group { ".repeat(50_000);
    assert!(refused(Dhcpd, &deep).contains("nested more than 32 deep"));
    let folder = Folder::new();
    let refusal = common::import(Kea, folder.path()).unwrap_err().to_string();
    assert!(refusal.contains("cannot be read"), "{refusal}");
}

#[test]
fn texts_of_the_other_server_cannot_become_keys() {
    let name = "x\\\"\\n[server]\\nlisten = []";
    let text = format!(
        "{{\"Dhcp4\": {{\"interfaces-config\": {{\"interfaces\": [\"eth0\"]}}, \"shared-networks\": \
         [{{\"name\": \"{name}\", \"subnet4\": [{{\"subnet\": \"10.0.0.0/24\"}}]}}], \
         \"option-data\": [{{\"name\": \"domain-name\", \"data\": \"{name}\"}}]}}}}"
    );
    let folder = Folder::new();
    let path = folder.write("kea.json", &text);
    match common::import(Kea, &path) {
        Ok(imported) => assert_eq!(imported.configuration.matches("\n[server]").count(), 1),
        Err(refusal) => assert!(refusal.to_string().contains("shared-network"), "{refusal}"),
    }
}

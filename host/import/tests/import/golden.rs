//! What becomes of the configurations in tests/golden/import is what was reviewed.
//! `UPDATE_GOLDEN=1 cargo test -p lessor-import` rewrites the results: review the changes before
//! you commit them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lessor_import::{Imported, LineOutcome, OldServer, Reservations, Wishes, read_configuration};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/import")
}

fn import(origin: OldServer, file: &str, wishes: &Wishes) -> Imported {
    let target = Path::new("/etc/lessor/lessor.toml");
    let imported = read_configuration(origin, &folder().join(file), target, wishes);
    imported.unwrap_or_else(|refusal| panic!("{file}: {refusal}"))
}

/// The result as it is kept: without the folder of the checkout.
fn kept(text: &str) -> String {
    text.replace(&format!("{}/", folder().display()), "")
}

fn assert_as_agreed(file: &str, found: &str) {
    let golden = folder().join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        fs::write(&golden, found).unwrap();
    }
    let agreed = fs::read_to_string(&golden).unwrap_or_default();
    assert!(agreed == found, "{file} is now:\n{found}");
}

/// Checks an import and returns it.
fn is_imported_as_agreed(origin: OldServer, file: &str, name: &str) -> Imported {
    let wishes = match origin {
        OldServer::Dhcpd => Wishes { interfaces: vec!["eth0".into()], ..Wishes::default() },
        _ => Wishes::default(),
    };
    let imported = import(origin, file, &wishes);
    assert_as_agreed(&format!("{name}.toml"), &kept(&imported.configuration));
    assert_as_agreed(
        &format!("{name}.report"),
        &format!("{}\n", kept(&imported.report.to_string())),
    );
    for entry in imported.report.entries() {
        let says_why = !entry.note.is_empty() || entry.outcome == LineOutcome::Carried;
        assert!(says_why, "{entry:?}");
    }
    imported
}

/// Checks an import of a configuration with everything that the server is known for.
fn all_is_imported_as_agreed(origin: OldServer, file: &str, name: &str) {
    let totals = is_imported_as_agreed(origin, file, name).report.totals();
    let all = totals.carried + totals.changed + totals.not_needed + totals.not_carried;
    assert!(all >= 50, "{file} has only {all} statements");
}

#[test]
fn a_configuration_of_kea_is_imported_as_agreed() {
    all_is_imported_as_agreed(OldServer::Kea, "kea-dhcp4.conf", "kea");
}

#[test]
fn a_configuration_of_dhcpd_is_imported_as_agreed() {
    all_is_imported_as_agreed(OldServer::Dhcpd, "dhcpd.conf", "dhcpd");
}

#[test]
fn a_configuration_of_dnsmasq_is_imported_as_agreed() {
    all_is_imported_as_agreed(OldServer::Dnsmasq, "dnsmasq.conf", "dnsmasq");
}

#[test]
fn pools_are_imported_as_agreed() {
    is_imported_as_agreed(OldServer::Kea, "kea-pools.json", "kea-pools");
    is_imported_as_agreed(OldServer::Dhcpd, "dhcpd-pools.conf", "dhcpd-pools");
    is_imported_as_agreed(OldServer::Dnsmasq, "dnsmasq-pools.conf", "dnsmasq-pools");
}

#[test]
fn reservations_are_the_same_in_a_file_as_in_the_configuration() {
    for (origin, file) in [
        (OldServer::Kea, "kea-dhcp4.conf"),
        (OldServer::Dhcpd, "dhcpd.conf"),
        (OldServer::Dnsmasq, "dnsmasq.conf"),
    ] {
        let interfaces = vec!["eth0".to_owned()];
        let wishes = |reservations| Wishes {
            interfaces: interfaces.clone(),
            reservations,
            ..Wishes::default()
        };
        let inline = import(origin, file, &wishes(Reservations::Inline));
        let in_file = import(origin, file, &wishes(Reservations::File));
        assert!(inline.reservations.is_none());
        let (name, text) = in_file.reservations.unwrap();
        assert_eq!(name, "lessor-reservations.csv");
        assert!(in_file.configuration.contains("reservations = \"lessor-reservations.csv\""));
        let all = |imported: &lessor_import::Imported| {
            let networks = imported.topology.networks().iter();
            let subnets = networks.flat_map(|network| network.subnets.clone());
            let mut all: Vec<String> =
                subnets.flat_map(|of| of.reservations).map(|of| format!("{of:?}")).collect();
            all.sort();
            all
        };
        let in_file = Imported { reservations: None, ..in_file };
        assert_eq!(all(&inline), all(&in_file), "{text}");
    }
}

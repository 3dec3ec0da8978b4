//! What an import keeps of the configuration that it replaces.

use std::path::Path;

use lessor_import::{Imported, OldServer, Refusal, UnplacedFiles, Wishes, read_configuration};

use crate::common::{Folder, says};

const DHCPD: &str = "subnet 10.0.0.0 netmask 255.255.255.0 { range 10.0.0.10 10.0.0.20; }\n";
/// The first configuration of the packages.
const PACKAGED: &str = include_str!("../../../../packaging/lessor.toml");

fn import(folder: &Folder, target: &Path, wishes: Wishes) -> Result<Imported, Refusal> {
    let from = folder.write("dhcpd.conf", DHCPD);
    let wishes = Wishes { interfaces: vec!["eth0".into()], ..wishes };
    read_configuration(OldServer::Dhcpd, &from, target, &wishes)
}

fn replacing() -> Wishes {
    Wishes { replace: true, ..Wishes::default() }
}

#[test]
fn policies_and_the_journal_of_the_package_stay() {
    let folder = Folder::new();
    let target = folder.write("lessor.toml", PACKAGED);
    let mut texts = Vec::new();
    for _ in 0..2 {
        let found = import(&folder, &target, replacing()).unwrap();
        assert_eq!(found.kept, ["[store]", "[plugins]", "[journal]"]);
        says(
            &found,
            &[
                "[server]\ninterfaces = [\"eth0\"]",
                "[store]\npath = \"/var/lib/lessor\"",
                "# with the server are in /usr/lib/lessor/policies",
                "[plugins]\ndirectory = \"/etc/lessor/plugins\"",
                "[journal]\npath = \"/var/log/lessor/journal.jsonl\"\nfile-mib-max = 256",
                "prefix = \"10.0.0.0/24\"",
            ],
        );
        assert!(!found.configuration.contains("192.0.2"), "{}", found.configuration);
        UnplacedFiles::write(&found, &target, true).unwrap().commit().unwrap();
        texts.push(found.configuration);
    }
    assert_eq!(texts[0], texts[1], "a repeated import changes nothing");

    let named = Wishes { store: Some("/srv/leases".to_owned()), ..replacing() };
    let found = import(&folder, &target, named).unwrap();
    assert_eq!(found.kept, ["[plugins]", "[journal]"]);
    says(&found, &["[store]\npath = \"/srv/leases\"", "[plugins]"]);
    assert_eq!(found.configuration.matches("[store]").count(), 1);
    let found = import(&folder, &target, Wishes::default()).unwrap();
    assert_eq!(found.kept, [""; 0]);
}

#[test]
fn tables_that_the_server_does_not_accept_refuse_the_import() {
    let folder = Folder::new();
    let target = folder.write("lessor.toml", "[journal]\npaht = \"j\"\n");
    let refusal = import(&folder, &target, replacing()).unwrap_err().to_string();
    assert!(refusal.contains("paht") && refusal.contains("file that is replaced"), "{refusal}");
    let target = folder.write("lessor.toml", "[journal\n");
    let refusal = import(&folder, &target, replacing()).unwrap_err();
    assert_eq!(refusal.place().unwrap().line(), 1, "{refusal}");
}

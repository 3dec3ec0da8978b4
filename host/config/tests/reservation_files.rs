//! Files of reservations: their contents, mistakes and limits. `UPDATE_GOLDEN=1 cargo test -p
//! lessor-config` rewrites the explanations: review the changes before you commit them.
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use lessor_config::{
    Configuration, IDENTIFIER_KINDS_MAX, MISTAKES_MAX, Mistakes, RESERVATION_FILE_OCTETS_MAX,
    RESERVATION_ROW_OCTETS_MAX,
};
use lessor_core::{HardwareAddress, OptionValue, Reservation, ReservationOwner, relay::CIRCUIT_ID};

const SUBNETS: &str = "[server]\nlisten = [\"192.0.2.1\", \"100.64.0.2\"]\n\
    [[subnet]]\nprefix = \"100.64.0.0/24\"\nshared-network = \"homes\"\n\
    reservation = [{ circuit-id = \"olt9\", address = \"100.64.0.9\" }]\n\
    [[subnet]]\nprefix = \"100.64.1.0/24\"\nshared-network = \"homes\"\n\
    [[subnet]]\nprefix = \"100.64.2.0/24\"\n\
    [[vpn]]\nname = \"green\"\n\
    [[subnet]]\nprefix = \"10.9.0.0/24\"\nvpn = \"green\"\n\
    [[subnet]]\nprefix = \"100.64.2.0/24\"\nvpn = \"green\"\n";

/// Reads a configuration whose reservations are in these files of the folder.
fn read(folder: &Path, files: &[&str]) -> Result<Configuration, Mistakes> {
    let path = folder.join("lessor.toml");
    fs::write(&path, format!("reservations = {files:?}\n{SUBNETS}")).unwrap();
    lessor_config::load(&path)
}

/// Does the same with a single file that contains this text.
fn read_text(name: &str, text: impl AsRef<[u8]>) -> Result<Configuration, Mistakes> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), text).unwrap();
    read(folder.path(), &[name])
}

/// The reservations of every subnet, in order, including the one of the document.
fn reservations(configuration: &Configuration) -> Vec<&Reservation> {
    let networks = configuration.topology.networks().iter();
    networks.flat_map(|network| &network.subnets).flat_map(|subnet| &subnet.reservations).collect()
}

fn first_owner(reservation: &Reservation) -> &ReservationOwner {
    reservation.owners.iter().next().unwrap()
}

/// The reservations that belong to no subnet.
fn shared(configuration: &Configuration) -> &[Reservation] {
    configuration.topology.shared_reservations().list()
}

#[test]
fn rows_go_to_the_subnets_of_their_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let csv = "\u{feff}circuit-id , remote-id,client-identifier,hardware-address,address,\
               options.host-name,options.ntp-servers,options.ip-forwarding,options.interface-mtu,options.224\r\n\
               olt1,,,,100.64.2.7,,,,,\r\n\
               ,hex:00 01,,,100.64.1.7,,,,,\n\n\
               ,,hex:01ff,,100.64.0.7,,,,,\n\
               ,,,02:00:5e:00:53:01,100.64.0.8,\"a \"\"b\"\", c\",192.0.2.1 192.0.2.2,true,1400,hex:0a\n";
    fs::write(folder.path().join("a.csv"), csv).unwrap();
    let json = r#"{"circuit-id": "olt\/2", "remote-id": null, "address": "100.64.1.8"}
        { "address": "100.64.1.9", "circuit-id": "\u00fcber", "options": { "host-name": "x", "routers": ["100.64.1.1"] } }
        {"hardware-address":"02:00:5e:00:53:02","address":"100.64.2.8","options":{"classless-static-routes":[{"to":"0.0.0.0/0","via":"100.64.2.1"}]}}"#;
    fs::write(folder.path().join("b.jsonl"), json).unwrap();
    let configuration =
        read(folder.path(), &["a.csv", "b.jsonl"]).unwrap_or_else(|e| panic!("{e}"));
    let files: Vec<u64> =
        configuration.reservation_files.iter().map(|file| file.reservations).collect();
    assert_eq!(files, [4, 3]);
    let found = reservations(&configuration);
    let written: Vec<String> = found
        .iter()
        .map(|found| format!("{} {}", found.address.unwrap(), first_owner(found)))
        .collect();
    assert_eq!(
        written,
        [
            "100.64.0.9 circuit-id olt9",
            "100.64.0.7 client-identifier hex:01ff",
            "100.64.0.8 hardware-address 02:00:5e:00:53:01",
            "100.64.1.7 remote-id hex:0001",
            "100.64.1.8 circuit-id olt/2",
            "100.64.1.9 circuit-id hex:c3bc626572",
            "100.64.2.7 circuit-id olt1",
            "100.64.2.8 hardware-address 02:00:5e:00:53:02",
        ]
    );
    let option =
        |position: usize, code| found[position].options.get(code).map(|value| (**value).clone());
    assert_eq!(option(2, 12), Some(OptionValue::Text("a \"b\", c".to_owned())));
    let servers = vec!["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
    assert_eq!(option(2, 42), Some(OptionValue::Addresses(servers)));
    assert_eq!(option(2, 19), Some(OptionValue::Flag(true)));
    assert_eq!(option(2, 26), Some(OptionValue::U16(1400)));
    assert_eq!(option(2, 224), Some(OptionValue::Octets(vec![10])));
    assert_eq!(option(5, 12), Some(OptionValue::Text("x".to_owned())));
    assert!(matches!(option(7, 121), Some(OptionValue::Routes(routes)) if routes.len() == 1));
    assert!(found[1].options.is_empty());
}

#[test]
fn what_a_file_says_is_what_the_document_would_say() {
    let row = "{ \"hardware-address\": \"02:00:5e:00:53:01\", \"address\": \"100.64.2.9\" }";
    let csv = "address,hardware-address\n100.64.2.9,02:00:5e:00:53:01\n";
    let wanted =
        ReservationOwner::HardwareAddress(HardwareAddress::ethernet([2, 0, 0x5e, 0, 0x53, 1]));
    for configuration in [read_text("a.jsonl", row), read_text("a.csv", csv)] {
        let configuration = configuration.unwrap();
        assert_eq!(*first_owner(reservations(&configuration)[1]), wanted);
    }
}

/// What the rows of a file come to: the owners, the address, the pool and the boot file.
fn described(reservation: &Reservation) -> String {
    let owners: Vec<String> = reservation.owners.iter().map(ToString::to_string).collect();
    let Reservation { address, settings, .. } = reservation;
    let files = &settings.boot.files;
    format!("{}: {address:?} {:?} {files:?}", owners.join(", "), settings.pool)
}

#[test]
fn every_identifier_has_a_column_and_a_row_may_have_several() {
    let csv = "circuit-id,relay-sub-options.subscriber-id,relay-sub-options.151,\
        vendor-sub-options.3561.2,client-identifier,duid,hardware-address,address\n\
        near,4711,hex:00aa,SN1,hex:01ff,00:03:00:01:02,02:00:5e:00:53:01 02:00:5e:00:53:02,100.64.2.7\n\
        ,,,,,hex:0003000103,,100.64.2.8\n";
    let json = r#"{"circuit-id":"near","relay-sub-options":{"subscriber-id":"4711","151":"hex:00aa"},
        "vendor-sub-options":{"3561":{"2":"SN1"}},"client-identifier":"hex:01ff","duid":"0003000102",
        "hardware-address":["02:00:5e:00:53:01","02:00:5e:00:53:02"],"address":"100.64.2.7"}"#;
    let json =
        json.replace('\n', "") + "\n{\"duid\":\"00-03-00-01-03\",\"address\":\"100.64.2.8\"}\n";
    let csv = read_text("a.csv", csv).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let json = read_text("a.jsonl", json).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let owners = [
        ReservationOwner::RelaySubOption(CIRCUIT_ID, (*b"near").into()),
        ReservationOwner::ClientIdentifier([1, 255].into()),
        ReservationOwner::Duid([0, 3, 0, 1, 2].into()),
        ReservationOwner::HardwareAddress(HardwareAddress::ethernet([2, 0, 0x5e, 0, 0x53, 1])),
        ReservationOwner::HardwareAddress(HardwareAddress::ethernet([2, 0, 0x5e, 0, 0x53, 2])),
        ReservationOwner::RelaySubOption(6, (*b"4711").into()),
        ReservationOwner::RelaySubOption(151, [0, 0xaa].into()),
        ReservationOwner::VendorSubOption(3561, 2, (*b"SN1").into()),
    ];
    for configuration in [&csv, &json] {
        let found = reservations(configuration);
        let mut named: Vec<&ReservationOwner> = found[1].owners.iter().collect();
        named.sort();
        let mut wanted: Vec<&ReservationOwner> = owners.iter().collect();
        wanted.sort();
        assert_eq!(named, wanted);
        assert_eq!(*first_owner(found[2]), ReservationOwner::Duid([0, 3, 0, 1, 3].into()));
    }
}

#[test]
fn rows_without_an_address_apply_in_all_networks() {
    let csv = "hardware-address,address,pool,boot-file,lease-time,options.host-name\n\
        02:00:5e:00:53:01,,,modem.cfg,1d,\n\
        02:00:5e:00:53:02,,,,,x\n\
        02:00:5e:00:53:03,100.64.2.7,,,,\n";
    let configuration = read_text("a.csv", csv).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(configuration.reservation_files[0].reservations, 3);
    assert_eq!(reservations(&configuration).len(), 2);
    let [modem, named] = shared(&configuration) else { panic!("{configuration:?}") };
    assert!(described(modem).contains("modem.cfg"), "{}", described(modem));
    assert_eq!(modem.settings.longest_lease_secs(), 86_400);
    assert!(named.options.get(12).is_some() && named.address.is_none());
    // The same owner may have a reservation of its own in a network.
    let both = "hardware-address,address,boot-file\n02:00:5e:00:53:01,,modem.cfg\n\
        02:00:5e:00:53:01,100.64.2.7,\n";
    assert!(read_text("a.csv", both).is_ok());
    let twice = both.replace("100.64.2.7,", ",other.cfg");
    let said = read_text("a.csv", twice).unwrap_err().to_string();
    assert!(said.contains("the same owner, hardware-address 02:00:5e:00:53:01"), "{said}");
    assert!(said.contains("a.csv:3:1"), "{said}");
}

#[test]
fn a_pool_that_a_row_names_exists_in_some_network() {
    let text = format!("reservations = \"a.jsonl\"\n{SUBNETS}")
        + "pool = [{ name = \"modems\", range = \"100.64.2.10-100.64.2.20\" }]\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lessor.toml");
    fs::write(&path, text).unwrap();
    let read = |pool: &str| {
        let row = format!("{{ \"duid\": \"0003000102\", \"pool\": {pool:?} }}\n");
        fs::write(folder.path().join("a.jsonl"), row).unwrap();
        lessor_config::load(&path)
    };
    let configuration = read("modems").unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert!(described(&shared(&configuration)[0]).contains("modems"));
    let said = read("modem").unwrap_err().to_string();
    assert!(said.contains("a.jsonl:1:") && said.contains("did you mean \"modems\"?"), "{said}");
}

#[test]
fn so_many_kinds_of_identifiers_may_occur() {
    let rows = |count: usize| -> String {
        let row =
            |code| format!("{{\"relay-sub-options\":{{\"{code}\":\"x\"}},\"boot-file\":\"a\"}}\n");
        // The document has reservations by circuit id, which is one kind.
        (100..100 + count - 1).map(row).collect()
    };
    assert!(read_text("a.jsonl", rows(IDENTIFIER_KINDS_MAX)).is_ok());
    let said = read_text("a.jsonl", rows(IDENTIFIER_KINDS_MAX + 1)).unwrap_err().to_string();
    assert!(said.contains("a.jsonl:32:") && said.contains("wanted at most 32 kinds"), "{said}");
}

#[test]
fn an_owner_may_have_an_address_in_each_network() {
    let rows = "circuit-id,address\nolt1,100.64.0.7\nolt1,100.64.2.7\n";
    assert_eq!(reservations(&read_text("a.csv", rows).unwrap()).len(), 3);
}

#[test]
fn mistakes_are_explained_as_agreed() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/reservations");
    let is_updating = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    let mut cases: Vec<PathBuf> = fs::read_dir(&golden)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension != "expected"))
        .collect();
    cases.sort();
    assert!(cases.len() >= 8, "only {} cases", cases.len());
    let mut differing = Vec::new();
    for case in cases {
        let name = case.file_name().unwrap().to_str().unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::copy(&case, folder.path().join(name)).unwrap();
        let mistakes = read(folder.path(), &[name]).err();
        let mistakes = mistakes.unwrap_or_else(|| panic!("{name} has no mistake"));
        let prefix = format!("{}/", folder.path().display());
        let rendered = mistakes.render(false).replace(&prefix, "");
        let expected = golden.join(format!("{name}.expected"));
        if is_updating {
            fs::write(&expected, &rendered).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != rendered {
            differing.push(format!("{name} is now explained so:\n{rendered}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn what_two_files_say_twice_names_both() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), "circuit-id,address\nolt1,100.64.2.7\n").unwrap();
    fs::write(folder.path().join("b.csv"), "circuit-id,address\nolt1,100.64.2.7\n").unwrap();
    let said = read(folder.path(), &["a.csv", "b.csv"]).unwrap_err().to_string();
    assert!(said.contains("b.csv:2:6") && said.contains("a.csv:2"), "{said}");
    assert!(said.contains("100.64.2.7 is reserved twice"), "{said}");
    assert!(said.contains("two reservations have the same owner, circuit-id olt1"), "{said}");
    let said = read(folder.path(), &["a.csv", "a.csv"]).unwrap_err().to_string();
    assert!(said.contains("a.csv is named twice"), "{said}");
}

#[test]
fn a_file_is_as_large_as_its_limit_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let sized = |octets: u64| {
        let mut file = File::create(folder.path().join("large.csv")).unwrap();
        file.write_all(b"circuit-id,address\nolt1,100.64.0.7\n").unwrap();
        // The file is sparse: the rest is a line of zeros.
        file.set_len(octets).unwrap();
        read(folder.path(), &["large.csv"]).unwrap_err().to_string()
    };
    let said = sized(RESERVATION_FILE_OCTETS_MAX + 1);
    assert!(said.contains("large.csv is larger than 512 MiB"), "{said}");
    assert!(said.contains("split it into several files"), "{said}");
    let said = sized(RESERVATION_FILE_OCTETS_MAX);
    assert!(!said.contains("is larger than"), "{said}");
    assert!(said.contains("large.csv:3:1") && said.contains("more than 65536 octets"), "{said}");
}

#[test]
fn a_line_is_as_long_as_its_limit_at_most() {
    let start = "circuit-id,address,options.224\n";
    let row = |octets: usize| {
        let row = "olt1,100.64.0.7,";
        format!("{start}{row}{}\n", "x".repeat(octets - row.len()))
    };
    let said = read_text("a.csv", row(RESERVATION_ROW_OCTETS_MAX)).unwrap_err().to_string();
    assert!(said.contains("wanted at most 1020 octets"), "{said}");
    let said = read_text("a.csv", row(RESERVATION_ROW_OCTETS_MAX + 1)).unwrap_err().to_string();
    assert!(said.contains("a line has more than 65536 octets"), "{said}");
}

#[test]
fn so_many_mistakes_are_shown_and_the_others_counted() {
    let mut text = String::from("circuit-id,address\n");
    for row in 0..MISTAKES_MAX + 7 {
        text.push_str(&format!("olt{row},10.0.0.1\n"));
    }
    let mistakes = read_text("a.csv", text).unwrap_err();
    assert_eq!((mistakes.iter().count(), mistakes.count()), (MISTAKES_MAX, MISTAKES_MAX + 7));
    assert!(mistakes.to_string().ends_with("a.csv; 7 are not shown"), "{mistakes}");
}

#[test]
fn files_that_cannot_be_read_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let said = read(folder.path(), &["missing.csv"]).unwrap_err().to_string();
    assert!(said.contains("missing.csv cannot be read: No such file"), "{said}");
    assert!(said.contains("lessor.toml:1:17"), "{said}");
    fs::create_dir(folder.path().join("folder.csv")).unwrap();
    let said = read(folder.path(), &["folder.csv"]).unwrap_err().to_string();
    assert!(said.contains("folder.csv cannot be read: is a directory"), "{said}");
    let said = read(folder.path(), &["lines.txt"]).unwrap_err().to_string();
    assert!(said.contains("wanted a file whose name ends in .csv or .jsonl"), "{said}");
    let said = read_text("latin.csv", b"circuit-id,address\ngr\xfcn,100.64.0.7\n").unwrap_err();
    assert_eq!(said.iter().next().unwrap().position(), Some((2, 3)));
    assert!(said.to_string().contains("save the file as UTF-8"), "{said}");
}

#[test]
fn files_belong_at_the_top() {
    let text = format!("{SUBNETS}reservations = \"a.csv\"\n");
    let said = lessor_config::parse("lessor.toml", &text, Path::new("")).unwrap_err().to_string();
    assert!(said.contains("above the first [header]"), "{said}");
    let text = format!("reservations = 7\n{SUBNETS}");
    let said = lessor_config::parse("lessor.toml", &text, Path::new("")).unwrap_err().to_string();
    assert!(said.contains("wanted a path"), "{said}");
}

#[test]
fn pairs_of_addresses_are_written_in_turn() {
    let rows = "hardware-address,options.static-routes,options.21\n\
                02:00:5e:00:53:01,10.1.0.0 192.0.2.1 10.2.0.0 192.0.2.2,10.9.0.0 255.255.0.0\n";
    let configuration = read_text("a.csv", rows).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let options = &shared(&configuration)[0].options;
    let octets = |code| match &**options.get(code).unwrap() {
        OptionValue::Octets(octets) => octets.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(octets(33), [10, 1, 0, 0, 192, 0, 2, 1, 10, 2, 0, 0, 192, 0, 2, 2]);
    assert_eq!(octets(21), [10, 9, 0, 0, 255, 255, 0, 0]);
    let odd = "hardware-address,options.static-routes\n02:00:5e:00:53:01,10.1.0.0\n";
    let said = read_text("a.csv", odd).unwrap_err().to_string();
    assert!(said.contains("2 addresses for each item: `destination` and `router`"), "{said}");
}

#[test]
fn a_file_that_ends_anywhere_is_read_or_explained() {
    let csv =
        "circuit-id,address,options.host-name\nolt1,100.64.0.7,a\n\"olt,2\",100.64.0.8,\"b\"\n";
    let json =
        "{\"circuit-id\":\"olt1\",\"address\":\"100.64.0.7\",\"options\":{\"224\":\"hex:0a\"}}\n";
    let mut whole = 0;
    for (name, text) in [("a.csv", csv), ("a.jsonl", json)] {
        for end in 0..=text.len() {
            match read_text(name, &text[..end]) {
                Ok(_) => whole += 1,
                Err(mistakes) => assert!(mistakes.to_string().contains(name), "{mistakes}"),
            }
        }
    }
    assert!(whole >= 4, "{whole}");
}

/// Reads a configuration whose reservations are in the table of a source with this text.
fn read_source(columns: &str, text: &str) -> Result<Configuration, Mistakes> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ports.csv"), text).unwrap();
    let path = folder.path().join("lessor.toml");
    let source = "[[lookup]]\nname = \"ports\"\ntype = \"csv\"\npath = \"ports.csv\"\n\
        key = \"port\"\ndelimiter = \";\"\n[[lookup]]\nname = \"crm\"\ntype = \"json\"\n\
        path = \"crm.json\"\n";
    let line = format!("reservations = [{{ lookup = \"ports\", columns = {columns} }}]");
    fs::write(&path, format!("{line}\n{SUBNETS}{source}")).unwrap();
    lessor_config::load(&path)
}

#[test]
fn a_table_for_policies_may_have_reservations_too() {
    let table = "port;customer;ip;mac\nolt1;4711;100.64.2.7;\nolt2;\"47;12\";;\n\
        ;4713;;02:00:5e:00:53:01\nolt3;4714;;02:00:5e:00:53:02\n;;100.64.2.8;\n";
    let columns = "{ circuit-id = \"port\", address = \"ip\" }";
    let configuration = read_source(columns, table).unwrap_or_else(|it| panic!("{it}"));
    assert_eq!(configuration.reservation_files[0].reservations, 1);
    let found = reservations(&configuration);
    assert_eq!(*first_owner(found[1]), ReservationOwner::circuit_id(*b"olt1"));
    let both = "{ circuit-id = \"port\", hardware-address = \"mac\", address = \"ip\", \
        \"options.host-name\" = \"customer\" }";
    let configuration = read_source(both, table).unwrap_or_else(|it| panic!("{it}"));
    assert_eq!((reservations(&configuration).len(), shared(&configuration).len()), (2, 3));
    let said = read_source(columns, &table.replace("2.7", "2.777")).unwrap_err().to_string();
    assert!(said.contains("ports.csv:2:11"), "{said}");
}

#[test]
fn what_a_source_of_reservations_lacks_is_named() {
    for (columns, wanted) in [
        ("{ circuit-id = \"ports\", address = \"ip\" }", "no column is named \"ports\""),
        ("{ circuit-id = \"port\" }", "no column says what is reserved"),
        ("{ address = \"ip\" }", "no column identifies the owners"),
        ("{ circuit = \"port\", address = \"ip\" }", "unknown column `circuit`"),
        ("\"port\"", "wanted a table, such as"),
    ] {
        let said = read_source(columns, "port;ip\nolt1;100.64.2.7\n").unwrap_err().to_string();
        assert!(said.contains(wanted), "{said}");
    }
    let sources = [
        ("{ lookup = \"port\", columns = {} }", "no [[lookup]] is named \"port\""),
        ("{ lookup = \"crm\", columns = {} }", "is not of type \"csv\""),
        ("{ columns = {} }", "missing key `lookup`"),
        ("{ lookup = \"crm\" }", "missing key `columns`"),
    ];
    for (source, wanted) in sources {
        let text = format!(
            "reservations = [{source}]\n{SUBNETS}[[lookup]]\nname = \"crm\"\ntype = \"json\"\n\
             path = \"crm.json\"\n"
        );
        let read = lessor_config::parse("lessor.toml", &text, Path::new(""));
        let said = read.unwrap_err().to_string();
        assert!(said.contains(wanted), "{said}");
    }
}

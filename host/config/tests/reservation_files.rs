//! Files of reservations: their contents, mistakes and limits. `UPDATE_GOLDEN=1 cargo test -p
//! lessor-config` rewrites the explanations: review the changes before you commit them.
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use lessor_config::{
    Configuration, MISTAKES_MAX, Mistakes, RESERVATION_FILE_OCTETS_MAX, RESERVATION_ROW_OCTETS_MAX,
};
use lessor_core::{HardwareAddress, OptionValue, Reservation, ReservationOwner};

const SUBNETS: &str = "[server]\nlisten = [\"192.0.2.1\", \"100.64.0.2\"]\n\
    [[subnet]]\nprefix = \"100.64.0.0/24\"\nshared-network = \"homes\"\n\
    reservation = [{ circuit-id = \"olt9\", address = \"100.64.0.9\" }]\n\
    [[subnet]]\nprefix = \"100.64.1.0/24\"\nshared-network = \"homes\"\n\
    [[subnet]]\nprefix = \"100.64.2.0/24\"\n";

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
        .map(|found| match &found.owner {
            ReservationOwner::CircuitId(id) => {
                format!("{} circuit {}", found.address, String::from_utf8_lossy(id))
            }
            owner => format!("{} {owner:?}", found.address),
        })
        .collect();
    assert_eq!(
        written,
        [
            "100.64.0.9 circuit olt9",
            "100.64.0.7 ClientIdentifier([1, 255])",
            "100.64.0.8 HardwareAddress(02:00:5e:00:53:01)",
            "100.64.1.7 RemoteId([0, 1])",
            "100.64.1.8 circuit olt/2",
            "100.64.1.9 circuit über",
            "100.64.2.7 circuit olt1",
            "100.64.2.8 HardwareAddress(02:00:5e:00:53:02)",
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
        assert_eq!(reservations(&configuration)[1].owner, wanted);
    }
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
    assert!(said.contains("two reservations have the same owner"), "{said}");
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

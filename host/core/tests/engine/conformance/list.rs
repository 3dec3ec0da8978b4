//! The list of requirements, generated from the tests.

use std::{env, fs, path::Path};

/// The files of the tests, in the order of the list.
const FILES: [(&str, &str); 13] = [
    ("rfc2131_3", include_str!("rfc2131_3.rs")),
    ("rfc2131_4_1", include_str!("rfc2131_4_1.rs")),
    ("rfc2131_4_2", include_str!("rfc2131_4_2.rs")),
    ("rfc2131_4_3_1", include_str!("rfc2131_4_3_1.rs")),
    ("rfc2131_4_3_1_table_3", include_str!("rfc2131_4_3_1_table_3.rs")),
    ("rfc2131_4_3_2", include_str!("rfc2131_4_3_2.rs")),
    ("rfc2131_4_3_3_to_5", include_str!("rfc2131_4_3_3_to_5.rs")),
    ("rfc2131_4_4_5", include_str!("rfc2131_4_4_5.rs")),
    ("options", include_str!("options.rs")),
    ("messages", include_str!("messages.rs")),
    ("wire", include_str!("../../../../wire/tests/conformance.rs")),
    ("room", include_str!("../../../../wire/tests/room.rs")),
    ("bootp", include_str!("../../../../wire/tests/bootp.rs")),
];
const HEAD: &str = "# Conformance

What RFC 2131 and its companions ask of a DHCPv4 server, and the tests that show it. This list is made from the tests in
`host/core/tests/engine/conformance` and in `conformance.rs`, `room.rs` and `bootp.rs` of `host/wire/tests`; a test compares
it. What operators can choose is described in `docs/operators.md`. The tests in `tests/conformance` send messages over
UDP; their results, with this server and with others, are [below](#results-over-udp).
";
/// Where the part begins that `cargo xtask conformance` writes.
const RESULTS: &str = "\n## Results over UDP\n";

#[test]
fn the_list_of_demands_names_every_test() {
    let mut list = HEAD.to_owned();
    for (file, text) in FILES {
        let title = text.lines().next().and_then(|line| line.strip_prefix("//! ")).unwrap();
        list.push_str(&format!(
            "\n## {}\n\n| Section | Test |\n|---|---|\n",
            title.trim_end_matches('.')
        ));
        for (section, test) in demands(text) {
            list.push_str(&format!("| {section} | {} |\n", in_words(test)));
        }
        assert!(demands(text).next().is_some(), "{file} has no test");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conformance.md");
    let written = fs::read_to_string(&path).unwrap_or_default();
    let (before, results) = written.split_once(RESULTS).expect("there are results");
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, format!("{list}{RESULTS}{results}")).unwrap();
    } else {
        assert!(before == list, "docs/conformance.md is old: run this test with UPDATE_GOLDEN=1");
    }
}

/// The section and the name of each test.
fn demands(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let tests = text.split("#[test]\nfn ").skip(1);
    text.split("#[test]\n").zip(tests).map(|(before, test)| {
        let section = before.trim_end().lines().last().and_then(|line| line.strip_prefix("/// "));
        let section = section.filter(|section| section.starts_with("RFC "));
        let (name, _) = test.split_once('(').unwrap();
        (section.unwrap_or_else(|| panic!("{name} names no section")).trim_end_matches('.'), name)
    })
}

/// The name of a test as a sentence.
fn in_words(name: &str) -> String {
    let words: Vec<String> = name
        .split('_')
        .enumerate()
        .map(|(position, word)| match (word, position) {
            ("ack" | "nak" | "decline" | "inform", _) => word.to_uppercase(),
            ("bootp" | "discover", _) => word.to_uppercase(),
            ("naks", _) => "NAKs".to_owned(),
            ("ipv4", _) => "IPv4".to_owned(),
            ("dhcp", _) => "DHCP".to_owned(),
            ("ipxe", _) => "iPXE".to_owned(),
            (_, 0) => word[..1].to_uppercase() + &word[1..],
            _ => word.to_owned(),
        })
        .collect();
    words.join(" ")
}

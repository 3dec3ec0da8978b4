//! The explanation of every misconfiguration in tests/golden/config and tests/golden/sidecar, and
//! the octets of every option in tests/golden/options, are those that were reviewed.
//! `UPDATE_GOLDEN=1 cargo test -p lessor-config` rewrites them: review the changes before you
//! commit them.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use lessor_vocabulary::{ForClass, ForEnterprise, OptionValue, hexadecimal};

#[test]
fn mistakes_are_explained_as_agreed() {
    let cases = cases("config");
    assert!(cases.len() >= 20, "only {} cases", cases.len());
    are_explained_as_agreed(cases, |name, text| {
        let base = Path::new("/etc/lessor");
        lessor_config::parse(name, text, base).err().map(|mistakes| mistakes.render(false))
    });
}

/// Every configured option with its octets, as a client of each vendor class gets it, and read
/// back.
#[test]
fn options_have_the_octets_that_were_reviewed() {
    are_explained_as_agreed(cases("options"), |name, text| {
        let read = lessor_config::parse(name, text, Path::new("/etc/lessor"));
        let read = read.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let catalogue = read.topology.catalogue();
        let subnet = &read.topology.networks()[0].subnets[0];
        let mut lines = String::new();
        for (code, value) in subnet.options.iter() {
            for (client, octets) in octets_for_clients(value) {
                let class = client.strip_prefix("class ").map(str::as_bytes);
                let name = catalogue.shown_name(code);
                let again = catalogue.decode(code, &octets, class);
                let digits = hexadecimal::digits(&octets);
                let client = if client.is_empty() { client } else { format!(" for {client}") };
                writeln!(lines, "{code} {name}{client}\n  {digits}\n  {again}\n").unwrap();
            }
        }
        Some(lines)
    });
}

/// The octets of a value, with a description of the clients that get them.
fn octets_for_clients(value: &OptionValue) -> Vec<(String, Vec<u8>)> {
    let some = |client: &str, octets: Option<Vec<u8>>| octets.map(|it| (client.to_owned(), it));
    let found = match value {
        OptionValue::ByClass(values) => ["ACME", "ACME phone 3", "other"].map(|class| {
            let octets = ForClass::chosen(values, class.as_bytes()).map(<[u8]>::to_vec);
            some(&format!("class {class}"), octets)
        }),
        OptionValue::ByEnterprise(parts) => [
            some("class ACME 1", ForEnterprise::chosen(parts, Some(b"ACME 1"), &[])),
            some("enterprise 4491", ForEnterprise::chosen(parts, None, &[4491])),
            some("others", ForEnterprise::chosen(parts, None, &[])),
        ],
        value => [some("", Some(value.to_octets())), None, None],
    };
    found.into_iter().flatten().collect()
}

#[test]
fn mistakes_in_files_beside_policies_are_explained_as_agreed() {
    let folder = tempfile::tempdir().unwrap();
    are_explained_as_agreed(cases("sidecar"), |name, text| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let mistakes = lessor_config::load_sidecar(&path).err()?;
        Some(mistakes.render(false).replace(path.to_str().unwrap(), name))
    });
}

fn are_explained_as_agreed(cases: Vec<PathBuf>, explained: impl Fn(&str, &str) -> Option<String>) {
    let is_updating = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    let mut differing = Vec::new();
    for case in cases {
        let name = case.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&case).unwrap();
        let rendered = explained(name, &text).unwrap_or_else(|| panic!("{name} has no mistake"));
        let golden = case.with_extension("expected");
        if is_updating {
            fs::write(&golden, &rendered).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != rendered {
            differing.push(format!("{name} is now explained so:\n{rendered}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(kind);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    cases.sort();
    cases
}

//! `docs/architecture.md` lists the crates, modules and features that there are.

use std::{collections::BTreeSet, fs, path::Path};

use lessor_house::sources::root;

fn architecture() -> String {
    fs::read_to_string(root().join("docs/architecture.md")).unwrap()
}

/// The names in backticks in the first column of the first table after `heading`.
fn listed(document: &str, heading: &str) -> BTreeSet<String> {
    let (_, rest) = document.split_once(heading).unwrap_or_else(|| panic!("no {heading:?}"));
    let rows = rest.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    let first = rows.filter_map(|row| row.split('|').nth(1));
    let names = first.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names.map(str::to_owned).collect()
}

/// The modules whose files are in a folder.
fn modules(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let sources = files.filter(|path| path.extension().is_some_and(|found| found == "rs"));
    sources.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn assert_same(what: &str, listed: &BTreeSet<String>, found: &BTreeSet<String>) {
    let (gone, new) = (listed.difference(found), found.difference(listed));
    let (gone, new): (Vec<_>, Vec<_>) = (gone.collect(), new.collect());
    assert!(
        gone.is_empty() && new.is_empty(),
        "docs/architecture.md, {what}: lists {gone:?}, which do not exist; does not list {new:?}"
    );
}

#[test]
fn every_crate_is_on_the_map() {
    let map = listed(&architecture(), "## Code map");
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = manifest.split_once("members = [").unwrap().1.split_once(']').unwrap().0;
    let members = members.split('"').skip(1).step_by(2);
    let is_on_map = |member: &str| {
        Path::new(member)
            .ancestors()
            .any(|part| part.to_str().is_some_and(|part| map.contains(part)))
    };
    let missing: Vec<&str> = members.filter(|member| !is_on_map(member)).collect();
    assert!(missing.is_empty(), "docs/architecture.md does not name {missing:?}");
    let gone: Vec<&String> = map.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(gone.is_empty(), "docs/architecture.md names {gone:?}, which do not exist");
}

#[test]
fn the_modules_of_core_and_server_are_listed() {
    let document = architecture();
    for (heading, folder, left_out) in [
        ("`host/core/src/ledger` knows", "host/core/src/ledger", &["families"][..]),
        ("`host/core/src/dhcpv4` decides", "host/core/src/dhcpv4", &[]),
        ("`host/server` is one program", "host/server/src", &["main", "testing"]),
    ] {
        let mut found = modules(&root().join(folder));
        left_out.iter().for_each(|name| assert!(found.remove(*name), "{name} is not in {folder}"));
        assert_same(folder, &listed(&document, heading), &found);
    }
}

#[test]
fn the_features_of_the_server_are_listed() {
    let manifest = fs::read_to_string(root().join("host/server/Cargo.toml")).unwrap();
    let (_, features) = manifest.split_once("[features]\n").unwrap();
    let features = features.lines().take_while(|line| !line.starts_with('['));
    let named = features.filter_map(|line| line.split_once(" = ").map(|(name, _)| name.to_owned()));
    let mut found: BTreeSet<String> = named.collect();
    assert!(found.remove("default"), "{found:?}");
    assert_same("features", &listed(&architecture(), "## Features"), &found);
}

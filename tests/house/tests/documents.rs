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
fn a_crate_knows_only_crates_of_the_lines_above_its_own() {
    let document = architecture();
    let (_, rest) = document.split_once("Dependencies point one way").unwrap();
    let block = rest.split_once("```text\n").unwrap().1.split_once("```").unwrap().0;
    let lines: Vec<BTreeSet<&str>> =
        block.lines().map(|line| line.split_whitespace().collect()).collect();
    let mut found = BTreeSet::from(["vocabulary".to_owned()]);
    for entry in fs::read_dir(root().join("host")).unwrap() {
        found.insert(entry.unwrap().file_name().into_string().unwrap());
    }
    assert!(found.remove("xtask"), "{found:?}");
    let listed = lines.iter().flatten().map(|name| (*name).to_owned()).collect();
    assert_same("the lines of crates", &listed, &found);
    for (position, line) in lines.iter().enumerate() {
        let above: BTreeSet<&str> = lines.iter().take(position).flatten().copied().collect();
        for name in line {
            for known in dependencies(name) {
                assert!(above.contains(known.as_str()), "{name} depends on {known}");
            }
        }
    }
}

/// The crates of the server that a crate depends on, except in its tests.
fn dependencies(name: &str) -> Vec<String> {
    let folder = if name == "vocabulary" { name.to_owned() } else { format!("host/{name}") };
    let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    let section = manifest.split_once("[dependencies]\n").map_or("", |(_, rest)| rest);
    let section = section.lines().take_while(|line| !line.starts_with('['));
    let own = section.filter_map(|line| line.strip_prefix("lessor-"));
    let names = own.map(|line| line.split(['.', ' ']).next().unwrap());
    names.map(|name| name.strip_suffix("-host").unwrap_or(name).to_owned()).collect()
}

#[test]
fn the_modules_of_large_crates_are_listed() {
    let document = architecture();
    for (heading, folder, left_out) in [
        ("`host/core/src/ledger` knows", "host/core/src/ledger", &["families"][..]),
        ("`host/core/src/dhcpv4` decides", "host/core/src/dhcpv4", &[]),
        ("`host/generation` makes", "host/generation/src", &["lib"]),
        ("`host/serving` is a server", "host/serving/src", &["lib", "testing"]),
        ("`host/foresight` says", "host/foresight/src", &["lib"]),
        ("`host/server` is the program", "host/server/src", &["main"]),
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

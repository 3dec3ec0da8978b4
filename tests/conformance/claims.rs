//! The tests, the table of RFCs in the README and `docs/conformance.md` claim the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use lessor_conformance::report::{BEGIN, Section};
use lessor_e2e::built::checkout;

/// The folder of each RFC that has tests, by its number.
fn folders() -> BTreeMap<u32, PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = fs::read_dir(own).unwrap().map(|entry| entry.unwrap().path());
    let number = |path: &Path| path.file_name()?.to_str()?.strip_prefix("rfc")?.parse().ok();
    folders.filter(|path| path.is_dir()).filter_map(|path| Some((number(&path)?, path))).collect()
}

/// The files of an RFC's sections.
fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// A row of the README: the RFCs with their links, and whether it claims that they are served.
struct Row {
    rfcs: Vec<(u32, Option<String>)>,
    is_claimed: bool,
}

fn rows_of_readme() -> Vec<Row> {
    let readme = fs::read_to_string(checkout().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("## Standards").unwrap();
    let rows = rest.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let rfc = |text: &str| match text.strip_prefix('[').and_then(|text| text.split_once("](")) {
            Some((number, link)) => {
                (number.parse().unwrap(), Some(link.trim_end_matches(')').to_owned()))
            }
            None => (text.parse().unwrap_or_else(|_| panic!("{text} in {line}")), None),
        };
        Row { rfcs: cells[0].split(", ").map(rfc).collect(), is_claimed: cells[2] != "not yet" }
    };
    rows.map(row).collect()
}

#[test]
fn the_readme_claims_what_is_tested_and_links_it() {
    let folders = folders();
    let mut listed = BTreeSet::new();
    for Row { rfcs, is_claimed } in rows_of_readme() {
        for (rfc, link) in rfcs {
            assert!(listed.insert(rfc), "the README lists RFC {rfc} twice");
            let is_tested = folders.contains_key(&rfc);
            assert!(is_tested || !is_claimed, "tests/conformance has no folder for RFC {rfc}");
            let wanted = is_tested.then(|| format!("tests/conformance/rfc{rfc}"));
            assert_eq!(link, wanted, "the link of RFC {rfc} in the README");
        }
    }
    let strangers: Vec<&u32> = folders.keys().filter(|rfc| !listed.contains(rfc)).collect();
    assert!(strangers.is_empty(), "the README does not list {strangers:?}");
}

#[test]
fn every_file_is_compiled_and_begins_with_its_section() {
    let main = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("rfcs.rs")).unwrap();
    for (rfc, folder) in folders() {
        let (_, module) = main.split_once(&format!("mod rfc{rfc} {{")).unwrap();
        let (module, _) = module.split_once('}').unwrap();
        for file in files(&folder) {
            let name = file.file_stem().unwrap().to_str().unwrap();
            assert!(module.contains(&format!("mod {name};")), "rfcs.rs lacks {}", file.display());
            let section = Section::of(&format!("rfc{rfc}"), name);
            section.unwrap_or_else(|| panic!("{} is named after no section", file.display()));
            let text = fs::read_to_string(&file).unwrap();
            let begins = text.starts_with(&format!("//! RFC {rfc}"));
            assert!(begins, "{} does not begin with its RFC", file.display());
            assert!(text.contains("#[test]"), "{} tests nothing", file.display());
        }
    }
}

#[test]
fn the_recorded_results_have_every_section_and_this_server_fails_nowhere() {
    let document = fs::read_to_string(checkout().join("docs/conformance.md")).unwrap();
    let (_, generated) = document.split_once(BEGIN).expect("there are tables");
    let (sections, _) = generated.split_once("\nWhat one of them").expect("there are two tables");
    let rows = sections.lines().filter(|line| line.starts_with("| RFC "));
    let cells = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect());
    let rows: Vec<Vec<&str>> = cells.collect();
    let recorded: BTreeSet<String> = rows.iter().map(|cells| cells[0].to_owned()).collect();
    let title = |(rfc, folder): (u32, PathBuf)| -> Vec<String> {
        let section = |file: PathBuf| {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            Section::of(&format!("rfc{rfc}"), &name).unwrap().title()
        };
        files(&folder).into_iter().map(section).collect()
    };
    let tested: BTreeSet<String> = folders().into_iter().flat_map(title).collect();
    assert_eq!(recorded, tested, "run cargo xtask conformance --subject all --write");
    for cells in rows {
        assert!(!cells[1].starts_with("fail"), "{cells:?}");
    }
}

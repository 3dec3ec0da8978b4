//! The explanation of every misconfiguration in tests/golden/config and tests/golden/sidecar is the
//! one that was reviewed. `UPDATE_GOLDEN=1 cargo test -p lessor-config` rewrites the explanations:
//! review the changes before you commit them.
use std::{
    fs,
    path::{Path, PathBuf},
};

#[test]
fn mistakes_are_explained_as_agreed() {
    let cases = cases("config");
    assert!(cases.len() >= 20, "only {} cases", cases.len());
    are_explained_as_agreed(cases, |name, text| {
        let base = Path::new("/etc/lessor");
        lessor_config::parse(name, text, base).err().map(|mistakes| mistakes.render(false))
    });
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

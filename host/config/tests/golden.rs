//! Every misconfiguration in tests/golden/config is explained as it was when somebody last looked
//! at the explanation. `UPDATE_GOLDEN=1 cargo test -p lessor-config` writes it anew: read what
//! changed before it is committed.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

#[test]
fn mistakes_are_explained_as_agreed() {
    let is_updating = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    let mut differing = Vec::new();
    let cases = cases();
    assert!(cases.len() >= 20, "only {} cases", cases.len());
    for case in cases {
        let name = case.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&case).unwrap();
        let mistakes = lessor_config::parse(name, &text, Path::new("/etc/lessor"))
            .err()
            .unwrap_or_else(|| panic!("{name} has no mistake"));
        let rendered = mistakes.render(false);
        let golden = case.with_extension("expected");
        if is_updating {
            fs::write(&golden, &rendered).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != rendered {
            differing.push(format!("{name} is now explained so:\n{rendered}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/config");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    cases.sort();
    cases
}

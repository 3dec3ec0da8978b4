//! The SDKs for C, JavaScript and Python: what is generated in them matches the contract and the
//! vocabulary, and their options are those of the server. `UPDATE_GOLDEN=1` regenerates them.

mod c;
mod options;
mod samples;
mod tables;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Returns the folder of an SDK.
fn sdk(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/sdk").join(language)
}

/// Checks that a file has these contents, or writes them.
fn assert_generated(path: &Path, wanted: &[u8]) {
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, wanted).unwrap();
    }
    let found = fs::read(path).unwrap_or_default();
    assert!(
        found == wanted,
        "{} is not what the contract and the vocabulary make: run UPDATE_GOLDEN=1 cargo test \
         --package lessor-policies --test sdks",
        path.display()
    );
}

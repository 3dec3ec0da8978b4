//! What is under test, built on demand: the server's binary and the policies.

use std::{
    collections::HashMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, OnceLock},
};

/// The server's binary: `LESSOR_BIN` if that is set, otherwise built from this checkout.
pub fn lessor() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("LESSOR_BIN") {
        Some(path) => existing(PathBuf::from(path), "LESSOR_BIN"),
        None => build(&["--package", "lessor", "--bin", "lessor"], "executable"),
    })
}

/// A policy, by the name of its package: from the folder `LESSOR_POLICIES` if it lies there,
/// otherwise built from this checkout.
pub fn policy(package: &str) -> PathBuf {
    static POLICIES: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);
    let mut policies = POLICIES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let known = policies.get_or_insert_default();
    if let Some(path) = known.get(package) {
        return path.clone();
    }
    let path = given_policy(package).unwrap_or_else(|| {
        let target = ["--profile", "policy", "--target", "wasm32-unknown-unknown"];
        build(&[&["--package", package], &target[..]].concat(), ".wasm")
    });
    known.insert(package.to_owned(), path.clone());
    path
}

/// The root of this checkout.
pub fn checkout() -> &'static Path {
    let two_up = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    two_up.expect("tests/e2e lies two folders below the root")
}

fn given_policy(package: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("LESSOR_POLICIES")?);
    Some(folder.join(format!("{package}.wasm"))).filter(|path| path.exists())
}

fn existing(path: PathBuf, variable: &str) -> PathBuf {
    assert!(path.exists(), "{variable} leads to {}, which does not exist", path.display());
    path
}

/// Runs cargo and returns the file it made: its `executable`, or the file that ends in `wasm`.
fn build(arguments: &[&str], wanted: &str) -> PathBuf {
    // Past the capture of output: the first build of a checkout takes minutes.
    let _ = writeln!(std::io::stderr(), "e2e: cargo build {}", arguments.join(" "));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--message-format=json-render-diagnostics"])
        .args(arguments)
        .current_dir(checkout())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "cargo build {} failed", arguments.join(" "));
    let messages = String::from_utf8_lossy(&output.stdout);
    let made = messages.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        if wanted == "executable" {
            return Some(message.get("executable")?.as_str()?.into());
        }
        let files = message.get("filenames")?.as_array()?;
        files
            .iter()
            .filter_map(|file| file.as_str())
            .find(|file| file.ends_with(wanted))
            .map(PathBuf::from)
    });
    made.unwrap_or_else(|| panic!("cargo build {} names no {wanted}", arguments.join(" ")))
}

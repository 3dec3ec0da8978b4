//! Builds what is under test on demand: the server's binary and the policies.

use std::{
    collections::HashMap,
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, OnceLock},
};

/// Returns the server's binary: `LESSOR_BIN` if it is set, otherwise the binary of this checkout,
/// which is built if necessary.
pub fn lessor() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("LESSOR_BIN") {
        Some(path) => existing(PathBuf::from(path), "LESSOR_BIN"),
        None => build_lessor(),
    })
}

/// Returns the server without features that `LESSOR_SMALL_BIN` names, if it is set. No test builds
/// it, because it would take the place of the other one.
pub fn small_lessor() -> Option<&'static Path> {
    static BINARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let named = || std::env::var_os("LESSOR_SMALL_BIN").map(PathBuf::from);
    let binary = BINARY.get_or_init(|| Some(existing(named()?, "LESSOR_SMALL_BIN")));
    binary.as_deref()
}

/// Returns the Debian package that `LESSOR_DEB` names, if it is set.
pub fn deb() -> Option<PathBuf> {
    Some(existing(std::env::var_os("LESSOR_DEB")?.into(), "LESSOR_DEB"))
}

/// Builds a policy of this checkout by the name of its package, and returns its file.
pub fn policy(package: &str) -> PathBuf {
    static POLICIES: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);
    let mut policies = POLICIES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let known = policies.get_or_insert_default();
    let build = || lessor_guests::policy(package).unwrap_or_else(|error| panic!("{error}"));
    known.entry(package.to_owned()).or_insert_with(build).clone()
}

/// Returns the root of this checkout.
pub fn checkout() -> &'static Path {
    let two_up = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    two_up.expect("tests/e2e lies two folders below the root")
}

fn existing(path: PathBuf, variable: &str) -> PathBuf {
    assert!(path.exists(), "{variable} leads to {}, which does not exist", path.display());
    path
}

fn build_lessor() -> PathBuf {
    // Written past the capture of output, because the first build of a checkout takes minutes.
    let _ = writeln!(std::io::stderr(), "e2e: building the server");
    let output = lessor_guests::programs_command(&["lessor"], None)
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "the server does not build");
    let messages = String::from_utf8_lossy(&output.stdout);
    let made = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_server = message.get("target")?.get("name")? == "lessor";
        is_server.then(|| Some(message.get("executable")?.as_str()?.into()))?
    });
    made.expect("cargo names the executable")
}

//! The front door with a cargo that fails.
//!
//! This test has another purpose: `lessor_guests::programs_command` builds it with everything that
//! is not built for tests, because then dependencies have the same features as in the tests.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

const CARGO: &str = "#!/bin/sh
printf '   Compiling syn v2.0.1\\n' >&2
printf '    Building [=>   ] 3/20: syn\\r' >&2
printf 'error[E0425]: cannot find value\\n' >&2
exit 101
";

#[test]
fn a_build_that_fails_shows_its_error_and_runs_no_command() {
    let folder = std::env::temp_dir().join(format!("lessor-door-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let cargo = folder.join("cargo");
    fs::write(&cargo, CARGO).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lessor-door"))
        .arg("demo")
        .env("CARGO", &cargo)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .output()
        .unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in [
        "The first build takes roughly",
        "the interpreter of scripts in Rhai\n",
        "the server and the demonstration: 3 of 20 crates, 0 min 00 s\n",
        "error[E0425]: cannot find value\n",
        "cargo failed with exit status: 101",
    ] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    assert!(!said.contains("Compiling"), "{said}");
}

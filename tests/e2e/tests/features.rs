//! A binary without features: it says what it lacks, refuses what needs it, and loads policies that
//! another one has compiled.

use std::{
    fs,
    process::{Command, Output},
    time::Duration,
};

use lessor_e2e::{
    Setup, built,
    bystanders::{LINK, SUBNETS},
    relay,
};
use lessor_load::Subscriber;

const POLICY: &str = "10-healthy";
const SIDECAR: &str = "[settings]\nlease-time-secs = 777\n";
const FEATURES: &str = "author compile load lookups-remote scripts";
const ALL_FEATURES: &str = "author compile cross load lookups-remote scripts";

/// A setup whose server has no features.
fn small_server() -> Setup {
    Setup::on_loopback(SUBNETS)
        .with_program(built::small_lessor().unwrap())
        .with_plugin_setting("cache = \"cache\"")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[track_caller]
fn assert_names(feature: &str, said: &str) {
    let words = format!("without the feature `{feature}`");
    assert!(said.contains(&words), "no {words:?} in {said}");
}

#[test]
fn the_version_lists_what_is_built_in() {
    lessor_e2e::require!(small_lessor);
    for (program, wanted) in [
        (built::lessor(), format!("features: {FEATURES}\nwithout: cross\n")),
        (built::small_lessor().unwrap(), format!("features: none\nwithout: {ALL_FEATURES}\n")),
    ] {
        let said = said(&Command::new(program).arg("--version").output().unwrap());
        assert!(said.ends_with(&wanted), "{said}");
        let line = Command::new(program).arg("-V").output().unwrap();
        assert_eq!(line.stdout.iter().filter(|octet| **octet == b'\n').count(), 1);
    }
}

#[test]
fn commands_that_are_not_built_in_are_refused() {
    lessor_e2e::require!(small_lessor);
    for (arguments, feature) in [
        (&["load", "--clients", "10"][..], "load"),
        (&["plugin", "new", "stb", "--language", "rhai"], "author"),
        (&["plugin", "--help"], "author"),
    ] {
        let output = Command::new(built::small_lessor().unwrap()).args(arguments).output().unwrap();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&arguments.join(" ")), "{said}");
        assert!(said.contains(&format!("needs the feature `{feature}`")), "{said}");
    }
}

#[test]
fn a_configuration_that_needs_a_feature_is_refused() {
    lessor_e2e::require!(small_lessor);
    let source = "[[lookup]]\nname = \"lines\"\ntype = \"sqlite\"\npath = \"lines.db\"\n\
                  query = \"SELECT * FROM line WHERE id = $1\"\n";
    let setup = small_server().with_tables(source);
    fs::write(setup.folder().join("lines.db"), "").unwrap();
    let said = setup.refused();
    assert_names("lookups-remote", &said);
    assert!(said.contains("`lines`") && said.contains("\"sqlite\""), "{said}");

    let setup = small_server();
    fs::write(setup.folder().join("plugins/20-a.rhai"), "fn decide(request, terms) {}").unwrap();
    let said = setup.refused();
    assert_names("scripts", &said);
    assert!(said.contains("20-a.rhai"), "{said}");
}

#[test]
fn a_policy_is_loaded_once_another_binary_has_compiled_it() {
    lessor_e2e::require!(small_lessor);
    let setup = small_server().with_policy(POLICY, "misbehaving", SIDECAR);
    let said = setup.refused();
    assert_names("compile", &said);
    let cache = setup.folder().join("cache");
    let advice = format!("lessor plugin compile --cache {}", cache.display());
    assert!(said.contains(POLICY) && said.contains(&advice), "{said}");

    let compiled = Command::new(built::lessor())
        .args(["plugin", "compile", "--cache"])
        .arg(&cache)
        .arg(setup.folder().join(format!("plugins/{POLICY}.wasm")))
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{}", self::said(&compiled));
    let server = setup.start();
    let subscriber = Subscriber::new([2, 0, 0, 0, 0, 1], "line");
    let acquired = relay(server.address(), LINK).acquire(&subscriber, Duration::from_secs(5));
    assert_eq!(acquired.unwrap().lease_time_secs, 777);
}

//! Crates occur in several versions only where another crate leaves no choice.

use std::{collections::BTreeSet, fs};

use lessor_house::{
    duplicates::{Duplicate, duplicates},
    sources::root,
};

/// Older versions that stay: the crate, the version, and the crates that need it. Their current
/// releases need it, so that no version in our `Cargo.toml` removes it.
const KNOWN: [(&str, &str, &[&str]); 22] = [
    // PostgreSQL: the client is older than rusqlite, rcgen and boa.
    ("base64", "0.22", &["postgres-protocol"]),
    ("fallible-iterator", "0.2", &["postgres-protocol", "postgres-types", "tokio-postgres"]),
    ("phf", "0.13", &["tokio-postgres"]),
    ("phf_shared", "0.13", &["phf"]),
    // TLS to PostgreSQL reads certificates with crates of the former line.
    ("const-oid", "0.9", &["der", "x509-cert"]),
    // In the file only: rcgen could read certificates with it, and is not asked to.
    ("num-bigint", "0.4", &["der-parser"]),
    ("synstructure", "0.13", &["asn1-rs-derive"]),
    // wasmtime has SHA-2 of the former line; the databases have the current one.
    ("block-buffer", "0.10", &["digest"]),
    ("cpufeatures", "0.2", &["sha2"]),
    ("crypto-common", "0.1", &["digest"]),
    ("digest", "0.10", &["sha2"]),
    ("sha2", "0.10", &["cranelift-codegen", "wasmtime-environ"]),
    ("hashbrown", "0.16", &["gimli", "quick_cache"]),
    ("itertools", "0.14", &["wasmtime-internal-cranelift"]),
    ("embedded-io", "0.4", &["postcard"]),
    // The engine of JavaScript.
    ("hashbrown", "0.14", &["dashmap"]),
    // ring waits for its next release.
    ("getrandom", "0.2", &["const-random-macro", "ring"]),
    // Only on systems that no server runs on.
    ("wasi", "0.11", &["getrandom", "mio"]),
    ("windows-sys", "0.52", &["ring"]),
    ("wit-bindgen", "0.57", &["wasip2"]),
    // Widths of terminals, for the tables of diagnostics.
    ("unicode-width", "0.1", &["miette"]),
    // Files of captures. `syn` 2 has too many dependents to list.
    ("syn", "1", &["derive-into-owned"]),
];

#[test]
fn every_crate_in_several_versions_has_a_known_cause() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let mut found = duplicates(&lock).unwrap();
    found.retain(|duplicate| !(duplicate.name == "syn" && duplicate.version == "2"));
    let known: BTreeSet<Duplicate> = KNOWN
        .iter()
        .map(|(name, version, needed_by)| Duplicate {
            name: (*name).to_owned(),
            version: (*version).to_owned(),
            needed_by: needed_by.iter().map(|name| (*name).to_owned()).collect(),
        })
        .collect();
    let (new, gone): (Vec<_>, Vec<_>) =
        (found.difference(&known).collect(), known.difference(&found).collect());
    assert!(
        new.is_empty() && gone.is_empty(),
        "Cargo.lock has these crates in an older version too; align the versions in Cargo.toml, or \
         list them in {} with their cause: {new:#?}\nit no longer has these, so remove them from \
         the list: {gone:#?}",
        file!()
    );
}

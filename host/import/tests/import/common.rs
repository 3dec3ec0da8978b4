//! What the tests share: folders with files, and imports of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lessor_core::Binding;
use lessor_import::{
    Imported, LeaseTotals, LineOutcome, OldServer, ReadLeases, Refusal, Report, Wishes,
    read_configuration,
};

/// A folder that is removed when it is dropped.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A folder with the files of tests/golden/import.
    pub(crate) fn with_golden() -> Self {
        let folder = Self::new();
        for entry in fs::read_dir(golden_folder()).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

fn golden_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/import")
}

/// A file of tests/golden/import.
pub(crate) fn golden(name: &str) -> String {
    fs::read_to_string(golden_folder().join(name)).unwrap()
}

/// Imports a configuration for a server on eth0.
pub(crate) fn import(origin: OldServer, path: &Path) -> Result<Imported, Refusal> {
    let wishes = Wishes { interfaces: vec!["eth0".into()], ..Wishes::default() };
    read_configuration(origin, path, Path::new("/etc/lessor/lessor.toml"), &wishes)
}

/// Imports a configuration that is accepted.
pub(crate) fn imported(origin: OldServer, text: &str) -> Imported {
    let path_of = Folder::new();
    let path = path_of.write("configuration", text);
    import(origin, &path).unwrap_or_else(|refusal| panic!("{refusal}\n{text}"))
}

/// The outcome and the note of the statement that begins like this.
pub(crate) fn outcome(imported: &Imported, statement: &str) -> (LineOutcome, String) {
    let mut entries = imported.report.entries().iter();
    let found = entries.find(|entry| entry.statement.starts_with(statement));
    let found = found.unwrap_or_else(|| panic!("{statement} is not in {}", imported.report));
    (found.outcome, found.note.clone())
}

/// Checks that the configuration has these texts in this order.
#[track_caller]
pub(crate) fn says(imported: &Imported, lines: &[&str]) {
    let mut rest = imported.configuration.as_str();
    for line in lines {
        let Some(at) = rest.find(line) else {
            panic!("{line} does not follow in\n{}", imported.configuration);
        };
        rest = &rest[at + line.len()..];
    }
}

/// The refusal of a configuration.
pub(crate) fn refused(origin: OldServer, text: &str) -> String {
    let folder = Folder::new();
    let path = folder.write("configuration", text);
    match import(origin, &path) {
        Ok(imported) => panic!("{text:?} is accepted:\n{}", imported.configuration),
        Err(refusal) => refusal.to_string(),
    }
}

/// The records, and what became of the leases.
pub(crate) fn parts(read: ReadLeases) -> (Vec<Binding>, Report, LeaseTotals) {
    let records = read.records.into_iter().map(|record| record.binding);
    (records.collect(), read.report, read.totals)
}

/// A time in November 2026, in seconds.
pub(crate) const NOW: u64 = 1_796_000_000;
/// The first line of Kea's file of leases.
pub(crate) const KEA_HEADER: &str = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,\
                          fqdn_rev,hostname,state,user_context\n";

/// The networks of a configuration.
pub(crate) fn topology(configuration: &str) -> lessor_core::Topology {
    let parsed = lessor_config::parse("lessor.toml", configuration, "/etc/lessor".as_ref());
    parsed.unwrap_or_else(|mistakes| panic!("{mistakes}")).topology
}

//! Shared helpers of the tests.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc, time::Duration};

use lessor_core::LookupAnswer;
use lessor_lookup::{SourceStatus, Sources};
use lessor_settings::{
    CsvSettings, HttpSettings, OnSourceFailure, RemoteLimits, SourceKind, SourceSettings,
};
use tempfile::TempDir;

/// A folder for the files of one test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file that only its owner may read.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

/// Limits that no test reaches by accident, even on a busy machine.
pub(crate) fn generous() -> RemoteLimits {
    RemoteLimits { deadline: Duration::from_secs(20), ..RemoteLimits::default() }
}

pub(crate) fn source(kind: SourceKind) -> SourceSettings {
    SourceSettings { name: "it".to_owned(), kind, on_failure: OnSourceFailure::default() }
}

pub(crate) fn open(kind: SourceKind) -> Arc<Sources> {
    Sources::open(&[source(kind)]).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// The error for a source that cannot be used.
pub(crate) fn refused(kind: SourceKind) -> String {
    let errors = Sources::open(&[source(kind)]).err().expect("it cannot be used");
    assert_eq!(errors.len(), 1);
    errors[0].to_string()
}

pub(crate) fn csv(path: PathBuf) -> SourceKind {
    let key = "port".to_owned();
    SourceKind::Csv(CsvSettings { path, key, delimiter: ',', rows_min: None })
}

pub(crate) fn http(url: String, limits: RemoteLimits) -> SourceKind {
    let (headers, bearer_token_file, ca_file) = (Vec::new(), None, None);
    SourceKind::Http(HttpSettings { url, headers, bearer_token_file, ca_file }, limits)
}

pub(crate) fn status(sources: &Sources) -> SourceStatus {
    sources.status().remove(0)
}

/// The fields of a row that is not stale.
#[track_caller]
pub(crate) fn fields(answer: &LookupAnswer) -> Vec<(&str, &str)> {
    match answer {
        LookupAnswer::Found { row, is_stale: false } => row.fields().collect(),
        other => panic!("found {other:?}"),
    }
}

/// The reason why there is no answer.
#[track_caller]
pub(crate) fn unavailable(answer: LookupAnswer) -> String {
    match answer {
        LookupAnswer::Unavailable(why) => why,
        other => panic!("found {other:?}"),
    }
}

//! Kea: its configuration (JSON with comments), and its leases (CSV of the memfile backend, and the
//! answer to `lease4-get-all`).

mod config;
mod definitions;
mod expression;
mod json;
mod keys;
mod lease_csv;
mod lease_json;
mod options;

use std::path::{Path, PathBuf};

use crate::{
    Found,
    input::{Reader, Text},
    leases::{Gathered, Times},
    place::Refusal,
};

/// Reads a configuration.
pub(crate) fn configuration(text: &Text, reader: &mut Reader) -> Result<Found, Refusal> {
    let node = json::parse(text, reader)?;
    config::read(&node)
}

/// The files that hold the leases of a memfile: Kea moves older ones aside while it cleans them up.
/// Kea reads the finished result of a clean-up if there is one, otherwise the two files that the
/// clean-up works on, and then the current file.
pub(crate) fn lease_files(path: &Path) -> Vec<PathBuf> {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let completed = beside(".completed");
    let mut files = match completed.exists() {
        true => vec![completed],
        false => vec![beside(".2"), beside(".1")],
    };
    files.retain(|file| file.exists());
    files.push(path.to_owned());
    files
}

/// Reads a file of leases, in either format.
pub(crate) fn leases(text: &Text, times: &Times, into: &mut Gathered) -> Result<(), Refusal> {
    match text.contents.trim_start().starts_with(['{', '[']) {
        true => lease_json::read(text, times, into),
        false => lease_csv::read(text, times, into),
    }
}

//! The form of a backup of a store: text, a JSON object on each line.
//!
//! Does not know where records are. docs/backup.md describes the form for operators. Invariants:
//!
//! - **A record is octets here,** the value that is on disk. So a backup has the fields that this
//!   release does not know, and records of newer releases.
//! - **Each line ends in a checksum of the file up to there,** so that a line that was changed, cut
//!   off, moved or removed is noticed, and its number is known.
//!
//! ```text
//! {"lessor-store-backup":1,…,"records":2,"crc32":"5a16e9c1"}   the heading
//! {"address":"192.0.2.7","record":"018d01…","crc32":"0b2f5a90"}
//! {"address":"192.0.2.7","vpn":"green","record":"018d01…","crc32":"c13d0f11"}
//! {"end":2,"crc32":"77e1a2f4"}                                  the number of records
//! ```
//!
//! Members may be added to the heading; older releases skip them. Everything else needs another
//! `FORMAT`.

mod export;
mod lines;
mod restore;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use export::{ExportError, Exported};
pub use lines::{LINE_OCTETS_MAX, RefusedLine};
pub use restore::{Backup, Existing, RestoreError, Restored};

/// Raised when a server of another release must not read the backup.
const FORMAT: u32 = 1;
/// The maximum number of records in a backup. As many addresses are more than a server can have in
/// memory.
pub const RECORDS_MAX: u64 = 1 << 28;

/// What a backup says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Heading {
    /// The version of the form.
    #[serde(rename = "lessor-store-backup")]
    format: u32,
    /// The program that made the backup, with its version.
    pub program: String,
    /// When it was made: clock time, RFC 3339, UTC.
    pub made_at: String,
    /// How far the clock was ahead of the time that records are written in, in milliseconds.
    pub clock_ahead_ms: i64,
    /// Whether a server was using the store, so that leases may have been granted since.
    pub server_running: bool,
    /// The number of records.
    pub records: u64,
}

/// What the caller of an export knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportContext {
    /// The program that makes the backup, with its version.
    pub program: String,
    /// The clock time, as RFC 3339 in UTC.
    pub made_at: String,
    /// How far the clock is ahead of the time that records are written in, in milliseconds.
    pub clock_ahead_ms: i64,
}

/// A line behind the heading.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum BackupLine {
    Record(RecordLine),
    End(EndLine),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordLine {
    address: std::net::Ipv4Addr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vpn: Option<lessor_core::VpnName>,
    #[serde(with = "hex::serde")]
    record: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndLine {
    end: u64,
}

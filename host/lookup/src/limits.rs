//! The limits that no setting changes.

use std::time::Duration;

/// Octets of a key.
pub const KEY_OCTETS_MAX: usize = 1024;
/// Octets of a row: names and values of its fields. A longer answer of a source is no answer.
pub const ROW_OCTETS_MAX: usize = 64 * 1024;
/// Octets of a file that is held in memory.
pub const FILE_OCTETS_MAX: u64 = 1 << 30;
/// Octets of a file with a secret or with certificates.
pub const SECRET_OCTETS_MAX: u64 = 256 * 1024;
/// So many failures one after the other, and a source is left alone for a while.
pub const FAILURES_IN_A_ROW_MAX: u32 = 3;
/// How long a source that failed is left alone at first; twice as long after each further try.
pub const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);
/// How long it is left alone at most.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);
/// Octets that one entry of a cache may have; an entry with more counts as several.
pub(crate) const CACHE_ENTRY_OCTETS: usize = 1024;

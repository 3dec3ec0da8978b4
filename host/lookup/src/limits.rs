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
/// So many different keys that fail with no answer in between, and a source is left alone for a while.
pub const FAILED_KEYS_IN_A_ROW_MAX: usize = 3;
/// How long a key that failed is not asked for again.
pub const FAILED_KEY_FOR: Duration = Duration::from_secs(2);
/// Keys that failed lately, of one source.
pub const FAILED_KEYS_MAX: usize = 4096;
/// One line of the log about failures of a source in this time, and one about its being left alone.
pub const LOG_LINE_EVERY: Duration = Duration::from_secs(10);
/// The same failure again is no news for so long.
pub const SAME_ERROR_EVERY: Duration = Duration::from_secs(600);
/// How long a source that failed is left alone at first; twice as long after each further try.
pub const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);
/// How long it is left alone at most.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);
/// Octets that one entry of a cache may have; an entry with more counts as several.
pub(crate) const CACHE_ENTRY_OCTETS: usize = 1024;
/// Threads of one source that computes its answers in this process.
pub const COMPUTING_THREADS_MAX: usize = 2;
/// Steps of SQLite's machine for one question; one that an index answers takes some dozens.
pub const SQLITE_STEPS_MAX: u64 = 10_000_000;
/// Columns of a CSV file.
pub const COLUMNS_MAX: usize = 1 << 17;
/// Octets of a file in front of its first row: the header of a CSV file.
pub const HEADER_OCTETS_MAX: u64 = 4 << 20;
/// Octets of a file that one row may take. Text in JSON can be longer than what it stands for.
pub const ROW_IN_FILE_OCTETS_MAX: u64 = 8 * ROW_OCTETS_MAX as u64;
/// A table of at most so many octets is not compared with the length of its file.
pub const TABLE_OCTETS_FREE: u64 = 64 << 20;
/// A file that is read again must have one row for so many that serve, unless `rows-min` says
/// otherwise.
pub const SHRINKS_TO_ONE_IN: u64 = 10;

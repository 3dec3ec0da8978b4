//! Limits that cannot be configured.

use std::time::Duration;

/// The maximum length of a key, in octets.
pub const KEY_OCTETS_MAX: usize = 1024;
/// The maximum size of a row, in octets: names and values of its fields. A longer answer is
/// refused.
pub const ROW_OCTETS_MAX: usize = 64 * 1024;
/// The maximum size of a file that is held in memory, in octets.
pub const FILE_OCTETS_MAX: u64 = 1 << 30;
/// The maximum size of a file with a secret or with certificates, in octets.
pub const SECRET_OCTETS_MAX: u64 = 256 * 1024;
/// The number of different keys that fail without an answer in between before a source is paused.
pub const FAILED_KEYS_IN_A_ROW_MAX: usize = 3;
/// How long a failed key is not queried again.
pub const FAILED_KEY_FOR: Duration = Duration::from_secs(2);
/// The maximum number of recently failed keys that are remembered for one source.
pub const FAILED_KEYS_MAX: usize = 4096;
/// The minimum time between two log lines about failures of a source, and between two about its
/// pause.
pub const LOG_LINE_EVERY: Duration = Duration::from_secs(10);
/// How long a repeated failure is not logged again.
pub const SAME_ERROR_EVERY: Duration = Duration::from_secs(600);
/// The length of the first pause after a source failed; doubled after each further attempt.
pub const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);
/// The maximum length of a pause.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);
/// The maximum size of one cache entry in octets; a larger entry counts as several.
pub(crate) const CACHE_ENTRY_OCTETS: usize = 1024;
/// The number of threads for a source that computes its answers in this process.
pub const COMPUTING_THREADS_MAX: usize = 2;
/// The maximum number of SQLite's virtual machine steps for one query; an indexed one takes dozens.
pub const SQLITE_STEPS_MAX: u64 = 10_000_000;
/// The maximum number of columns of a CSV file.
pub const COLUMNS_MAX: usize = 1 << 17;
/// The maximum size of the part of a file before its first row, in octets: the header of a CSV
/// file.
pub const HEADER_OCTETS_MAX: u64 = 4 << 20;
/// The maximum size of one row in a file, in octets. Text in JSON can be longer than its value.
pub const ROW_IN_FILE_OCTETS_MAX: u64 = 8 * ROW_OCTETS_MAX as u64;
/// A table of at most this size in octets is not compared with the size of its file.
pub const TABLE_OCTETS_FREE: u64 = 64 << 20;
/// The factor by which a file that is read again may shrink, unless `rows-min` is set.
pub const SHRINKS_TO_ONE_IN: u64 = 10;

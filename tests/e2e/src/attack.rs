//! Attacks: tests with input that the server must survive, in two sizes.
//!
//! An attack is an ordinary test. A short version runs with the other tests, and
//! `cargo xtask attack` runs the full version: it sets [`FULL`] and collects the report of each
//! attack through the file that [`REPORT`] names.
//!
//! A finding that does not hold is still reported before the test fails, so the table shows it.

use std::{fs::File, io::Write as _};

use serde::{Deserialize, Serialize};

/// The environment variable that selects the full versions of attacks.
pub const FULL: &str = "LESSOR_ATTACK_FULL";

/// The environment variable with the name of the file to which findings are appended, one JSON
/// object per line.
pub const REPORT: &str = "LESSOR_ATTACK_REPORT";

/// The effect of one attack on one group of messages or files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// The attack, such as `dead relays`.
    pub attack: String,
    /// What was watched under the attack, such as `renewals of a healthy relay`.
    pub subject: String,
    /// The number of messages or files.
    pub sent: u64,
    /// The number that were served correctly.
    pub served: u64,
    /// The number that the server refused with a reason.
    pub refused: u64,
    /// The number that were lost silently.
    pub lost: u64,
    /// The requirement, such as `lost < 0.1 %`.
    pub wanted: String,
    /// Additional figures, such as `p99 2.1 ms`.
    pub note: String,
    /// Whether the requirement was met.
    pub held: bool,
}

/// Returns `full` under `cargo xtask attack`, and `small` otherwise.
pub fn scaled<T>(small: T, full: T) -> T {
    if std::env::var_os(FULL).is_some() { full } else { small }
}

impl Finding {
    /// Reports the finding and fails the test if the requirement was not met.
    ///
    /// # Panics
    /// Panics if the requirement was not met, or if the report cannot be written.
    #[track_caller]
    pub fn conclude(self) {
        let line = self.report();
        assert!(self.held, "the attack succeeded: {line}");
    }

    /// Reports the finding, and returns its line in the report.
    ///
    /// # Panics
    /// Panics if the report cannot be written.
    #[track_caller]
    pub fn report(&self) -> String {
        let line = serde_json::to_string(self).expect("a finding is plain data");
        if let Some(path) = std::env::var_os(REPORT) {
            let written = File::options()
                .create(true)
                .append(true)
                .open(&path)
                .and_then(|mut file| writeln!(file, "{line}"));
            written.unwrap_or_else(|error| panic!("{}: {error}", path.to_string_lossy()));
        }
        line
    }
}

//! Attacks: tests that send the server what it must survive, in two sizes.
//!
//! An attack is an ordinary test. It runs small with the other tests, and in full length under
//! `cargo xtask attack`, which sets [`FULL`] and collects what each attack reports through the
//! file that [`REPORT`] names.
//!
//! A finding that does not hold is still reported before the test fails, so the table shows it.

use std::{fs::File, io::Write as _};

use serde::{Deserialize, Serialize};

/// The environment variable that asks for attacks in full length.
pub const FULL: &str = "LESSOR_ATTACK_FULL";

/// The environment variable that names the file that findings are appended to, one JSON object a
/// line.
pub const REPORT: &str = "LESSOR_ATTACK_REPORT";

/// What one attack did to one group of messages or files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// The attack, such as `dead relays`.
    pub attack: String,
    /// What was watched under the attack, such as `renewals of a healthy relay`.
    pub subject: String,
    /// How many there were.
    pub sent: u64,
    /// How many were served as they should be.
    pub served: u64,
    /// How many were refused with a reason that the server gave.
    pub refused: u64,
    /// How many were lost without a word.
    pub lost: u64,
    /// What was demanded, such as `lost < 0.1 %`.
    pub wanted: String,
    /// More figures for people to read, such as `p99 2.1 ms`.
    pub note: String,
    /// Whether the demand was met.
    pub held: bool,
}

/// `full` under `cargo xtask attack`, `small` otherwise.
pub fn scaled<T>(small: T, full: T) -> T {
    if std::env::var_os(FULL).is_some() { full } else { small }
}

impl Finding {
    /// Reports the finding and fails the test if the demand was not met.
    ///
    /// # Panics
    /// If the demand was not met, or if the report cannot be written.
    #[track_caller]
    pub fn conclude(self) {
        let line = self.report();
        assert!(self.held, "the attack succeeded: {line}");
    }

    /// Reports the finding, and returns the line that it is in the report.
    ///
    /// # Panics
    /// If the report cannot be written.
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

//! What is said over the control socket.

use serde::{Deserialize, Serialize};

use crate::{explain::Subject, recording::RecordRequest, state::StateQuestion};

/// The last line of a complete answer.
pub(super) const END: &str = "end";
/// The prefix of the line that replaces an answer which could not be written. No JSON begins with
/// it.
pub(super) const FAILED: &str = "failed: ";

/// The questions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Question {
    /// Lists every binding; one [`crate::leases::LeaseRow`] per line.
    Leases,
    /// Shows the state of the server; one [`crate::status::Status`].
    Status,
    /// Shows the results of its shadow plugins; one [`crate::shadow::ShadowSummary`].
    Shadow,
    /// Builds a new generation and lets it serve; one [`crate::reload::ReloadReport`].
    Reload,
    /// Records; the lines of a recording ([`crate::recording::Line`]), with progress in between.
    Record(RecordRequest),
    /// Lists or removes what policies have stored; the lines of [`crate::state`].
    State(StateQuestion),
    /// Explains what would happen to a client; one line.
    Explain(Subject),
}

/// Formats one value as a line of JSON, or as an error line if it has no form in JSON.
pub(crate) fn json_line<T: Serialize>(value: &T) -> Vec<u8> {
    match serde_json::to_vec(value) {
        Ok(mut line) => {
            line.push(b'\n');
            line
        }
        Err(error) => {
            tracing::error!(%error, "a question on the control socket cannot be answered");
            failure_line(&error.to_string())
        }
    }
}

/// Returns the line that says why the rest of an answer is missing.
pub(crate) fn failure_line(why: &str) -> Vec<u8> {
    let why = why.replace(char::is_control, " ");
    format!("{FAILED}{why}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_has_no_form_in_json_is_an_error() {
        assert_eq!(json_line(&["an answer"]), b"[\"an answer\"]\n");
        let keys = std::collections::BTreeMap::from([((1, 2), "no key of JSON")]);
        let line = String::from_utf8(json_line(&keys)).unwrap();
        assert!(line.starts_with(FAILED) && line.ends_with("string\n"), "{line}");
    }
}

//! The questions that the command line asks the running server over its control socket, and what
//! answers each of them.

use serde::{Deserialize, Serialize};

use crate::{
    explain::{self, Subject},
    leases,
    recorder::{self, RecordRequest},
    reload::Reloader,
    shadow,
    state::{self, StateQuestion},
    status,
};
use lessor_control::{Say, json_line};

/// The questions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Question {
    /// Lists every lease record; one [`crate::leases::Row`] per line.
    Leases,
    /// Shows the state of the server; one [`crate::status::Status`].
    Status,
    /// Shows the results of its shadow plugins; one [`crate::shadow::ShadowSummary`].
    Shadow,
    /// Builds a new generation and lets it serve; one [`crate::reload::ReloadReport`].
    Reload,
    /// Records; the lines of a recording ([`lessor_recording::Line`]), with progress in between.
    Record(RecordRequest),
    /// Lists or removes what policies have stored; the lines of [`crate::state`].
    State(StateQuestion),
    /// Explains what would happen to a client; one line.
    Explain(Subject),
}

/// Answers a question. Returns whether the caller received everything.
pub(crate) fn answer(reloader: &Reloader, question: Question, say: &mut Say<'_>) -> bool {
    match question {
        Question::Leases => leases::write_rows(&reloader.shared, say),
        Question::Status => say(json_line(&status::Status::of(reloader))),
        Question::Shadow => say(json_line(&shadow::ShadowSummary::of(reloader))),
        Question::Reload => say(json_line(&reloader.reload())),
        Question::Record(asked) => recorder::record(reloader, &asked, say),
        Question::State(asked) => state::answer(reloader, &asked, say),
        Question::Explain(subject) => say(explain::answer(reloader, &subject)),
    }
}

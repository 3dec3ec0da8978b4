//! The questions that the command line asks the running server over its control socket, and what
//! answers each of them.

use lessor_control::{Peer, Say, json_line};
use lessor_foresight::explain::{self, Subject};
use lessor_serving::{
    Reloader, ShadowSummary, Status, by_hand, leases,
    recorder::{self, RecordRequest},
    state::{self, StateQuestion},
};
use serde::{Deserialize, Serialize};

/// The questions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Question {
    /// Lists every binding; one [`lessor_serving::leases::LeaseRow`] per line.
    Leases,
    /// Shows the state of the server; one [`lessor_serving::Status`].
    Status,
    /// Shows the results of its shadow plugins; one [`lessor_serving::ShadowSummary`].
    Shadow,
    /// Builds a new generation and lets it serve; one [`lessor_serving::ReloadReport`].
    Reload,
    /// Records; the lines of a recording ([`lessor_recording::RecordingLine`]), with progress in
    /// between.
    Record(RecordRequest),
    /// Lists or removes what policies have stored; the lines of [`lessor_serving::state`].
    State(StateQuestion),
    /// Changes a lease, or drains or opens a pool; one [`by_hand::AnswerByHand`].
    ByHand(by_hand::OrderByHand),
    /// Explains what would happen to a client; one line.
    Explain(Subject),
}

/// Answers a question of another process. Returns whether it received everything.
pub(crate) fn answer(
    reloader: &Reloader,
    peer: Peer,
    question: Question,
    say: &mut Say<'_>,
) -> bool {
    match question {
        Question::Leases => leases::write_rows(reloader, say),
        Question::Status => say(json_line(&Status::of(reloader))),
        Question::Shadow => say(json_line(&ShadowSummary::of(reloader))),
        Question::Reload => say(json_line(&reloader.reload())),
        Question::Record(asked) => recorder::record(reloader, &asked, say),
        Question::State(asked) => state::answer(reloader, &asked, say),
        Question::ByHand(order) => by_hand::answer(reloader, peer, order, say),
        Question::Explain(subject) => say(json_line(&explain::answer(reloader, &subject))),
    }
}

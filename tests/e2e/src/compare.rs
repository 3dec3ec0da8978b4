//! The comparison of the answers of this server and three others to the same packets.
//!
//! Each case starts each server on a site of [`crate::subject`].
//!
//! - `cases`: the messages, and the parts of the answers that matter.
//! - `table`: the table of outcomes in the guide.

mod cases;
mod table;

use crate::subject::Kind;

pub use self::{
    cases::{ComparedCase, cases},
    table::{CaseAnswers, in_guide, put_into_guide, rows_of_guide},
};

/// Runs cases with servers, each server on a separate thread, and returns the answers of all
/// servers for each case. Calls `say` after each case.
///
/// # Panics
/// Panics if a server does not start, or if the machine has no namespaces.
pub fn play(
    cases: &[ComparedCase],
    kinds: &[Kind],
    say: &(dyn Fn(Kind, &ComparedCase) + Sync),
) -> Vec<CaseAnswers> {
    let answers: Vec<Vec<String>> = std::thread::scope(|scope| {
        let play_all = |kind: Kind| {
            let play_one = |case: &ComparedCase| {
                let answer = case.play(kind);
                say(kind, case);
                answer
            };
            cases.iter().map(play_one).collect()
        };
        let threads: Vec<_> =
            kinds.iter().map(|kind| scope.spawn(move || play_all(*kind))).collect();
        let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let outcome = |(position, case): (usize, &ComparedCase)| CaseAnswers {
        case: case.name.to_owned(),
        answers: answers.iter().filter_map(|of_server| of_server.get(position).cloned()).collect(),
    };
    cases.iter().enumerate().map(outcome).collect()
}

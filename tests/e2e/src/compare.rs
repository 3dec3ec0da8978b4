//! The comparison of the answers of this server and three others to the same packets.
//!
//! Each case starts each server in separate network namespaces, with the same subnets, pools and
//! reservation. The outcome is what arrives, and where; the servers themselves are not queried. The
//! packets are built with dhcproto and etherparse, not with code of this server.
//!
//! - `cases`: the messages, and the parts of the answers that matter.
//! - `packet`: messages as octets, valid and invalid ones.
//! - `site`: the hosts and links, and the frames that arrive.
//! - `servers`: the start of each server.
//! - `table`: the table of outcomes in the guide.

mod cases;
mod packet;
mod servers;
mod site;
mod table;

pub use self::{
    cases::{ComparedCase, cases},
    servers::Kind,
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

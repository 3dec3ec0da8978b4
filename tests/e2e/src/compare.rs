//! The comparison: what this server and three others answer to the same packets.
//!
//! Each case is played to each server anew: in network namespaces of its own, with the same subnets,
//! pools and reservation. What counts is what arrives, and where; nothing is asked of the servers
//! themselves. Packets are built with dhcproto and etherparse, not with what this server is made of.
//!
//! - `cases`: what is sent, and what of the answer is of interest.
//! - `packet`: messages as octets, right ones and wrong ones.
//! - `site`: the hosts and links, and what arrives on them.
//! - `servers`: how each server is started.
//! - `table`: how the outcome is written, and where it stands in the guide.

mod cases;
mod packet;
mod servers;
mod site;
mod table;

pub use self::{
    cases::{Case, cases},
    servers::Kind,
    table::{Outcome, in_guide, put_into_guide, rows_of_guide},
};

/// Plays cases to servers, each server on a thread of its own; for each case what each server
/// answered. `say` hears of each case that is over.
///
/// # Panics
/// If a server does not start, or the machine gives no namespaces.
pub fn play(cases: &[Case], kinds: &[Kind], say: &(dyn Fn(Kind, &Case) + Sync)) -> Vec<Outcome> {
    let answers: Vec<Vec<String>> = std::thread::scope(|scope| {
        let play_all = |kind: Kind| {
            let play_one = |case: &Case| {
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
    let outcome = |(position, case): (usize, &Case)| Outcome {
        case: case.name.to_owned(),
        answers: answers.iter().filter_map(|of_server| of_server.get(position).cloned()).collect(),
    };
    cases.iter().enumerate().map(outcome).collect()
}

//! Mutated datagrams: valid messages of many clients, most of them randomly damaged, from a relay
//! and from the link. Rules that share no code with the server check all of its replies.

mod corpus;
mod field;
mod judge;
mod message;

use std::{io::Write as _, time::Duration};

use fastrand::Rng;
use lessor_e2e::{
    Link, Server, Setup,
    attack::{Finding, scaled},
    heavy, require, wait,
};

use self::{corpus::Corpus, field::Field, judge::Judge};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "10.77.0.0/24"
    lease-time = "1h"
    options = { routers = ["10.77.0.1"], domain-name-servers = ["192.0.2.53"] }

    [[subnet.pool]]
    range = "10.77.0.64-10.77.0.250"

    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"
    options = { routers = ["100.64.0.1"], domain-name-servers = ["192.0.2.53"] }

    [[subnet.pool]]
    range = "100.64.1.0-100.64.99.255"
"#;

/// The number of datagrams between two probes. The server answers a probe only after it has read
/// the earlier datagrams, so at most this many wait in its socket.
const DATAGRAMS_IN_FLIGHT: u64 = 64;

/// The timeout of a reply on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The time to wait for the last replies at the end.
const LAST_REPLIES: Duration = Duration::from_secs(1);

#[test]
fn no_mutated_datagram_gets_a_reply_that_breaks_the_rules() {
    require!(root, ip);
    let _heavy = heavy();
    let seed = std::env::var("LESSOR_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| fastrand::u64(..));
    let _ = writeln!(std::io::stderr(), "mutations: LESSOR_SEED={seed}");

    let link = Link::new();
    let host = link.host("server");
    host.add_address("eth0", "10.77.0.1/24");
    let field_host = link.host("field");
    let field = Field::open(&field_host);
    host.add_route("default", "10.77.0.2");
    let mut server = Setup::on_link("eth0", SUBNETS).start_on(&host);

    let wanted = scaled(20_000, 1_000_000);
    let mut judge = Judge::default();
    let mut corpus = Corpus::new(Rng::with_seed(seed));
    until_joined(&field, &mut judge, &mut corpus);
    let counted_before = counted(&server);
    let mut sent: u64 = 0;
    while sent < wanted {
        for _ in 0..DATAGRAMS_IN_FLIGHT {
            let datagram = corpus.next();
            judge.expects(&datagram);
            field.send(&datagram);
            sent += 1;
        }
        let answered = probe_is_answered(&field, &mut judge, &mut corpus, PATIENCE);
        sent += 1;
        assert!(answered, "no answer to a probe after {sent} datagrams");
    }
    field.replies_until(LAST_REPLIES, |reply| {
        judge.judge(reply);
        false
    });

    let counted = wait::soon("every datagram to end in a reason", || {
        let counted = counted(&server) - counted_before;
        (counted >= sent).then_some(counted)
    });
    assert!(server.process().is_running());
    if counted != sent {
        let more = counted - sent;
        judge.adds(format!("{more} more datagrams were counted than sent: it sends to itself"));
    }
    let mistakes = judge.mistakes();
    for mistake in mistakes.iter().take(20) {
        let _ = writeln!(std::io::stderr(), "mutations: {mistake}");
    }
    Finding {
        attack: "mutated datagrams".to_owned(),
        subject: "datagrams, from a relay and from the link".to_owned(),
        sent,
        served: judge.replies(),
        refused: sent - judge.replies(),
        lost: 0,
        wanted: "no reply that breaks a rule".to_owned(),
        note: format!("{} replies broke a rule", mistakes.len()),
        held: mistakes.is_empty(),
    }
    .conclude();
}

/// Returns the number of datagrams that have ended in a reason so far.
fn counted(server: &Server) -> u64 {
    server.status().reasons.iter().map(|(_, count)| count).sum()
}

/// Sends probes until one is answered, because a link drops frames for a moment after it comes up.
fn until_joined(field: &Field, judge: &mut Judge, corpus: &mut Corpus) {
    let patience = Duration::from_millis(200);
    let is_joined = (0..100).any(|_| probe_is_answered(field, judge, corpus, patience));
    assert!(is_joined, "no probe is answered");
}

/// Sends a probe, judges all replies up to its reply, and returns whether that arrived.
fn probe_is_answered(
    field: &Field,
    judge: &mut Judge,
    corpus: &mut Corpus,
    patience: Duration,
) -> bool {
    let probe = corpus.probe();
    judge.expects(&probe);
    field.send(&probe);
    field.replies_until(patience, |reply| {
        judge.judge(reply);
        corpus.hears(reply);
        reply.xid() == Some(probe.xid())
    })
}

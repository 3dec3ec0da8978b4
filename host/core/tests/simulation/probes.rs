//! Probes of addresses: some are answered, some get their result late, and some never.
//!
//! Does not decide which addresses are probed. Invariant: a server that is down has no probe.

use std::{mem, net::Ipv4Addr};

use lessor_core::{
    Change, Decision, HardwareAddress, ProbeResult, Reason, RequestKind, Terms, Timestamp,
};
use smallvec::SmallVec;

use super::{
    commits::ATTEMPTS_MAX,
    events::Event,
    input::{Input, Output},
    server::Pending,
    world::World,
};
use crate::support::*;

impl World {
    /// The probe of some address ends, and what waited for it is decided.
    pub(super) fn probe_ends(&mut self, s: usize) {
        let waiting = self.servers[s].probing.len() as u64;
        if waiting == 0 {
            return;
        }
        let place = self.random.below(waiting) as usize;
        let address = self.servers[s].probing[place].0;
        let by = HardwareAddress::ethernet([2, 0, 0, 0, 0, 0x99]);
        let result = match self.random.below(10) {
            0 => ProbeResult::NotSent,
            1..=3 => ProbeResult::Answered(self.random.chance(50).then_some(by)),
            _ => ProbeResult::Unanswered,
        };
        self.probed(s, address, result);
        let probing = mem::take(&mut self.servers[s].probing);
        let (woken, probing): (Vec<_>, Vec<_>) =
            probing.into_iter().partition(|(probed, _)| *probed == address);
        self.servers[s].probing = probing;
        for (_, pending) in woken {
            if self.is_awaited(&pending) {
                self.decide(s, pending);
            }
        }
    }

    /// A client whose DISCOVER waits sends another message: the probe goes on without it.
    pub(super) fn forget_probe(&mut self, s: usize) {
        self.servers[s].probing.pop();
    }

    fn probed(&mut self, s: usize, address: Ipv4Addr, result: ProbeResult) {
        let now = self.server_now(s);
        let is_answered = matches!(result, ProbeResult::Answered(_));
        match is_answered {
            true => self.servers[s].found_unused.remove(&address),
            false => self.servers[s].found_unused.insert(address, now),
        };
        let output = self.feed(s, Input::Probed { now, address, result });
        match output {
            Output::Quarantine(change) => {
                assert!(is_answered, "{address} is quarantined without an answer");
                self.counts.note(Event::FoundInUse);
                self.quarantine(s, now, *change);
            }
            _ if is_answered => {
                let knowledge = &self.servers[s].knowledge;
                let record = knowledge.records().get(&address);
                let is_taken = record.is_some_and(|record| record.is_active(now));
                assert!(
                    is_taken || knowledge.is_in_flight(address),
                    "{address} answered and is not quarantined"
                );
            }
            _ => {}
        }
    }

    /// The quarantine is on its way to storage.
    fn quarantine(&mut self, s: usize, now: Timestamp, change: Change) {
        let decision = Decision {
            reason: Reason::QuarantinedInUse,
            reply: None,
            changes: SmallVec::from_iter([change]),
            seen_elsewhere: None,
            reserved_by: None,
            lease_time_rule: None,
        };
        self.servers[s].knowledge.depart(&decision.changes);
        self.decisions += 1;
        self.servers[s].queue.push_back(Pending {
            number: self.decisions,
            decided_at: now,
            client: 0,
            subnet: 0,
            request: message(RequestKind::Decline, 0),
            terms: Terms::default(),
            decision: Some(decision),
            // It is not decided again after a conflict.
            attempts: ATTEMPTS_MAX,
            by_hand: false,
            cuts_off: Vec::new(),
        });
    }
}

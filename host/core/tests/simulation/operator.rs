//! An operator, who changes leases by hand and drains pools.
//!
//! Does not decide what is allowed; the engine does, and the auditor checks it. Invariant: a client
//! whose lease is ended by hand uses its address no longer once that is on record. A real client
//! goes on until its next renewal: that promise is the only one that an operator breaks.

use std::sync::Arc;

use lessor_core::{AttemptByHand, Binding, ChangeByHand, Changes, Decision, OpenOffer, Reason};

use super::{
    auditor::Auditor,
    clients::some_address,
    events::Event,
    input::{Input, Output},
    server::Pending,
    world::World,
};
use crate::support::*;

/// The pools that an operator drains, of all configurations.
const POOLS: [&str; 5] = ["open", "garden", "small", "first", "lone"];

impl World {
    pub(super) fn operator_acts(&mut self, s: usize) {
        if !self.servers[s].is_up {
            return;
        }
        if self.random.chance(12) {
            return self.drain_or_open(s);
        }
        let change = self.some_change(s);
        let now = self.server_now(s);
        let offers: Vec<_> = self.servers[s].engine.offers().collect();
        let Output::ByHand(attempt) = self.feed(s, Input::ByHand { now, change: change.clone() })
        else {
            return;
        };
        match *attempt {
            AttemptByHand::Decided(changes) => self.change_departs(s, &change, changes, &offers),
            AttemptByHand::Already => self.counts.note(Event::MadeBefore),
            AttemptByHand::Refused(_) => self.counts.note(Event::RefusedByHand),
            AttemptByHand::Waits(address) => {
                let waits = self.servers[s].knowledge.is_in_flight(address);
                assert!(waits, "a change by hand waits for {address}, which is not in flight");
                self.counts.note(Event::WaitedByHand);
            }
        }
    }

    fn change_departs(
        &mut self,
        s: usize,
        change: &ChangeByHand,
        changes: Changes,
        offers: &[OpenOffer],
    ) {
        let (now, server) = (self.server_now(s), &self.servers[s]);
        Auditor::check_by_hand(now, server, change, &changes, offers);
        let (event, cuts_off) = match change {
            ChangeByHand::Add { .. } => (Event::AddedByHand, Vec::new()),
            ChangeByHand::End { .. } => (Event::EndedByHand, vec![0]),
            ChangeByHand::Move { .. } => (Event::MovedByHand, Vec::new()),
        };
        self.counts.note(event);
        self.servers[s].knowledge.depart(&changes);
        self.decisions += 1;
        let decision = Decision {
            // An operator's changes have no reason of a message.
            reason: Reason::ReleasedLease,
            reply: None,
            changes,
            seen_elsewhere: None,
            reserved_by: None,
            lease_time_rule: None,
        };
        self.servers[s].queue.push_back(Pending {
            number: self.decisions,
            decided_at: now,
            client: u8::MAX,
            subnet: 0,
            request: discover(u8::MAX),
            terms: Default::default(),
            decision: Some(decision),
            by_hand: true,
            attempts: 1,
            cuts_off,
        });
    }

    fn some_change(&mut self, s: usize) -> ChangeByHand {
        match self.random.below(10) {
            0..=3 => self.some_addition(),
            4..=6 => match self.some_held(s) {
                Some(held) => {
                    let client = self.random.chance(70).then_some(held.client.clone());
                    ChangeByHand::End { address: held.address, client }
                }
                None => ChangeByHand::End { address: some_address(&mut self.random), client: None },
            },
            _ => match self.some_held(s) {
                Some(held) => {
                    let to = some_address(&mut self.random);
                    let client = self.random.chance(70).then_some(held.client.clone());
                    ChangeByHand::Move { from: held.address, to, client }
                }
                None => self.some_addition(),
            },
        }
    }

    fn some_addition(&mut self) -> ChangeByHand {
        let client = self.random.below(u64::from(self.parameters.clients)) as u8;
        ChangeByHand::Add {
            address: some_address(&mut self.random),
            client: key(client),
            hardware_address: hardware(client),
            secs: 60 + self.random.below(900) as u32,
        }
    }

    /// A lease or quarantine that the server knows.
    fn some_held(&mut self, s: usize) -> Option<Arc<Binding>> {
        let now = self.server_now(s);
        let records = self.servers[s].knowledge.records().values();
        let is_held = |held: &&Arc<Binding>| held.is_active(now) || held.is_quarantined(now);
        let held: Vec<_> = records.filter(is_held).cloned().collect();
        (!held.is_empty()).then(|| Arc::clone(self.random.pick(&held)))
    }

    fn drain_or_open(&mut self, s: usize) {
        let name: Arc<str> = Arc::from(*self.random.pick(&POOLS));
        let drained = &mut self.servers[s].drained;
        if !drained.remove(&name) {
            drained.insert(name);
        }
        self.counts.note(Event::PoolsDrained);
        self.drain(s);
    }

    /// Tells the engine of a server which pools are drained.
    pub(super) fn drain(&mut self, s: usize) {
        let pools = self.servers[s].drained.iter().cloned().collect();
        self.feed(s, Input::Drain { pools });
    }
}

//! Changes on their way to storage, its answers, and what servers learn of each other's changes.
//!
//! Does not make decisions. Invariant: the answers of storage are true, except for defects.

use std::sync::Arc;

use lessor_core::{Binding, Outcome, StorageAnswer};

use super::{
    defects::Defect, events::Event, input::Input, knowledge::said_of, server::Pending, world::World,
};

pub(super) const ATTEMPTS_MAX: usize = 3;

impl World {
    /// Storage processes some of the waiting decisions. It occasionally fails a batch, which may
    /// nevertheless be written.
    pub(super) fn flush(&mut self, s: usize) {
        if !self.servers[s].doubtful.is_empty() {
            // While the result of a batch is not known, no other batch is written.
            while let Some(pending) = self.servers[s].queue.pop_front() {
                self.counts.note(Event::RefusedInDoubt);
                self.servers[s].answered.push_back((pending, StorageAnswer::NotMade));
            }
            return;
        }
        let fails = self.random.chance(self.parameters.fails);
        let writes = !fails || self.random.chance(self.parameters.writes_all_the_same);
        for _ in 0..=self.random.below(6) {
            // Two workers may submit in another order than that of their decisions.
            let is_late = self.random.chance(self.parameters.out_of_order);
            let place = usize::from(self.servers[s].queue.len() > 1 && is_late);
            let Some(pending) = self.servers[s].queue.remove(place) else { return };
            if self.random.below(1000) < self.parameters.never_answers {
                self.never_answer(s, pending);
                continue;
            }
            let answer = writes.then(|| self.commit(Some(s), &pending));
            match answer {
                Some(answer) if !fails => self.answer(s, pending, answer),
                written => {
                    let event = match written {
                        Some(StorageAnswer::Made) => Event::FailedWritten,
                        _ => Event::FailedUnwritten,
                    };
                    self.counts.note(event);
                    self.servers[s].doubtful.push_back(pending);
                }
            }
        }
    }

    /// Storage works again, and its contents are read.
    pub(super) fn read_again(&mut self, s: usize) {
        while let Some(pending) = self.servers[s].doubtful.pop_front() {
            let answer = self.store.look_up(&pending.decision().changes);
            self.answer(s, pending, answer);
        }
    }

    /// Each change that a crashed server requested is committed, or can no longer be.
    pub(super) fn orphans_land(&mut self) {
        while let Some(pending) = self.store.orphans.pop_front() {
            if self.commit(None, &pending) == StorageAnswer::Made {
                self.counts.note(Event::LandedAfterCrash);
            }
        }
    }

    /// Queues a committed record for all servers except its writer.
    pub(super) fn spread(&mut self, writer: Option<usize>, record: &Arc<Binding>) {
        for s in 0..self.servers.len() {
            let server = &mut self.servers[s];
            let is_own = writer == Some(s);
            if is_own {
                server.unheard.remove(&record.address);
            } else {
                server.unheard.insert(record.address);
            }
            // A feed may also report a server's own changes.
            let is_fed = server.is_up && (!is_own || self.random.chance(20));
            if is_fed && self.random.chance(self.parameters.not_fed) {
                self.counts.note(Event::NotFed);
            } else if is_fed {
                self.servers[s].feed.push_back(Arc::clone(record));
            }
        }
    }

    /// The feed delivers records of other servers: one or several, early or late, in order or not.
    pub(super) fn learn(&mut self, s: usize) {
        for _ in 0..=self.random.below(4) {
            let length = self.servers[s].feed.len() as u64;
            let place = match self.random.chance(self.parameters.out_of_order) {
                true if length > 0 => self.random.below(length) as usize,
                _ => 0,
            };
            let Some(record) = self.servers[s].feed.remove(place) else { return };
            let (address, now) = (record.address, self.server_now(s));
            let server = &mut self.servers[s];
            let is_in_flight = server.knowledge.is_in_flight(address);
            self.counts.note(match server.knowledge.learn(&record) {
                true if is_in_flight => Event::LearntInFlight,
                true => Event::Learnt,
                false => Event::LearntTooLate,
            });
            if self.store.records.get(&address) == Some(&record) {
                server.unheard.remove(&address);
            }
            self.feed(s, Input::Learn { now, record });
        }
    }

    /// Passes some of the answers of storage to the engine.
    pub(super) fn hear(&mut self, s: usize) {
        for _ in 0..=self.random.below(6) {
            // Two workers may also deliver answers in another order than that of storage.
            let last = self.servers[s].answered.len().saturating_sub(1) as u64;
            let place = match self.random.chance(self.parameters.out_of_order) {
                true => self.random.below(last + 1) as usize,
                false => 0,
            };
            let Some((pending, answer)) = self.servers[s].answered.remove(place) else { return };
            if place > 0 {
                self.counts.note(Event::AnsweredOutOfOrder);
            }
            self.settle(s, pending, answer);
        }
    }

    fn settle(&mut self, s: usize, pending: Pending, mut answer: StorageAnswer) {
        let (now, changes) = (self.server_now(s), pending.decision().changes.clone());
        self.servers[s].knowledge.settle(&changes, &answer);
        if answer == StorageAnswer::NotMade && self.defect == Some(Defect::FailedChangeTakenForMade)
        {
            answer = StorageAnswer::Made;
        }
        let addresses = pending.addresses();
        let input = Input::Settle { now, changes, answer: answer.clone() };
        let again = self.random.chance(self.parameters.answered_twice).then(|| input.clone());
        self.feed(s, input);
        if let Some(again) = again {
            self.hear_again(s, again);
        }
        match answer {
            StorageAnswer::Made => self.deliver(s, &pending),
            StorageAnswer::Conflict(_)
                if !pending.by_hand
                    && pending.attempts < ATTEMPTS_MAX
                    && self.is_decided_again(&pending) =>
            {
                self.decide(s, pending);
            }
            // The operator learns of it, and may try again.
            StorageAnswer::Conflict(_) if pending.by_hand => {
                self.counts.note(Event::ConflictByHand)
            }
            StorageAnswer::Conflict(_) | StorageAnswer::NotMade => {}
        }
        self.wake(s, &addresses);
    }

    /// Delivers the last answer again, which must change nothing. No decision is made in between,
    /// because another decision may request the same change.
    fn hear_again(&mut self, s: usize, input: Input) {
        let Input::Settle { changes, answer, .. } = &input else { return };
        self.counts.note(Event::AnsweredTwice);
        for (position, change) in changes.iter().enumerate() {
            if let Some(said) = said_of(change, position, answer) {
                self.servers[s].knowledge.learn(said);
            }
        }
        self.feed(s, input);
    }

    /// Sends an answer to a server that is up.
    fn answer(&mut self, s: usize, pending: Pending, answer: StorageAnswer) {
        if let StorageAnswer::Conflict(_) = answer {
            // The answer contains the records of other servers.
            self.counts.note(Event::Conflict);
            for address in pending.addresses() {
                self.servers[s].unheard.remove(&address);
            }
        }
        self.servers[s].answered.push_back((pending, answer));
    }

    /// The results of these changes are not delivered until the server starts again.
    fn never_answer(&mut self, s: usize, pending: Pending) {
        self.counts.note(Event::NeverAnswered);
        if self.random.chance(50) && self.commit(Some(s), &pending) == StorageAnswer::Made {
            self.servers[s].unheard.extend(pending.addresses());
        }
        self.servers[s].unanswered.push(pending);
    }

    /// Storage commits the changes of a decision, or finds a conflict.
    fn commit(&mut self, writer: Option<usize>, pending: &Pending) -> StorageAnswer {
        let is_blind = match self.defect {
            Some(Defect::BlindWrites) => true,
            Some(Defect::AddressGivenByBoth) => writer == Some(1),
            _ => false,
        };
        let changes = &pending.decision().changes;
        let answer = self.store.commit(changes, is_blind);
        if answer == StorageAnswer::Made {
            for position in &pending.cuts_off {
                self.cut_off(changes[*position].binding.address);
            }
            if let Some(s) = writer {
                let (now, is_alone) = (self.server_now(s), self.servers.len() == 1);
                self.auditor.acknowledge(&self.store, now, pending, is_alone);
            }
            if pending.decision().reason.outcome() == Outcome::Ack {
                self.counts.note(Event::Acknowledged);
            }
            for change in changes {
                self.auditor.hear_durable(change);
                self.spread(writer, &change.binding);
            }
        }
        answer
    }
}

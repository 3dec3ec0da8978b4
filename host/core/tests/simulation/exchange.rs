//! Messages to servers, decisions, and replies to clients.
//!
//! A single server drops a message that waits when its client asks for an address again, and
//! decides RELEASE and DECLINE however long they wait. Two servers do not know each other's
//! messages. They rely on the fact that a client waits longer for an answer (4 s, RFC 2131 section
//! 4.1) than they keep a message, so here a message is not decided after its client has replaced it
//! by another one. For RELEASE and DECLINE, which are not answered, this is more than servers can
//! know: neither of two servers may decide such a message again after a conflict, because the
//! client may have a new lease of the address from the other server.

use std::{mem, net::Ipv4Addr, num::NonZeroU32};

use lessor_core::{
    Attempt, Change, LeaseTimeRule, Outcome, Reason, Reply, ReplyKind, Request, RequestKind,
    SubscriberLimit, Terms, Timestamp,
};

use super::{
    auditor::{Account, Auditor},
    clients::{as_received_by, asks_for_address, is_for_one_server, some_terms},
    defects::Defect,
    events::Event,
    input::{Input, Output},
    server::Pending,
    world::World,
};
use crate::support::*;

impl World {
    /// A client sends a message. Returns whether it gives up a lease with it.
    pub(super) fn client_sends(&mut self, number: u8) -> bool {
        let client = &mut self.clients[usize::from(number)];
        let request = match client.send_again().filter(|_| self.random.chance(30)) {
            Some(again) => {
                self.counts.note(Event::Repeated);
                again
            }
            None => {
                let request = client.send(&mut self.random, self.parameters.servers == 1);
                self.auditor.hear(number, client.line.filter(|_| request.is_relayed()));
                request
            }
        };
        let mut terms = self.terms_for(number);
        let subnet = self.random.below(2) as usize;
        for (position, s) in self.receivers(number, is_for_one_server(&request)).enumerate() {
            if self.random.chance(self.parameters.lost / 2) {
                self.counts.note(Event::Lost);
                continue;
            }
            if self.random.chance(5) {
                // The policies of two servers may give different terms.
                terms = self.terms_for(number);
            }
            let pending = Pending {
                number: 0,
                decided_at: self.now,
                client: number,
                subnet,
                request: as_received_by(s, request.clone()),
                terms: terms.clone(),
                decision: None,
                by_hand: false,
                attempts: 0,
                cuts_off: Vec::new(),
            };
            if position > 0 && self.random.chance(self.parameters.late) && self.servers[s].is_up {
                self.counts.note(Event::Late);
                self.servers[s].late.push_back(pending);
            } else {
                self.decide(s, pending);
            }
        }
        matches!(request.kind, RequestKind::Decline | RequestKind::Release)
    }

    fn terms_for(&mut self, client: u8) -> Terms {
        let terms = some_terms(client, &mut self.random);
        let leases_max = |terms: &Terms| terms.subscriber.as_ref().map(|limit| limit.leases_max);
        let known = &mut self.clients[usize::from(client)].leases_max;
        if mem::replace(known, leases_max(&terms)) != leases_max(&terms) {
            self.counts.note(Event::LimitChanged);
        }
        terms
    }

    /// The servers that a message of a client reaches, in order.
    fn receivers(&mut self, client: u8, is_for_one: bool) -> impl Iterator<Item = usize> + use<> {
        let first = match is_for_one {
            true if self.random.chance(90) => self.clients[usize::from(client)].server,
            _ => self.some_server(),
        };
        let second = (first + 1) % self.servers.len();
        let second = Some(second).filter(|second| *second != first && !is_for_one);
        [Some(first), second].into_iter().flatten()
    }

    /// A message arrives that the other server received earlier.
    pub(super) fn late_message_arrives(&mut self, s: usize) {
        let Some(pending) = self.servers[s].late.pop_front() else { return };
        if self.is_awaited(&pending) {
            self.decide(s, pending);
        }
    }

    pub(super) fn decide(&mut self, s: usize, mut pending: Pending) {
        if !self.servers[s].is_up {
            return self.counts.note(Event::Unserved);
        }
        let now = self.server_now(s);
        let account = Account::of(pending.client, &pending.terms, &self.servers[s].knowledge, now);
        let Some(attempt) = self.attempt(s, &pending) else { return };
        pending.decision = match attempt {
            Attempt::Decided(decision) => Some(decision),
            Attempt::Waits(wait) if wait.is_repeated => {
                return self.counts.note(Event::WaitedAgain);
            }
            Attempt::Waits(wait) => {
                self.counts.note(Event::Waited);
                return self.servers[s].waiting.push((wait.address, pending));
            }
            Attempt::Probes(probe) => {
                self.counts.note(Event::Probed);
                return self.servers[s].probing.push((probe.address, pending));
            }
        };
        self.decisions += 1;
        pending.number = self.decisions;
        pending.decided_at = now;
        pending.attempts += 1;
        self.servers[s].knowledge.depart(&pending.decision().changes);
        pending.cuts_off = self.audit(s, &pending, &account);
        self.count(s, &pending);
        if pending.decision().changes.is_empty() {
            self.deliver(s, &pending);
        } else {
            if self.defect == Some(Defect::AckBeforeFlush) {
                self.deliver(s, &pending);
            }
            self.servers[s].queue.push_back(pending);
        }
    }

    fn attempt(&mut self, s: usize, pending: &Pending) -> Option<Attempt> {
        let mut terms = pending.terms.clone();
        if let Some(SubscriberLimit { name, leases_max, .. }) = &mut terms.subscriber {
            *leases_max = match self.defect {
                Some(Defect::LimitNotChecked) => NonZeroU32::MAX,
                Some(Defect::LimitCheckedTooLate) => {
                    leases_max.saturating_add(self.servers[s].grants_in_flight(name))
                }
                _ => *leases_max,
            };
        }
        let (now, subnet) = (self.server_now(s), pending.subnet);
        let request = Box::new(pending.request.clone());
        match self.feed(s, Input::Decide { now, subnet, request, terms }) {
            Output::Attempt(attempt) => Some(*attempt),
            Output::Nothing | Output::Ended(_) | Output::Quarantine(_) | Output::ByHand(_) => None,
        }
    }

    /// The positions of the changes that cut another device off.
    fn audit(&mut self, s: usize, pending: &Pending, account: &Account) -> Vec<usize> {
        let (server, now) = (&self.servers[s], self.server_now(s));
        let (network, decision) = (&server.network, pending.decision());
        self.auditor.check(s, network, pending);
        Auditor::check_set_aside(now, network, &server.knowledge, decision);
        Auditor::check_offers(now, server, &pending.request, decision);
        Auditor::check_probed(now, server, &pending.request, decision);
        Auditor::check_drained(now, server, pending);
        self.auditor.check_ends(now, network, pending.client, account, decision)
    }

    fn count(&mut self, s: usize, pending: &Pending) {
        let network = &self.servers[s].network;
        if self.servers.iter().any(|server| server.network != *network) {
            self.counts.note(Event::Differed);
        }
        if pending.attempts > 1 {
            self.counts.note(Event::DecidedAgain);
        }
        let passes_on = pending.cuts_off.contains(&0);
        if passes_on && self.auditor.may_take_over(network, pending.client, pending.addresses()[0])
        {
            self.counts.note(Event::PassedOn);
        }
        if pending.cuts_off.iter().any(|position| *position > 0) {
            self.counts.note(Event::GaveWay);
        }
        let reason = pending.decision().reason;
        let event = match reason {
            Reason::NakSubscriberLimit | Reason::SubscriberLimit => Some(Event::LimitRefused),
            Reason::QuarantinedDeclined => Some(Event::Quarantined),
            Reason::DeclinedBeyondLimit => Some(Event::NotQuarantined),
            Reason::OfferedQuarantined => Some(Event::QuarantinedOffered),
            Reason::AckRapidCommit => Some(Event::AcknowledgedAtOnce),
            Reason::ReleasedLease => Some(Event::Released),
            Reason::OtherServerSelected => Some(Event::OtherSelected),
            _ => None,
        };
        let decided = pending.decision();
        if decided.reason == Reason::AckSelecting && takes_moved(&decided.changes) {
            self.counts.note(Event::TookMoved);
        }
        let is_drained = decided
            .reply
            .as_ref()
            .is_some_and(|reply| self.servers[s].is_drained(reply.your_address));
        if is_drained && matches!(reason, Reason::AckRenewing | Reason::AckRebinding) {
            self.counts.note(Event::RenewedInDrained);
        }
        let nak = (reason.outcome() == Outcome::Nak).then_some(Event::Refused);
        let time = pending.decision().lease_time_rule.map(|rule| match rule {
            LeaseTimeRule::Kept => Event::Kept,
            LeaseTimeRule::Shortened => Event::Shortened,
        });
        [event, nak, time].into_iter().flatten().for_each(|event| self.counts.note(event));
    }

    /// Decides requests that waited for changes of these addresses, in their order of arrival.
    pub(super) fn wake(&mut self, s: usize, addresses: &[Ipv4Addr]) {
        let waiting = mem::take(&mut self.servers[s].waiting);
        let (woken, waiting): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(address, _)| addresses.contains(address));
        self.servers[s].waiting = waiting;
        for (_, pending) in woken {
            let is_kept = match self.servers.len() {
                1 => !self.is_superseded(&pending),
                _ => self.is_awaited(&pending),
            };
            if is_kept {
                self.decide(s, pending);
            } else {
                self.counts.note(Event::WaitedTooLong);
            }
        }
    }

    /// Sends the reply, which is occasionally lost.
    pub(super) fn deliver(&mut self, s: usize, pending: &Pending) {
        let Some(reply) = &pending.decision().reply else { return };
        if !self.is_awaited(pending) || pending.request.kind == RequestKind::Inform {
            return;
        }
        if reply.your_address.is_unspecified() && reply.kind != ReplyKind::Nak {
            // The client does without, or has an address and learns only parameters.
            self.clients[usize::from(pending.client)].is_answered = true;
            return;
        }
        let mut uses = None;
        if reply.kind == ReplyKind::Ack {
            uses = self.leave_with_lease(s, pending, reply);
            if uses.is_none() {
                return;
            }
        }
        if self.random.chance(self.parameters.lost) {
            return self.counts.note(Event::Lost);
        }
        self.note_answer(s, pending.client, reply.kind);
        let client = &mut self.clients[usize::from(pending.client)];
        match reply.kind {
            _ if client.is_answered => {}
            ReplyKind::Offer => {
                if client.offered.is_none() || self.random.chance(50) {
                    client.offered = Some(reply.your_address);
                    client.server = s;
                }
            }
            ReplyKind::Ack => {
                client.remembered = Some(reply.your_address);
                client.uses = uses;
                client.server = s;
                client.is_answered = true;
            }
            ReplyKind::Nak => {
                client.uses = None;
                client.is_answered = true;
            }
        }
    }

    /// Sends an ACK. Returns its address and until when the client may use it in true time, or
    /// `None` if that time is over.
    fn leave_with_lease(
        &self,
        s: usize,
        pending: &Pending,
        reply: &Reply,
    ) -> Option<(Ipv4Addr, Timestamp)> {
        let address = reply.your_address;
        let ends_at = match pending.request.kind {
            RequestKind::Bootp => self.end_of_bootp_lease(pending, address),
            _ => pending.decided_at.after_secs(lease_time_secs(pending.decision())),
        };
        let until = ends_at
            .moved_by_ms(self.servers[s].behind_ms)
            .moved_by_ms(-self.parameters.disagreement_ms());
        if until <= self.now {
            // The answer took longer than the lease.
            return None;
        }
        let others = self.clients.iter().filter_map(|client| {
            client.uses.map(|(address, until)| (client.number, address, until))
        });
        assert!(
            self.store.records.contains_key(&address),
            "{address} is acknowledged and not on record"
        );
        Auditor::check_ack(&self.store, self.now, pending.client, address, others);
        let record = &self.store.records[&address];
        assert!(record.expires_at >= ends_at, "the lease of {address} is shorter than its ACK");
        Some((address, until))
    }

    /// Returns when the lease of a BOOTP client ends, which its reply does not say: as the decision
    /// wanted it, or as it stands if there was nothing to write.
    fn end_of_bootp_lease(&self, pending: &Pending, address: Ipv4Addr) -> Timestamp {
        let mut bindings = pending.decision().changes.iter().map(|change| &change.binding);
        let wanted = bindings.find(|binding| binding.address == address);
        let binding = wanted.unwrap_or_else(|| &self.store.records[&address]);
        binding.expires_at
    }

    fn note_answer(&mut self, s: usize, client: u8, kind: ReplyKind) {
        let client = &mut self.clients[usize::from(client)];
        let other = client.answers[1 - s];
        let answers = &mut client.answers[s];
        let (is_first, event) = match kind {
            ReplyKind::Offer => (
                !mem::replace(&mut answers.offer, true),
                other.offer.then_some(Event::OffersOfBoth),
            ),
            ReplyKind::Ack => {
                let contradicted = other.nak.then_some(Event::AckAndNak);
                let event = other.ack.then_some(Event::AcksOfBoth).or(contradicted);
                (!mem::replace(&mut answers.ack, true), event)
            }
            ReplyKind::Nak => {
                (!mem::replace(&mut answers.nak, true), other.ack.then_some(Event::AckAndNak))
            }
        };
        if let Some(event) = event.filter(|_| is_first) {
            self.counts.note(event);
        }
    }

    /// Returns whether the client has sent no other message since.
    pub(super) fn is_awaited(&self, pending: &Pending) -> bool {
        let client = &self.clients[usize::from(pending.client)];
        pending.request.transaction_id == client.transaction_id
    }

    /// Returns whether the client has asked for an address again since it did with this message.
    fn is_superseded(&self, pending: &Pending) -> bool {
        let Request { kind, transaction_id, .. } = pending.request;
        asks_for_address(kind)
            && self.clients[usize::from(pending.client)].last_asked != transaction_id
    }

    /// Returns whether a server decides a message again after a conflict.
    pub(super) fn is_decided_again(&self, pending: &Pending) -> bool {
        let ends_lease =
            matches!(pending.request.kind, RequestKind::Decline | RequestKind::Release);
        match self.defect {
            _ if self.servers.len() == 1 => true,
            Some(Defect::EndedAgainAfterConflict) if ends_lease => true,
            _ => !ends_lease && self.is_awaited(pending),
        }
    }
}

/// Returns whether a client takes an address that it has a lease of, and gives up another one.
fn takes_moved(changes: &[Change]) -> bool {
    let [taken, given_up, ..] = changes else { return false };
    let had = |change: &Change| {
        let previous = change.previous.as_ref().map(|previous| &previous.client);
        previous == Some(&taken.binding.client)
    };
    had(taken) && had(given_up)
}

//! The fifth stage: a request that the engine decided; and its reply, edited by policies.

use std::net::Ipv4Addr;

use lessor_core::{
    Changes, Decision, LeaseTimeRule, OptionValue, Reason, Reply, ReplyKind, Request, RequestKind,
    ReservationOwner, Timestamp, option::code,
};
use lessor_policy_host::{TraceEntry, View};

use crate::{
    asked::Asked,
    ended::Ended,
    environment::{self, Environment, RequestToDecide, Ruling},
    policies::Policies,
    why,
    witness::Witness,
};

/// A request that is decided. Its changes may not have reached storage yet.
#[derive(Debug)]
pub struct Decided {
    asked: Asked,
    reason: Reason,
    detail: Option<String>,
    changes: Changes,
    about: About,
    /// The identifier of the client by which its reservation was found.
    reserved_by: Option<Box<ReservationOwner>>,
    /// The reply, until it is edited.
    reply: Option<Reply>,
    /// How each plugin edited the reply.
    edits: Vec<TraceEntry>,
}

/// The outcome of a request at the engine.
#[derive(Debug)]
pub enum Attempted<W> {
    /// It is decided.
    Decided(Decided),
    /// It waits for storage or for a probe.
    Waits(Asked, W),
}

/// What a decision is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The address that is offered, granted or released.
    pub address: Option<Ipv4Addr>,
    /// The lease time that is granted, in seconds.
    pub lease_time_secs: Option<u32>,
    /// What that follows from besides the configuration and the terms, if anything.
    pub lease_time_rule: Option<LeaseTimeRule>,
}

/// A decided request whose reply has the options that policies want, if it has a reply.
#[derive(Debug)]
pub struct Edited {
    pub(crate) decided: Decided,
    pub(crate) reply: Option<Reply>,
}

impl Asked {
    /// Lets the engine that owns the network decide. If it was retired meanwhile, its successor
    /// decides; the terms, which policies of an older generation may have set, remain valid for
    /// this request.
    ///
    /// # Errors
    /// If no network spans the request any more, or if it would have to wait and may not.
    pub fn decide<E: Environment>(
        mut self,
        environment: &mut E,
        now: Timestamp,
        witness: &mut impl Witness,
    ) -> Result<Attempted<E::Wait>, Ended<Self>> {
        let request = self.request();
        let ruling = environment::where_it_belongs(environment, request, |environment| {
            let location = environment.topology().locate(request)?;
            let question = RequestToDecide {
                now,
                location,
                request,
                terms: self.terms(),
                probes: self.probes(),
            };
            Some(environment.decide(question, witness))
        });
        match ruling {
            Ok(Ruling::Decided(decision, detail)) => {
                Ok(Attempted::Decided(self.decided(decision, detail, witness)))
            }
            Ok(Ruling::Waits(wait)) => Ok(Attempted::Waits(self, wait)),
            Ok(Ruling::Probes(wait)) => {
                self.note_probe();
                Ok(Attempted::Waits(self, wait))
            }
            Ok(Ruling::NotNow(reason)) => {
                witness.undecided();
                Err(Ended::at(self, reason, None))
            }
            Err((reason, detail)) => Err(Ended::at(self, reason, Some(detail))),
        }
    }

    /// Adds the decision; `detail` says more about its reason.
    pub fn decided(
        self,
        decision: Decision,
        detail: Option<String>,
        witness: &mut impl Witness,
    ) -> Decided {
        let detail = decision.seen_elsewhere.as_deref().map(why::seen_elsewhere).or(detail);
        witness.decided(self.view(), &decision, detail.as_deref());
        let about = About::of(self.request(), &decision);
        let Decision { reason, reply, changes, reserved_by, .. } = decision;
        let edits = Vec::new();
        Decided { asked: self, reason, detail, changes, about, reserved_by, reply, edits }
    }

    /// Adds a reply that no engine made, but a sample of an exchange or a described one.
    pub(crate) fn with_reply(self, reply: Reply, witness: &mut impl Witness) -> Decided {
        let reason = match reply.kind {
            ReplyKind::Offer => Reason::OfferedFromPool,
            ReplyKind::Ack => Reason::AckSelecting,
            ReplyKind::Nak => Reason::NakByPolicy,
        };
        let (reply, changes) = (Some(reply), Changes::new());
        let (seen_elsewhere, reserved_by, lease_time_rule) = (None, None, None);
        let decision =
            Decision { reason, reply, changes, seen_elsewhere, reserved_by, lease_time_rule };
        self.decided(decision, None, witness)
    }
}

impl Decided {
    /// The stage before.
    pub const fn asked(&self) -> &Asked {
        &self.asked
    }

    /// The reason for the decision.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// Takes the details of the reason, if there are any.
    pub const fn take_detail(&mut self) -> Option<String> {
        self.detail.take()
    }

    /// The changes that must be durable before the reply leaves.
    pub const fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Takes the changes.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// What the decision is about.
    pub const fn about(&self) -> About {
        self.about
    }

    /// Takes the identifier of the client by which its reservation was found, if it has one.
    pub const fn take_reserved_by(&mut self) -> Option<Box<ReservationOwner>> {
        self.reserved_by.take()
    }

    /// How each plugin edited the reply.
    pub fn edits(&self) -> &[TraceEntry] {
        &self.edits
    }

    /// What each plugin did, up to the edits of the reply.
    pub(crate) fn into_trace(self) -> Vec<TraceEntry> {
        let mut trace = self.asked.into_trace();
        trace.extend(self.edits);
        trace
    }

    /// Lets the policies edit the reply, if there is one.
    ///
    /// # Errors
    /// If a policy fails that must not be skipped.
    pub fn edit(
        mut self,
        policies: &mut impl Policies,
        witness: &mut impl Witness,
    ) -> Result<Edited, Ended<Self>> {
        let Some(mut reply) = self.reply.take() else {
            return Ok(Edited { decided: self, reply: None });
        };
        let view: &View = self.asked.view();
        let outcome = policies.edit_reply(view, &mut reply);
        witness.edited(view, &reply, &outcome);
        self.edits = outcome.trace;
        match outcome.dropped {
            Some(_) => Err(Ended::at(self, Reason::PolicyFailed, outcome.dropped)),
            None => Ok(Edited { decided: self, reply: Some(reply) }),
        }
    }

    /// Drops the decision, because another server was faster. The terms remain valid.
    pub(crate) fn into_asked(self) -> Asked {
        self.asked
    }
}

impl About {
    /// Returns what the decision about a request is about.
    pub fn of(request: &Request, decision: &Decision) -> Self {
        let (change, reply) = (decision.changes.first(), decision.reply.as_ref());
        let replied = reply.map(|reply| reply.your_address);
        let changed = change.map(|change| change.binding.address);
        let named = [replied, changed, request.requested_address, Some(request.client_address)];
        let address = match request.kind {
            // The address in a DISCOVER is a wish, not a decision, and an offer may have none.
            RequestKind::Discover => replied.filter(|address| !address.is_unspecified()),
            _ => named.into_iter().flatten().find(|address| !address.is_unspecified()),
        };
        let options = reply.into_iter().flat_map(|reply| &reply.options);
        let lease_time_secs = options.into_iter().find_map(|(option, value)| match &**value {
            OptionValue::U32(secs) if *option == code::LEASE_TIME => Some(*secs),
            _ => None,
        });
        // A BOOTP client does not learn its lease time.
        let of_bootp = change.filter(|_| request.kind == RequestKind::Bootp).map(|change| {
            let binding = &change.binding;
            binding.changed_at.secs_until(binding.expires_at)
        });
        let lease_time_secs = lease_time_secs.or(of_bootp);
        Self { address, lease_time_secs, lease_time_rule: decision.lease_time_rule }
    }
}

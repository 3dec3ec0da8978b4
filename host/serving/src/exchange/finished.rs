//! An exchange that has its reason, and what is reported of it: an event, a line of a recording, a
//! sample for shadows.
//!
//! Reports nothing itself. Invariant: the changes of a finished exchange are durable.

use std::sync::Arc;

use lessor_core::{Binding, Changes, ClientKeyKind, Reason, Request, Terms};
use lessor_net::Outgoing;
use lessor_policy_host::{PolicyOutcome, SampledReply, ShadowSample, TraceEntry};
use lessor_recording::{Datagram, PluginCall, RecordedDecision, RecordedInput, ReplyFacts};
use lessor_stages::{Asked, Ended, Reached, Written};
use lessor_vocabulary::Catalogue;

use super::notes::{Kept, Notes};
use crate::{
    event::{Event, WrittenReply},
    observer::Message,
    order::Turn,
};

/// An input that has its reason. Its reply can be sent, if it has one.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) reason: Reason,
    /// The changes that were made durable.
    pub(crate) changes: Changes,
    /// The reply, ready to be sent.
    pub(crate) outgoing: Option<Outgoing>,
    /// What events say about the reply, kept also after the reply was handed over for sending.
    written: Option<WrittenReply>,
    detail: Option<String>,
    notes: Box<Notes>,
    reached: Reached,
}

impl Finished {
    /// Ends the exchange of a datagram that is not read as a request.
    pub(super) fn unread(
        notes: Box<Notes>,
        payload: &[u8],
        reason: Reason,
        detail: Option<String>,
    ) -> Self {
        let reached = Reached::Nothing(lessor_wire::header(payload));
        Self::ended(notes, Ended { reached, reason, detail })
    }

    /// Finishes an exchange that ended before it had a reply. The changes of its decision, if there
    /// are any, are not durable yet.
    pub(super) fn ended(notes: Box<Notes>, ended: Ended<Reached>) -> Self {
        let Ended { mut reached, reason, detail } = ended;
        let changes = match &mut reached {
            Reached::Decided(decided) => decided.take_changes(),
            _ => Changes::new(),
        };
        Self { reason, changes, outgoing: None, written: None, detail, notes, reached }
    }

    /// Finishes an exchange whose changes, if there are any, are durable.
    pub(super) fn of(notes: Box<Notes>, written: Written) -> Self {
        let (mut decided, reply) = written.into_parts();
        let (reason, detail) = (decided.reason(), decided.take_detail());
        let changes = decided.take_changes();
        let server_address = notes.server_address;
        let (outgoing, written) = match reply {
            Some(lessor_stages::WrittenReply { packet, destination, boot_file, left_out }) => (
                Some(Outgoing { packet, destination, server_address }),
                Some(WrittenReply { destination, boot_file, left_out }),
            ),
            None => (None, None),
        };
        let reached = Reached::Decided(decided);
        Self { reason, changes, outgoing, written, detail, notes, reached }
    }

    /// Returns the position of the worker's endpoint that received the input.
    pub(crate) const fn endpoint(&self) -> usize {
        self.notes.endpoint
    }

    /// Returns the request, or `None` if it could not be parsed.
    pub(crate) const fn request(&self) -> Option<&Arc<Request>> {
        self.reached.request()
    }

    /// Drops the reply and ends the exchange with `reason`.
    pub(super) fn fail(&mut self, reason: Reason, detail: Option<String>) {
        self.outgoing = None;
        self.written = None;
        self.reason = reason;
        self.detail = detail;
    }

    /// Notes that the reply could not be sent. Events still say where it should have gone.
    pub(crate) fn fail_to_send(&mut self, reason: Reason, detail: Option<String>) {
        self.outgoing = None;
        self.reason = reason;
        self.detail = detail;
    }

    /// Takes the exchange in the form of a recording, if it was decided during one.
    pub(crate) fn take_for_recording(&mut self) -> Option<RecordedInput> {
        let (kept, decision) = self.take_decided()?;
        let reached = &self.reached;
        let payload = reached.request().map_or(&*kept.payload, |request| &*request.packet);
        let pools = reached.view().and_then(|view| view.pools.as_deref());
        let pools = pools.map(<[_]>::to_vec).unwrap_or_default();
        let lookups = reached.view().map(|view| view.lookups.to_vec()).unwrap_or_default();
        Some(RecordedInput {
            sequence: kept.sequence,
            at_ms: kept.at,
            clock_offset_ms: kept.clock_offset_ms,
            generation: kept.generation,
            datagram: Datagram {
                arrival: kept.arrival.clone(),
                not_relayed: kept.not_relayed,
                payload: payload.to_vec(),
            },
            binding: reached.binding().map(|binding| Binding::clone(binding)),
            pools,
            lookups,
            decision,
        })
    }

    /// Takes what only a recording needs, and the decision in the form of a recording.
    pub(crate) fn take_decided(&mut self) -> Option<(Box<Kept>, RecordedDecision)> {
        let kept = self.notes.kept.take()?;
        let mut decided = RecordedDecision::new(self.reason, self.detail.clone());
        let (reached, about) = (&self.reached, self.reached.about());
        decided.network = reached.view().map(|view| view.network.name.to_string());
        decided.address = about.address;
        decided.lease_time_secs = about.lease_time_secs;
        decided.terms = reached.terms().filter(|terms| **terms != Terms::default()).cloned();
        let catalogue = reached.view().map_or(Catalogue::registered(), |view| &*view.catalogue);
        decided.plugins = reached.trace().map(|entry| PluginCall::of(entry, catalogue)).collect();
        let reply = kept.reply.as_ref().filter(|_| self.reason.outcome().is_reply());
        decided.reply = reply.map(|reply| {
            let left_out = self.written.as_ref().map(|written| written.left_out.as_slice());
            ReplyFacts::new(reply, left_out.unwrap_or_default(), reached.view())
        });
        Some((kept, decided))
    }

    /// Passes the exchange to the shadow plugins. One that was decided again after a conflict in
    /// storage is compared in its final form.
    pub(crate) fn offer_to_shadows(&mut self) {
        let Some(shadows) = self.notes.shadows.take() else { return };
        let (asked, edits): (&Asked, &[TraceEntry]) = match &self.reached {
            Reached::Asked(asked) => (asked, &[]),
            Reached::Decided(decided) => (decided.asked(), decided.edits()),
            Reached::Nothing(_) | Reached::Parsed(_) | Reached::Located(_) => return,
        };
        let reply = self.notes.unedited.take();
        let reply = reply.map(|unedited| SampledReply { unedited, edits: edits.to_vec() });
        shadows.offer(ShadowSample {
            view: asked.view().clone(),
            outcome: PolicyOutcome {
                terms: asked.terms().clone(),
                trace: asked.trace().cloned().collect(),
                final_by: asked.view().final_by.clone(),
            },
            reply,
        });
    }

    /// Returns the event of the exchange, and its place in the order of events.
    pub(crate) fn into_event(self) -> (Event, Option<Turn<Message>>) {
        let Self { reason, changes, written, detail, notes, mut reached, .. } = self;
        let reserved_by = match &mut reached {
            Reached::Decided(decided) => decided.take_reserved_by(),
            _ => None,
        };
        let request = reached.request().cloned();
        // Without a network it is not known which key its clients have.
        let client = match (reached.view(), &request) {
            (Some(view), _) => Some(view.client.clone()),
            (None, Some(request)) => {
                ClientKeyKind::default().key_of(request, request.relay_information.as_ref())
            }
            (None, None) => None,
        };
        let named = reached.terms().and_then(|terms| terms.subscriber.as_ref());
        let named = named.map(|limit| Arc::clone(&limit.name));
        let counted = || changes.first().and_then(|change| change.binding.subscriber.clone());
        let of_class = || {
            let request = request.as_deref()?;
            let account = request.account_of_class(request.relay_information.as_ref());
            account.map(|account| account.name)
        };
        let about = reached.about();
        let event = Event {
            reason,
            detail,
            client,
            source: notes.source,
            interface: notes.interface,
            header: reached.header(),
            subscriber: named.or_else(counted).or_else(of_class),
            reserved_by,
            network: reached.view().map(|view| Arc::clone(&view.network)),
            selected: reached.selected(),
            catalogue: reached.view().map(|view| Arc::clone(&view.catalogue)),
            address: about.address,
            lease_time_secs: about.lease_time_secs,
            lease_time_rule: about.lease_time_rule,
            written,
            stand_in: notes.stand_in,
            trace: reached.into_trace(),
            request,
            changes,
        };
        (event, notes.place)
    }
}

//! One exchange of one subscriber, which acquires a lease or renews it.
//!
//! A state machine without socket and clock: time and replies are its input, octets to send and
//! outcomes are its output. A retransmission repeats the same octets.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use dhcproto::v4::MessageType;

use crate::{
    acquired::Acquired,
    audit,
    error::ExchangeError,
    intent::Intent,
    message::{Asked, RelayAgent, octets_of},
    mistake::Violation,
    reply::Reply,
    subscriber::Subscriber,
};

/// The kind of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeKind {
    /// DISCOVER, OFFER, REQUEST, ACK.
    Acquire,
    /// REQUEST, ACK.
    Renew,
}

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExchangeEnd {
    /// An ACK arrived: the subscriber holds the address.
    Acquired(Acquired),
    /// A NAK arrived: the subscriber holds nothing. Contains the server's reason if there is one.
    Refused {
        /// Option 56.
        message: Option<String>,
    },
    /// No reply to any transmission arrived.
    Unanswered {
        /// `OFFER` or `ACK`.
        wanted: &'static str,
    },
    /// The reply lacks what the subscriber needs to continue.
    Unusable(Violation),
}

/// An exchange in progress.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) client: u32,
    pub(crate) kind: ExchangeKind,
    pub(crate) began_at: Instant,
    /// When the message that waits for an answer was first sent.
    pub(crate) asked_at: Instant,
    /// Counts transmissions over the whole exchange, so that the deadline of an answered message
    /// can be distinguished from the current one.
    pub(crate) transmissions: u32,
    retransmissions: u32,
    octets: Vec<u8>,
    asked: Asked,
    waits_for: WaitsFor,
}

#[derive(Debug)]
enum WaitsFor {
    Offer { agent: RelayAgent, subscriber: Box<Subscriber> },
    AckOf { offer: Box<Acquired> },
    Renewal { address: Ipv4Addr },
}

/// The effect of a reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReplyEffect {
    /// None: this reply is not the expected one.
    None,
    /// The OFFER arrived, and the REQUEST has to be sent.
    Offered { latency: Duration, mistakes: Vec<Violation> },
    /// The exchange has ended.
    Ended { latency: Duration, mistakes: Vec<Violation>, outcome: Box<ExchangeEnd> },
}

impl Exchange {
    /// Begins the exchange of a subscriber that looks for a lease.
    pub(crate) fn acquire(
        client: u32,
        subscriber: Subscriber,
        agent: RelayAgent,
        xid: u32,
        now: Instant,
    ) -> Result<Self, ExchangeError> {
        let message = agent.message(&subscriber, Intent::Discover, xid)?;
        let (octets, asked) = (octets_of(&message)?, Asked::in_message(&message)?);
        let waits_for = WaitsFor::Offer { agent, subscriber: Box::new(subscriber) };
        Ok(Self::new(client, ExchangeKind::Acquire, octets, asked, waits_for, now))
    }

    /// Begins the exchange of a subscriber that extends its lease.
    pub(crate) fn renew(
        client: u32,
        subscriber: &Subscriber,
        address: Ipv4Addr,
        agent: RelayAgent,
        xid: u32,
        now: Instant,
    ) -> Result<Self, ExchangeError> {
        let message = agent.message(subscriber, Intent::Renew { address }, xid)?;
        let (octets, asked) = (octets_of(&message)?, Asked::in_message(&message)?);
        let waits_for = WaitsFor::Renewal { address };
        Ok(Self::new(client, ExchangeKind::Renew, octets, asked, waits_for, now))
    }

    fn new(
        client: u32,
        kind: ExchangeKind,
        octets: Vec<u8>,
        asked: Asked,
        waits_for: WaitsFor,
        now: Instant,
    ) -> Self {
        Self {
            client,
            kind,
            began_at: now,
            asked_at: now,
            transmissions: 1,
            retransmissions: 0,
            octets,
            asked,
            waits_for,
        }
    }

    /// Returns the message that waits for an answer.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Returns how often this message was repeated.
    pub(crate) fn retransmissions(&self) -> u32 {
        self.retransmissions
    }

    /// Returns whether a reply with the same transaction id is for this subscriber.
    pub(crate) fn is_addressed_by(&self, reply: &Reply) -> bool {
        reply.hardware_address == self.asked.hardware_address
    }

    /// Counts one retransmission of the message.
    pub(crate) fn retransmit(&mut self) {
        self.retransmissions += 1;
        self.transmissions += 1;
    }

    /// Ends the exchange without an answer.
    pub(crate) fn give_up(&self) -> ExchangeEnd {
        let wanted = match self.waits_for {
            WaitsFor::Offer { .. } => "OFFER",
            WaitsFor::AckOf { .. } | WaitsFor::Renewal { .. } => "ACK",
        };
        ExchangeEnd::Unanswered { wanted }
    }

    /// Handles a reply with this transaction id and hardware address.
    pub(crate) fn on_reply(
        &mut self,
        reply: Reply,
        now: Instant,
    ) -> Result<ReplyEffect, ExchangeError> {
        let latency = now.saturating_duration_since(self.asked_at);
        let is_waited_for = match self.waits_for {
            WaitsFor::Offer { .. } => reply.message_type == MessageType::Offer,
            _ => matches!(reply.message_type, MessageType::Ack | MessageType::Nak),
        };
        if !is_waited_for {
            return Ok(ReplyEffect::None);
        }
        let mut mistakes = audit::of_any_reply(&self.asked, &reply);
        if reply.message_type == MessageType::Nak {
            let outcome = Box::new(ExchangeEnd::Refused { message: reply.message() });
            return Ok(ReplyEffect::Ended { latency, mistakes, outcome });
        }
        let acquired = match Acquired::from_reply(reply) {
            Ok(acquired) => acquired,
            Err(mistake) => {
                mistakes.push(mistake.clone());
                let outcome = Box::new(ExchangeEnd::Unusable(mistake));
                return Ok(ReplyEffect::Ended { latency, mistakes, outcome });
            }
        };
        match &self.waits_for {
            WaitsFor::Offer { agent, subscriber } => {
                let (address, server_identifier) = (acquired.address, acquired.server_identifier);
                let intent = Intent::Select { address, server_identifier };
                let message = agent.message(subscriber, intent, self.asked.xid)?;
                self.octets = octets_of(&message)?;
                self.asked = Asked::in_message(&message)?;
                self.asked_at = now;
                self.retransmissions = 0;
                self.transmissions += 1;
                self.waits_for = WaitsFor::AckOf { offer: Box::new(acquired) };
                return Ok(ReplyEffect::Offered { latency, mistakes });
            }
            WaitsFor::AckOf { offer } => {
                mistakes.extend(audit::of_ack_after_offer(offer, &acquired, latency));
            }
            WaitsFor::Renewal { address } if acquired.address != *address => {
                let (wanted, found) = (*address, acquired.address);
                mistakes.push(Violation::AnotherAddress { wanted, found });
            }
            WaitsFor::Renewal { .. } => {}
        }
        let outcome = Box::new(ExchangeEnd::Acquired(acquired));
        Ok(ReplyEffect::Ended { latency, mistakes, outcome })
    }
}

//! The messages of clients: mostly what the protocol requires in their state, occasionally
//! something else.

use std::{net::Ipv4Addr, num::NonZeroU32, sync::Arc};

use lessor_core::{
    BeyondLimit, Class, ClassLimit, HardwareAddress, LimitBy, Membership, OptionValue, PoolChoice,
    Reply, Request, RequestKind, SubscriberLimit, Terms, Timestamp, Verdict,
};

use super::random::Random;
use crate::support::*;

/// The addresses at which clients reach the servers.
const SERVERS: [Ipv4Addr; 2] = [SERVER, OTHER_SERVER];
/// How many leases the clients of a class have.
const CLASS_LEASES_MAX: u32 = 2;
/// A server that does not exist.
const SILENT_SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 4);

/// One client in its own view.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) number: u8,
    /// The line of the client; `None` if it is on the link.
    pub(super) line: Option<u8>,
    /// The transaction id of its last message; answers to earlier messages are ignored.
    pub(super) transaction_id: u32,
    /// That of its last message that asked for an address.
    pub(super) last_asked: u32,
    /// Whether it accepted an answer to its last message, and ignores other answers.
    pub(super) is_answered: bool,
    /// Its last message, if it may be sent again.
    pub(super) last: Option<Request>,
    /// The answers to its last message from each server.
    pub(super) answers: [Answers; 2],
    pub(super) offered: Option<Ipv4Addr>,
    pub(super) remembered: Option<Ipv4Addr>,
    /// The address that it uses, and until when it may use it.
    pub(super) uses: Option<(Ipv4Addr, Timestamp)>,
    /// The server whose answer it accepted last.
    pub(super) server: usize,
    /// The limit of its subscriber when a policy was last called.
    pub(super) leases_max: Option<NonZeroU32>,
}

/// The answers of one server to a message.
#[derive(Clone, Copy, Default)]
pub(super) struct Answers {
    pub(super) offer: bool,
    pub(super) ack: bool,
    pub(super) nak: bool,
}

/// Any address that a request may concern.
pub(super) fn some_address(random: &mut Random) -> Ipv4Addr {
    match random.below(20) {
        0 => Ipv4Addr::new(172, 16, 0, 1),
        1..=4 => Ipv4Addr::new(10, 0, 1, random.below(16) as u8),
        5..=7 => ip(100 + random.below(6) as u8),
        8 => ip(random.below(256) as u8),
        _ => ip(10 + random.below(14) as u8),
    }
}

pub(super) fn line_name(line: u8) -> Vec<u8> {
    format!("line-{line}").into_bytes()
}

/// The message as a server receives it.
pub(super) fn as_received_by(server: usize, mut request: Request) -> Request {
    request.arrival.server_address = SERVERS[server];
    request.arrival.link_addresses =
        request.arrival.link_addresses.map(|_| Arc::from([SERVERS[server]]));
    request
}

/// The server identified in a reply.
pub(super) fn sender_of(reply: &Reply) -> Option<usize> {
    match option(reply, 54) {
        Some(OptionValue::Address(found)) => SERVERS.iter().position(|server| server == found),
        _ => None,
    }
}

/// Returns whether messages of this kind ask for an address.
pub(super) fn asks_for_address(kind: RequestKind) -> bool {
    matches!(kind, RequestKind::Discover | RequestKind::Request | RequestKind::Bootp)
}

/// Returns whether the message reaches only the server to which it is sent.
pub(super) fn is_for_one_server(request: &Request) -> bool {
    request.arrival.unicast && !request.is_relayed()
}

impl Client {
    pub(super) fn new(number: u8, line: Option<u8>) -> Self {
        Self {
            number,
            line,
            transaction_id: 0,
            last_asked: 0,
            is_answered: false,
            last: None,
            answers: Default::default(),
            offered: None,
            remembered: None,
            uses: None,
            server: 0,
            leases_max: None,
        }
    }

    /// The last message again, if it was not answered and is of a kind that clients retransmit.
    pub(super) fn send_again(&self) -> Option<Request> {
        self.last.clone().filter(|_| !self.is_answered)
    }

    /// The next message. A client that asks for another address stops using its current one. With
    /// more than one server, no client takes an ACK for a DISCOVER: it would get one of each (RFC
    /// 4039 section 3.2).
    pub(super) fn send(&mut self, random: &mut Random, is_alone: bool) -> Request {
        let request = match self.uses {
            Some((address, _)) if random.chance(85) => self.send_bound(address, random),
            _ => self.send_unbound(random, is_alone),
        };
        let mut request = self.over_its_line(request, random);
        if matches!(request.kind, RequestKind::Decline | RequestKind::Release) {
            request = self.or_forged(request, random);
        }
        if random.chance(1) {
            request.hardware_address = HardwareAddress::ethernet([0; 6]);
        }
        request.lease_time_secs =
            random.chance(20).then(|| random.below(1000) as u32).or(request.lease_time_secs);
        self.transaction_id += 1;
        request.transaction_id = self.transaction_id;
        request.server_identifier = match random.below(100) {
            0..3 => Some(SILENT_SERVER),
            3 => request.server_identifier.map(|_| SERVERS[1 - self.server]),
            _ => request.server_identifier.map(|_| SERVERS[self.server]),
        };
        if random.chance(1) {
            request = without_way_back(request, random);
        }
        if is_alone && request.kind == RequestKind::Discover && random.chance(20) {
            request.options.append(80, &[]);
        }
        request.classes = classes_of(self.number);
        if asks_for_address(request.kind) {
            self.last_asked = request.transaction_id;
        }
        let is_repeatable = matches!(request.kind, RequestKind::Discover | RequestKind::Request);
        self.last = is_repeatable.then(|| request.clone());
        self.is_answered = false;
        self.answers = Default::default();
        request
    }

    fn send_bound(&mut self, address: Ipv4Addr, random: &mut Random) -> Request {
        match random.below(20) {
            0 | 16 | 17 => {
                self.uses = None;
                decline(self.number, address)
            }
            1 | 2 | 18 => {
                self.uses = None;
                release(self.number, address)
            }
            3 if random.chance(30) => with(bootp(self.number), |r| r.client_address = address),
            3 => inform(self.number, address),
            4 => rebinding(self.number, some_address(random)),
            5..=9 => rebinding(self.number, address),
            _ => renewing(self.number, address),
        }
    }

    /// With more than one server, no client uses BOOTP either, for the same reason as below.
    fn send_unbound(&mut self, random: &mut Random, is_alone: bool) -> Request {
        self.uses = None;
        let number = self.number;
        match (self.offered.take(), self.remembered, random.below(20)) {
            (Some(address), _, 2..=4) => decline(number, address),
            (Some(address), _, 5..) => selecting(number, address),
            (_, Some(address), 0..6) => init_reboot(number, address),
            (_, _, 6) => selecting(number, some_address(random)),
            (_, _, 7) => init_reboot(number, some_address(random)),
            (_, _, 8) => release(number, some_address(random)),
            (_, _, 9) => decline(number, some_address(random)),
            (_, _, 10) => with(message(RequestKind::Request, number), |r| {
                r.server_identifier = Some(SERVER);
            }),
            (_, _, 11) => renewing(number, some_address(random)),
            (_, _, 12) if is_alone => bootp(number),
            (_, _, 13) => ipv6_only(number),
            _ => with(discover(number), |r| {
                r.requested_address = random.chance(30).then(|| some_address(random));
            }),
        }
    }

    /// The message, unchanged or as another client would forge it.
    fn or_forged(&self, mut request: Request, random: &mut Random) -> Request {
        match random.below(8) {
            0 | 1 => {
                let line = self.line.map_or(0, |line| line + 1);
                on_circuit(&line_name(line), request)
            }
            2 | 3 => {
                request.arrival.source.set_ip(ip(250));
                request
            }
            // Any host can send this; a client broadcasts its DECLINE.
            4 if request.kind == RequestKind::Decline => {
                Request { relay_address: Ipv4Addr::UNSPECIFIED, ..directly(request) }
            }
            _ => request,
        }
    }

    fn over_its_line(&self, request: Request, random: &mut Random) -> Request {
        match self.line {
            Some(_) if request.arrival.unicast && random.chance(90) => request,
            Some(line) => on_circuit(&line_name(line), request),
            None => request,
        }
    }
}

/// The classes of a client: some get addresses from a separate pool, some share a limit.
fn classes_of(client: u8) -> Membership {
    let class = |name: &str| Class::named(name);
    let garden = Class { pools: PoolChoice::new(["garden".into()]), ..class("garden") };
    let leases_max = NonZeroU32::new(CLASS_LEASES_MAX).unwrap();
    let limit = ClassLimit { by: LimitBy::Class, leases_max, beyond: BeyondLimit::Refuse };
    let limited = Class { limit: Some(limit), ..class("limited") };
    let classes: Vec<Class> = match client % 12 {
        8 | 9 => vec![class("other"), limited],
        10 => vec![garden],
        _ => Vec::new(),
    };
    classes.into_iter().collect()
}

/// The pool of the client's class, if it has one.
pub(super) fn pool_of_class(client: u8) -> Option<PoolChoice> {
    (client % 12 == 10).then(|| "garden".into())
}

/// The account of a client: that of the policy, or else that of its class.
pub(super) fn account_of(client: u8, terms: &Terms) -> Option<SubscriberLimit> {
    let of_class = || limit("limited", CLASS_LEASES_MAX, BeyondLimit::Refuse);
    let is_limited = matches!(client % 12, 8 | 9);
    terms.subscriber.clone().or_else(|| is_limited.then(of_class))
}

/// The message, or one from a sender that cannot be answered.
fn without_way_back(request: Request, random: &mut Random) -> Request {
    let number = request.hardware_address.octets().last().copied().unwrap_or_default();
    match random.below(4) {
        0 => with(relayed(request), |r| r.relay_address = Ipv4Addr::BROADCAST),
        1 => inform(number, Ipv4Addr::new(224, 0, 0, 1)),
        2 => inform(number, Ipv4Addr::UNSPECIFIED),
        _ => directly(discover(number)),
    }
}

/// The terms of the policy for one request.
pub(super) fn some_terms(client: u8, random: &mut Random) -> Terms {
    // Most clients have a fixed pool; for some of them, policies change the pool.
    let garden = client % 6 == 5;
    let mut terms = if garden { in_pool("garden") } else { Terms::default() };
    if client % 12 == 1 {
        // These clients are all of one subscriber, whose oldest lease is replaced.
        terms = in_pool("lone");
    }
    if client % 12 == 7 {
        terms = in_pools(&["lone", "gone", "garden"]);
    }
    match random.below(40) {
        0 => terms = if garden { Terms::default() } else { in_pool("garden") },
        1 => terms = in_pool("gone"),
        2 => terms = at_address(some_address(random)),
        3 => terms.verdict = Verdict::Ignore("ignored".into()),
        4 => terms.verdict = Verdict::Refuse("refused".into()),
        5 => terms.verdict = Verdict::Drop("dropped".into()),
        6..=8 => terms.lease_time_secs = Some(random.below(2000) as u32),
        _ => {}
    }
    terms.subscriber = some_limit(client, random);
    terms
}

/// The account and limit of a client for one request: mostly the same ones. Odd subscribers have
/// their oldest lease replaced.
fn some_limit(client: u8, random: &mut Random) -> Option<SubscriberLimit> {
    let usual = u64::from(client % 12);
    let subscriber = if random.chance(4) { random.below(12) } else { usual };
    let leases_max = if random.chance(4) { 1 + random.below(4) } else { 1 + subscriber / 2 };
    let beyond = if subscriber % 2 == 0 { BeyondLimit::Refuse } else { BeyondLimit::ReplaceOldest };
    (subscriber < 6).then(|| limit(&format!("subscriber-{subscriber}"), leases_max as u32, beyond))
}

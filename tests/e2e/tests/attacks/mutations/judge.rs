//! The judge: checks whether RFC 2131 and related RFCs allow a reply to a datagram. Its rules read
//! the octets of the datagram and share no code with the server.
//!
//! A rule is applied only if the contents of the datagram are unambiguous: for a datagram that
//! repeats an option or overloads a field, only the rules about its header apply.

use std::{
    collections::{HashMap, VecDeque},
    net::Ipv4Addr,
};

use lessor_load::{Reply, dhcproto::v4::MessageType};

use super::{
    field::{FIELD, SERVER, SeenReply},
    message::{Datagram, Way, at, options},
};

/// The number of datagrams to which replies may still arrive.
const REMEMBERED: usize = 1 << 16;
/// The number of datagrams that may be decided before an earlier one: two batches with their
/// probes.
const REORDERED: u32 = 130;
/// Types of message (RFC 2132 section 9.6).
const DECLINE: u8 = 4;
const RELEASE: u8 = 7;
const INFORM: u8 = 8;
/// The length that every client accepts (RFC 2131 section 2), and the length that a link carries.
const PACKET_OCTETS_MIN: usize = 576;
const LINK_OCTETS_MAX: usize = 1500;

#[derive(Default)]
pub(crate) struct Judge {
    asked: HashMap<u32, Asked>,
    order: VecDeque<u32>,
    holders: HashMap<Ipv4Addr, Held>,
    ends: Ends,
    replies: u64,
    mistakes: Vec<String>,
}

/// The contents of a datagram.
struct Asked {
    octets: Vec<u8>,
    way: Way,
    /// Its options, if they are unambiguous.
    facts: Option<Facts>,
    answers: u32,
}

#[derive(Clone, Debug, Default)]
struct Facts {
    kind: u8,
    requested: Option<Ipv4Addr>,
    has_server: bool,
    identifier: Option<Vec<u8>>,
    max_octets: Option<usize>,
    relay_information: Option<Vec<u8>>,
}

/// The datagrams that may have ended leases, by number.
///
/// Datagrams are sent before the replies to earlier ones are read, an ACK waits for the disk, and
/// the server may decide urgent messages first. So the order of replies differs from the order in
/// which leases change.
#[derive(Default)]
struct Ends {
    /// The last datagram that released an address, or may have released it.
    given_up: HashMap<Ipv4Addr, u32>,
    /// The last acknowledged datagram of a client, and the address.
    acknowledged: HashMap<Vec<u8>, (u32, Ipv4Addr)>,
}

/// The client to which an address was last acknowledged, and its hardware address.
#[derive(Clone, Debug)]
struct Held {
    holder: Holder,
    hardware_address: Vec<u8>,
}

/// The client to which an address was last acknowledged, or unknown if the datagram was ambiguous.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Holder {
    Known(Vec<u8>),
    Unknown,
}

impl Judge {
    /// Records a datagram that is about to be sent.
    pub(crate) fn expects(&mut self, datagram: &Datagram) {
        let asked = Asked::new(datagram);
        let xid = datagram.xid();
        for address in asked.gives_up().into_iter().filter(is_of_pool) {
            self.holders.remove(&address);
            self.ends.given_up.insert(address, xid);
        }
        self.asked.insert(xid, asked);
        self.order.push_back(xid);
        if self.order.len() > REMEMBERED {
            let oldest = self.order.pop_front();
            oldest.and_then(|oldest| self.asked.remove(&oldest));
        }
    }

    /// Judges a reply.
    pub(crate) fn judge(&mut self, seen: &SeenReply) {
        self.replies += 1;
        let found = match self.rules_broken_by(seen) {
            Ok(()) => return,
            Err(found) => found,
        };
        let asked = seen.xid().and_then(|xid| self.asked.get(&xid));
        let asked = asked.map(|asked| format!("{:?} {}", asked.way, hex::encode(&asked.octets)));
        self.mistakes.push(format!(
            "{found}: reply to {} ({:02x?}) {} after {}",
            seen.destination,
            seen.frame_destination,
            hex::encode(&seen.message),
            asked.unwrap_or_else(|| "nothing".to_owned()),
        ));
    }

    /// Adds a mistake that a single reply does not show.
    pub(crate) fn adds(&mut self, mistake: String) {
        self.mistakes.push(mistake);
    }

    /// Returns the number of judged replies.
    pub(crate) fn replies(&self) -> u64 {
        self.replies
    }

    /// Returns a description of every reply that broke a rule.
    pub(crate) fn mistakes(&self) -> &[String] {
        &self.mistakes
    }

    fn rules_broken_by(&mut self, seen: &SeenReply) -> Result<(), String> {
        let reply = Reply::read(&seen.message).map_err(|error| error.to_string())?;
        let asked = self.asked.get_mut(&reply.xid).ok_or("nothing has this transaction id")?;
        asked.answers += 1;
        demand(asked.answers == 1, "a second reply")?;
        asked.header_is_echoed(&reply, &seen.message)?;
        asked.reaches_its_addressee(&reply, seen)?;
        demand(seen.packet_octets <= LINK_OCTETS_MAX, "longer than the link carries")?;
        if let Some(facts) = asked.facts.clone() {
            facts.allow(&reply, seen)?;
        }
        let key = asked.key();
        if reply.message_type == MessageType::Ack {
            // A client that moves releases its previous address.
            let address = reply.your_address;
            self.holders.retain(|other, held| *other == address || !asked.may_be(&held.holder));
        }
        let to = Held { holder: key, hardware_address: asked.hardware_address().to_owned() };
        address_is_given_rightly(&self.holders, &reply, &to)?;
        if reply.message_type == MessageType::Ack && !reply.your_address.is_unspecified() {
            self.is_held(reply.xid, reply.your_address, to);
        }
        Ok(())
    }

    fn is_held(&mut self, number: u32, address: Ipv4Addr, by: Held) {
        if self.ends.may_be_over(number, address, &by.holder) {
            self.holders.remove(&address);
        } else {
            self.holders.insert(address, by);
        }
    }
}

impl Ends {
    /// Returns whether a lease that was granted to datagram `number` may have ended since.
    fn may_be_over(&mut self, number: u32, address: Ipv4Addr, holder: &Holder) -> bool {
        let Holder::Known(key) = holder else { return false };
        let last = self.acknowledged.entry(key.clone()).or_insert((number, address));
        let has_moved = last.0 > number && last.1 != address;
        if last.0 < number {
            *last = (number, address);
        }
        let given_up = self.given_up.get(&address);
        has_moved || given_up.is_some_and(|given_up| given_up + REORDERED > number)
    }
}

impl Asked {
    fn new(datagram: &Datagram) -> Self {
        let octets = datagram.octets.clone();
        let facts = octets.get(at::OPTIONS..).and_then(options).and_then(Facts::of);
        Self { octets, way: datagram.way, facts, answers: 0 }
    }

    fn address(&self, field: std::ops::Range<usize>) -> Ipv4Addr {
        let octets = self.octets.get(field).and_then(|octets| <[u8; 4]>::try_from(octets).ok());
        Ipv4Addr::from(octets.unwrap_or_default())
    }

    fn hardware_address(&self) -> &[u8] {
        let length = self.octets.get(at::HLEN).copied().unwrap_or_default();
        self.octets.get(28..28 + usize::from(length)).unwrap_or_default()
    }

    fn wants_broadcast(&self) -> bool {
        self.octets.get(10).is_some_and(|octet| octet & 0x80 != 0)
    }

    /// Returns the key of its bindings (RFC 2131 section 4.2), or unknown if that is ambiguous.
    fn key(&self) -> Holder {
        let Some(facts) = &self.facts else { return Holder::Unknown };
        Holder::Known(match &facts.identifier {
            Some(identifier) if !identifier.is_empty() => [b"id", &identifier[..]].concat(),
            _ => [b"hw", &self.octets[at::HTYPE..=at::HTYPE], self.hardware_address()].concat(),
        })
    }

    /// Returns whether it may come from this holder.
    fn may_be(&self, holder: &Holder) -> bool {
        match (self.key(), holder) {
            (Holder::Known(own), Holder::Known(other)) => own == *other,
            (Holder::Unknown, Holder::Known(other)) => {
                let octets = other.get(2..).unwrap_or_default();
                // The type and the hardware address are separate fields of the header.
                let is_hardware =
                    other.starts_with(b"hw") && octets.get(1..) == Some(self.hardware_address());
                is_hardware || self.octets.windows(octets.len().max(1)).any(|part| part == octets)
            }
            (_, Holder::Unknown) => true,
        }
    }

    /// Returns the addresses that it releases, or may release.
    fn gives_up(&self) -> Vec<Ipv4Addr> {
        match &self.facts {
            Some(facts) if matches!(facts.kind, RELEASE | DECLINE) => {
                let addresses = [Some(self.address(at::CIADDR)), facts.requested];
                addresses.into_iter().flatten().collect()
            }
            Some(_) => Vec::new(),
            // It may be a RELEASE or a DECLINE of any address that it contains.
            None => {
                let windows = self.octets.windows(4);
                windows
                    .filter_map(|octets| <[u8; 4]>::try_from(octets).ok())
                    .map(Ipv4Addr::from)
                    .collect()
            }
        }
    }

    fn header_is_echoed(&self, reply: &Reply, octets: &[u8]) -> Result<(), String> {
        let same =
            |field: std::ops::Range<usize>| octets.get(field.clone()) == self.octets.get(field);
        demand(same(at::HTYPE..at::HLEN + 1), "htype or hlen differs")?;
        demand(octets.get(at::HOPS) == Some(&0), "hops is not 0")?;
        demand(octets.get(at::SECS) == Some(&[0, 0]), "secs is not 0")?;
        demand(same(at::GIADDR), "giaddr differs")?;
        demand(reply.hardware_address == self.hardware_address(), "chaddr differs")?;
        let is_nak = reply.message_type == MessageType::Nak;
        let is_relayed = !self.address(at::GIADDR).is_unspecified();
        if is_nak && is_relayed {
            return demand(reply.is_broadcast(), "a relayed NAK without the BROADCAST bit");
        }
        // The relay must broadcast the ACK of an INFORM without ciaddr.
        let has_address = !self.address(at::CIADDR).is_unspecified();
        if is_relayed && !has_address && self.facts.as_ref().is_none_or(|f| f.kind == INFORM) {
            return Ok(());
        }
        demand(same(at::FLAGS), "flags differ")
    }

    /// Returns whether the relay may have requested replies to its source port, which is also that
    /// of clients on the link (RFC 8357: an empty sub-option 19 of option 82).
    fn may_name_source_port(&self) -> bool {
        let Some(facts) = &self.facts else { return true };
        let information = facts.relay_information.as_deref().and_then(options);
        information.unwrap_or_default().contains(&(19, &[]))
    }

    /// Checks the destination of a reply (RFC 2131 section 4.1).
    fn reaches_its_addressee(&self, reply: &Reply, seen: &SeenReply) -> Result<(), String> {
        let (giaddr, ciaddr) = (self.address(at::GIADDR), self.address(at::CIADDR));
        let (to, port) = (*seen.destination.ip(), seen.destination.port());
        demand(!to.is_multicast(), "sent to a multicast address")?;
        demand(!to.is_loopback(), "a loopback address on the wire")?;
        let kind = self.facts.as_ref().map(|facts| facts.kind);
        if kind.is_none_or(|kind| kind == INFORM) && to == ciaddr && port == 68 {
            // RFC 2131 section 4.3.5: the ACK is sent directly to ciaddr.
            return Ok(());
        }
        if !giaddr.is_unspecified() {
            let is_port = port == 67 || (port == 68 && self.may_name_source_port());
            demand(to == giaddr && is_port, "not sent to its relay")?;
            return demand(!giaddr.is_broadcast(), "sent to a broadcast giaddr");
        }
        demand(port == 68, "not sent to the port of clients")?;
        let everybody = seen.frame_destination == [0xff; 6];
        if to.is_broadcast() {
            return demand(everybody, "an IP broadcast in a unicast frame");
        }
        if everybody {
            return demand(self.hardware_address().len() != 6, "a broadcast frame to one client");
        }
        let is_renewal = self
            .facts
            .as_ref()
            .is_none_or(|facts| facts.kind == INFORM || (facts.kind == 3 && !facts.has_server));
        // A client that sends from ciaddr can be reached there, whatever its other fields are.
        let is_sender = ciaddr == FIELD && self.way != Way::Broadcast;
        if to == ciaddr && (is_renewal || is_sender) {
            return Ok(());
        }
        demand(to == reply.your_address, "sent to neither ciaddr nor yiaddr")?;
        demand(!self.wants_broadcast(), "unicast to a client that asked for a broadcast")?;
        demand(seen.frame_destination == self.hardware_address(), "not sent to chaddr")
    }
}

impl Facts {
    /// Returns the facts in the options, or `None` if a relevant option is repeated or has a wrong
    /// length.
    fn of(options: Vec<(u8, &[u8])>) -> Option<Self> {
        let one = |code: u8| {
            let mut found = options.iter().filter(|(found, _)| *found == code);
            let first = found.next().map(|(_, octets)| *octets);
            if found.next().is_some() { None } else { Some(first) }
        };
        if one(52)?.is_some() {
            return None;
        }
        let address = |code: u8| match one(code)? {
            None => Some(None),
            Some(octets) => Some(Some(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?))),
        };
        let [kind] = one(53)?? else { return None };
        let max = one(57)?;
        Some(Self {
            kind: *kind,
            requested: address(50)?,
            has_server: address(54)?.is_some_and(|server| !server.is_unspecified()),
            identifier: one(61)?.map(<[u8]>::to_owned),
            max_octets: max
                .map(|octets| <[u8; 2]>::try_from(octets).map(u16::from_be_bytes))
                .transpose()
                .ok()?
                .map(usize::from),
            relay_information: one(82)?.map(<[u8]>::to_owned),
        })
    }

    fn allow(&self, reply: &Reply, seen: &SeenReply) -> Result<(), String> {
        let is_allowed = match self.kind {
            1 => reply.message_type == MessageType::Offer,
            3 => matches!(reply.message_type, MessageType::Ack | MessageType::Nak),
            8 => reply.message_type == MessageType::Ack,
            _ => false,
        };
        demand(is_allowed, "a reply of a type that this message is not answered with")?;
        let octets_max = self.max_octets.unwrap_or_default().max(PACKET_OCTETS_MIN);
        demand(seen.packet_octets <= octets_max, "longer than option 57 allows")?;
        demand(reply.server_identifier().is_some(), "no server identifier")?;
        if self.identifier.as_ref().is_some_and(|identifier| !identifier.is_empty()) {
            let echoed = reply.options.get(61);
            demand(echoed == self.identifier.as_deref(), "option 61 is not echoed")?;
        } else {
            demand(reply.options.get(61).is_none_or(<[u8]>::is_empty), "option 61 is made up")?;
        }
        let is_relayed = reply.relay_address != Ipv4Addr::UNSPECIFIED;
        match (&self.relay_information, reply.relay_information()) {
            (Some(sent), Some(echoed)) => {
                demand(sent == echoed, "option 82 is changed")?;
                // Relays look for it there; options that do not fit may follow in the field `file`.
                let field = seen.message.get(at::OPTIONS..).and_then(options).unwrap_or_default();
                let last = field.last().map(|(code, _)| *code);
                demand(last == Some(82), "option 82 is not the last one")
            }
            // The server counts replies in which it does not fit.
            (Some(sent), None) => demand(
                !is_relayed || seen.packet_octets + sent.len() + 2 > PACKET_OCTETS_MIN,
                "option 82 is not echoed",
            ),
            (None, echoed) => demand(echoed.is_none(), "option 82 is made up"),
        }
    }
}

/// Checks that no address is held for two clients, and that every address is configured. A device
/// that changes its client identifier may keep its address.
fn address_is_given_rightly(
    holders: &HashMap<Ipv4Addr, Held>,
    reply: &Reply,
    to: &Held,
) -> Result<(), String> {
    let address = reply.your_address;
    if address.is_unspecified() {
        return Ok(());
    }
    demand(is_of_pool(&address), "an address outside of the pools")?;
    demand(address != SERVER && address != FIELD, "an address of the server's")?;
    let is_other =
        |held: &&Held| held.holder != to.holder && held.hardware_address != to.hardware_address;
    let other = holders.get(&address).filter(is_other).map(|held| &held.holder);
    if let (Some(Holder::Known(other)), Holder::Known(key)) = (other, &to.holder) {
        let (other, key) = (hex::encode(other), hex::encode(key));
        return Err(format!("{address} is held by {other}, and is given to {key}"));
    }
    Ok(())
}

fn is_of_pool(address: &Ipv4Addr) -> bool {
    let pools = [
        Ipv4Addr::new(10, 77, 0, 64)..=Ipv4Addr::new(10, 77, 0, 250),
        Ipv4Addr::new(100, 64, 1, 0)..=Ipv4Addr::new(100, 64, 99, 255),
    ];
    pools.iter().any(|pool| pool.contains(address))
}

fn demand(is_met: bool, otherwise: &str) -> Result<(), String> {
    if is_met { Ok(()) } else { Err(otherwise.to_owned()) }
}

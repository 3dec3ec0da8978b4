//! Writes replies.
//!
//! Does not choose the options, nor their order except that of mask and routers. A reply that fits
//! is written in one pass. For one that does not fit, the options are redistributed over file and
//! sname, and if that is not enough, the least wanted ones are left out. Invariants: no reply is
//! longer than its client and the link allow, and a client reads the mask before the routers.

use std::{borrow::Cow, ops::Range};

use dhcproto::v4::{MIN_PACKET_SIZE, Opcode};
use lessor_core::{
    OptionValue, Reason, Reply, ReplyKind, ReplyValue, Request, RequestKind,
    option::{code, is_of_dhcp_only},
};
use smallvec::SmallVec;
use thiserror::Error;

use crate::{
    BOOT_FILE, OVERLOAD_FILE, OVERLOAD_SERVER_NAME, SERVER_NAME,
    codes::CodeSet,
    header::HeaderFields,
    parts::{framed_octets, write_parts},
    room::{self, FreeFields, Item, Need, OptionField, OptionFields},
    value::encode_value,
};

/// The maximum length of a reply in octets, regardless of option 57 and the link: what an Ethernet
/// frame can carry. The links behind a relay are not known, and a reply on the link is sent as a
/// frame, which is never fragmented.
pub const REPLY_OCTETS_MAX: usize = DATAGRAM_OCTETS_MAX as usize - IP_AND_UDP_OCTETS;

/// The longest IP datagram that is sent, in octets.
const DATAGRAM_OCTETS_MAX: u16 = 1500;

/// The size of the headers of IP and UDP. Option 57 includes them: its minimum of 576 octets is the
/// size of the smallest datagram that every host accepts (RFC 2131 section 2).
const IP_AND_UDP_OCTETS: usize = 28;
/// The message size of a client that does not send option 57.
const MESSAGE_SIZE_DEFAULT: u16 = 576;

/// Codes that are written separately from `reply.options`.
const FRAMING_CODES: [u8; 5] =
    [code::PAD, code::OVERLOAD, code::MESSAGE_TYPE, code::RELAY_AGENT_INFORMATION, code::END];

/// The result of writing a reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Codes of the options that were left out for lack of room, in the order of the reply.
    pub left_out: SmallVec<[u8; 4]>,
    /// Whether option 82 was left out for lack of room (RFC 3046 section 2.2 requires this to be
    /// counted).
    pub relay_information_left_out: bool,
}

impl LeftOut {
    /// Codes of everything that was left out, including option 82.
    pub fn all_left_out(&self) -> SmallVec<[u8; 4]> {
        let mut codes = self.left_out.clone();
        codes.extend(self.relay_information_left_out.then_some(code::RELAY_AGENT_INFORMATION));
        codes
    }
}

/// The error for a reply that cannot be written.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "found {found} octets in a reply that has only the required options; wanted at most {wanted}, \
     which the client and the link allow. Either the client identifier (option 61) is too long to \
     be echoed, and the client cannot be served; or the MTU of the interface is too small and must \
     be raised"
)]
pub struct Unwritable {
    /// The reason under which it is counted, [`Reason::ReplyUnwritable`].
    pub reason: Reason,
    found: usize,
    wanted: usize,
}

/// Writes the reply to a request into `packet`, which is cleared first; its capacity is reused.
///
/// Option 53 comes first, then `reply.options` in their order, but the subnet mask before the
/// routers, then option 82 as received, which is always the last and never outside the options
/// field (RFC 3046 section 2.2). The payload has at least 300 octets, as BOOTP relays expect, and
/// at most as many as option 57 of the request and the interface that received the request allow.
///
/// If that is too little, OFFER and ACK use file and then sname (option 52), unless the field has
/// the boot file or the name of the boot server in it. If that is not enough either, options are
/// left out from the end, except those without which the reply would be wrong:
/// 1, 51, 54, 61, 108, 118 and 221. These stay in the options field as far as they fit. Room for
/// option 82 is reserved before room for any option but these.
///
/// Codes that the engine does not set (0, 52, 53, 82, 255), a code that was already written, and
/// lists without an item are skipped. After an error, `packet` is empty.
///
/// The reply to a BOOTP client has none of the options that only DHCP messages have, and is not
/// longer than its request, or than 300 octets: that is the room that the client has (RFC 1534
/// section 2).
pub fn write(
    request: &Request,
    reply: &Reply,
    packet: &mut Vec<u8>,
) -> Result<LeftOut, Unwritable> {
    packet.clear();
    header_of(request, reply).write(packet);
    if request.kind != RequestKind::Bootp {
        packet.extend_from_slice(&[code::MESSAGE_TYPE, 1, reply.kind.number()]);
    }
    let options = write_options(request, reply, packet);

    let limit = payload_max(request);
    let relay_information =
        request.relay_information.as_ref().map(|found| match reply.confirms_vpn {
            true => Cow::Owned(found.octets_without_vpn_control()),
            false => Cow::Borrowed(found.octets()),
        });
    let relay_information = relay_information.as_deref();
    let relay_octets = relay_information.map_or(0, |octets| framed_octets(octets.len()));
    let mut written = LeftOut::default();
    if packet.len() + relay_octets + 1 > limit {
        let fields = free_fields(request, reply);
        written = make_fit(fields, &options, relay_octets, limit, packet)?;
    }
    if let Some(octets) = relay_information.filter(|_| !written.relay_information_left_out) {
        write_parts(code::RELAY_AGENT_INFORMATION, octets, packet);
    }
    packet.push(code::END);
    let padded = MIN_PACKET_SIZE.min(limit);
    if packet.len() < padded {
        packet.resize(padded, code::PAD);
    }
    Ok(written)
}

/// The maximum length of the payload in octets, according to option 57 of the request and the MTU
/// of the interface.
fn payload_max(request: &Request) -> usize {
    let carried = request.arrival.mtu_octets.unwrap_or(DATAGRAM_OCTETS_MAX);
    let carried = usize::from(carried.min(DATAGRAM_OCTETS_MAX)).saturating_sub(IP_AND_UDP_OCTETS);
    let accepted = match request.kind {
        RequestKind::Bootp => request.packet.len().max(MIN_PACKET_SIZE),
        _ => {
            let message_size = request.max_message_size.unwrap_or(0).max(MESSAGE_SIZE_DEFAULT);
            usize::from(message_size) - IP_AND_UDP_OCTETS
        }
    };
    accepted.min(carried)
}

/// The header (RFC 2131 table 3).
fn header_of(request: &Request, reply: &Reply) -> HeaderFields {
    let forced = if reply.force_broadcast { Request::BROADCAST } else { 0 };
    HeaderFields {
        opcode: Opcode::BootReply,
        hops: 0,
        hardware_address: request.hardware_address,
        transaction_id: request.transaction_id,
        elapsed_secs: 0,
        flags: request.flags | forced,
        client_address: reply.client_address,
        your_address: reply.your_address,
        next_server_address: reply.next_server_address,
        relay_address: request.relay_address,
        server_name: reply.server_name.clone(),
        boot_file: reply.boot_file.clone(),
    }
}

/// The place of an option in the packet.
struct Framed {
    code: u8,
    range: Range<usize>,
}

/// Writes `reply.options` one after the other, regardless of the available room.
fn write_options(request: &Request, reply: &Reply, packet: &mut Vec<u8>) -> SmallVec<[Framed; 16]> {
    let mut framed = SmallVec::new();
    let mut written = CodeSet::default();
    for code in FRAMING_CODES {
        written.insert(code);
    }
    let is_bootp = request.kind == RequestKind::Bootp;
    for (code, value) in in_order(&reply.options) {
        if written.contains(*code) || (is_bootp && is_of_dhcp_only(*code)) {
            continue;
        }
        let range = write_option(*code, value, packet);
        if !range.is_empty() {
            written.insert(*code);
            framed.push(Framed { code: *code, range });
        }
    }
    framed
}

/// The options in their order, but the mask before the routers (RFC 2132 section 3.3): a policy may
/// have set it last. It comes again in its own place.
fn in_order(options: &[(u8, ReplyValue)]) -> impl Iterator<Item = &(u8, ReplyValue)> {
    options.iter().flat_map(move |option| {
        let before = if option.0 == code::ROUTERS { options } else { &[] };
        before.iter().filter(|(code, _)| *code == code::SUBNET_MASK).chain([option])
    })
}

/// Writes an option. Returns its place, which is empty if the value is a list without an item.
fn write_option(code: u8, value: &OptionValue, packet: &mut Vec<u8>) -> Range<usize> {
    let start = packet.len();
    packet.extend_from_slice(&[code, 0]);
    encode_value(value, packet);
    let length = packet.len() - start - 2;
    if length == 0 && value.needs_items() {
        packet.truncate(start);
    } else if let (Ok(length), Some(octet)) = (u8::try_from(length), packet.get_mut(start + 1)) {
        *octet = length;
    } else {
        let octets = packet.split_off(start + 2);
        packet.truncate(start);
        write_parts(code, &octets, packet);
    }
    start..packet.len()
}

/// What a reply without the option would be. It would be wrong rather than only incomplete without
/// the subnet mask, without which a client uses the class of its address, and which it has to read
/// before the routers (RFC 2132 section 3.3); without 51 and 54 (RFC 2131 table 3); without options
/// that are copied from the request (61 by RFC 6842 section 3, 118 by RFC 3011, 221 by RFC 6607);
/// and without 108, which tells the client to do without the address (RFC 8925).
const fn need_of(option: u8) -> Need {
    match option {
        code::SUBNET_MASK => Need::First,
        code::LEASE_TIME
        | code::SERVER_IDENTIFIER
        | code::CLIENT_IDENTIFIER
        | code::IPV6_ONLY_PREFERRED
        | code::SUBNET_SELECTION
        | code::VIRTUAL_SUBNET => Need::Mandatory,
        _ => Need::Wanted,
    }
}

/// Removes the options at the end of `packet` and puts back those that fit, each in its place. Room
/// for `relay_octets` and an END remains free.
fn make_fit(
    fields: FreeFields,
    options: &[Framed],
    relay_octets: usize,
    limit: usize,
    packet: &mut Vec<u8>,
) -> Result<LeftOut, Unwritable> {
    let items: SmallVec<[Item; 32]> = options
        .iter()
        .map(|option| Item { octets: option.range.len(), need: need_of(option.code) })
        .collect();
    let options_start = options.first().map_or(packet.len(), |first| first.range.start);
    let unwritable = |mandatory: usize| Unwritable {
        reason: Reason::ReplyUnwritable,
        found: options_start + mandatory + 1,
        wanted: limit,
    };
    let Some(room) = limit.checked_sub(options_start + 1) else {
        packet.clear();
        return Err(unwritable(0));
    };
    let with_relay_information =
        room.checked_sub(relay_octets).and_then(|room| room::find(&items, room, fields));
    let relay_information_left_out = with_relay_information.is_none() && relay_octets > 0;
    let places = with_relay_information.or_else(|| room::find(&items, room, fields));
    let Some(places) = places else {
        packet.clear();
        let mandatory = items.iter().filter(|item| item.need != Need::Wanted);
        return Err(unwritable(mandatory.map(|item| item.octets).sum()));
    };
    put_back(options, &places, options_start, packet);
    let left_out = options.iter().zip(&places).filter(|(_, place)| **place == OptionField::Nowhere);
    Ok(LeftOut {
        left_out: left_out.map(|(option, _)| option.code).collect(),
        relay_information_left_out,
    })
}

/// The fields of the header that can hold options: those without a text. Table 3 of RFC 2131 does
/// not allow option 52 in a NAK, and BOOTP does not know it.
fn free_fields(request: &Request, reply: &Reply) -> FreeFields {
    let may_overload = reply.kind != ReplyKind::Nak && request.kind != RequestKind::Bootp;
    FreeFields {
        file: may_overload && reply.boot_file.is_empty(),
        server_name: may_overload && reply.server_name.is_empty(),
    }
}

/// Moves the options to their places.
fn put_back(options: &[Framed], places: &OptionFields, options_start: usize, packet: &mut Vec<u8>) {
    let all = packet.split_off(options_start);
    let at = |wanted: OptionField| {
        let placed = options.iter().zip(places).filter(move |(_, place)| **place == wanted);
        placed.filter_map(|(option, _)| {
            all.get(option.range.start - options_start..option.range.end - options_start)
        })
    };
    let mut overload = 0;
    for (place, field, bit) in [
        (OptionField::File, BOOT_FILE, OVERLOAD_FILE),
        (OptionField::ServerName, SERVER_NAME, OVERLOAD_SERVER_NAME),
    ] {
        if packet.get_mut(field).is_some_and(|field| fill(field, at(place))) {
            overload |= bit;
        }
    }
    if overload != 0 {
        packet.extend_from_slice(&[code::OVERLOAD, 1, overload]);
    }
    at(OptionField::Options).for_each(|option| packet.extend_from_slice(option));
}

/// Fills a header field with options and END. Returns `false` and leaves the field unchanged if
/// there are none.
fn fill<'a>(field: &mut [u8], options: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut free = field;
    let mut is_used = false;
    for option in options {
        if let Some((to, after)) = std::mem::take(&mut free).split_at_mut_checked(option.len()) {
            to.copy_from_slice(option);
            free = after;
            is_used = true;
        }
    }
    if let Some(octet) = free.first_mut().filter(|_| is_used) {
        *octet = code::END;
    }
    is_used
}

//! Reads a client's datagram.
//!
//! Does not decide how a request is answered. Invariant: parsing is strict where a guess could give
//! a client another client's address, and lenient everywhere else: a missing END, unusual padding,
//! a malformed hint, an option that is sent twice or a truncated last option do not prevent an
//! answer.

use std::net::Ipv4Addr;

use dhcproto::v4::{MAGIC, Opcode, borrowed};
use lessor_core::{
    Arrival, HardwareAddress, Reason, ReceivedOptions, RelayInformation, Request, RequestKind,
    option::code,
};
use smallvec::SmallVec;
use thiserror::Error;

use crate::{
    BOOT_FILE, OPTIONS_START, OVERLOAD_FILE, OVERLOAD_SERVER_NAME, SERVER_NAME, codes::CodeSet,
};

/// The minimum value of option 57; a smaller value counts as this one (RFC 2132 section 9.10).
const MESSAGE_SIZE_MIN: u16 = 576;

/// What the place of the magic cookie contains in a message of a BOOTP client that has nothing to
/// say there. Other contents are of a format that is not known (RFC 1542 section 3.5).
const NO_COOKIE: [u8; 4] = [0; 4];

/// The error for a datagram that is not a request.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{fault}")]
pub struct Malformed {
    /// The reason under which it is counted; its outcome is always
    /// [`Malformed`](lessor_core::Outcome::Malformed).
    pub reason: Reason,
    fault: Fault,
}

/// What was found, and what was wanted instead.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
enum Fault {
    #[error("found {found} octets; wanted a DHCP header and magic cookie, at least 240")]
    TooShort { found: usize },
    #[error("found op {found}; wanted 1, a client's message (BOOTREQUEST)")]
    NotBootRequest { found: u8 },
    #[error("found a hardware address of {found} octets (hlen); wanted at most 16")]
    HardwareLength { found: u8 },
    #[error("the options do not begin with the magic cookie; wanted 99.130.83.99")]
    NoMagicCookie,
    #[error(
        "option {code} extends past the end of the {field} field; wanted it to end within the \
         field"
    )]
    OptionTruncated { code: u8, field: &'static str },
    #[error("found option {code} with {found} octets; wanted {wanted}")]
    OptionLength { code: u8, found: usize, wanted: usize },
    #[error("found option {code} more than once, with different values; wanted one value")]
    Contradiction { code: u8 },
    #[error("found option 52 (overload) with value {found}; wanted 1, 2 or 3")]
    Overload { found: u8 },
    #[error(
        "found no option 53, so this is BOOTP; wanted a DHCP message, because no subnet has \
         bootp = \"reserved\" or \"dynamic\""
    )]
    NoMessageType,
    #[error(
        "found message type {found} in option 53; wanted 1 (DISCOVER), 3 (REQUEST), 4 (DECLINE), \
         7 (RELEASE) or 8 (INFORM)"
    )]
    UnexpectedMessageType { found: u8 },
}

impl From<Fault> for Malformed {
    fn from(fault: Fault) -> Self {
        let reason = match fault {
            Fault::TooShort { .. } => Reason::TooShort,
            Fault::NotBootRequest { .. } => Reason::NotBootRequest,
            Fault::HardwareLength { .. } => Reason::HardwareLength,
            Fault::NoMagicCookie => Reason::NoMagicCookie,
            Fault::OptionTruncated { .. } => Reason::OptionTruncated,
            Fault::OptionLength { .. } | Fault::Contradiction { .. } | Fault::Overload { .. } => {
                Reason::OptionLength
            }
            Fault::NoMessageType => Reason::NoMessageType,
            Fault::UnexpectedMessageType { .. } => Reason::UnexpectedMessageType,
        };
        Self { reason, fault }
    }
}

impl Malformed {
    /// The error for a message of a BOOTP client, for a server that serves none.
    pub fn bootp() -> Self {
        Fault::NoMessageType.into()
    }
}

/// Reads the payload of a datagram; `arrival` describes how it arrived.
///
/// A message without option 53 is that of a BOOTP client (RFC 1534 section 2). What only DHCP
/// messages have does not count in it, and it may have no options and no magic cookie at all.
///
/// Options are read from the options field and, if option 52 says so, from file and then sname (RFC
/// 2131 section 4.1). All parts of an option are joined before it is interpreted (RFC 3396), except
/// for repeats of an option with a fixed length, and for option 82.
///
/// A field that ends within an option is read up to that option
/// ([`ReceivedOptions::is_cut_short`]), unless the option determines who or where the client is, or
/// what it wants. Options 51, 57 and 118 with a wrong length count as absent, and so do option 50
/// in a message for which it is only a preference, 0.0.0.0 in option 50, and 0 in option 52.
pub fn parse(packet: &[u8], arrival: Arrival) -> Result<Request, Malformed> {
    let header =
        borrowed::Message::new(packet).map_err(|_| Fault::TooShort { found: packet.len() })?;
    if header.opcode() != Opcode::BootRequest {
        return Err(Fault::NotBootRequest { found: header.opcode().into() }.into());
    }
    // Checked before anything reads chaddr, because dhcproto relies on hlen.
    if usize::from(header.hlen()) > HardwareAddress::OCTETS_MAX {
        return Err(Fault::HardwareLength { found: header.hlen() }.into());
    }
    let hardware_address = HardwareAddress::new(header.htype().into(), header.chaddr())
        .ok_or(Fault::HardwareLength { found: header.hlen() })?;
    let (options_start, options_field) = packet.split_at_checked(OPTIONS_START).unwrap_or_default();
    let (options, cut) = match options_start.last_chunk() {
        Some(cookie) if *cookie == MAGIC => read_options(packet, options_field)?,
        Some(&NO_COOKIE) => (ReceivedOptions::default(), None),
        _ => return Err(Fault::NoMagicCookie.into()),
    };
    let kind = match (message_kind(&options), cut) {
        (Err(Fault::NoMessageType), Some(cut)) => return Err(cut.into()),
        (Err(Fault::NoMessageType), None) => RequestKind::Bootp,
        (kind, _) => kind?,
    };
    let requested_address = match kind {
        RequestKind::Request | RequestKind::Decline => required(&options, code::REQUESTED_ADDRESS)?,
        _ => hint(&options, code::REQUESTED_ADDRESS),
    };
    let server_identifier = match kind {
        RequestKind::Discover | RequestKind::Inform | RequestKind::Bootp => {
            hint(&options, code::SERVER_IDENTIFIER)
        }
        _ => required(&options, code::SERVER_IDENTIFIER)?,
    };

    let request = Request {
        kind,
        arrival,
        transaction_id: header.xid(),
        elapsed_secs: header.secs(),
        flags: header.flags().into(),
        client_address: header.ciaddr(),
        relay_address: header.giaddr(),
        hardware_address,
        client_identifier: options.get(code::CLIENT_IDENTIFIER).map(Box::from),
        requested_address: requested_address
            .map(Ipv4Addr::from)
            .filter(|address| !address.is_unspecified()),
        // 0.0.0.0 does not name a server, so the option counts as absent.
        server_identifier: server_identifier
            .map(Ipv4Addr::from)
            .filter(|address| !address.is_unspecified()),
        lease_time_secs: hint(&options, code::LEASE_TIME).map(u32::from_be_bytes),
        parameter_request_list: SmallVec::from_slice(
            options.get(code::PARAMETER_REQUEST_LIST).unwrap_or_default(),
        ),
        max_message_size: hint(&options, code::MAX_MESSAGE_SIZE)
            .map(|octets| u16::from_be_bytes(octets).max(MESSAGE_SIZE_MIN)),
        subnet_selection: hint(&options, code::SUBNET_SELECTION).map(Ipv4Addr::from),
        classes: Default::default(),
        relay_information: options
            .get(code::RELAY_AGENT_INFORMATION)
            .map(RelayInformation::from_octets),
        options,
        packet: packet.into(),
    };
    Ok(if kind == RequestKind::Bootp { without_dhcp(request) } else { request })
}

/// A message of BOOTP, for which the options that only DHCP messages have do not count.
fn without_dhcp(request: Request) -> Request {
    Request {
        client_identifier: None,
        requested_address: None,
        server_identifier: None,
        lease_time_secs: None,
        parameter_request_list: SmallVec::new(),
        max_message_size: None,
        ..request
    }
}

/// The kind of the message in option 53.
fn message_kind(options: &ReceivedOptions) -> Result<RequestKind, Fault> {
    let [found] = required(options, code::MESSAGE_TYPE)?.ok_or(Fault::NoMessageType)?;
    RequestKind::by_number(found).ok_or(Fault::UnexpectedMessageType { found })
}

/// An option that determines the answer. With another length than `N`, the message cannot be
/// answered.
fn required<const N: usize>(options: &ReceivedOptions, code: u8) -> Result<Option<[u8; N]>, Fault> {
    let Some(octets) = options.get(code) else { return Ok(None) };
    match octets.try_into() {
        Ok(octets) => Ok(Some(octets)),
        // Repeats with different values are joined like any other parts.
        Err(_) if octets.len() > N && octets.len().is_multiple_of(N) => {
            Err(Fault::Contradiction { code })
        }
        Err(_) => Err(Fault::OptionLength { code, found: octets.len(), wanted: N }),
    }
}

/// An option that is only a preference. With another length than `N`, it counts as absent.
fn hint<const N: usize>(options: &ReceivedOptions, code: u8) -> Option<[u8; N]> {
    options.get(code)?.try_into().ok()
}

/// Returns whether a message cannot be understood without the whole option: it determines who or
/// where the client is, what it wants, or how the message must be read.
const fn is_indispensable(code: u8) -> bool {
    matches!(
        code,
        code::REQUESTED_ADDRESS
            | code::OVERLOAD
            | code::MESSAGE_TYPE
            | code::SERVER_IDENTIFIER
            | code::CLIENT_IDENTIFIER
            | code::RELAY_AGENT_INFORMATION
            | code::SUBNET_SELECTION
            | code::VIRTUAL_SUBNET
    )
}

/// The length in octets of an option with a fixed length.
const fn fixed_octets(code: u8) -> Option<usize> {
    match code {
        code::OVERLOAD | code::MESSAGE_TYPE => Some(1),
        code::MAX_MESSAGE_SIZE => Some(2),
        code::REQUESTED_ADDRESS
        | code::LEASE_TIME
        | code::SERVER_IDENTIFIER
        | code::SUBNET_SELECTION => Some(4),
        _ => None,
    }
}

/// The parts of options in the order of the packet, as code and octets. Most requests have fewer.
type OptionParts<'a> = SmallVec<[(u8, &'a [u8]); 24]>;

/// All options of the packet, with their parts joined; and the truncated option, if there is one.
fn read_options(
    packet: &[u8],
    options_field: &[u8],
) -> Result<(ReceivedOptions, Option<Fault>), Fault> {
    let mut parts = OptionParts::new();
    let mut cut = read_field(options_field, "options", &mut parts)?;
    let overload = overload(&parts)?;
    if overload != 0 {
        let mut overloaded = OptionParts::new();
        if overload & OVERLOAD_FILE != 0 {
            let file = packet.get(BOOT_FILE).unwrap_or_default();
            cut = read_field(file, "file", &mut overloaded)?.or(cut);
        }
        if overload & OVERLOAD_SERVER_NAME != 0 {
            let server_name = packet.get(SERVER_NAME).unwrap_or_default();
            cut = read_field(server_name, "sname", &mut overloaded)?.or(cut);
        }
        // Options 52 and 82 have a meaning only in the options field (RFC 2132 section 9.3, RFC
        // 3046 section 2.2).
        let only_in_options = [code::OVERLOAD, code::RELAY_AGENT_INFORMATION];
        parts.extend(overloaded.into_iter().filter(|(code, _)| !only_in_options.contains(code)));
    }
    let mut options = join(&mut parts);
    if cut.is_some() {
        options.cut_short();
    }
    Ok((options, cut))
}

/// Reads one field up to END or the end of the field. Returns the truncated option, if there is
/// one.
///
/// # Errors
/// Fails if the message cannot be understood without the truncated option.
fn read_field<'a>(
    field: &'a [u8],
    name: &'static str,
    parts: &mut OptionParts<'a>,
) -> Result<Option<Fault>, Fault> {
    let mut rest = field;
    loop {
        rest = match rest {
            [] | [code::END, ..] => return Ok(None),
            [code::PAD, tail @ ..] => tail,
            [code, tail @ ..] => {
                let whole = tail
                    .split_first()
                    .and_then(|(length, tail)| tail.split_at_checked(usize::from(*length)));
                let Some((octets, after)) = whole else {
                    let cut = Fault::OptionTruncated { code: *code, field: name };
                    return if is_indispensable(*code) { Err(cut) } else { Ok(Some(cut)) };
                };
                parts.push((*code, octets));
                after
            }
        };
    }
}

/// The header fields that also contain options: the value of option 52, or zero without it.
fn overload(parts: &OptionParts<'_>) -> Result<u8, Fault> {
    let of_option = parts.iter().filter(|(code, _)| *code == code::OVERLOAD);
    let mut values = of_option.map(|(_, part)| *part).filter(|part| !part.is_empty());
    let Some(first) = values.next() else { return Ok(0) };
    if values.any(|other| other != first) {
        return Err(Fault::Contradiction { code: code::OVERLOAD });
    }
    match first {
        [value @ 0..=3] => Ok(*value),
        [value] => Err(Fault::Overload { found: *value }),
        _ => Err(Fault::OptionLength { code: code::OVERLOAD, found: first.len(), wanted: 1 }),
    }
}

/// Joins the parts of each option in their order (RFC 3396), with two exceptions.
///
/// Equal repeats of an option with a fixed length count once.
///
/// Of several options 82, only the last one counts if it is a list of whole sub-options. The relay
/// next to the server appends its own option at the end, and earlier ones may come from the client,
/// which must not be able to choose its line. A last part that is not a list of sub-options by
/// itself is the rest of a split option.
///
/// `ReceivedOptions` joins adjacent parts without copying; separated parts are brought together
/// first, so that a packet of nothing but scattered parts takes no more memory than it has octets.
fn join(parts: &mut OptionParts<'_>) -> ReceivedOptions {
    if has_repeats(parts) {
        drop_repeats(parts);
    }
    if is_scattered(parts) {
        let mut first_seen = [usize::MAX; 256];
        for (position, (code, _)) in parts.iter().enumerate() {
            if let Some(first) = first_seen.get_mut(usize::from(*code)) {
                *first = position.min(*first);
            }
        }
        parts.sort_by_key(|(code, _)| first_seen.get(usize::from(*code)).copied());
    }
    let octets = parts.iter().map(|(_, part)| part.len()).sum();
    let mut options = ReceivedOptions::with_capacity(octets);
    for (code, part) in parts {
        options.append(*code, part);
    }
    options
}

/// Returns whether an option has several parts.
fn has_repeats(parts: &OptionParts<'_>) -> bool {
    let mut seen = CodeSet::default();
    parts.iter().any(|(code, _)| !seen.insert(*code))
}

/// Removes the parts that do not count in addition to others of the same option.
fn drop_repeats(parts: &mut OptionParts<'_>) {
    let mut dropped = CodeSet::default();
    for (position, (code, first)) in parts.iter().enumerate() {
        let others = || parts.iter().skip(position + 1).filter(|(other, _)| other == code);
        let is_repeated = fixed_octets(*code) == Some(first.len())
            && others().next().is_some()
            && others().all(|(_, other)| other == first);
        if is_repeated {
            dropped.insert(*code);
        }
    }
    let is_relay_information = |(code, _): &(u8, _)| *code == code::RELAY_AGENT_INFORMATION;
    let last = parts.iter().rposition(is_relay_information);
    let last = last.filter(|last| {
        parts.get(*last).is_some_and(|(_, octets)| RelayInformation::is_whole(octets))
    });
    let mut seen = CodeSet::default();
    let mut position = 0;
    parts.retain(|(code, _)| {
        let is_last = Some(position) == last;
        position += 1;
        match *code {
            code::RELAY_AGENT_INFORMATION if last.is_some() => is_last,
            code => seen.insert(code) || !dropped.contains(code),
        }
    });
}

/// Returns whether two parts of one option are separated by another option.
fn is_scattered(parts: &OptionParts<'_>) -> bool {
    let mut seen = CodeSet::default();
    let mut previous = None;
    parts.iter().any(|(code, _)| previous.replace(*code) != Some(*code) && !seen.insert(*code))
}

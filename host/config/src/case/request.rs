//! `[request]`: the message of a client, and what the server knows about the client.

use std::{net::Ipv4Addr, sync::Arc};

use ipnet::Ipv4Net;
use lessor_core::{
    BootFileName, Classes, HardwareAddress, LeaseEventKind, LookupAnswer, OptionValue, PoolUsage,
    ReplyKind, RequestKind, ServerName, SourceRow, Terms, Timestamp, VpnName, option::code,
};
use lessor_vocabulary::Catalogue;
use toml::de::DeValue;

use super::{expectation, lookups};
use crate::{
    identifiers::hardware_address,
    mistake::Draft,
    options::{Options, recognise_code},
    reader::{Table, Value},
    scope::header_text,
    shapes::{CASE_EARLIER, CASE_LEASE, CASE_POOL, CASE_REPLY},
    vpns::vpn_name,
};

/// The maximum number of pools in a request.
pub const POOLS_MAX: usize = 1_000;
/// The maximum number of options that a client may request.
pub const PARAMETERS_MAX: usize = 255;
/// The maximum total size of a relay's sub-options, including codes and lengths, in octets.
pub const SUB_OPTIONS_MAX: usize = 255;

/// A described request. Omitted values are those of a plain client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseRequest {
    /// The kind of message; the default is a DISCOVER.
    pub kind: RequestKind,
    /// The client's hardware address; the default is `02:00:00:00:00:01`.
    pub hardware_address: HardwareAddress,
    /// The transaction ID (xid).
    pub transaction_id: u32,
    /// The field secs.
    pub elapsed_secs: u16,
    /// The client's address (ciaddr).
    pub client_address: Option<Ipv4Addr>,
    /// The relay's address (giaddr).
    pub relay_address: Option<Ipv4Addr>,
    /// The client's options, without those of the header and of the relay.
    pub options: Vec<(u8, OptionValue)>,
    /// The sub-options of option 82.
    pub relay_sub_options: Vec<(u8, Box<[u8]>)>,
    /// Whether the message was sent to the server's own address.
    pub unicast: bool,
    /// The interface that the message arrived on.
    pub interface: Option<Arc<str>>,
    /// The server's time.
    pub time: Timestamp,
    /// The name of the client's network; the default is that of the subnet.
    pub network: Option<Arc<str>>,
    /// The VPN whose addresses the network has; none by default.
    pub vpn: Option<VpnName>,
    /// How full the pools of the network are.
    pub pools: Vec<PoolUsage>,
    /// The subnet that the client is in; the default is 100.64.0.0/16.
    pub subnet: Ipv4Net,
    /// The client's lease on record.
    pub lease: Option<CaseLease>,
    /// The terms that earlier policies in the chain have set.
    pub earlier: Terms,
    /// The answers of sources, by the name that the plugin plans the lookup under.
    pub lookups: Vec<(Arc<str>, LookupAnswer)>,
    /// Rows of tables: source, key, row.
    pub tables: Vec<(Arc<str>, Arc<str>, SourceRow)>,
    /// The reply that the plugin may edit, if the case has one.
    pub reply: Option<CaseReply>,
    /// The lease event, if the case is about that instead of the request.
    pub event: Option<LeaseEventKind>,
    /// The names of the classes that the message belongs to, beside those of [`Self::classes`].
    pub class_names: Vec<Arc<str>>,
    /// The classes that the case describes.
    pub classes: Classes,
    /// The options that the case knows by name.
    pub catalogue: Arc<Catalogue>,
}

/// A lease on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseLease {
    /// The address.
    pub address: Ipv4Addr,
    /// The remaining lease time in seconds; 0 if the lease has ended.
    pub ends_in_secs: u32,
    /// The name of the pool that contains the address.
    pub pool: Option<Arc<str>>,
    /// The last sub-options that a relay sent about the client's line.
    pub relay_sub_options: Vec<(u8, Box<[u8]>)>,
}

/// A reply to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseReply {
    /// The kind of message; the default is the one that answers the request.
    pub kind: Option<ReplyKind>,
    /// The assigned address (yiaddr).
    pub your_address: Option<Ipv4Addr>,
    /// The server that the client boots from (siaddr).
    pub next_server: Option<Ipv4Addr>,
    /// The name of that server (sname).
    pub server_name: Option<ServerName>,
    /// What the client boots (file).
    pub boot_file: Option<BootFileName>,
    /// The options of the reply.
    pub options: Vec<(u8, OptionValue)>,
}

/// Reads a request. Invalid values are reported and left out.
pub(super) fn read(table: &Table) -> CaseRequest {
    let kinds: Vec<_> = RequestKind::ALL.iter().map(|kind| (kind.word(), *kind)).collect();
    let events: Vec<_> = LeaseEventKind::ALL.iter().map(|kind| (kind.word(), *kind)).collect();
    let name = |key| table.get(key).and_then(|value: Value| value.text("a name")).map(Arc::from);
    CaseRequest {
        kind: table
            .get("kind")
            .and_then(|value| value.choice(&kinds))
            .unwrap_or(RequestKind::Discover),
        hardware_address: table
            .get("hardware-address")
            .and_then(|value| hardware_address(&value))
            .unwrap_or(HardwareAddress::ethernet([2, 0, 0, 0, 0, 1])),
        transaction_id: table
            .get("transaction-id")
            .and_then(|value| value.number(0, u32::MAX))
            .unwrap_or(1),
        elapsed_secs: table
            .get("elapsed-secs")
            .and_then(|value| value.number(0, u16::MAX))
            .unwrap_or(0),
        client_address: address(table, "client-address"),
        relay_address: address(table, "relay-address"),
        options: client_options(table),
        relay_sub_options: sub_options(table),
        unicast: table.get("unicast").and_then(|value| value.flag()).unwrap_or(false),
        interface: name("interface"),
        time: table.get("time").and_then(|value| time(&value)).unwrap_or(A_DAY),
        network: name("network"),
        vpn: table.get("vpn").and_then(|value| vpn_name(&value)),
        pools: pools(table),
        subnet: table
            .get("subnet")
            .and_then(|value| value.prefix())
            .unwrap_or(Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 16)),
        lease: table
            .get("lease")
            .and_then(|value| value.table(&CASE_LEASE))
            .and_then(|lease| read_lease(&lease)),
        earlier: table
            .get("earlier")
            .and_then(|value| value.table(&CASE_EARLIER))
            .map(|earlier| expectation::earlier(&earlier))
            .unwrap_or_default(),
        lookups: lookups::lookups(table),
        tables: lookups::rows(table),
        reply: table
            .get("reply")
            .and_then(|value| value.table(&CASE_REPLY))
            .map(|reply| read_reply(&reply)),
        event: table.get("event").and_then(|value| value.choice(&events)),
        class_names: class_names(table),
        classes: Classes::default(),
        catalogue: Arc::clone(table.collector().catalogue()),
    }
}

fn class_names(table: &Table) -> Vec<Arc<str>> {
    let items = table.get("classes").map(|value| value.items()).unwrap_or_default();
    items.iter().filter_map(|item| item.name()).map(Arc::from).collect()
}

/// 2026-01-01T00:00:00Z, so that a case does not depend on when it is run.
const A_DAY: Timestamp = Timestamp::from_unix_ms(1_767_225_600_000);

fn address(table: &Table, key: &'static str) -> Option<Ipv4Addr> {
    table.get(key).and_then(|value| value.address())
}

/// The options that have their own keys, followed by those in `options`.
fn client_options(table: &Table) -> Vec<(u8, OptionValue)> {
    let mut options = Vec::new();
    let mut add =
        |code, value: Option<OptionValue>| options.extend(value.map(|value| (code, value)));
    let octets = |key| {
        let value = table.get(key).and_then(|value| value.identifier());
        value.map(|octets| OptionValue::Octets(octets.into()))
    };
    let text = |key| {
        let value = table.get(key).and_then(|value| value.text("a text"));
        value.map(|text| OptionValue::Text(text.to_owned()))
    };
    add(code::CLIENT_IDENTIFIER, octets("client-identifier"));
    add(code::VENDOR_CLASS, text("vendor-class"));
    add(code::HOST_NAME, text("host-name"));
    add(code::REQUESTED_ADDRESS, address(table, "requested-address").map(OptionValue::Address));
    add(code::SERVER_IDENTIFIER, address(table, "server-identifier").map(OptionValue::Address));
    let secs = table.get("lease-time-secs").and_then(|value| value.number(0, u32::MAX));
    add(code::LEASE_TIME, secs.map(OptionValue::U32));
    add(
        code::PARAMETER_REQUEST_LIST,
        table.get("parameter-request-list").and_then(|list| parameters(&list)),
    );
    let more = table.get("options").map(|value| Options::read_of_client(&value));
    for (code, value) in more.unwrap_or_default().into_pairs() {
        if options.iter().any(|(found, _)| *found == code) {
            let draft = Draft::found(format!("option {code} is set twice"))
                .wanted("here and by its separate key above")
                .help("remove one of them");
            if let Some(value) = table.get("options") {
                value.report(draft);
            }
        }
        options.push((code, value));
    }
    options
}

fn parameters(list: &Value) -> Option<OptionValue> {
    let items = list.items();
    if items.len() > PARAMETERS_MAX {
        list.refuse(&format!("at most {PARAMETERS_MAX} options"));
        return None;
    }
    let codes: Option<Vec<u8>> = items
        .iter()
        .map(|item| match item.as_text() {
            Some(_) => recognise_code(item),
            None => item.number(1, 254),
        })
        .collect();
    Some(OptionValue::Octets(codes?))
}

/// The relay's sub-options: `circuit-id`, `remote-id`, and all others by code.
fn sub_options(table: &Table) -> Vec<(u8, Box<[u8]>)> {
    let mut sub_options = Vec::new();
    let named = [
        ("circuit-id", lessor_core::relay::CIRCUIT_ID),
        ("remote-id", lessor_core::relay::REMOTE_ID),
    ];
    for (key, code) in named {
        let octets = table.get(key).and_then(|value| value.identifier());
        sub_options.extend(octets.map(|octets| (code, octets)));
    }
    let Some(others) = table.get("relay-sub-options") else { return sub_options };
    for entry in others.entries("a table of sub-options, such as { 5 = \"hex:64400000\" }") {
        let code = entry.key.value.parse::<u8>().ok();
        match (code, entry.value.identifier()) {
            (Some(code), Some(octets)) if !sub_options.iter().any(|(found, _)| *found == code) => {
                sub_options.push((code, octets));
            }
            (Some(_), Some(_)) => entry.value.refuse("each sub-option only once"),
            (None, _) => others.collector().report(
                &entry.key.span,
                Draft::found(format!("`{}` is not a sub-option", entry.key.value))
                    .wanted("wanted its code, from 0 to 255"),
            ),
            (Some(_), None) => {}
        }
    }
    let length: usize = sub_options.iter().map(|(_, octets)| 2 + octets.len()).sum();
    if length > SUB_OPTIONS_MAX {
        others.refuse(&format!("sub-options of at most {SUB_OPTIONS_MAX} octets in all"));
    }
    sub_options
}

fn read_lease(table: &Table) -> Option<CaseLease> {
    let address = table.require("address", "\"100.64.1.7\"").and_then(|value| value.address());
    let ends_in = table.get("ends-in-secs").and_then(|value| value.number(0, u32::MAX));
    let pool = table.get("pool").and_then(|value| value.text("the name of a pool"));
    Some(CaseLease {
        address: address?,
        ends_in_secs: ends_in.unwrap_or(1_800),
        pool: pool.map(Arc::from),
        relay_sub_options: sub_options(table),
    })
}

fn pools(table: &Table) -> Vec<PoolUsage> {
    let Some(value) = table.get("pools") else { return Vec::new() };
    let wanted = "a table of pools, such as { open = { total = 100, leased = 97, free = 3 } }";
    let entries = value.entries(wanted);
    if entries.len() > POOLS_MAX {
        value.refuse(&format!("at most {POOLS_MAX} pools"));
        return Vec::new();
    }
    let read = |entry: crate::reader::KeyValue| {
        let pool = entry.value.table(&CASE_POOL)?;
        let count = |key| pool.get(key).and_then(|value| value.number(0, u32::MAX));
        let total = pool.require("total", "100")?.number(0, u32::MAX)?;
        let leased = count("leased").unwrap_or(0);
        let free = count("free").unwrap_or(total.saturating_sub(leased));
        if u64::from(leased) + u64::from(free) > u64::from(total) {
            entry.value.refuse("no more leased and free addresses than there are in all");
            return None;
        }
        Some(PoolUsage {
            pool: entry.key.value.into(),
            size: total.into(),
            leased: leased.into(),
            offered: (total - leased - free).into(),
            quarantined: 0,
        })
    };
    entries.into_iter().filter_map(read).collect()
}

fn read_reply(table: &Table) -> CaseReply {
    // No policy is called for a NAK.
    let kinds = [ReplyKind::Offer, ReplyKind::Ack].map(|kind| (kind.word(), kind));
    CaseReply {
        kind: table.get("kind").and_then(|value| value.choice(&kinds)),
        your_address: address(table, "your-address"),
        next_server: address(table, "next-server"),
        server_name: table
            .get("server-name")
            .and_then(|value| header_text(&value, "the name of a server")),
        boot_file: table
            .get("boot-file")
            .and_then(|value| header_text(&value, "the name of a file")),
        options: table
            .get("options")
            .map(|value| Options::read_lenient(&value))
            .unwrap_or_default()
            .into_pairs(),
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    const WANTED: &str = "a time with its zone, such as 2026-01-31T07:32:00Z";
    let text = match value.raw() {
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::String(text) => text.to_string(),
        _ => String::new(),
    };
    let found = text.parse::<jiff::Timestamp>().ok();
    let time = found.and_then(|time| u64::try_from(time.as_millisecond()).ok());
    if time.is_none() {
        value.refuse(WANTED);
    }
    time.map(Timestamp::from_unix_ms)
}

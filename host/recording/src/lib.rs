//! Recordings: everything that a server received and decided, one JSON object per line.
//!
//! The format is defined here once, for the server that writes it and the replay that reads it
//! ([`read`]). It is documented in docs/replay.md. Does not record: what is recorded, and in which
//! order, is the server's part. Invariant: the file contains everything that a replay needs; sorted
//! by `sequence`, inputs are in the order in which they were decided.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod reader;

use std::net::Ipv4Addr;

use lessor_core::{
    Arrival, Binding, ChangeByHand, Destination, OpenOffer, PoolUsage, ProbeResult, Reason, Reply,
    ReplyKind, Terms, Timestamp, Verdict, option::code,
};
use lessor_policy_host::{AnsweredLookup, TraceEntry, View};
use lessor_vocabulary::Catalogue;
use serde::{Deserialize, Serialize};

pub use reader::{RecordedEvent, Recording, read};

/// The version of the format that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// One line of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordingLine {
    /// The first line.
    Recording(RecordingHeader),
    /// A binding that the server had when the recording began.
    #[serde(rename = "lease")]
    Binding(Binding),
    /// An offer that was open when the recording began.
    Offer(OpenOffer),
    /// A network for which the server had no records when it began to serve it.
    NoRecords(NoRecords),
    /// A datagram and what was decided about it.
    Input(Box<RecordedInput>),
    /// An address was probed before it was offered.
    Probed(RecordedProbe),
    /// Ended leases, offers and quarantines were reclaimed.
    Reclaim(Reclaim),
    /// An operator changed a lease.
    ByHand(ByHand),
    /// The pools of a network that are drained from now on.
    Drained(Drained),
    /// The last line.
    End(RecordingEnd),
}

/// What was recorded, and by which server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RecordingHeader {
    /// The version of the format, [`VERSION`].
    pub version: u32,
    /// The server's version.
    pub server: String,
    /// When the recording began.
    pub began_at_ms: Timestamp,
    /// The generation that served at that time.
    pub generation: u64,
    /// SHA-256 of the configuration file, in hexadecimal; `None` if the file could not be read.
    pub configuration_digest: Option<String>,
    /// The plugins, in order.
    pub plugins: Vec<PluginDigest>,
    /// Whether all bindings and open offers follow.
    pub with_leases: bool,
    /// The text that clients or lines had to contain for their inputs to be recorded.
    pub find: Option<String>,
}

/// The identity of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PluginDigest {
    /// Its name: that of its file, without the ending.
    pub name: String,
    /// SHA-256 of the file, in hexadecimal.
    pub digest: String,
}

/// A datagram and what was decided about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RecordedInput {
    /// The place of the decision in the order of decisions; there are gaps.
    pub sequence: u64,
    /// When it was decided, in server time, like all times in a recording.
    pub at_ms: Timestamp,
    /// How far the clock that policies saw was ahead of that time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clock_offset_ms: i64,
    /// The generation that decided it.
    pub generation: u64,
    /// The datagram.
    pub datagram: Datagram,
    /// The binding that the server had of the client.
    #[serde(rename = "lease", default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
    /// How full the pools of the network were for its plugins, if one of them reads it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<PoolUsage>,
    /// The lookups for its plugins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<AnsweredLookup>,
    /// What was decided.
    pub decision: RecordedDecision,
}

/// A datagram as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Datagram {
    /// How it arrived.
    pub arrival: Arrival,
    /// Whether it was broadcast and arrived on a socket for relayed messages.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_relayed: bool,
    /// The octets, in hexadecimal.
    #[serde(with = "hex")]
    pub payload: Vec<u8>,
}

/// What was decided about an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RecordedDecision {
    /// The reason in which the input ended.
    pub reason: Reason,
    /// Details of the reason, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The name of the network, if the client was located.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The address that the decision is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
    /// The lease time that was granted, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_time_secs: Option<u32>,
    /// The terms of the policies, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// What each plugin did, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<PluginCall>,
    /// The reply, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<ReplyFacts>,
}

/// What one plugin did in one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PluginCall {
    /// The name of the plugin.
    pub plugin: String,
    /// What it set, as text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// Its verdict, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The kind of its fault, if the call failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// A reply in readable form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReplyFacts {
    /// The kind of message.
    pub kind: ReplyKind,
    /// The address that it gives to the client (yiaddr).
    pub your_address: Ipv4Addr,
    /// Where it was sent.
    pub destination: Destination,
    /// The fields of the header that say what to boot, as far as they are not empty: the name, and
    /// the value as text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
    /// The options in the order of the reply: the name, and the value as text.
    pub options: Vec<(String, String)>,
    /// The names of the options that did not fit, of those above and option 82.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// The result of a probe reached the engine of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RecordedProbe {
    /// The place in the order of decisions.
    pub sequence: u64,
    /// When the engine learned it.
    pub at_ms: Timestamp,
    /// The name of the network.
    pub network: String,
    /// The address.
    pub address: Ipv4Addr,
    /// What became of the probe.
    pub result: ProbeResult,
}

/// Ended leases, offers and quarantines of a network were reclaimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Reclaim {
    /// The place in the order of decisions.
    pub sequence: u64,
    /// When they were reclaimed.
    pub at_ms: Timestamp,
    /// The name of the network.
    pub network: String,
    /// How many deadlines were considered.
    pub limit: usize,
}

/// An operator changed a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ByHand {
    /// The place in the order of decisions.
    pub sequence: u64,
    /// When it was decided.
    pub at_ms: Timestamp,
    /// The name of the network.
    pub network: String,
    /// The change, which storage committed.
    pub change: ChangeByHand,
}

/// The pools of a network that are drained from now on, and no others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Drained {
    /// The place in the order of decisions; 0 for what was so when the recording began.
    pub sequence: u64,
    /// The name of the network.
    pub network: String,
    /// The names of the pools.
    pub pools: Vec<String>,
}

/// Since when a network is served for which there were no records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NoRecords {
    /// The name of the network.
    pub network: String,
    /// The moment since when it is served.
    pub since_ms: Timestamp,
}

/// How a recording ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RecordingEnd {
    /// Why it ended.
    pub why: EndReason,
    /// The number of inputs in the file.
    pub inputs: u64,
    /// The number of further inputs, for which the recorder was too slow.
    pub lost: u64,
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// The requested number of inputs was reached.
    Count,
    /// The requested time has passed.
    Time,
    /// The requested size was reached.
    Size,
    /// The command ended the recording.
    Stopped,
}

impl RecordedDecision {
    /// Creates a decision with nothing but a reason.
    pub fn new(reason: Reason, detail: Option<String>) -> Self {
        Self {
            reason,
            detail,
            network: None,
            address: None,
            lease_time_secs: None,
            terms: None,
            plugins: Vec::new(),
            reply: None,
        }
    }

    /// Returns whether the client notices no difference: reason, address and reply are the same,
    /// whatever led to them.
    pub fn is_alike(&self, other: &Self) -> bool {
        self.reason == other.reason && self.address == other.address && self.reply == other.reply
    }
}

impl PluginCall {
    /// Describes what a plugin did, with the names of options in `catalogue`.
    pub fn of(entry: &TraceEntry, catalogue: &Catalogue) -> Self {
        Self {
            plugin: entry.plugin.to_string(),
            set: entry.shown_settings(catalogue),
            verdict: entry.verdict.clone(),
            fault: entry.fault.map(|fault| fault.name().to_owned()),
        }
    }
}

impl ReplyFacts {
    /// Describes a reply that was written without the options of these codes, with the names of
    /// options that were known to the network.
    pub fn new(reply: &Reply, left_out: &[u8], view: Option<&View>) -> Self {
        let catalogue = view.map_or(Catalogue::registered(), |view| &*view.catalogue);
        let vendor_class = view.and_then(|view| view.request.options.get(code::VENDOR_CLASS));
        let name = |option: &u8| catalogue.shown_name(*option).to_string();
        let options = reply.options.iter();
        let next_server = reply.next_server_address;
        let next_server = (!next_server.is_unspecified()).then(|| next_server.to_string());
        let fields = [
            ("next-server", next_server.unwrap_or_default()),
            ("server-name", reply.server_name.to_string()),
            ("boot-file", reply.boot_file.to_string()),
        ];
        let fields = fields.into_iter().filter(|(_, value)| !value.is_empty());
        Self {
            fields: fields.map(|(name, value)| (name.to_owned(), value)).collect(),
            kind: reply.kind,
            your_address: reply.your_address,
            destination: reply.destination,
            options: options
                .map(|(option, value)| {
                    (name(option), catalogue.shown(*option, value, vendor_class))
                })
                .collect(),
            left_out: left_out.iter().map(name).collect(),
        }
    }
}

const fn is_zero(number: &i64) -> bool {
    *number == 0
}

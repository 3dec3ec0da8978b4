//! Recordings: everything that a server received and decided, one JSON object per line.
//!
//! The format is defined here once, for the server that writes it ([`Recorder`]) and the replay
//! that reads it ([`read`]). It is documented in docs/replay.md. Invariant: the file contains
//! everything that a replay needs; sorted by `sequence`, inputs are in the order in which they were
//! decided.

mod reader;
mod recorder;
mod session;

use std::net::Ipv4Addr;

use lessor_core::{
    Arrival, Destination, Lease, OpenOffer, Reason, Reply, ReplyKind, Terms, Timestamp, Verdict,
    option::shown_name,
};
use lessor_policy_host::{Lookup, TraceEntry};
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    reader::{Recording, Step, read},
    recorder::{Recorder, Sequence},
    session::record,
};

/// The version of the format that is written, and the only one that is read.
pub(crate) const VERSION: u32 = 1;

/// The longest duration of a recording, in seconds.
pub(crate) const RECORDING_SECS_MAX: u64 = 86_400;

/// What is to be recorded, with its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct RecordRequest {
    /// The number of inputs.
    pub(crate) count_max: u64,
    pub(crate) secs_max: u64,
    pub(crate) octets_max: u64,
    /// Whether to begin with all leases and open offers.
    pub(crate) with_leases: bool,
    /// The text that clients or lines must contain to be recorded.
    pub(crate) find: Option<String>,
}

/// One line of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Line {
    /// The first line.
    Recording(Header),
    /// A lease that the server had when the recording began.
    Lease(Lease),
    /// An offer that was open when the recording began.
    Offer(OpenOffer),
    /// A network for which the server had no records when it began to serve it.
    NoRecords(NoRecords),
    /// A datagram and what was decided about it.
    Input(Box<Input>),
    /// Ended leases, offers and quarantines were reclaimed.
    Reclaim(Reclaim),
    /// The last line.
    End(End),
}

/// What was recorded, and by which server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Header {
    /// The version of the format, [`VERSION`].
    pub(crate) version: u32,
    /// The server's version.
    pub(crate) server: String,
    /// When the recording began.
    pub(crate) began_at_ms: Timestamp,
    /// The generation that served at that time.
    pub(crate) generation: u64,
    /// SHA-256 of the configuration file, in hexadecimal; `None` if the file could not be read.
    pub(crate) configuration_digest: Option<String>,
    /// The plugins, in order.
    pub(crate) plugins: Vec<PluginDigest>,
    /// Whether all leases and open offers follow.
    pub(crate) with_leases: bool,
    /// The text that clients or lines had to contain for their inputs to be recorded.
    pub(crate) find: Option<String>,
}

/// The identity of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct PluginDigest {
    pub(crate) name: String,
    /// SHA-256 of the file, in hexadecimal.
    pub(crate) digest: String,
}

/// A datagram and what was decided about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Input {
    /// The place of the decision in the order of decisions; there are gaps.
    pub(crate) sequence: u64,
    /// When it was decided, in server time, like all times in a recording.
    pub(crate) at_ms: Timestamp,
    /// How far the clock that policies saw was ahead of that time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) clock_offset_ms: i64,
    /// The generation that decided it.
    pub(crate) generation: u64,
    pub(crate) datagram: Datagram,
    /// The record that the server had of the client's lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lease: Option<Lease>,
    /// The lookups for its plugins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) lookups: Vec<Lookup>,
    pub(crate) decision: Decided,
}

/// A datagram as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Datagram {
    pub(crate) arrival: Arrival,
    /// Whether it was broadcast and arrived on a socket for relayed messages.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) not_relayed: bool,
    /// The octets, in hexadecimal.
    #[serde(with = "hex")]
    pub(crate) payload: Vec<u8>,
}

/// What was decided about an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Decided {
    pub(crate) reason: Reason,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) network: Option<String>,
    /// The address that the decision is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<Ipv4Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lease_time_secs: Option<u32>,
    /// The terms of the policies, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) terms: Option<Terms>,
    /// What each plugin did, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) plugins: Vec<Said>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply: Option<ReplyFacts>,
}

/// What one plugin did in one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Said {
    pub(crate) plugin: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) set: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<Verdict>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<String>,
}

/// A reply in readable form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ReplyFacts {
    pub(crate) kind: ReplyKind,
    pub(crate) your_address: Ipv4Addr,
    pub(crate) destination: Destination,
    /// The fields of the header that say what to boot, as far as they are not empty: the name, and
    /// the value as text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fields: Vec<(String, String)>,
    /// The options in the order of the reply: the name, and the value as text.
    pub(crate) options: Vec<(String, String)>,
    /// The names of the options that did not fit, of those above and option 82.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) left_out: Vec<String>,
}

/// Ended leases, offers and quarantines of a network were reclaimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Reclaim {
    pub(crate) sequence: u64,
    pub(crate) at_ms: Timestamp,
    pub(crate) network: String,
    /// How many deadlines were considered.
    pub(crate) limit: usize,
}

/// Since when a network is served for which there were no records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct NoRecords {
    pub(crate) network: String,
    pub(crate) since_ms: Timestamp,
}

/// How a recording ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct End {
    pub(crate) why: EndReason,
    /// The number of inputs in the file.
    pub(crate) inputs: u64,
    /// The number of further inputs, for which the recorder was too slow.
    pub(crate) lost: u64,
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EndReason {
    /// The requested number of inputs was reached.
    Count,
    /// The requested time has passed.
    Time,
    /// The requested size was reached.
    Size,
    /// The command ended the recording.
    Stopped,
}

impl Decided {
    /// Creates a decision with nothing but a reason.
    pub(crate) fn new(reason: Reason, detail: Option<String>) -> Self {
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
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        self.reason == other.reason && self.address == other.address && self.reply == other.reply
    }
}

impl From<&TraceEntry> for Said {
    fn from(entry: &TraceEntry) -> Self {
        Self {
            plugin: entry.plugin.to_string(),
            set: entry.set.iter().map(ToString::to_string).collect(),
            verdict: entry.verdict.clone(),
            fault: entry.fault.map(|fault| fault.name().to_owned()),
        }
    }
}

impl ReplyFacts {
    /// Describes a reply that was written without the options of these codes.
    pub(crate) fn new(reply: &Reply, left_out: &[u8]) -> Self {
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
                .map(|(option, value)| (option_name(*option), value.shown(*option)))
                .collect(),
            left_out: left_out.iter().map(|option| option_name(*option)).collect(),
        }
    }
}

const fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Returns the name of an option, or `option-` and its code if it has none.
pub(crate) fn option_name(option: u8) -> String {
    shown_name(option).to_string()
}

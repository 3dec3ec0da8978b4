//! Recordings: everything that entered a server and what it decided, one JSON object a line.
//!
//! The form is defined here once, for the server that writes it ([`Recorder`]) and the replay that
//! reads it ([`read`]). It is documented in docs/replay.md. Invariant: what a replay needs stands in
//! the file; sorted by `sequence`, inputs are in the order in which they were decided.

mod reader;
mod recorder;

use std::net::Ipv4Addr;

use lessor_core::{
    Arrival, Destination, Lease, OpenOffer, OptionDefinition, Reason, Reply, ReplyKind, Terms,
    Timestamp, Verdict, option::code,
};
use lessor_policy_host::{Lookup, TraceEntry};
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    reader::{Recording, Step, read},
    recorder::{RECORDING_SECS_MAX, RecordRequest, Recorder, Sequence, record},
};

/// The version of the form that is written, and the only one that is read.
pub(crate) const VERSION: u32 = 1;

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
    /// A network that the server had no records of when it began to serve it.
    NoRecords(NoRecords),
    /// A datagram and what was decided about it.
    Input(Box<Input>),
    /// What had ended was taken back.
    Reclaim(Reclaim),
    /// The last line.
    End(End),
}

/// What was recorded, and with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Header {
    /// The version of the form, [`VERSION`].
    pub(crate) version: u32,
    /// The server's version.
    pub(crate) server: String,
    /// When the recording began.
    pub(crate) began_at_ms: Timestamp,
    /// The generation that served then.
    pub(crate) generation: u64,
    /// SHA-256 of the configuration file, in hexadecimal; none if it could not be read.
    pub(crate) configuration_digest: Option<String>,
    /// The plugins, in order.
    pub(crate) plugins: Vec<PluginDigest>,
    /// Whether all leases and open offers follow.
    pub(crate) with_leases: bool,
    /// Only inputs of clients or lines that contain this text were recorded.
    pub(crate) find: Option<String>,
}

/// Which plugin it was.
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
    /// The place of the decision in the order of decisions; numbers are left out.
    pub(crate) sequence: u64,
    /// When it was decided, in server time, as all times of a recording are.
    pub(crate) at_ms: Timestamp,
    /// How far the clock that policies saw was ahead of that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) clock_offset_ms: i64,
    /// The generation that decided.
    pub(crate) generation: u64,
    pub(crate) datagram: Datagram,
    /// The record that the server had of the client's lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lease: Option<Lease>,
    /// What was looked up for its plugins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) lookups: Vec<Lookup>,
    pub(crate) decision: Decided,
}

/// A datagram as it came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Datagram {
    pub(crate) arrival: Arrival,
    /// It was broadcast, and came in on a socket for relayed messages.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) not_relayed: bool,
    /// In hexadecimal.
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
    /// The address that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<Ipv4Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lease_time_secs: Option<u32>,
    /// What the policies wanted, if anything.
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

/// A reply as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ReplyFacts {
    pub(crate) kind: ReplyKind,
    pub(crate) your_address: Ipv4Addr,
    pub(crate) destination: Destination,
    /// In the order of the reply: the name, and the value as text.
    pub(crate) options: Vec<(String, String)>,
    /// Names of the options for which there was no room, of those above and option 82.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) left_out: Vec<String>,
}

/// What had ended in a network was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Reclaim {
    pub(crate) sequence: u64,
    pub(crate) at_ms: Timestamp,
    pub(crate) network: String,
    /// How many deadlines were looked at.
    pub(crate) limit: usize,
}

/// Since when a network is served that there were no records of.
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
    /// How many inputs stand in the file.
    pub(crate) inputs: u64,
    /// How many there were besides, for which the recorder was too slow.
    pub(crate) lost: u64,
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EndReason {
    /// As many inputs as were asked for.
    Count,
    /// As long as was asked for.
    Time,
    /// As large as was asked for.
    Size,
    /// Whoever asked wanted no more.
    Stopped,
}

impl Decided {
    /// Nothing but a reason.
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

    /// Whether the client notices no difference: reason and reply are the same, whatever led to
    /// them.
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
    /// A reply that was written without the options of these codes.
    pub(crate) fn new(reply: &Reply, left_out: &[u8]) -> Self {
        let options = reply.options.iter();
        Self {
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

/// The name of an option; `option-` and its code if it has none.
pub(crate) fn option_name(option: u8) -> String {
    let of_engine = match option {
        code::LEASE_TIME => Some("lease-time"),
        code::SERVER_IDENTIFIER => Some("server-identifier"),
        code::MESSAGE => Some("message"),
        code::RENEWAL_TIME => Some("renewal-time"),
        code::REBINDING_TIME => Some("rebinding-time"),
        code::CLIENT_IDENTIFIER => Some("client-identifier"),
        code::SUBNET_SELECTION => Some("subnet-selection"),
        code::REQUESTED_ADDRESS => Some("requested-address"),
        code::PARAMETER_REQUEST_LIST => Some("parameter-request-list"),
        code::MAX_MESSAGE_SIZE => Some("max-message-size"),
        code::RELAY_AGENT_INFORMATION => Some("relay-agent-information"),
        code::MESSAGE_TYPE => Some("message-type"),
        _ => None,
    };
    let known = OptionDefinition::by_code(option).map(|definition| definition.name);
    of_engine.or(known).map_or_else(|| format!("option-{option}"), str::to_owned)
}

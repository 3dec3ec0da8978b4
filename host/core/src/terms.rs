//! Terms: what policies want for one request.
//!
//! Does not check them; the engine checks every term again. Invariant: the default changes nothing.

use std::{net::Ipv4Addr, num::NonZeroU32, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{BootFileName, LeasePart, OptionValue, PoolChoice, ServerName};

/// What the policies of a chain want for one request. The default has no special requirements.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Terms {
    /// Whether the request is answered at all.
    pub verdict: Verdict,
    /// Choose the address from the first of these pools that has a free one, which is the only way
    /// to an address of a pool that is `by-policy-only`. A client that has an address of any of
    /// them keeps it, and one with a reservation gets its reserved address nevertheless.
    pub pool: Option<PoolChoice>,
    /// Give exactly this address, ahead of reservation and pool. It must be in a subnet of the
    /// client's network and be neither reserved for nor leased to another client; it does not have
    /// to be in a pool.
    pub address: Option<Ipv4Addr>,
    /// The lease time in seconds. It may be shorter than the minimum of the subnet (a walled garden
    /// needs short leases) but not longer than the maximum.
    pub lease_time_secs: Option<u32>,
    /// When the client extends its lease with this server (T1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renewal: Option<LeasePart>,
    /// When the client extends its lease with any server (T2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebinding: Option<LeasePart>,
    /// siaddr; 0.0.0.0 for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_server: Option<Ipv4Addr>,
    /// sname, and option 66 for a client that asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<ServerName>,
    /// file, and option 67 for a client that asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_file: Option<BootFileName>,
    /// Options by code. A value is sent whether or not the client asked for it; `None` prevents the
    /// option from being sent even if it is configured. Later entries take precedence. Options that
    /// only the engine may set are ignored.
    #[serde(with = "crate::option::recorded::changes")]
    pub options: Vec<(u8, Option<Arc<OptionValue>>)>,
    /// The subscriber that the lease counts against, and its limit.
    pub subscriber: Option<SubscriberLimit>,
}

impl Terms {
    /// The name of the pool that policies prefer.
    pub fn pool_name(&self) -> Option<&str> {
        self.pool.as_ref().map(|choice| &**choice.first())
    }
}

/// A subscriber and its limit within a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SubscriberLimit {
    /// The name under which leases are counted; not empty.
    pub name: Arc<str>,
    /// The maximum number of leases at a time.
    pub leases_max: NonZeroU32,
    /// What happens when the subscriber wants another lease.
    pub beyond: BeyondLimit,
}

/// What happens when a subscriber has reached its limit and wants another lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BeyondLimit {
    /// The client gets no address.
    Refuse,
    /// The subscriber's oldest lease, by how long its client has had the address, ends, and the
    /// client gets an address.
    ReplaceOldest,
}

/// What a policy decides about a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Decide under the terms.
    #[default]
    Proceed,
    /// Send no reply, for the policy's reason.
    Ignore(String),
    /// Send a NAK where RFC 2131 allows one, for the policy's reason; otherwise send no reply.
    Refuse(String),
    /// The policy could not be called, and its failure policy is to drop the packet.
    Drop(String),
}

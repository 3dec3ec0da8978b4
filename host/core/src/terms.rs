//! Terms: what a policy says of one request. The engine checks every one of them again.

use std::{net::Ipv4Addr, num::NonZeroU32, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::OptionValue;

/// What the policies of a chain want for one request; the default is "nothing special".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Terms {
    /// Whether the request is answered at all.
    pub verdict: Verdict,
    /// Choose the address from the pool of this name; the only way into a pool that is
    /// `by-policy-only`. A client that has a reservation keeps to its reserved address.
    pub pool: Option<Arc<str>>,
    /// Give exactly this address, ahead of reservation and pool. It must lie in a subnet of the
    /// client's network and be neither reserved for nor leased to another client; it need not lie
    /// in a pool.
    pub address: Option<Ipv4Addr>,
    /// The lease time. It may be shorter than the subnet's shortest (a walled garden wants short
    /// leases) but not longer than its longest.
    pub lease_time_secs: Option<u32>,
    /// Options by code. A value is sent whether or not the client asked for it; nothing in its
    /// place keeps the option from being sent even if it is configured. Later entries win. Options
    /// that only the engine may set are passed over.
    pub options: Vec<(u8, Option<Arc<OptionValue>>)>,
    /// Whom the lease is counted against, and how many leases that one may have.
    pub subscriber: Option<SubscriberLimit>,
}

/// A subscriber and its limit within a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SubscriberLimit {
    /// The name that leases are counted under; it is not empty.
    pub name: Arc<str>,
    /// How many leases it may have at a time.
    pub leases_max: NonZeroU32,
    /// What happens when it wants one more.
    pub beyond: BeyondLimit,
}

/// What happens when a subscriber has as many leases as it may have and wants one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BeyondLimit {
    /// The client gets no address.
    Refuse,
    /// The subscriber's oldest lease, by how long its client has had the address, ends and the client
    /// gets an address.
    ReplaceOldest,
}

/// What a policy decides about a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Go on under the terms.
    #[default]
    Proceed,
    /// Stay silent, for the policy's reason.
    Ignore(String),
    /// Send a NAK where RFC 2131 allows one, for the policy's reason; otherwise stay silent.
    Refuse(String),
    /// The policy could not be asked, and its failure policy says to drop the packet.
    Drop(String),
}

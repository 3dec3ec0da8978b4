//! What can stand between a client and an address.

use serde::{Deserialize, Serialize};

use crate::WhySkipped;

/// An obstacle between a client and an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// A client declined it, and no client gets it for a time.
    Quarantined,
    /// This client declined it, and keeps using the address that it got instead.
    Declined,
    /// It is one of the server's own addresses.
    ServersOwn,
    /// It is reserved for another client.
    Reserved,
    /// Another client has a lease or an open offer of it.
    HeldByOther,
    /// It is in no pool from which the client may have addresses.
    OutsidePools,
    /// Its pool excludes it.
    Excluded,
    /// It is a router of the subnet.
    Router,
    /// It ends in .0 or .255, and its pool skips these.
    FirstLast24,
    /// No client of the network can have it.
    Unusable,
    /// Another client has had it since, or the client declined it.
    NotLast,
    /// It is not free.
    NotFree,
    /// The network has no pool of this name.
    UnknownPool,
    /// No address of the pool is free.
    PoolExhausted,
    /// Its pool is drained, and the client has no lease of it.
    PoolDrained,
    /// A client of which this server has no record may hold it.
    HeldBack,
    /// The subscriber has reached its limit of leases and open offers.
    SubscriberLimit,
}

impl Obstacle {
    /// The obstacle to an address that its pool skips.
    pub(super) const fn of_skipped(why: WhySkipped) -> Self {
        match why {
            WhySkipped::NetworkAddress | WhySkipped::BroadcastAddress => Self::Unusable,
            WhySkipped::Router => Self::Router,
            WhySkipped::ServersOwn => Self::ServersOwn,
            WhySkipped::Excluded => Self::Excluded,
            WhySkipped::FirstLast24 => Self::FirstLast24,
        }
    }

    /// One clause for the operator.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Quarantined => "a client declined it, and no client gets it for a while",
            Self::Declined => {
                "the client declined it, and keeps using the address that it got instead"
            }
            Self::ServersOwn => "it is one of the server's own addresses",
            Self::Reserved => "it is reserved for another client",
            Self::HeldByOther => "another client has a lease or an open offer of it",
            Self::OutsidePools => "it is in no pool from which the client may have addresses",
            Self::Excluded => "its pool excludes it",
            Self::Router => "it is a router of the subnet",
            Self::FirstLast24 => "it ends in .0 or .255, and its pool skips these",
            Self::Unusable => "no client of this network can have it",
            Self::NotLast => "another client has had it since, or the client declined it",
            Self::NotFree => "it is not free",
            Self::UnknownPool => "the network has no pool with this name",
            Self::PoolExhausted => "no address of the pool is free",
            Self::PoolDrained => "its pool is drained, so new clients get none of its addresses",
            Self::HeldBack => "a client of which this server has no record may hold it",
            Self::SubscriberLimit => {
                "the subscriber has reached its limit of leases and open offers"
            }
        }
    }
}

//! What can stand between a client and an address.

use serde::{Deserialize, Serialize};

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
    /// A client of which this server has no record may hold it.
    HeldBack,
    /// The subscriber has reached its limit of leases and open offers.
    SubscriberLimit,
}

impl Obstacle {
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
            Self::Unusable => "no client of this network can have it",
            Self::NotLast => "another client has had it since, or the client declined it",
            Self::NotFree => "it is not free",
            Self::UnknownPool => "the network has no pool with this name",
            Self::PoolExhausted => "no address of the pool is free",
            Self::HeldBack => "a client of which this server has no record may hold it",
            Self::SubscriberLimit => {
                "the subscriber has reached its limit of leases and open offers"
            }
        }
    }
}

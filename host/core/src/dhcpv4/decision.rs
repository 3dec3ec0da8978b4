//! What the engine decides about one request, or what the request waits for.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::{Changes, Probe, Reason, Reply, ReservationOwner};

use super::identity::SeenElsewhere;

/// The decision of the engine about one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Decision {
    /// The reason for the decision.
    pub reason: Reason,
    /// The reply, which must not be sent before every change is durable.
    pub reply: Option<Reply>,
    /// The changes that storage must commit atomically. The first is the change of the client's
    /// address; the others release the address that it had before and the leases that its
    /// subscriber gives up for it.
    pub changes: Changes,
    /// How the client differs from the record of its active lease, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_elsewhere: Option<Box<SeenElsewhere>>,
    /// The identifier of the client by which its reservation was found, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved_by: Option<Box<ReservationOwner>>,
    /// What the lease time of the reply follows from besides the scopes and terms, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_time_rule: Option<LeaseTimeRule>,
}

/// What a lease time follows from besides the scopes and terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeaseTimeRule {
    /// The lease on record was extended a short time ago (`cache-threshold`). It stays as it is,
    /// and the client gets no more than the rest of it.
    Kept,
    /// Few addresses of the pool are left (`shorten`).
    Shortened,
}

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attempt {
    /// The request is decided.
    Decided(Decision),
    /// The request must be decided again after storage has answered; nothing is held for it in the
    /// meantime.
    Waits(Wait),
    /// The request must be decided again after the result of this probe was reported to
    /// [`Engine::probed`](super::Engine::probed). Its address is held for the client in the
    /// meantime.
    Probes(Probe),
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Wait {
    /// The request waits for the result of the change of this address that is in flight to storage.
    pub address: Ipv4Addr,
    /// Whether the same message of the same client caused that change.
    pub is_repeated: bool,
}

impl Decision {
    /// A decision without a reply or a change.
    pub(super) fn of(reason: Reason) -> Self {
        Self {
            reason,
            reply: None,
            changes: Changes::new(),
            seen_elsewhere: None,
            reserved_by: None,
            lease_time_rule: None,
        }
    }
}

//! Leases and the changes made to them.

use std::{net::Ipv4Addr, sync::Arc};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{ClientKey, HardwareAddress, RelayInformation, Timestamp};

/// What the server knows of an address that it gave out: the record that stable storage keeps, one
/// for each address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lease {
    /// The address, which is also the key of the record.
    pub address: Ipv4Addr,
    /// Whose it is; of a quarantined address, who declined it.
    pub client: ClientKey,
    /// The client's hardware address in its last message.
    pub hardware_address: HardwareAddress,
    /// What became of it.
    pub state: LeaseState,
    /// Since when this client has this address without a break.
    pub began_at: Timestamp,
    /// When it was last acknowledged, released or declined.
    pub changed_at: Timestamp,
    /// When the lease or the quarantine ends.
    pub expires_at: Timestamp,
    /// Whom the lease counts against: the subscriber that the terms of its last ACK named. A lease
    /// that is not active counts against nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriber: Option<Arc<str>>,
    /// Relay agent information of the client's last relayed message, kept because a unicast
    /// renewal carries none.
    pub relay_information: Option<RelayInformation>,
    /// Counts the changes of this record from 1; what compare-and-set compares.
    pub revision: u64,
    /// What a newer server wrote besides.
    #[serde(default, skip_serializing_if = "UnknownFields::is_empty")]
    pub unknown_fields: UnknownFields,
}

/// Fields of a record that a newer server wrote and that this one does not know, as storage has them. They
/// are written back whole with each change that leaves the address to the same client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnknownFields(#[serde(with = "crate::octets")] Box<[u8]>);

impl UnknownFields {
    /// Takes the octets that storage has.
    pub fn from_octets(octets: impl Into<Box<[u8]>>) -> Self {
        Self(octets.into())
    }

    /// The octets that storage has.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What became of a lease. An expired one is a `Leased` one whose end has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeaseState {
    /// Acknowledged to the client.
    Leased,
    /// Given back by the client (RFC 2131 section 4.3.4); remembered, so that the client may get
    /// it again.
    Released,
    /// Declined by the client (RFC 2131 section 4.3.3): somebody else seems to use it, so nobody
    /// gets it until `expires_at`.
    Quarantined,
}

impl Lease {
    /// Whether the client may use the address at `now`.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.state == LeaseState::Leased && now < self.expires_at
    }

    /// The same lease with all its times moved by so many milliseconds, so that what is left of it at
    /// a time that is moved alike stays the same. A lease without end stays one.
    pub fn moved_by_ms(&self, ms: i64) -> Self {
        Self {
            began_at: self.began_at.moved_by_ms(ms),
            changed_at: self.changed_at.moved_by_ms(ms),
            expires_at: self.expires_at.moved_by_ms(ms),
            ..self.clone()
        }
    }

    /// Whether nobody may be given the address at `now` because it was declined.
    pub fn is_quarantined(&self, now: Timestamp) -> bool {
        self.state == LeaseState::Quarantined && now < self.expires_at
    }
}

/// One change of one lease record, as a compare-and-set: it holds only if the record on storage has
/// the revision of `previous` (or does not exist, where there is none). Each change that is made adds
/// one to the revision, so storage has one history of each address, and two records of an address with
/// the same revision are the same record, however many servers write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Change<L = Lease> {
    /// The record as it shall be; its revision is one more than that of `previous`.
    pub lease: Arc<L>,
    /// The record as storage is known to hold it.
    pub previous: Option<Arc<L>>,
}

impl Change {
    /// The revision that storage must hold for the change to be made; 0 where there must be no
    /// record.
    pub fn expected_revision(&self) -> u64 {
        self.previous.as_ref().map_or(0, |previous| previous.revision)
    }

    /// The active lease that ends because its address passes to another client.
    pub fn passed_on(&self) -> Option<&Arc<Lease>> {
        let previous = self.previous.as_ref()?;
        let is_active = previous.is_active(self.lease.changed_at);
        (is_active && previous.client != self.lease.client).then_some(previous)
    }
}

/// The changes of one decision, each of another address. Storage makes all of them or none: a lease
/// that takes the place of others is never on record beside them.
pub type Changes = SmallVec<[Change; 1]>;

/// What storage says of the changes of one decision. It is said only once it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer<L = Lease> {
    /// All of them are on stable storage.
    Made,
    /// None was made, because at least one record had another revision: here is what storage holds of
    /// each address, in the order of the changes.
    Conflict(SmallVec<[Option<Arc<L>>; 1]>),
    /// None was made, because storage could not write.
    NotMade,
}

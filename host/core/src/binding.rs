//! Bindings and the changes made to them.
//!
//! Decides nothing about them. Invariant: records of an address with the same revision are the same
//! record.

use std::{net::Ipv4Addr, sync::Arc};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{ClientKey, HardwareAddress, HostName, RelayInformation, Timestamp, VpnName};

/// The record of an address that was given out: an active lease, a lease that expired or was
/// released, or a quarantine. Storage keeps one for each address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Binding {
    /// The address, which is the key of the record together with `vpn`.
    pub address: Ipv4Addr,
    /// The VPN whose address it is; `None` if it is in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpn: Option<VpnName>,
    /// The client that has the address; of a quarantined address, the client that declined it.
    pub client: ClientKey,
    /// The client's hardware address in its last message.
    pub hardware_address: HardwareAddress,
    /// The state of the binding.
    pub state: BindingState,
    /// The time since which this client has had this address without a break.
    pub began_at: Timestamp,
    /// The time at which the address was last acknowledged, released or declined.
    pub changed_at: Timestamp,
    /// The end of the lease or the quarantine.
    pub expires_at: Timestamp,
    /// The subscriber that the lease counts against, which the terms of its last ACK named. A lease
    /// that is not active counts against no subscriber.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriber: Option<Arc<str>>,
    /// Relay agent information of the client's last relayed message, kept because a unicast renewal
    /// does not contain any.
    pub relay_information: Option<RelayInformation>,
    /// giaddr of the client's last message that did not come directly, kept for the same reason;
    /// 0.0.0.0 if no relay forwarded it. `None` if it is not known, because no class was about
    /// relays or interfaces then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_address: Option<Ipv4Addr>,
    /// The name of the client, with its domain if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<HostName>,
    /// The number of changes of this record, starting at 1. Compare-and-set compares it.
    pub revision: u64,
    /// Fields that a newer server wrote.
    #[serde(default, skip_serializing_if = "UnknownFields::is_empty")]
    pub unknown_fields: UnknownFields,
}

/// Fields of a record that a newer server wrote and that this one does not know, in the form in
/// which storage has them. They are written back unchanged with each change that leaves the address
/// to the same client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnknownFields(#[serde(with = "crate::octets")] Box<[u8]>);

impl UnknownFields {
    /// Creates them from the octets in storage.
    pub fn from_octets(octets: impl Into<Box<[u8]>>) -> Self {
        Self(octets.into())
    }

    /// The octets that storage has.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// Returns whether there are no such fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The state of a binding. An expired lease is a `Leased` one whose end has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BindingState {
    /// Acknowledged to the client.
    Leased,
    /// Released by the client (RFC 2131 section 4.3.4). The record is kept so that the client may
    /// get the address again.
    Released,
    /// Declined by the client (RFC 2131 section 4.3.3): another host seems to use the address, so
    /// no client gets it until `expires_at`.
    Quarantined,
}

impl Binding {
    /// Returns whether the client may use the address at `now`.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.state == BindingState::Leased && now < self.expires_at
    }

    /// The same binding with all its times moved by `ms` milliseconds, so that its remaining time
    /// is the same at a time that is moved equally. An infinite lease stays infinite.
    pub fn moved_by_ms(&self, ms: i64) -> Self {
        Self {
            began_at: self.began_at.moved_by_ms(ms),
            changed_at: self.changed_at.moved_by_ms(ms),
            expires_at: self.expires_at.moved_by_ms(ms),
            ..self.clone()
        }
    }

    /// Returns whether no client may get the address at `now` because it was declined.
    pub fn is_quarantined(&self, now: Timestamp) -> bool {
        self.state == BindingState::Quarantined && now < self.expires_at
    }
}

/// A change of one binding, as a compare-and-set: it is committed only if the record in storage has
/// the revision of `previous`, or does not exist if `previous` is `None`. Each committed change
/// increments the revision, so storage has one history of each address, and two records of an
/// address with the same revision are the same record, however many servers write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Change<B = Binding> {
    /// The binding after the change; its revision is one more than that of `previous`.
    #[serde(rename = "lease")] // The name in recordings.
    pub binding: Arc<B>,
    /// The record that storage is known to hold.
    pub previous: Option<Arc<B>>,
}

impl Change {
    /// The revision that storage must hold for the change to be committed; 0 if there must be no
    /// record.
    pub fn expected_revision(&self) -> u64 {
        self.previous.as_ref().map_or(0, |previous| previous.revision)
    }

    /// The active lease that ends because its address passes to another client.
    pub fn passed_on(&self) -> Option<&Arc<Binding>> {
        let previous = self.previous.as_ref()?;
        let is_active = previous.is_active(self.binding.changed_at);
        (is_active && previous.client != self.binding.client).then_some(previous)
    }
}

/// The changes of one decision, each of a different address. Storage commits them atomically: a
/// lease that replaces others is never on record at the same time as they are.
pub type Changes = SmallVec<[Change; 1]>;

/// The result that storage reports for the changes of one decision, once it is certain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageAnswer<B = Binding> {
    /// All changes are on stable storage.
    Made,
    /// No change was made, because at least one record had another revision. Contains the record
    /// that storage holds of each address, in the order of the changes.
    Conflict(SmallVec<[Option<Arc<B>>; 1]>),
    /// No change was made, because storage could not write.
    NotMade,
}

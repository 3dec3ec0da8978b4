//! Leases in the form in which they are listed.
//!
//! Does not choose among them. Invariant: a list that is complete has every lease once, also if
//! configurations are reloaded meanwhile.

use std::net::Ipv4Addr;

use lessor_control::{Say, failure_line, json_line};
use lessor_core::{Binding, BindingState, Timestamp, Topology, readable};
use serde::{Deserialize, Serialize};

use crate::{
    clock::{self, written},
    reload::Reloader,
    shards,
};

/// A lease in the form in which it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LeaseRow {
    /// The address.
    pub address: Ipv4Addr,
    /// The VPN whose address it is, if it is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpn: Option<String>,
    /// Its state at the time of the list.
    pub state: LeaseRowState,
    /// The client key, as text.
    pub client: String,
    /// The hardware address of the client.
    pub hardware_address: String,
    /// The name of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
    /// The name of the pool that contains the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// The subscriber that it is counted against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscriber: Option<String>,
    /// The circuit id of its line, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit_id: Option<String>,
    /// The remote id of its line, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
    /// When it began: RFC 3339, UTC.
    pub began_at: String,
    /// When it changed last: RFC 3339, UTC.
    pub changed_at: String,
    /// When it ends: RFC 3339, UTC; `never` for an infinite binding.
    pub expires_at: String,
}

/// The state of a lease as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeaseRowState {
    /// The client may use the address.
    Leased,
    /// The lease has ended.
    Expired,
    /// The client has released the address, or its quarantine has ended.
    Released,
    /// The client has declined the address.
    Quarantined,
    /// An operator ended the lease, and the client may not know it yet.
    Ended,
}

impl LeaseRowState {
    /// Returns its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Leased => "leased",
            Self::Expired => "expired",
            Self::Released => "released",
            Self::Quarantined => "quarantined",
            Self::Ended => "ended",
        }
    }
}

/// Answers the question in the server: every binding, one network at a time.
pub fn write_rows(reloader: &Reloader, say: &mut Say<'_>) -> bool {
    let now = clock::now();
    let mut newest = || reloader.shared.engines.load_full();
    let listed = shards::each_binding_once(&mut newest, |binding, topology| {
        say(json_line(&LeaseRow::of(binding, now, topology)))
    });
    listed.unwrap_or_else(|shards::TooManyReloads(reloads)| {
        say(failure_line(&format!(
            "the configuration was reloaded {reloads} times meanwhile; try again"
        )))
    })
}

impl LeaseRow {
    /// Returns the row of a lease at a server time.
    pub fn of(binding: &Binding, now: Timestamp, topology: &Topology) -> Self {
        let location = topology.locate_address(binding.vpn.as_ref(), binding.address);
        let pool = location.and_then(|location| {
            let network = topology.networks().get(location.network.0 as usize)?;
            network.pool_of(binding.address).map(|pool| pool.name.to_string())
        });
        let relay = binding.relay_information.as_ref();
        Self {
            address: binding.address,
            vpn: binding.vpn.as_ref().map(ToString::to_string),
            state: match binding.state {
                BindingState::Leased if now < binding.expires_at => LeaseRowState::Leased,
                BindingState::Leased => LeaseRowState::Expired,
                BindingState::Quarantined if now < binding.expires_at => LeaseRowState::Quarantined,
                BindingState::Released if now < binding.expires_at => LeaseRowState::Ended,
                BindingState::Released | BindingState::Quarantined => LeaseRowState::Released,
            },
            client: binding.client.to_string(),
            hardware_address: binding.hardware_address.to_string(),
            host_name: binding.host_name.as_ref().map(ToString::to_string),
            pool,
            subscriber: binding.subscriber.as_deref().map(str::to_owned),
            circuit_id: relay.and_then(|relay| relay.circuit_id()).map(readable),
            remote_id: relay.and_then(|relay| relay.remote_id()).map(readable),
            began_at: written(clock::shown(binding.began_at)),
            changed_at: written(clock::shown(binding.changed_at)),
            expires_at: written(clock::shown(binding.expires_at)),
        }
    }
}

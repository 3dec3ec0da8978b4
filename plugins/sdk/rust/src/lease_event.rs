//! Lease events.

use std::net::Ipv4Addr;

pub use crate::__bindings::types::LeaseEventKind;
use crate::{__bindings::types, Lookup, lookup::Subject, request::from_octets};

/// A change of a lease that is on stable storage.
#[derive(Debug)]
pub struct LeaseEvent<'call>(pub(crate) &'call types::LeaseEvent);

impl LeaseEvent<'_> {
    /// The kind of the event.
    pub fn kind(&self) -> LeaseEventKind {
        self.0.kind()
    }

    /// The address.
    pub fn address(&self) -> Ipv4Addr {
        from_octets(self.0.address())
    }

    /// The name of the network that the address belongs to.
    pub fn network_name(&self) -> String {
        self.0.network_name()
    }

    /// The name of the VPN whose address it is, or `None` if it is in none.
    pub fn vpn_name(&self) -> Option<String> {
        self.0.vpn_name()
    }

    /// The key of the client that has the lease, as in [`crate::Request::client_key`].
    pub fn client_key(&self) -> String {
        self.0.client_key()
    }

    /// The client identifier, or `None` if the client sends none.
    pub fn client_identifier(&self) -> Option<Vec<u8>> {
        self.0.client_identifier()
    }

    /// The type of the client's hardware address: 1 is Ethernet.
    pub fn hardware_type(&self) -> u8 {
        self.0.hardware_type()
    }

    /// The client's hardware address, at most 16 octets.
    pub fn hardware_address(&self) -> Vec<u8> {
        self.0.hardware_address()
    }

    /// The circuit id that a relay last reported for the client's line.
    pub fn circuit_id(&self) -> Option<Vec<u8>> {
        self.0.circuit_id()
    }

    /// The remote id that a relay last reported for the client's line.
    pub fn remote_id(&self) -> Option<Vec<u8>> {
        self.0.remote_id()
    }

    /// The sub-option of option 82 with this code that a relay last reported for the client's line.
    pub fn relay_sub_option(&self, code: u8) -> Option<Vec<u8>> {
        self.0.relay_sub_option(code)
    }

    /// [`LeaseEvent::circuit_id`] as text, as [`crate::Request::circuit_id_text`] returns it: a
    /// good key for lookups.
    pub fn circuit_id_text(&self) -> Option<String> {
        self.0.circuit_id_text()
    }

    /// [`LeaseEvent::remote_id`] as text, in the same way.
    pub fn remote_id_text(&self) -> Option<String> {
        self.0.remote_id_text()
    }

    /// [`LeaseEvent::hardware_address`] as text: `02:00:5e:00:53:01`.
    pub fn hardware_address_text(&self) -> String {
        self.0.hardware_address_text()
    }

    /// The name of the pool that the address belongs to, or `None` if it is in no pool.
    pub fn pool_name(&self) -> Option<String> {
        self.0.pool_name()
    }

    /// The result of the lookup that [`crate::Policy::plan_lease_lookups`] planned under `name`.
    pub fn lookup<'a>(&'a self, name: &'a str) -> Lookup<'a> {
        Lookup { subject: Subject::Event(self.0), name }
    }

    /// The time since which this client has had this address without interruption, in milliseconds
    /// since the Unix epoch.
    pub fn began_at_ms(&self) -> u64 {
        self.0.began_at_ms()
    }

    /// The time at which the lease ends or ended, in milliseconds since the Unix epoch; `u64::MAX`
    /// for an infinite lease.
    pub fn expires_at_ms(&self) -> u64 {
        self.0.expires_at_ms()
    }

    /// The time of the event by the server's clock, in milliseconds since the Unix epoch.
    pub fn server_time_ms(&self) -> u64 {
        self.0.server_time_ms()
    }

    /// The name on record with the lease, with its domain if the configuration has one for it.
    pub fn host_name(&self) -> Option<String> {
        self.0.host_name()
    }
}

//! What the server shows to policies.

use std::sync::Arc;

use lessor_core::{
    ClientKey, Lease, LookupAnswer, Network, RelayInformation, Request, Subnet, Timestamp,
};
use serde::{Deserialize, Serialize};

/// A request and what the server knows about it, for the hooks of a packet.
#[derive(Clone, Debug)]
pub struct View {
    /// The request.
    pub request: Arc<Request>,
    /// The server's time.
    pub now: Timestamp,
    /// The network that the client is in.
    pub network: Arc<Network>,
    /// The position of the subnet that the client asks from, within the network.
    pub subnet: usize,
    /// The client, by what its network tells clients apart.
    pub client: ClientKey,
    /// The record that the server has of the client's lease, active or not.
    pub lease: Option<Arc<Lease>>,
    /// What was looked up for the plugins that planned it.
    pub lookups: Lookups,
    /// Plugins that are not asked about this request, because they failed to plan its lookups.
    pub absent: Absent,
    /// The plugin that made the terms final: those behind it are not shown the reply.
    pub final_by: Option<Arc<str>>,
}

/// What was looked up for one request, for each plugin what it planned.
pub type Lookups = Arc<[Lookup]>;

/// The names of plugins that count as absent for one request.
pub type Absent = Arc<[Arc<str>]>;

/// One lookup that a plugin planned.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedLookup {
    /// The plugin.
    pub plugin: Arc<str>,
    /// The name under which the plugin reads the answer; once for each plugin.
    pub name: Arc<str>,
    /// The source to ask.
    pub source: Arc<str>,
    /// What to ask it about.
    pub key: Arc<str>,
}

/// One lookup that a plugin planned, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lookup {
    /// The plugin.
    pub plugin: Arc<str>,
    /// The name under which the plugin reads the answer.
    pub name: Arc<str>,
    /// The source that is asked.
    pub source: Arc<str>,
    /// What it is asked about.
    pub key: Arc<str>,
    /// What it said.
    pub answer: LookupAnswer,
}

impl PlannedLookup {
    /// The lookup with what the source said.
    pub fn answered(self, answer: LookupAnswer) -> Lookup {
        let Self { plugin, name, source, key } = self;
        Lookup { plugin, name, source, key, answer }
    }
}

impl View {
    /// Whether this plugin is asked about the request.
    pub(crate) fn asks(&self, plugin: &str) -> bool {
        !self.absent.iter().any(|absent| **absent == *plugin)
    }

    /// The relay agent information of the message, or else what the server remembers of it.
    pub(crate) fn relay_information(&self) -> Option<&RelayInformation> {
        self.request.relay_information.as_ref().or_else(|| self.remembered_relay_information())
    }

    /// What the server remembers of the client's line, if that is what counts: the client sent to
    /// the server directly, from the address that it leases (a renewal, a RELEASE), so that no relay
    /// could say anything. The engine goes by the same rule
    /// ([`lessor_core::Engine::relay_information_of`]).
    pub(crate) fn remembered_relay_information(&self) -> Option<&RelayInformation> {
        let request = &self.request;
        let lease = self.lease.as_ref()?;
        let is_direct = request.arrival.unicast && !request.is_relayed();
        let is_from_leased = lease.address == request.client_address;
        let is_silent = request.relay_information.is_none();
        lease.relay_information.as_ref().filter(|_| is_silent && is_direct && is_from_leased)
    }

    /// What became of the lookup that `plugin` planned under `name`.
    pub(crate) fn lookup(&self, plugin: &str, name: &str) -> Option<&LookupAnswer> {
        let is_meant = |lookup: &&Lookup| *lookup.plugin == *plugin && *lookup.name == *name;
        self.lookups.iter().rev().find(is_meant).map(|lookup| &lookup.answer)
    }

    pub(crate) fn subnet(&self) -> Option<&Subnet> {
        self.network.subnets.get(self.subnet)
    }
}

/// Something that happened to a lease and is on stable storage, for the hook `on-lease`.
#[derive(Clone, Debug)]
pub struct LeaseEvent {
    /// What happened.
    pub kind: LeaseEventKind,
    /// The lease after it happened.
    pub lease: Arc<Lease>,
    /// The name of the network that the address belongs to.
    pub network_name: Arc<str>,
    /// When it happened.
    pub now: Timestamp,
}

/// What can happen to a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeaseEventKind {
    /// The client was given the address.
    Granted,
    /// The client extended its lease.
    Renewed,
    /// The client gave the address back.
    Released,
    /// The lease ended without being extended.
    Expired,
    /// The client found the address in use by somebody else.
    Declined,
}

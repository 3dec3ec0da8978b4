//! What the server shows to policies.

use std::sync::Arc;

use lessor_core::{
    Binding, ClientKey, LeaseEventKind, LookupAnswer, Network, PoolUsage, RelayInformation,
    Request, Subnet, Timestamp,
};
use lessor_vocabulary::Catalogue;
use serde::{Deserialize, Serialize};

/// A request and what the server knows about it, for the hooks of a packet.
#[derive(Clone, Debug)]
pub struct View {
    /// The request.
    pub request: Arc<Request>,
    /// The current server time.
    pub now: Timestamp,
    /// The network that the client is in.
    pub network: Arc<Network>,
    /// The position of the subnet that the client is in, within the network.
    pub subnet: usize,
    /// The client, by the client key of its network.
    pub client: ClientKey,
    /// The client's binding, active or not.
    pub binding: Option<Arc<Binding>>,
    /// How full the pools of the network are, in order of configuration; `None` if no plugin reads
    /// it.
    pub pools: Option<Pools>,
    /// The answers to the lookups that plugins planned. If there are several of one name, the last
    /// one counts.
    pub lookups: Lookups,
    /// Plugins that are not called for this request, because they failed to plan its lookups.
    pub absent: Absent,
    /// The options that are known by name.
    pub catalogue: Arc<Catalogue>,
    /// The plugin that made the terms final: those behind it do not edit the reply.
    pub final_by: Option<Arc<str>>,
}

/// The answers to the lookups for one request, by plugin.
pub type Lookups = Arc<[AnsweredLookup]>;

/// How full pools are.
pub type Pools = Arc<[PoolUsage]>;

/// The names of plugins that count as absent for one request.
pub type Absent = Arc<[Arc<str>]>;

/// One lookup that a plugin planned.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedLookup {
    /// The plugin.
    pub plugin: Arc<str>,
    /// The name that the plugin reads the answer under; unique for each plugin.
    pub name: Arc<str>,
    /// The source to query.
    pub source: Arc<str>,
    /// The key to query.
    pub key: Arc<str>,
}

/// One lookup that a plugin planned, with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AnsweredLookup {
    /// The plugin.
    pub plugin: Arc<str>,
    /// The name that the plugin reads the answer under.
    pub name: Arc<str>,
    /// The source that was queried.
    pub source: Arc<str>,
    /// The key that was queried.
    pub key: Arc<str>,
    /// The answer of the source.
    pub answer: LookupAnswer,
}

impl PlannedLookup {
    /// Adds the answer of the source.
    pub fn answered(self, answer: LookupAnswer) -> AnsweredLookup {
        let Self { plugin, name, source, key } = self;
        AnsweredLookup { plugin, name, source, key, answer }
    }
}

impl View {
    /// Whether this plugin is called for the request.
    pub(crate) fn asks(&self, plugin: &str) -> bool {
        !self.absent.iter().any(|absent| **absent == *plugin)
    }

    /// The relay agent information of the message, or the recorded one.
    pub fn relay_information(&self) -> Option<&RelayInformation> {
        self.request.relay_information.as_ref().or_else(|| self.remembered_relay_information())
    }

    /// The recorded relay agent information of the client, if it applies: the client sent to the
    /// server directly, from the address that it leases (a renewal, a RELEASE), so that no relay
    /// could add any. The engine uses the same rule
    /// ([`lessor_core::Engine::relay_information_of`]).
    pub(crate) fn remembered_relay_information(&self) -> Option<&RelayInformation> {
        let request = &self.request;
        let binding = self.binding.as_ref()?;
        let is_from_leased = request.address_in_use() == Some(binding.address);
        let is_silent = request.relay_information.is_none();
        let is_remembered = is_silent && request.is_direct() && is_from_leased;
        binding.relay_information.as_ref().filter(|_| is_remembered)
    }

    /// The answer to the lookup that `plugin` planned under `name`.
    pub(crate) fn lookup(&self, plugin: &str, name: &str) -> Option<&LookupAnswer> {
        answer_in(&self.lookups, plugin, name)
    }

    /// Whether `plugin` has planned lookups.
    pub(crate) fn has_lookups_of(&self, plugin: &str) -> bool {
        self.lookups.iter().any(|lookup| *lookup.plugin == *plugin)
    }

    pub(crate) fn subnet(&self) -> Option<&Subnet> {
        self.network.subnets.get(self.subnet)
    }
}

/// A change of a binding that is on stable storage, for the hook `on-lease`.
#[derive(Clone, Debug)]
pub struct LeaseEvent {
    /// What happened.
    pub kind: LeaseEventKind,
    /// The binding after it happened.
    pub binding: Arc<Binding>,
    /// The name of the network that the address belongs to.
    pub network_name: Arc<str>,
    /// The name of the pool that contains the address, if there is one.
    pub pool_name: Option<Arc<str>>,
    /// When it happened.
    pub now: Timestamp,
    /// The answers to the lookups that plugins planned.
    pub lookups: Lookups,
    /// Plugins that are not called for this event, because they failed to plan its lookups.
    pub absent: Absent,
}

impl LeaseEvent {
    /// Whether this plugin is called for the event.
    pub(crate) fn tells(&self, plugin: &str) -> bool {
        !self.absent.iter().any(|absent| **absent == *plugin)
    }

    /// The answer to the lookup that `plugin` planned under `name`.
    pub(crate) fn lookup(&self, plugin: &str, name: &str) -> Option<&LookupAnswer> {
        answer_in(&self.lookups, plugin, name)
    }
}

fn answer_in<'l>(
    lookups: &'l [AnsweredLookup],
    plugin: &str,
    name: &str,
) -> Option<&'l LookupAnswer> {
    let is_meant = |lookup: &&AnsweredLookup| *lookup.plugin == *plugin && *lookup.name == *name;
    lookups.iter().rev().find(is_meant).map(|lookup| &lookup.answer)
}

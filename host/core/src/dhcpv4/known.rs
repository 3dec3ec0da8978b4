//! What an engine knows of clients and addresses.
//!
//! Changes nothing: an end that was not noticed yet is not noticed here either.

use std::{borrow::Cow, net::Ipv4Addr};

use crate::{Binding, ClientKey, Reason, RelayInformation, Request, WhySkipped, ledger::Standing};

use super::{Engine, family::SlotView, identity, obstacle::Obstacle};

/// Which client holds an address, or why no client can get it on request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holding {
    /// This client has a lease of the address.
    Leased(ClientKey),
    /// This client has an open offer of the address.
    Offered(ClientKey),
    /// A client declined the address.
    Quarantined,
    /// It is one of the server's own addresses.
    ServersOwn,
    /// The address is reserved.
    Reserved,
    /// It is in a pool that skips it.
    Skipped(WhySkipped),
    /// No pool contains the address.
    OutsidePools,
    /// The address is free, but its pool is drained.
    Drained,
    /// The address is free.
    Free,
}

impl Holding {
    /// Returns whether an authoritative server refuses a client of which it has no record and that
    /// wants to keep the address: it is certainly that of another client, or of none.
    pub fn is_refused_with_authority(&self) -> bool {
        match self {
            Self::Leased(_)
            | Self::Offered(_)
            | Self::Quarantined
            | Self::ServersOwn
            | Self::Reserved => true,
            Self::Skipped(why) => Obstacle::of_skipped(*why).objection() == Reason::NakAddressTaken,
            Self::OutsidePools | Self::Drained | Self::Free => false,
        }
    }
}

impl Engine {
    /// The current binding of a client, active or not, which a policy may see before it decides.
    pub fn binding_of(&self, client: &ClientKey) -> Option<Binding> {
        self.bindings.current_of(&self.bindings.look_up(client.clone()))?.binding()
    }

    /// The client that sent a request, according to the client key of the network, or `None` if the
    /// request does not identify a client.
    pub fn client_of(&self, request: &Request) -> Option<ClientKey> {
        identity::client_of(&self.plan, &self.bindings, request)
            .map(|client| client.key.holder().clone())
    }

    /// The current binding of the client that sent a request, active or not.
    pub fn binding_for(&self, request: &Request) -> Option<Binding> {
        let client = identity::client_of(&self.plan, &self.bindings, request)?;
        self.bindings.current_of(client.on_record())?.binding()
    }

    /// The binding of an address, active or not.
    pub fn binding_at(&self, address: Ipv4Addr) -> Option<Binding> {
        self.bindings.slot(u32::from(address))?.binding()
    }

    /// The holder of an address, as far as ends have been noticed; `None` if no subnet of the
    /// network spans the address.
    pub fn holding(&self, address: Ipv4Addr) -> Option<Holding> {
        let address = u32::from(address);
        self.plan.subnet_of(address)?;
        let view = self.bindings.slot(address);
        let leased = view.filter(|view| view.active().is_some()).and_then(SlotView::binding);
        let pool = self.plan.giving_pool_of(address);
        Some(match (leased, view.and_then(SlotView::claimant)) {
            _ if self.bindings.is_withheld(address) => Holding::ServersOwn,
            (Some(lease), _) => Holding::Leased(lease.client),
            (None, Some(client)) => Holding::Offered(client.clone()),
            _ if self.bindings.standing(address) == Standing::Quarantined => Holding::Quarantined,
            _ if self.plan.is_reserved(address) => Holding::Reserved,
            _ => match (pool, self.plan.why_skipped(address)) {
                (Some(pool), _) if self.drained.has(pool) => Holding::Drained,
                (Some(_), _) => Holding::Free,
                (None, Some(why)) => Holding::Skipped(why),
                (None, None) => Holding::OutsidePools,
            },
        })
    }

    /// The relay agent information that applies to a request: its own or, for a message that the
    /// client sent directly to the server from the address it leases, that of its last relayed
    /// message.
    pub fn relay_information_of<'a>(
        &'a self,
        request: &'a Request,
    ) -> Option<Cow<'a, RelayInformation>> {
        identity::relay_information_of(&self.plan, &self.bindings, request)
    }

    /// giaddr of a request or, for a message that the client sent directly to the server from the
    /// address that it leases, that of its last other message, if that is on record. 0.0.0.0 means
    /// that no relay forwarded it.
    pub fn relay_address_of(&self, request: &Request) -> Option<Ipv4Addr> {
        identity::relay_address_of(&self.plan, &self.bindings, request)
    }

    /// Every binding, in order of address. A server that must not pause uses
    /// [`Engine::listing`] instead.
    pub fn bindings(&self) -> impl Iterator<Item = Binding> {
        self.bindings.slots().filter_map(SlotView::binding)
    }
}

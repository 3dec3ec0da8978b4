//! Changes by hand: an operator leases an address to a client, ends a lease, or gives a client
//! another address.
//!
//! They are decisions like those about messages: a change that depends on one in flight waits, and
//! storage settles it. Does not know who the operator is. Invariant: a change by hand gives no
//! address to a client that another one holds, and puts no lease on the account of a subscriber.
//!
//! - A client whose lease was ended does not know it. Its record is that of a released lease with
//!   the end that the client was promised; until then it gets a NAK when it extends the lease
//!   ([`Decider::was_ended_by_hand`]).
//! - A client that is moved has two leases, so no other client gets one of these addresses. The
//!   newer one is its current record: it gets a NAK when it extends the other, is offered the newer
//!   address, and its ACK ends the lease of the former one.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::{
    Binding, BindingState, Changes, ClientKey, HardwareAddress, RelayInformation, Timestamp,
    UnknownFields,
    ledger::{Holder, KnownHolder, Record},
};

use super::{
    Engine,
    decider::Decider,
    family::{Bindings, Cause, Facts, Ipv4, SlotView},
    farewell::active_lease,
    obstacle::Obstacle,
    plan::address_of,
};

/// A change that an operator makes by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeByHand {
    /// Leases an address to a client that has none.
    Add {
        /// The address.
        address: Ipv4Addr,
        /// The client.
        client: ClientKey,
        /// Its hardware address, as far as it is known.
        hardware_address: HardwareAddress,
        /// The duration of the lease, in seconds.
        secs: u32,
    },
    /// Ends the lease or the quarantine of an address.
    End {
        /// The address.
        address: Ipv4Addr,
        /// The client that must have it; `None` if it does not matter.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<ClientKey>,
    },
    /// Gives the client that leases an address another one of its network.
    Move {
        /// The address that the client has.
        from: Ipv4Addr,
        /// The address that it gets.
        to: Ipv4Addr,
        /// The client that must have the first one; `None` if it does not matter.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<ClientKey>,
    },
}

/// The decision about a change by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptByHand {
    /// Storage must commit these changes, and the engine must be told of the result
    /// ([`Engine::settle`]).
    Decided(Changes),
    /// The change was made before.
    Already,
    /// Nothing may be changed.
    Refused(RefusalByHand),
    /// It must be decided again after storage has answered for this address.
    Waits(Ipv4Addr),
}

/// Why a change by hand is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalByHand {
    /// The client cannot have the address.
    Obstacle {
        /// The address.
        address: Ipv4Addr,
        /// Why.
        obstacle: Obstacle,
        /// The client that holds it, if one does.
        holder: Option<ClientKey>,
        /// When it ends to hold it, if that is known.
        until: Option<Timestamp>,
    },
    /// The client leases another address.
    LeasesOther(Ipv4Addr),
    /// The address is neither leased nor quarantined.
    NotLeased(Ipv4Addr),
    /// Another client has the address.
    OfOther {
        /// The address.
        address: Ipv4Addr,
        /// That client.
        holder: ClientKey,
    },
    /// The client is to get this address already.
    MovesAlready(Ipv4Addr),
    /// The client has the address that it is to get.
    SameAddress(Ipv4Addr),
}

impl ChangeByHand {
    /// The address whose network decides about it.
    pub const fn address(&self) -> Ipv4Addr {
        match self {
            Self::Add { address, .. } | Self::End { address, .. } => *address,
            Self::Move { from, .. } => *from,
        }
    }
}

impl Engine {
    /// Decides about a change that an operator makes by hand, unless it depends on a change that
    /// storage has not answered yet. Each decision with changes must be settled once, as those of
    /// [`Engine::decide`].
    pub fn change_by_hand(&mut self, now: Timestamp, change: &ChangeByHand) -> AttemptByHand {
        let mut hand = Hand { engine: self, now };
        match change {
            ChangeByHand::Add { address, client, hardware_address, secs } => {
                hand.add(u32::from(*address), client, *hardware_address, *secs)
            }
            ChangeByHand::End { address, client } => hand.end(u32::from(*address), client.as_ref()),
            ChangeByHand::Move { from, to, client } => {
                hand.move_to(u32::from(*from), u32::from(*to), client.as_ref())
            }
        }
        .unwrap_or_else(|no| no)
    }
}

impl Decider<'_, '_> {
    /// Returns whether an operator ended the client's lease of `address` before the time that the
    /// client was promised.
    pub(super) fn was_ended_by_hand(&self, address: u32) -> bool {
        let record = self.bindings.slot(address).and_then(SlotView::record);
        record.is_some_and(|record| {
            record.state() == BindingState::Released
                && self.now < record.expires_at()
                && self.is_own(record)
        })
    }
}

/// The hand of an operator.
struct Hand<'e> {
    engine: &'e mut Engine,
    now: Timestamp,
}

/// A decision, or why there is none.
type DecidedByHand = Result<AttemptByHand, AttemptByHand>;

impl Hand<'_> {
    fn add(
        &mut self,
        address: u32,
        client: &ClientKey,
        hardware_address: HardwareAddress,
        secs: u32,
    ) -> DecidedByHand {
        let known = self.bindings().look_up(client.clone());
        self.look_at(address, &known)?;
        if self.active(address).is_some_and(|record| known.is_holder_of(record)) {
            return Ok(AttemptByHand::Already);
        }
        if let Some(other) = self.leases_of(&known).next() {
            return refused(RefusalByHand::LeasesOther(address_of(other)));
        }
        self.check_free(address, &known)?;
        let relay_information = match client {
            ClientKey::Line(line) => Some(line.octets()),
            ClientKey::LineAndHardware(both) => Some(both.0.octets()),
            ClientKey::Identifier(_) | ClientKey::Hardware(_) => None,
        };
        let lease = Binding {
            address: address_of(address),
            vpn: self.engine.network().vpn_name().cloned(),
            client: client.clone(),
            hardware_address,
            state: BindingState::Leased,
            began_at: self.now,
            changed_at: self.now,
            expires_at: self.now.after_secs(secs),
            subscriber: None,
            relay_information: relay_information.map(RelayInformation::from_octets),
            relay_address: None,
            host_name: None,
            revision: 0,
            unknown_fields: self.unknown_fields(address, &known),
        };
        self.bindings().withdraw_other_offer_to(&known, address);
        Ok(self.depart(lease))
    }

    fn end(&mut self, address: u32, client: Option<&ClientKey>) -> DecidedByHand {
        let record = self.held_by(address, client)?;
        let ended = match record.state {
            BindingState::Quarantined => Binding { expires_at: self.now, ..record },
            // The end that the client was promised stays.
            BindingState::Leased | BindingState::Released => {
                Binding { state: BindingState::Released, ..record }
            }
        };
        Ok(self.depart(Binding { changed_at: self.now, ..ended }))
    }

    fn move_to(&mut self, from: u32, to: u32, client: Option<&ClientKey>) -> DecidedByHand {
        let lease = self.held_by(from, client)?;
        if lease.state != BindingState::Leased {
            return refused(RefusalByHand::NotLeased(address_of(from)));
        }
        if from == to {
            return refused(RefusalByHand::SameAddress(address_of(to)));
        }
        let known = self.bindings().look_up(lease.client.clone());
        self.look_at(to, &known)?;
        let other = self.leases_of(&known).find(|leased| *leased != from);
        match other {
            Some(other) if other == to => return Ok(AttemptByHand::Already),
            Some(other) => return refused(RefusalByHand::MovesAlready(address_of(other))),
            None => self.check_free(to, &known)?,
        }
        let unknown_fields = self.unknown_fields(to, &known);
        self.bindings().withdraw_other_offer_to(&known, to);
        Ok(self.depart(Binding {
            address: address_of(to),
            began_at: self.now,
            changed_at: self.now,
            // They belong to the lease that the client has, until it takes this one.
            subscriber: None,
            host_name: None,
            unknown_fields,
            ..lease
        }))
    }

    /// The active lease or quarantine of an address.
    fn held_by(
        &mut self,
        address: u32,
        client: Option<&ClientKey>,
    ) -> Result<Binding, AttemptByHand> {
        self.wait_for(address)?;
        let now = self.now;
        self.bindings().notice(now, address);
        let view = self.engine.bindings.slot(address);
        let quarantine = view.and_then(SlotView::quarantine);
        let quarantined = quarantine.map(|record| record.binding(address));
        let found = view.and_then(active_lease).or(quarantined);
        match (found, client) {
            (None, _) => Err(AttemptByHand::Refused(RefusalByHand::NotLeased(address_of(address)))),
            (Some(found), Some(client)) if found.client != *client => {
                let (address, holder) = (address_of(address), found.client);
                Err(AttemptByHand::Refused(RefusalByHand::OfOther { address, holder }))
            }
            (Some(found), _) => Ok(found),
        }
    }

    /// Notices the ends of what holds `address` or is held by a client, unless changes of these are
    /// in flight.
    fn look_at(&mut self, address: u32, known: &KnownHolder<Ipv4>) -> Result<(), AttemptByHand> {
        self.wait_for(address)?;
        if let Some(in_flight) = self.engine.bindings.flight_of(known) {
            return Err(AttemptByHand::Waits(address_of(in_flight)));
        }
        let now = self.now;
        for held in self.engine.bindings.records_of(known).into_iter().chain([address]) {
            self.bindings().notice(now, held);
        }
        Ok(())
    }

    fn wait_for(&self, address: u32) -> Result<(), AttemptByHand> {
        match self.engine.bindings.slot(address).is_some_and(SlotView::is_in_flight) {
            true => Err(AttemptByHand::Waits(address_of(address))),
            false => Ok(()),
        }
    }

    /// Refuses an address that the client cannot have.
    fn check_free(&self, address: u32, known: &KnownHolder<Ipv4>) -> Result<(), AttemptByHand> {
        let Some(obstacle) = self.obstacle(address, known) else { return Ok(()) };
        let view = self.engine.bindings.slot(address);
        let held = view.and_then(|view| view.active().or(view.quarantine()));
        let offer = view.and_then(SlotView::offer).map(|offer| (&offer.holder, offer.expires_at));
        let held =
            held.map(|record| (ClientKey::from_octets(record.holder()), record.expires_at()));
        let held = held.or(offer.map(|(holder, until)| (holder.clone(), until)));
        let is_held = matches!(obstacle, Obstacle::HeldByOther | Obstacle::Quarantined);
        let (holder, until) = held.filter(|_| is_held).unzip();
        let address = address_of(address);
        refused(RefusalByHand::Obstacle { address, obstacle, holder, until }).map(drop)
    }

    fn obstacle(&self, address: u32, known: &KnownHolder<Ipv4>) -> Option<Obstacle> {
        let Engine { plan, bindings, drained, .. } = &*self.engine;
        if bindings.is_withheld(address) {
            return Some(Obstacle::ServersOwn);
        }
        if !plan.is_usable(address) {
            return Some(Obstacle::Unusable);
        }
        if plan.is_reserved(address) {
            return Some(Obstacle::Reserved);
        }
        let view = bindings.slot(address);
        if view.and_then(SlotView::quarantine).is_some() {
            return Some(Obstacle::Quarantined);
        }
        let is_leased = view.and_then(SlotView::active).is_some();
        let offer = view.and_then(SlotView::offer);
        if is_leased || offer.is_some_and(|offer| offer.holder != *known.holder()) {
            return Some(Obstacle::HeldByOther);
        }
        if let Some(why) = plan.why_skipped(address) {
            return Some(Obstacle::of_skipped(why));
        }
        match plan.giving_pool_of(address) {
            None => Some(Obstacle::OutsidePools),
            Some(pool) => drained.has(pool).then_some(Obstacle::PoolDrained),
        }
    }

    /// The addresses that a client leases.
    fn leases_of(&self, known: &KnownHolder<Ipv4>) -> impl Iterator<Item = u32> {
        let records = self.engine.bindings.records_of(known);
        records.into_iter().filter(|address| self.active(*address).is_some())
    }

    fn active(&self, address: u32) -> Option<&Record<Ipv4>> {
        self.engine.bindings.slot(address).and_then(SlotView::active)
    }

    /// The fields of a newer server in the client's own record of an address.
    fn unknown_fields(&self, address: u32, known: &KnownHolder<Ipv4>) -> UnknownFields {
        let record = self.engine.bindings.slot(address).and_then(SlotView::record);
        let own = record.filter(|record| known.is_holder_of(record));
        own.map(|own| Facts::of(own).unknown_fields()).unwrap_or_default()
    }

    fn depart(&mut self, binding: Binding) -> AttemptByHand {
        let change = self.bindings().depart(binding, Cause::NO_MESSAGE);
        AttemptByHand::Decided(Changes::from_iter([change]))
    }

    fn bindings(&mut self) -> &mut Bindings {
        &mut self.engine.bindings
    }
}

fn refused(why: RefusalByHand) -> DecidedByHand {
    Err(AttemptByHand::Refused(why))
}

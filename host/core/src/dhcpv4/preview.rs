//! Preview: what would be decided about a request, and why, without consequences.
//!
//! The real decision is made, but on a copy of the part of the ledger that it can read: what is
//! known of the client, of the addresses that the request, terms and reservation name or that are
//! on its subscriber's account, of the next free addresses, and of the quarantined and offered
//! addresses that come next when none is free. So nothing is held, changed or counted, and the time
//! of a preview does not depend on the number of bindings. The addresses that were considered are
//! those of which the decision notified its witness. Invariant: a decision on that part has the
//! same result as on the whole; the simulation compares the two for every request. A request that
//! would wait for storage is decided on the records as they are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    HostName, NameFault, Origin, Probe, Reason, RelayInformation, ReplyKind, Request, Reservation,
    ReservationOwner, Terms, Timestamp,
    ledger::Scope,
    option::{code, is_reserved_for_engine},
};

use super::{
    Decision, Engine, LeaseTimeRule,
    decider::{Decider, subscriber_of},
    discover::{DUE_IN_DECISION_MAX, LOOKED_AT_MAX},
    family::{Bindings, Facts, SlotView},
    identity::{self, Client},
    obstacle::Obstacle,
    probes::Probed,
    quarantine::Account,
    witness::{Candidate, Witness},
};

/// The number of offers that a decision can close because it notices their end, or because they
/// were made to the client: see [`Decider::notice`].
const NOTICED_MAX: usize = 8;

/// What would be decided about a request, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Preview {
    /// The decision.
    pub decision: Decision,
    /// The reservation for the client or its line.
    pub reservation: Option<Reservation>,
    /// The identifier by which the reservation was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved_by: Option<ReservationOwner>,
    /// The addresses that were considered, in order. If one is chosen, it is the last.
    pub candidates: Vec<Candidate>,
    /// The origin of each option of the reply, in the order of the reply.
    pub option_origins: Vec<(u8, OptionOrigin)>,
    /// The origin of each field of the reply's header that the server chooses and that is not
    /// empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub field_origins: Vec<(HeaderField, OptionOrigin)>,
    /// The name of the client that would be on record with the address.
    #[serde(default)]
    pub naming: Naming,
    /// How the address would be probed before the client gets it, if it would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
}

/// A field of the header from which a client learns what to boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeaderField {
    /// siaddr.
    NextServer,
    /// sname.
    ServerName,
    /// file.
    BootFile,
}

/// The origin of an option or a field of a reply. Those from [`OptionOrigin::Policy`] to
/// [`OptionOrigin::Subnet`] are in descending precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptionOrigin {
    /// The server sets it in every such reply.
    Server,
    /// The client sent it, and the reply returns it.
    Client,
    /// The relay sent it, and the reply returns it.
    Relay,
    /// The terms of a policy.
    Policy,
    /// The reservation of the address.
    Reservation,
    /// The class of the client at this position among its classes.
    Class(u16),
    /// The pool of the address.
    Pool,
    /// The subnet of the address.
    Subnet,
    /// It follows from the subnet's prefix.
    Prefix,
    /// The server's own address on the link of the client (`own-address-for`).
    Link,
    /// The default of RFC 1122.
    HostRequirements,
    /// The record of the client's address.
    Record,
    /// How full the pool of the address is.
    FillLevel,
    /// The server made it from the client's address.
    Generated,
}

/// The name of a client, and the names that it does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Naming {
    /// The name, with its domain if the scopes set one, and what it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<(HostName, OptionOrigin)>,
    /// The names that take precedence over it and are no host names.
    #[serde(skip_serializing_if = "SmallVec::is_empty")]
    pub refused: SmallVec<[RefusedName; 1]>,
}

/// A name that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RefusedName {
    /// The option that has it, 12 or 81.
    pub option: u8,
    /// What set the option.
    pub origin: OptionOrigin,
    /// What is wrong with it.
    pub fault: NameFault,
}

impl Preview {
    /// The preview of a request that does not identify a client.
    fn of_nobody() -> Self {
        Self {
            decision: Decision::of(Reason::UnidentifiedClient),
            reservation: None,
            reserved_by: None,
            candidates: Vec::new(),
            option_origins: Vec::new(),
            field_origins: Vec::new(),
            naming: Naming::default(),
            probe: None,
        }
    }
}

impl Engine {
    /// Returns what [`Engine::decide`] would decide about a request, and why.
    pub fn preview(
        &self,
        now: Timestamp,
        subnet: usize,
        request: &Request,
        terms: &Terms,
    ) -> Preview {
        let mut part = self.part(now, subnet, request, terms);
        let shared = &self.shared_reservations;
        let (plan, probes) = (&self.plan, &self.probes);
        let decider = Decider::new(plan, shared, &mut part, probes, now, subnet, request, terms);
        let Some(mut decider) = decider else { return Preview::of_nobody() };
        decider.no_records_since = self.no_records_since;
        decider.is_rehearsal = true;
        decider.drained = &self.drained;
        decider.land_what_it_waits_for();
        decider.notice();
        let mut candidates = Candidates(Vec::new());
        let reservation = decider.reservation.cloned();
        let reserved_by = decider.reserved_by.cloned();
        let decision = decider.decide(&mut candidates);
        let option_origins = decider.option_origins(&decision);
        let field_origins = decider.field_origins(&decision);
        let naming = decider.naming(&decision);
        let candidates = candidates.0;
        let probe = match decider.probed {
            Probed::First(probe, _) => Some(probe),
            Probed::No | Probed::Before(_) => None,
        };
        Preview {
            decision,
            reservation,
            reserved_by,
            candidates,
            option_origins,
            field_origins,
            naming,
            probe,
        }
    }
}

impl Engine {
    /// Copies what one decision can read.
    fn part(&self, now: Timestamp, subnet: usize, request: &Request, terms: &Terms) -> Bindings {
        let client = identity::client_of(&self.plan, &self.bindings, request);
        let information = identity::relay_information_of(&self.plan, &self.bindings, request);
        let reservation = self.plan.reservation_for(subnet, request, information.as_deref());
        let reserved = reservation.and_then(|matched| matched.reservation.address);
        let named = [request.requested_address, request.address_in_use(), terms.address, reserved];
        let accounts = self.accounts_of_decline(request, information.as_deref(), client.as_ref());
        let subscriber = subscriber_of(request, terms, information.as_deref());
        self.bindings.part(&Scope {
            now,
            holders: client
                .iter()
                .flat_map(Client::each)
                .map(|known| known.holder().clone())
                .collect(),
            source: Arc::new(Origin::of(request)),
            subscriber: subscriber.as_ref().map(|limit| limit.name.as_ref()),
            named: named.into_iter().flatten().map(u32::from).collect(),
            accounts,
            due_max: DUE_IN_DECISION_MAX,
            looked_at_max: LOOKED_AT_MAX,
            closed_max: NOTICED_MAX,
            starts: client.map(|client| self.plan.starts(client.place())).unwrap_or_default(),
        })
    }

    /// The accounts that the address would count against if the client declined it.
    fn accounts_of_decline(
        &self,
        request: &Request,
        information: Option<&RelayInformation>,
        client: Option<&Client>,
    ) -> Vec<Account> {
        let view = request.requested_address.and_then(|at| self.bindings.slot(u32::from(at)));
        let (record, offer) = (view.and_then(SlotView::record), view.and_then(SlotView::offer));
        let remembered = record.and_then(|record| Facts::of(record).relay_information);
        let remembered = remembered.map(RelayInformation::from_octets);
        let subscribers = [
            record.and_then(|record| record.subscriber()).map(Arc::from),
            offer.and_then(|offer| offer.subscriber.clone()),
        ];
        let accounts = subscribers.into_iter().flatten().map(Account::Subscriber);
        let lines = [information, remembered.as_ref()].map(Account::of_line);
        accounts
            .chain(lines)
            .chain(client.map(|found| Account::Client(found.key.holder().clone())))
            .collect()
    }
}

impl Decider<'_, '_> {
    /// Drops the changes in flight that the decision would wait for, so that the records decide.
    /// Each step drops one, until there is nothing to wait for.
    fn land_what_it_waits_for(&mut self) {
        while let Some(wait) = self.waits() {
            self.bindings.leave_out_flight(self.now, u32::from(wait.address));
        }
    }

    fn option_origins(&self, decision: &Decision) -> Vec<(u8, OptionOrigin)> {
        let Some(reply) = &decision.reply else { return Vec::new() };
        let parameters = self.parameters_of(reply);
        let origin = |option: u8| match option {
            code::CLIENT_IDENTIFIER | code::SUBNET_SELECTION | code::VIRTUAL_SUBNET => {
                OptionOrigin::Client
            }
            code::SERVER_IDENTIFIER if reply.kind == ReplyKind::Nak => self.identifier_of_nak().1,
            code::SERVER_IDENTIFIER => parameters.server_identifier().1,
            code::LEASE_TIME => match decision.lease_time_rule {
                Some(LeaseTimeRule::Kept) => OptionOrigin::Record,
                Some(LeaseTimeRule::Shortened) => OptionOrigin::FillLevel,
                None => parameters.lease_time_origin(),
            },
            code::RENEWAL_TIME | code::REBINDING_TIME => {
                parameters.renewal_origin(option).unwrap_or(OptionOrigin::Server)
            }
            option if is_reserved_for_engine(option) => OptionOrigin::Server,
            option => {
                let found = parameters.value_and_origin(option);
                found.map_or(OptionOrigin::Server, |(_, origin)| origin)
            }
        };
        reply.options.iter().map(|(option, _)| (*option, origin(*option))).collect()
    }

    fn naming(&self, decision: &Decision) -> Naming {
        let granted = decision.reply.as_ref().filter(|reply| reply.kind != ReplyKind::Nak);
        granted.map(|reply| self.parameters_of(reply).naming()).unwrap_or_default()
    }

    fn field_origins(&self, decision: &Decision) -> Vec<(HeaderField, OptionOrigin)> {
        let Some(reply) = decision.reply.as_ref().filter(|reply| reply.kind != ReplyKind::Nak)
        else {
            return Vec::new();
        };
        let parameters = self.parameters_of(reply);
        let next_server = parameters.next_server().filter(|(found, _)| !found.is_unspecified());
        let server_name = parameters.server_name().filter(|(found, _)| !found.is_empty());
        let boot_file = parameters.boot_file().filter(|(found, _)| !found.is_empty());
        let fields = [
            next_server.map(|(_, origin)| (HeaderField::NextServer, origin)),
            server_name.map(|(_, origin)| (HeaderField::ServerName, origin)),
            boot_file.map(|(_, origin)| (HeaderField::BootFile, origin)),
        ];
        fields.into_iter().flatten().collect()
    }
}

/// The addresses that a decision considers, up to the one that it chooses.
struct Candidates(Vec<Candidate>);

impl Witness for Candidates {
    fn considers(&mut self, candidate: impl FnOnce() -> Candidate) {
        let is_chosen = self.0.last().is_some_and(|last| last.obstacle.is_none());
        if !is_chosen {
            self.0.push(candidate());
        }
    }

    fn refuses(&mut self, obstacle: Obstacle) {
        if let Some(last) = self.0.last_mut() {
            last.obstacle.get_or_insert(obstacle);
        }
    }
}

//! Preview: what would be decided about a request, and why, without consequences.
//!
//! The real decision is made, but on a copy of the part of the ledger that it can read: what is
//! known of the client, of the addresses that the request, terms and reservation name or that are
//! on its subscriber's account, of the next free addresses, and of the quarantined and offered
//! addresses that come next when none is free. So nothing is held, changed or counted, and the time
//! of a preview does not depend on the number of leases. Invariant: a decision on that part has the
//! same result as on the whole; the simulation compares the two for every request. A request that
//! would wait for storage is decided on the records as they are.

use std::{net::Ipv4Addr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    ClientKey, Origin, Reason, RelayInformation, Reply, Request, RequestKind, Reservation, Terms,
    Timestamp,
    ledger::Scope,
    option::{code, is_reserved_for_engine},
};

use super::{
    Decision, Engine,
    case::{Case, Entitlement},
    discover::{DUE_IN_DECISION_MAX, LOOKED_AT_MAX},
    family::{Bindings, Facts, View},
    farewell::active_lease,
    identity::{self, Client},
    obstacle::Obstacle,
    plan::address_of,
    quarantine::Account,
};

/// The number of offers that a decision can close because it notices their end, or because they
/// were made to the client: see [`Case::notice`].
const NOTICED_MAX: usize = 8;

/// What would be decided about a request, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Preview {
    /// The decision.
    pub decision: Decision,
    /// The reservation for the client or its line.
    pub reservation: Option<Reservation>,
    /// The addresses that were considered, in order. If one is chosen, it is the last.
    pub candidates: Vec<Candidate>,
    /// The origin of each option of the reply, in the order of the reply.
    pub option_origins: Vec<(u8, OptionOrigin)>,
}

/// An address that was considered for a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Candidate {
    /// Why it was considered.
    pub rule: Rule,
    /// The address; `None` if a pool was searched without success.
    pub address: Option<Ipv4Addr>,
    /// The pool that contains the address, or that was searched.
    pub pool: Option<Arc<str>>,
    /// Why the client cannot have it; `None` if it can.
    pub obstacle: Option<Obstacle>,
    /// The other client that has a lease or an open offer of it.
    pub holder: Option<ClientKey>,
}

/// Why an address is considered, in the order of consideration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A policy names it.
    Policy,
    /// It is reserved for the client or its line.
    Reservation,
    /// It is offered to the client, which has not requested it yet.
    Offered,
    /// The client's last lease is of this address, active or not.
    Current,
    /// The client had it before its last lease.
    Former,
    /// The client asks for it.
    Asked,
    /// It is the next free one.
    Free,
    /// No address is free, and this one belongs to the subscriber's oldest lease, which gives way.
    Oldest,
    /// No address is free, and this one has been quarantined longest.
    Quarantined,
    /// No address is free, and an open offer of this one gives way, as the ledger says.
    Contested,
}

/// The origin of an option of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptionOrigin {
    /// The server sets it in every such reply.
    Server,
    /// The client sent it, and the reply returns it.
    Client,
    /// The terms of a policy.
    Policy,
    /// The reservation of the address.
    Reservation,
    /// The pool of the address.
    Pool,
    /// The subnet of the address.
    Subnet,
    /// It follows from the subnet's prefix.
    Prefix,
    /// The default of RFC 1122.
    HostRequirements,
}

impl Preview {
    /// The preview of a request that does not identify a client.
    fn of_nobody() -> Self {
        Self {
            decision: Decision::of(Reason::UnidentifiedClient),
            reservation: None,
            candidates: Vec::new(),
            option_origins: Vec::new(),
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
        let case = Case::new(&self.plan, &mut part, now, subnet, request, terms);
        let Some(mut case) = case else { return Preview::of_nobody() };
        case.no_records_since = self.no_records_since;
        case.land_what_it_waits_for();
        case.notice();
        let mut candidates = case.candidates();
        let reservation = case.reservation.cloned();
        let decision = case.decide();
        candidates.extend(case.free_candidates(&candidates, &decision));
        let is_beyond_limit =
            matches!(decision.reason, Reason::SubscriberLimit | Reason::NakSubscriberLimit);
        if let Some(last) = candidates.last_mut().filter(|_| is_beyond_limit) {
            last.obstacle = last.obstacle.or(Some(Obstacle::SubscriberLimit));
        }
        let option_origins = case.option_origins(&decision);
        Preview { decision, reservation, candidates, option_origins }
    }
}

impl Engine {
    /// Copies what one decision can read.
    fn part(&self, now: Timestamp, subnet: usize, request: &Request, terms: &Terms) -> Bindings {
        let client = identity::client_of(&self.plan, &self.bindings, request);
        let information = identity::relay_information_of(&self.plan, &self.bindings, request);
        let reservation = self.plan.reservation_for(subnet, request, information.as_deref());
        let reserved = reservation.map(|reservation| reservation.address);
        let client_address = Some(request.client_address);
        let named = [request.requested_address, client_address, terms.address, reserved];
        let accounts = self.accounts_of_decline(request, information.as_deref(), client.as_ref());
        self.bindings.part(&Scope {
            now,
            holders: client
                .iter()
                .flat_map(Client::each)
                .map(|known| known.holder().clone())
                .collect(),
            source: Arc::new(Origin::of(request)),
            subscriber: terms.subscriber.as_ref().map(|limit| limit.name.as_ref()),
            named: named.into_iter().flatten().map(u32::from).collect(),
            accounts,
            due_max: DUE_IN_DECISION_MAX,
            looked_at_max: LOOKED_AT_MAX,
            closed_max: NOTICED_MAX,
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
        let (record, offer) = (view.and_then(View::record), view.and_then(View::offer));
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

impl Case<'_, '_> {
    /// Drops the changes in flight that the decision would wait for, so that the records decide.
    /// Each step drops one, until there is nothing to wait for.
    fn land_what_it_waits_for(&mut self) {
        while let Some(wait) = self.waits() {
            self.bindings.leave_out_flight(self.now, u32::from(wait.address));
        }
    }

    /// The addresses that are considered before any free one, up to the one that is chosen.
    fn candidates(&self) -> Vec<Candidate> {
        let mut found = Vec::new();
        for candidate in self.all_candidates() {
            let is_taken = candidate.obstacle.is_none();
            found.push(candidate);
            if is_taken {
                break;
            }
        }
        found
    }

    fn all_candidates(&self) -> Vec<Candidate> {
        let has_address = matches!(self.request.kind, RequestKind::Discover | RequestKind::Request);
        if !has_address || self.terms.verdict != crate::Verdict::Proceed {
            return Vec::new();
        }
        let mut all = Vec::new();
        if let Some(address) = self.terms.address {
            let address = u32::from(address);
            let may_be_named = self.may_be_named(address);
            all.push(self.candidate(Rule::Policy, address, |case, address| match may_be_named {
                true => case.why_not_named_now(address),
                false if case.bindings.is_withheld(address) => Some(Obstacle::ServersOwn),
                false if !case.plan.is_usable(address) => Some(Obstacle::Unusable),
                false => Some(Obstacle::Reserved),
            }));
            if !may_be_named {
                return all;
            }
        }
        if let Some(reservation) = self.reservation {
            let address = u32::from(reservation.address);
            all.push(self.candidate(Rule::Reservation, address, |case, _| {
                case.why_not_reserved_now(reservation)
            }));
        }
        match self.entitlement() {
            Ok(entitlement) => all.extend(self.candidates_under(entitlement)),
            Err(_) => all.push(Candidate {
                rule: Rule::Free,
                address: None,
                pool: self.terms.pool.clone(),
                obstacle: Some(Obstacle::UnknownPool),
                holder: None,
            }),
        }
        all
    }

    fn candidates_under(&self, entitlement: Entitlement<'_>) -> Vec<Candidate> {
        let obstacle = |case: &Self, address: u32| case.obstacle(entitlement, address);
        let not_last = |case: &Self, address: u32| {
            let is_last = case.had_leased(address);
            case.obstacle(entitlement, address).or((!is_last).then_some(Obstacle::NotLast))
        };
        let not_free = |case: &Self, address: u32| {
            let is_free = case.bindings.standing(address).is_free();
            let held_back = || case.is_held_back(address).then_some(Obstacle::HeldBack);
            let not_free = (!is_free).then_some(Obstacle::NotFree);
            case.obstacle(entitlement, address).or(not_free).or_else(held_back)
        };
        let requested = self.request.requested_address.map(u32::from);
        if self.request.kind == RequestKind::Request {
            let own = Some(u32::from(self.request.client_address)).filter(|address| *address != 0);
            let asked = requested.or(own);
            return asked
                .map(|address| self.candidate(Rule::Asked, address, obstacle))
                .into_iter()
                .collect();
        }
        if entitlement.only_address().is_some() {
            return Vec::new();
        }
        let offered = self.bindings.offer_of(&self.client.key).map(|offer| offer.resource);
        let records = self.bindings.records_of(self.client.on_record()).into_iter().enumerate();
        let records = records.map(|(position, address)| {
            let rule = if position == 0 { Rule::Current } else { Rule::Former };
            self.candidate(rule, address, not_last)
        });
        let offered = offered.map(|address| self.candidate(Rule::Offered, address, obstacle));
        let requested = requested.map(|address| self.candidate(Rule::Asked, address, not_free));
        offered.into_iter().chain(records).chain(requested).collect()
    }

    /// The free address that a DISCOVER gets, or the pools without a free address. Empty if the
    /// DISCOVER gets another address.
    fn free_candidates(&self, before: &[Candidate], decision: &Decision) -> Vec<Candidate> {
        let is_free = |reply: &Reply| {
            let view = self.bindings.slot(u32::from(reply.your_address));
            view.and_then(View::active).is_none()
        };
        match (decision.reason, &decision.reply) {
            (Reason::OfferedInsteadOfReserved, Some(_))
                if before.iter().any(|found| found.obstacle.is_none()) =>
            {
                Vec::new()
            }
            (Reason::OfferedInsteadOfReserved, Some(reply)) => {
                let rule = if is_free(reply) { Rule::Free } else { Rule::Oldest };
                vec![self.candidate(rule, u32::from(reply.your_address), |_, _| None)]
            }
            (Reason::OfferedFromPool, Some(reply)) => {
                vec![self.candidate(Rule::Free, u32::from(reply.your_address), |_, _| None)]
            }
            (Reason::OfferedOldest, Some(reply)) => {
                vec![self.candidate(Rule::Oldest, u32::from(reply.your_address), |_, _| None)]
            }
            (Reason::OfferedQuarantined, Some(reply)) => {
                vec![self.candidate(Rule::Quarantined, u32::from(reply.your_address), |_, _| None)]
            }
            (Reason::OfferedContested, Some(reply)) => {
                vec![self.candidate(Rule::Contested, u32::from(reply.your_address), |_, _| None)]
            }
            (Reason::NoFreeAddress | Reason::HeldAfterDataLoss, _)
                if before.iter().all(|found| found.obstacle.is_some()) =>
            {
                let pools = match self.entitlement() {
                    Ok(Entitlement::NamedPools(pools)) => pools,
                    Ok(Entitlement::OpenPools) => self.plan.open_pools(),
                    _ => &[],
                };
                let exhausted = |pool: &usize| Candidate {
                    rule: Rule::Free,
                    address: None,
                    pool: self.plan.configured_pool(*pool).map(|pool| Arc::clone(&pool.name)),
                    obstacle: Some(match decision.reason {
                        Reason::HeldAfterDataLoss if self.is_pool_held_back(*pool) => {
                            Obstacle::HeldBack
                        }
                        _ => Obstacle::PoolExhausted,
                    }),
                    holder: None,
                };
                pools.iter().map(exhausted).collect()
            }
            _ => Vec::new(),
        }
    }

    fn candidate(
        &self,
        rule: Rule,
        address: u32,
        obstacle: impl FnOnce(&Self, u32) -> Option<Obstacle>,
    ) -> Candidate {
        let pool = self.plan.pool_of(address).and_then(|pool| self.plan.configured_pool(pool));
        let view = self.bindings.slot(address);
        let leased = view.and_then(active_lease).map(|lease| lease.client);
        let offered = view.and_then(View::offer).map(|offer| offer.holder.clone());
        let holder = [leased, offered].into_iter().flatten().find(|holder| !self.is_self(holder));
        Candidate {
            rule,
            address: Some(address_of(address)),
            pool: pool.map(|pool| Arc::clone(&pool.name)),
            obstacle: obstacle(self, address),
            holder,
        }
    }

    fn option_origins(&self, decision: &Decision) -> Vec<(u8, OptionOrigin)> {
        let Some(reply) = &decision.reply else { return Vec::new() };
        let address = if reply.your_address.is_unspecified() {
            self.request.client_address
        } else {
            reply.your_address
        };
        let parameters = self.parameters(u32::from(address));
        let origin = |option: u8| match option {
            code::CLIENT_IDENTIFIER | code::SUBNET_SELECTION => OptionOrigin::Client,
            option if is_reserved_for_engine(option) => OptionOrigin::Server,
            option => {
                let found = parameters.value_and_origin(option);
                found.map_or(OptionOrigin::Server, |(_, origin)| origin)
            }
        };
        reply.options.iter().map(|(option, _)| (*option, origin(*option))).collect()
    }
}

//! A small network, requests of numbered clients, and a server with one engine whose storage always
//! works.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use lessor_core::{
    AfterDataLoss, Arrival, Attempt, BeyondLimit, Binding, BindingState, ClientKey, ClientKeyKind,
    Decision, Engine, HardwareAddress, IdentifierReach, LeaseTime, LeaseTimeRule, Network,
    OptionSet, OptionValue, Outcome, Pool, PoolChoice, PoolRules, Reason, ReceivedOptions,
    RelayInformation, Reply, ReplyKind, Request, RequestKind, Reservation, ReservationOwner,
    ScopeFields, ScopeSettings, ServerIdentifiers, StorageAnswer, Subnet, SubscriberLimit, Terms,
    Timestamp, UnknownClients, VpnName, Wait,
};

/// The server's address on the link, to which relays send.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// A server that is not this one.
pub(crate) const OTHER_SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// The relay of the network.
pub(crate) const RELAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);

/// An address of the subnet 10.0.0.0/24.
pub(crate) const fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

/// These server identifiers of networks in a VPN, or outside of all VPNs.
pub(crate) fn identifiers<const N: usize>(
    vpn: Option<&VpnName>,
    addresses: [Ipv4Addr; N],
) -> Arc<ServerIdentifiers> {
    let reach = IdentifierReach::of_network(vpn);
    Arc::new(ServerIdentifiers::default().with(addresses.map(|address| (reach, address))))
}

/// 10.0.0.0/24 with the pools `open` (.10 to .13) and, by policy only, `garden` (.100 to .101).
/// Leases last an hour, between a minute and a day.
pub(crate) fn network() -> Network {
    Network {
        name: "10.0.0.0/24".into(),
        vpn: None,
        subnets: vec![subnet(
            "10.0.0.0/24",
            vec![pool("open", 10, 13), garden("garden", 100, 101)],
        )],
        authoritative: true,
        offer_hold_secs: 60,
        quarantine_secs: 600,
        bounds: lessor_core::Bounds::default(),
        client_key: ClientKeyKind::default(),
        after_data_loss: AfterDataLoss::default(),
        classes: Default::default(),
    }
}

/// A subnet with routers and domain name servers.
pub(crate) fn subnet(prefix: &str, pools: Vec<Pool>) -> Subnet {
    Subnet {
        prefix: prefix.parse().unwrap(),
        selection: Default::default(),
        lease_time: LeaseTime { default_secs: 3600, min_secs: 60, max_secs: 86_400 },
        options: options([
            (3, OptionValue::Addresses(vec![ip(1)])),
            (6, OptionValue::Addresses(vec![Ipv4Addr::new(192, 0, 2, 53)])),
        ]),
        settings: ScopeSettings::default(),
        pools,
        relays: None,
        reservations: Vec::new(),
        unknown_clients: UnknownClients::default(),
    }
}

pub(crate) fn options<const N: usize>(options: [(u8, OptionValue); N]) -> OptionSet {
    OptionSet::from_iter(options)
}

/// A pool in 10.0.0.0/24.
pub(crate) fn pool(name: &str, first: u8, last: u8) -> Pool {
    Pool {
        name: name.into(),
        first: ip(first),
        last: ip(last),
        by_policy_only: false,
        rules: PoolRules::default(),
        options: OptionSet::default(),
        settings: ScopeSettings::default(),
    }
}

/// A pool by policy only.
pub(crate) fn garden(name: &str, first: u8, last: u8) -> Pool {
    Pool { by_policy_only: true, ..pool(name, first, last) }
}

pub(crate) fn reservation(owner: ReservationOwner, address: Ipv4Addr) -> Reservation {
    let (options, settings) = (OptionSet::default(), ScopeSettings::default());
    Reservation { owners: owner.into(), address: Some(address), options, settings }
}

/// Settings of a scope that differ from none in what `change` sets.
pub(crate) fn settings(change: impl FnOnce(&mut ScopeFields)) -> ScopeSettings {
    let mut fields = ScopeFields::default();
    change(&mut fields);
    fields.into()
}

pub(crate) fn circuit(id: &[u8]) -> ReservationOwner {
    ReservationOwner::circuit_id(id)
}

/// The hardware address of a client.
pub(crate) const fn hardware(client: u8) -> HardwareAddress {
    HardwareAddress::ethernet([2, 0, 0x5e, 0, 0x53, client])
}

pub(crate) const fn key(client: u8) -> ClientKey {
    ClientKey::Hardware(hardware(client))
}

/// A message of a client on the link, broadcast.
pub(crate) fn message(kind: RequestKind, client: u8) -> Request {
    Request {
        kind,
        arrival: Arrival {
            source: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68),
            server_address: SERVER,
            link_addresses: Some([SERVER].into()),
            own_addresses: Default::default(),
            unicast: false,
            interface: None,
            mtu_octets: None,
        },
        transaction_id: 0x1234_5678,
        elapsed_secs: 0,
        flags: 0,
        client_address: Ipv4Addr::UNSPECIFIED,
        relay_address: Ipv4Addr::UNSPECIFIED,
        hardware_address: hardware(client),
        client_identifier: None,
        requested_address: None,
        server_identifier: None,
        lease_time_secs: None,
        parameter_request_list: [1, 3, 6].into_iter().collect(),
        max_message_size: None,
        subnet_selection: None,
        classes: Default::default(),
        relay_information: None,
        options: ReceivedOptions::default(),
        packet: Box::default(),
    }
}

pub(crate) fn discover(client: u8) -> Request {
    message(RequestKind::Discover, client)
}

/// A DISCOVER of a client that takes an ACK for an answer.
pub(crate) fn rapid(client: u8) -> Request {
    with(discover(client), |r| r.options.append(80, &[]))
}

/// A DISCOVER of a client that can do without an IPv4 address.
pub(crate) fn ipv6_only(client: u8) -> Request {
    with(discover(client), |r| r.parameter_request_list.push(108))
}

/// A message of a BOOTP client.
pub(crate) fn bootp(client: u8) -> Request {
    with(message(RequestKind::Bootp, client), |r| r.parameter_request_list.clear())
}

pub(crate) fn selecting(client: u8, address: Ipv4Addr) -> Request {
    let mut request = init_reboot(client, address);
    request.server_identifier = Some(SERVER);
    request
}

pub(crate) fn init_reboot(client: u8, address: Ipv4Addr) -> Request {
    let mut request = message(RequestKind::Request, client);
    request.requested_address = Some(address);
    request
}

pub(crate) fn rebinding(client: u8, address: Ipv4Addr) -> Request {
    let mut request = message(RequestKind::Request, client);
    request.client_address = address;
    request.arrival.source = SocketAddrV4::new(address, 68);
    request
}

pub(crate) fn renewing(client: u8, address: Ipv4Addr) -> Request {
    directly(rebinding(client, address))
}

pub(crate) fn decline(client: u8, address: Ipv4Addr) -> Request {
    let mut request = selecting(client, address);
    request.kind = RequestKind::Decline;
    request
}

pub(crate) fn release(client: u8, address: Ipv4Addr) -> Request {
    let mut request = renewing(client, address);
    request.kind = RequestKind::Release;
    request.server_identifier = Some(SERVER);
    request
}

pub(crate) fn inform(client: u8, address: Ipv4Addr) -> Request {
    let mut request = rebinding(client, address);
    request.kind = RequestKind::Inform;
    request
}

/// The request, sent to the server's own address from anywhere.
pub(crate) fn directly(mut request: Request) -> Request {
    request.arrival.unicast = true;
    request.arrival.link_addresses = None;
    request
}

/// The request, received on the server's link.
pub(crate) fn on_link(mut request: Request) -> Request {
    request.arrival.link_addresses = Some([SERVER].into());
    request
}

/// The request, forwarded by the relay.
pub(crate) fn relayed(mut request: Request) -> Request {
    request.relay_address = RELAY;
    request.arrival.source = SocketAddrV4::new(RELAY, 67);
    request.arrival.link_addresses = None;
    request.arrival.unicast = true;
    request
}

/// The request, forwarded by the relay with the circuit's id in option 82.
pub(crate) fn on_circuit(id: &[u8], request: Request) -> Request {
    let mut octets = vec![1, id.len() as u8];
    octets.extend_from_slice(id);
    let relay_information = Some(RelayInformation::from_octets(octets));
    Request { relay_information, ..relayed(request) }
}

/// The request with a modification.
pub(crate) fn with(mut request: Request, change: impl FnOnce(&mut Request)) -> Request {
    change(&mut request);
    request
}

/// An engine at a point in time, whose storage makes every change durable immediately.
pub(crate) struct Server {
    pub(crate) engine: Engine,
    pub(crate) now: Timestamp,
}

impl Server {
    pub(crate) fn new(network: Network) -> Self {
        Self { engine: Engine::new(Arc::new(network), 7), now: Timestamp::from_unix_ms(1_000_000) }
    }

    /// A server for [`network`].
    pub(crate) fn plain() -> Self {
        Self::new(network())
    }

    pub(crate) fn pass_secs(&mut self, secs: u32) {
        self.now = self.now.after_secs(secs);
    }

    pub(crate) fn ask(&mut self, request: &Request) -> Decision {
        self.ask_under(request, &Terms::default())
    }

    pub(crate) fn ask_under(&mut self, request: &Request, terms: &Terms) -> Decision {
        self.ask_from(0, request, terms)
    }

    pub(crate) fn ask_from(&mut self, subnet: usize, request: &Request, terms: &Terms) -> Decision {
        let decision = self.decide_only(subnet, request, terms);
        self.settle(&decision, &StorageAnswer::Made);
        decision
    }

    /// Passes the answer of storage to the engine.
    pub(crate) fn settle(&mut self, decision: &Decision, answer: &StorageAnswer) {
        self.engine.settle(self.now, &decision.changes, answer);
    }

    /// What a request waits for.
    #[track_caller]
    pub(crate) fn waits(&mut self, request: &Request, terms: &Terms) -> Wait {
        match self.engine.decide(self.now, 0, request, terms) {
            Attempt::Waits(wait) => wait,
            other => panic!("it does not wait: {other:?}"),
        }
    }

    /// Decides without an answer of storage. Checks the properties of every decision: the reply
    /// matches the outcome of the reason, and an ACK of an address has a change of it.
    pub(crate) fn decide_only(
        &mut self,
        subnet: usize,
        request: &Request,
        terms: &Terms,
    ) -> Decision {
        let decision = match self.engine.decide(self.now, subnet, request, terms) {
            Attempt::Decided(decision) => decision,
            other => panic!("{request:?} has to wait: {other:?}"),
        };
        check_decision(request, &decision);
        decision
    }

    pub(crate) fn reason(&mut self, request: &Request) -> Reason {
        self.ask(request).reason
    }

    /// Leads a client from DISCOVER to ACK and returns its address.
    pub(crate) fn lease(&mut self, client: u8) -> Ipv4Addr {
        self.lease_under(client, &Terms::default())
    }

    pub(crate) fn lease_each(&mut self, clients: impl IntoIterator<Item = u8>) {
        for client in clients {
            self.lease(client);
        }
    }

    pub(crate) fn lease_each_under(
        &mut self,
        clients: impl IntoIterator<Item = u8>,
        terms: &Terms,
    ) {
        for client in clients {
            self.lease_under(client, terms);
        }
    }

    pub(crate) fn lease_under(&mut self, client: u8, terms: &Terms) -> Ipv4Addr {
        let offered = offered(&self.ask_under(&discover(client), terms));
        let decision = self.ask_under(&selecting(client, offered), terms);
        assert_eq!(decision.reason, Reason::AckSelecting);
        offered
    }

    /// The record of a client.
    pub(crate) fn record(&self, client: u8) -> Arc<Binding> {
        Arc::new(self.engine.binding_of(&key(client)).expect("a record"))
    }
}

/// The address and the reason of an OFFER.
pub(crate) fn offer(decision: &Decision) -> (Ipv4Addr, Reason) {
    (offered(decision), decision.reason)
}

pub(crate) fn offered(decision: &Decision) -> Ipv4Addr {
    reply(decision).your_address
}

pub(crate) fn reply(decision: &Decision) -> &Reply {
    decision.reply.as_ref().unwrap_or_else(|| panic!("no reply: {:?}", decision.reason))
}

pub(crate) fn option(reply: &Reply, code: u8) -> Option<&OptionValue> {
    reply.options.iter().find(|(found, _)| *found == code).map(|(_, value)| &**value)
}

pub(crate) fn codes(reply: &Reply) -> Vec<u8> {
    reply.options.iter().map(|(code, _)| *code).collect()
}

pub(crate) fn lease_time_secs(decision: &Decision) -> u32 {
    match option(reply(decision), 51) {
        Some(OptionValue::U32(secs)) => *secs,
        other => panic!("option 51 is {other:?}"),
    }
}

/// Terms that name a pool.
pub(crate) fn in_pool(name: &str) -> Terms {
    Terms { pool: Some(name.into()), ..Terms::default() }
}

/// Terms that name pools in order of preference.
pub(crate) fn in_pools(names: &[&str]) -> Terms {
    let pool = PoolChoice::new(names.iter().map(|name| Arc::from(*name)));
    Terms { pool, ..Terms::default() }
}

/// Terms that name an address.
pub(crate) fn at_address(address: Ipv4Addr) -> Terms {
    Terms { address: Some(address), ..Terms::default() }
}

/// Terms that name a subscriber and its limit.
pub(crate) fn limited(name: &str, leases_max: u32, beyond: BeyondLimit) -> Terms {
    Terms { subscriber: Some(limit(name, leases_max, beyond)), ..Terms::default() }
}

pub(crate) fn limit(name: &str, leases_max: u32, beyond: BeyondLimit) -> SubscriberLimit {
    SubscriberLimit { name: name.into(), leases_max: leases_max.try_into().unwrap(), beyond }
}

/// Checks the properties of every decision, regardless of earlier ones.
pub(crate) fn check_decision(request: &Request, decision: &Decision) {
    let kind = decision.reply.as_ref().map(|reply| reply.kind);
    let expected = match decision.reason.outcome() {
        Outcome::Offer => Some(ReplyKind::Offer),
        Outcome::Ack => Some(ReplyKind::Ack),
        Outcome::Nak => Some(ReplyKind::Nak),
        Outcome::Silence | Outcome::Malformed | Outcome::Failure => None,
    };
    assert_eq!(kind, expected, "{:?}", decision.reason);
    let addresses: BTreeSet<_> = decision.changes.iter().map(|c| c.binding.address).collect();
    assert_eq!(addresses.len(), decision.changes.len(), "two changes of one address");
    for change in &decision.changes {
        assert_eq!(change.binding.revision, change.expected_revision() + 1);
        let previous = change.previous.as_ref();
        assert!(previous.is_none_or(|previous| previous.address == change.binding.address));
    }
    let has_address =
        decision.reply.as_ref().is_some_and(|reply| !reply.your_address.is_unspecified());
    let is_kept = decision.lease_time_rule == Some(LeaseTimeRule::Kept);
    match (kind, request.kind) {
        (Some(ReplyKind::Ack), kind) if kind != RequestKind::Inform && has_address && !is_kept => {
            let lease = &decision.changes[0].binding;
            assert_eq!(lease.address, reply(decision).your_address);
            let line = lease.relay_information.as_ref();
            let keys = ClientKeyKind::ALL.map(|kind| kind.key_of(request, line));
            assert!(keys.contains(&Some(lease.client.clone())), "{lease:?}");
            assert_eq!(lease.state, BindingState::Leased);
            for ended in &decision.changes[1..] {
                assert_eq!(ended.binding.state, BindingState::Released);
            }
        }
        (None, RequestKind::Decline | RequestKind::Release) => {
            assert!(decision.changes.len() <= 1);
        }
        _ => assert!(decision.changes.is_empty()),
    }
}

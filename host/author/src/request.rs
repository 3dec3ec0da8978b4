//! Converts a described request to the view of a policy. The message is encoded and parsed as the
//! server parses packets, so that a case cannot contain anything that a packet cannot.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use anyhow::Context;
use lessor_config::{CaseLease, CaseRequest};
use lessor_core::{
    AfterDataLoss, Arrival, Binding, BindingState, Class, ClientKey, ClientKeyKind, ClientPlace,
    Destination, LeaseEventKind, LeaseTime, Network, OptionSet, OptionValue, RelayInformation,
    Reply, ReplyKind, ReplyValue, Request, RequestKind, ScopeSettings, Subnet, Terms, Timestamp,
    UnknownClients, Vpn,
};
use lessor_policy_host::{LeaseEvent, View};
use lessor_wire::ClientMessage;

use crate::outcome::octets;

/// How long ago the lease on record was granted, in seconds.
const LEASE_AGE_SECS: u64 = 1_800;
/// The lease time of the subnet, in seconds.
const LEASE_TIME: LeaseTime = LeaseTime { default_secs: 3_600, min_secs: 60, max_secs: u32::MAX };

/// Creates the view of the request for a policy, before any lookups.
///
/// # Errors
/// If the request cannot be encoded as a message that the server can read.
pub(crate) fn view(described: &CaseRequest) -> anyhow::Result<View> {
    let request = read(described)?;
    let subnet = Subnet {
        prefix: described.subnet,
        selection: Default::default(),
        lease_time: LEASE_TIME,
        options: OptionSet::default(),
        settings: ScopeSettings::default(),
        pools: Vec::new(),
        relays: None,
        reservations: Vec::new(),
        unknown_clients: UnknownClients::default(),
    };
    let name = described.network.clone().unwrap_or_else(|| described.subnet.to_string().into());
    let network = Network {
        name,
        vpn: described.vpn.clone().map(|name| Arc::new(Vpn { name, id: None })),
        subnets: vec![subnet],
        authoritative: true,
        offer_hold_secs: 60,
        quarantine_secs: 600,
        bounds: lessor_core::Bounds::default(),
        client_key: ClientKeyKind::default(),
        after_data_loss: AfterDataLoss::default(),
        classes: Default::default(),
    };
    let client_key = network.client_key_of(&request);
    let client = client_key.key_of(&request, request.relay_information.as_ref()).context(
        "the request does not identify a client; add a hardware-address or a client-identifier",
    )?;
    let record = |lease| record(lease, described, &request, &client);
    let binding = described.lease.as_ref().map(|lease| Arc::new(record(lease)));
    Ok(View {
        client,
        request: Arc::new(request),
        now: described.time,
        network: Arc::new(network),
        subnet: 0,
        pools: Some(described.pools.clone().into()),
        binding,
        lookups: Arc::default(),
        absent: Arc::default(),
        catalogue: Arc::clone(&described.catalogue),
        final_by: None,
    })
}

/// The terms that policies before this one have set, with options as octets, as policies set them.
pub(crate) fn earlier(described: &CaseRequest) -> Terms {
    let mut terms = described.earlier.clone();
    for value in terms.options.iter_mut().filter_map(|(_, value)| value.as_mut()) {
        *value = Arc::new(OptionValue::Octets(octets(value)));
    }
    terms
}

/// The reply that the server would send under these terms, as far as it is known here: the reply of
/// the case with the options of the terms. Returns `None` for messages without a reply.
pub(crate) fn reply(described: &CaseRequest, view: &View, terms: &Terms) -> Option<Reply> {
    let given = described.reply.clone().unwrap_or_default();
    let kind = match view.request.kind {
        RequestKind::Discover => ReplyKind::Offer,
        RequestKind::Request | RequestKind::Inform | RequestKind::Bootp => ReplyKind::Ack,
        RequestKind::Decline | RequestKind::Release => return None,
    };
    let your_address = given
        .your_address
        .or(terms.address)
        .or(view.binding.as_ref().map(|binding| binding.address))
        .or(view.request.requested_address)
        .unwrap_or_else(|| host(described, 100));
    let mut options: Vec<(u8, ReplyValue)> =
        given.options.into_iter().map(|(code, value)| (code, value.into())).collect();
    for (code, value) in &terms.options {
        options.retain(|(found, _)| found != code);
        options.extend(value.iter().map(|value| (*code, Arc::clone(value).into())));
    }
    Some(Reply {
        kind: given.kind.unwrap_or(kind),
        client_address: view.request.client_address,
        your_address: match view.request.kind {
            RequestKind::Inform => Ipv4Addr::UNSPECIFIED,
            _ => your_address,
        },
        next_server_address: terms
            .next_server
            .or(given.next_server)
            .unwrap_or(Ipv4Addr::UNSPECIFIED),
        server_name: terms.server_name.clone().or(given.server_name).unwrap_or_default(),
        boot_file: terms.boot_file.clone().or(given.boot_file).unwrap_or_default(),
        force_broadcast: false,
        confirms_vpn: false,
        options,
        destination: Destination::Broadcast,
    })
}

/// The lease event; a granted lease is the default.
pub(crate) fn event(described: &CaseRequest, view: &View) -> LeaseEvent {
    LeaseEvent {
        kind: described.event.unwrap_or(LeaseEventKind::Granted),
        binding: event_lease(described, view),
        network_name: Arc::clone(&view.network.name),
        pool_name: described.lease.as_ref().and_then(|lease| lease.pool.clone()),
        now: view.now,
        lookups: Arc::default(),
        absent: Arc::default(),
    }
}

/// The lease on record, or else a lease for the requested address.
fn event_lease(described: &CaseRequest, view: &View) -> Arc<Binding> {
    view.binding.clone().unwrap_or_else(|| {
        let address = view.request.requested_address.unwrap_or_else(|| host(described, 100));
        let relay_sub_options = described.relay_sub_options.clone();
        let ends_in_secs = LEASE_TIME.default_secs;
        let lease = CaseLease { address, ends_in_secs, pool: None, relay_sub_options };
        Arc::new(record(&lease, described, &view.request, &view.client))
    })
}

fn read(described: &CaseRequest) -> anyhow::Result<Request> {
    let server_address = host(described, 1);
    let is_relayed = described.relay_address.is_some();
    let source = described.relay_address.or(described.client_address);
    let arrival = Arrival {
        source: SocketAddrV4::new(
            source.unwrap_or(Ipv4Addr::UNSPECIFIED),
            if is_relayed { 67 } else { 68 },
        ),
        server_address,
        link_addresses: (!is_relayed).then(|| [server_address].into()),
        own_addresses: [server_address].into_iter().collect(),
        unicast: described.unicast || is_relayed,
        interface: described.interface.clone(),
        mtu_octets: None,
    };
    let packet = message(described).to_octets();
    let mut request = lessor_wire::parse(&packet, arrival)
        .context("the request does not make a readable message")?;
    let found = described.classes.of(&request, ClientPlace::of_message(&request), None);
    let named = described.class_names.iter().map(|name| Class::named(Arc::clone(name)));
    request.classes = found.iter().cloned().chain(named).collect();
    Ok(request)
}

fn message(described: &CaseRequest) -> ClientMessage {
    let address = |given: Option<Ipv4Addr>| given.unwrap_or(Ipv4Addr::UNSPECIFIED);
    ClientMessage {
        transaction_id: described.transaction_id,
        elapsed_secs: described.elapsed_secs,
        client_address: address(described.client_address),
        relay_address: address(described.relay_address),
        options: described.options.clone(),
        relay_information: relay_information(&described.relay_sub_options),
        ..ClientMessage::new(described.kind, described.hardware_address)
    }
}

/// Returns `None` without sub-options.
fn relay_information(sub_options: &[(u8, Box<[u8]>)]) -> Option<RelayInformation> {
    let sub_options = sub_options.iter().map(|(code, value)| (*code, &**value));
    Some(RelayInformation::from_sub_options(sub_options)).filter(|found| !found.octets().is_empty())
}

fn record(
    lease: &CaseLease,
    described: &CaseRequest,
    request: &Request,
    client: &ClientKey,
) -> Binding {
    let now = described.time;
    let began_at = Timestamp::from_unix_ms(now.unix_ms().saturating_sub(LEASE_AGE_SECS * 1_000));
    Binding {
        address: lease.address,
        vpn: described.vpn.clone(),
        client: client.clone(),
        hardware_address: request.hardware_address,
        state: BindingState::Leased,
        began_at,
        changed_at: began_at,
        expires_at: now.after_secs(lease.ends_in_secs),
        relay_information: relay_information(&lease.relay_sub_options),
        relay_address: None,
        subscriber: None,
        revision: 1,
        host_name: request.stated_name(),
        unknown_fields: Default::default(),
    }
}

/// The address with this position in the subnet, from 1; the first is the server's.
fn host(described: &CaseRequest, place: usize) -> Ipv4Addr {
    let mut hosts = described.subnet.hosts();
    hosts.nth(place - 1).unwrap_or_else(|| described.subnet.addr())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> CaseRequest {
        lessor_config::parse_case("request.toml", text).unwrap().request
    }

    #[test]
    fn a_described_request_is_what_a_client_would_send() {
        let text = r#"
            kind = "request"
            hardware-address = "02:00:5e:00:53:01"
            client-address = "100.64.1.7"
            circuit-id = "olt1/1"
            remote-id = "hex:0001"
            relay-address = "100.64.0.1"
            vendor-class = "stb"
            options = { 224 = "hex:00" }
        "#;
        let view = view(&request(text)).unwrap();
        let found = &view.request;
        assert_eq!(found.kind, RequestKind::Request);
        assert_eq!(found.client_state(), lessor_core::ClientState::Rebinding);
        let relay = found.relay_information.as_ref().unwrap();
        assert_eq!(relay.circuit_id(), Some(&b"olt1/1"[..]));
        assert_eq!(relay.remote_id(), Some(&b"\x00\x01"[..]));
        assert_eq!(found.options.get(60), Some(&b"stb"[..]));
        assert_eq!(found.options.get(224), Some(&[0][..]));
        assert!(found.is_relayed());
    }

    #[test]
    fn a_client_can_be_in_a_vpn() {
        let described = request("vpn = \"green\"\n[lease]\naddress = \"100.64.1.7\"\n");
        let view = view(&described).unwrap();
        assert_eq!(view.network.vpn_name().unwrap().as_str(), "green");
        assert_eq!(view.binding.unwrap().vpn, described.vpn);
    }

    #[test]
    fn long_options_are_sent_in_parts_and_read_as_one() {
        let text = format!("options = {{ 224 = \"{}\" }}", "x".repeat(600));
        let view = view(&request(&text)).unwrap();
        assert_eq!(view.request.options.get(224).unwrap().len(), 600);
    }

    #[test]
    fn the_reply_has_what_the_case_and_the_terms_say() {
        let described =
            request("[reply]\noptions = { routers = \"100.64.0.1\", ntp-servers = \"192.0.2.1\" }");
        let view = view(&described).unwrap();
        let terms = Terms {
            options: vec![(42, None), (6, Some(Arc::new(OptionValue::Octets(vec![1, 1, 1, 1]))))],
            ..Terms::default()
        };
        let reply = reply(&described, &view, &terms).unwrap();
        let codes: Vec<u8> = reply.options.iter().map(|(code, _)| *code).collect();
        assert_eq!((reply.kind, codes), (ReplyKind::Offer, vec![3, 6]));
        assert_eq!(reply.your_address, Ipv4Addr::new(100, 64, 0, 100));
    }
}

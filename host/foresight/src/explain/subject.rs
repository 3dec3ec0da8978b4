//! The client that an explanation is about, and the message that this client would send.
//!
//! Support staff know a line or a hardware address, but seldom the relay. What is not given is
//! taken from where the server heard the line last, from the client's binding or, if there
//! is only one, from the subnet. Invariant: every such guess is reported.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use anyhow::{anyhow, bail};
use ipnet::Ipv4Net;
use lessor_core::{
    Arrival, Binding, ClientKey, HardwareAddress, OptionValue, OwnAddresses, RelayInformation,
    RequestKind, Topology, VpnName, VpnSelector, option::code, readable, relay,
};
use lessor_serving::{Heard, HeardAt, Name};
use lessor_vocabulary::Catalogue;
use lessor_wire::ClientMessage;
use serde::{Deserialize, Serialize};

use super::{Basis, Kind, Octets};

/// The client that the question is about, and what it sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Subject {
    /// The message that it sends.
    pub kind: Kind,
    /// Its hardware address.
    pub hardware_address: Option<HardwareAddress>,
    /// Its client identifier (option 61).
    pub client_identifier: Option<Octets>,
    /// The circuit id of its line.
    pub circuit_id: Option<Octets>,
    /// The remote id of its line.
    pub remote_id: Option<Octets>,
    /// The relay that forwards the message.
    pub relay_address: Option<Ipv4Addr>,
    /// The server's address on the link that the client is on.
    pub link: Option<Ipv4Addr>,
    /// The link that the relay selects (option 82, sub-option 5).
    pub link_selection: Option<Ipv4Addr>,
    /// The name of the VPN that the relay selects (option 82, sub-option 151).
    pub vpn: Option<VpnName>,
    /// The interface of the server that the client is on.
    pub interface: Option<Arc<str>>,
    /// The subnet that the client selects (option 118).
    pub subnet_selection: Option<Ipv4Addr>,
    /// Whether the client can receive broadcasts only.
    pub is_broadcast: bool,
    /// The address that it requests, uses, declines or releases.
    pub address: Option<Ipv4Addr>,
    /// The server whose offer it accepts (option 54).
    pub server_identifier: Option<Ipv4Addr>,
    /// Other options of the message, by name or number. The names that the configuration declares
    /// are known only to the server.
    pub options: Vec<(String, Octets)>,
    /// The options that it requests, by code; empty means all that are configured.
    pub parameters: Vec<u8>,
}

/// A message, and what was assumed to create it.
pub(super) struct Message {
    pub(super) arrival: Arrival,
    pub(super) payload: Vec<u8>,
    pub(super) assumed: Vec<String>,
}

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
/// The hardware address of an imaginary device, for a line that had no device yet: locally
/// administered.
const SOME_DEVICE: [u8; 6] = [0x02, 0, b'L', b'e', b's', b's'];

impl Subject {
    /// Creates the message that the client would send.
    ///
    /// # Errors
    /// If the client or its location cannot be determined.
    pub(super) fn message(&self, place: &Basis<'_>) -> anyhow::Result<Message> {
        let mut assumed = Vec::new();
        let binding = self.binding_on_record(place);
        let hardware_address = match (self.hardware_address, &binding) {
            (Some(given), _) => given,
            (None, Some(binding)) => {
                let found = binding.hardware_address;
                assumed.push(format!("hardware address {found}, of the lease on record"));
                found
            }
            (None, None) if self.client_identifier.is_some() => {
                assumed.push("hardware address 00:00:00:00:00:00".to_owned());
                HardwareAddress::ethernet([0; 6])
            }
            (None, None) if self.circuit_id.is_some() || self.remote_id.is_some() => {
                let address = HardwareAddress::ethernet(SOME_DEVICE);
                assumed.push(format!(
                    "hardware address {address}, invented because the line has no lease"
                ));
                address
            }
            (None, None) => bail!(
                "the client is not identified; give --hardware-address, --client-id, --circuit-id \
                 or --remote-id"
            ),
        };
        let client_identifier = match (&self.client_identifier, binding.as_deref()) {
            (Some(given), _) => Some(given.0.clone()),
            (None, Some(Binding { client: ClientKey::Identifier(octets), .. })) => {
                let shown = readable(octets);
                assumed.push(format!("client identifier {shown}, of the lease on record"));
                Some(octets.to_vec())
            }
            (None, _) => None,
        };
        let information = self.relay_information(binding.as_deref(), &mut assumed);
        let heard_as = HeardAs {
            hardware_address: self
                .hardware_address
                .or(binding.as_deref().map(|l| l.hardware_address)),
            information: information.as_ref(),
        };
        let where_from = self.where_from(place, binding.as_deref(), heard_as, &mut assumed)?;
        let information = self.selecting(where_from.link_selection, information);
        let is_renewal = matches!(self.kind, Kind::Renew | Kind::Release);
        let has_address = match self.kind {
            Kind::Bootp => self.address.is_some(),
            kind => is_renewal || kind == Kind::Inform,
        };
        let names_address = matches!(self.kind, Kind::Request | Kind::Decline);
        let address = match (self.address, &binding) {
            (Some(given), _) => Some(given),
            (None, Some(binding)) if has_address || names_address => {
                assumed.push(format!("address {}, of the lease on record", binding.address));
                Some(binding.address)
            }
            (None, None) if has_address || names_address => {
                bail!("the client has no lease on record; give its address with --address")
            }
            (None, _) => None,
        };
        let mut arrival = where_from.arrival;
        let client_address = address.filter(|_| has_address).unwrap_or(Ipv4Addr::UNSPECIFIED);
        if is_renewal {
            // The message is sent to the server directly (RFC 2131 sections 4.3.2 and 4.4.6).
            arrival.source = SocketAddrV4::new(client_address, CLIENT_PORT);
            arrival.unicast = true;
        }
        let server_identifier = match self.kind {
            // Both messages must name the server (RFC 2131 table 5).
            Kind::Decline | Kind::Release => {
                Some(self.server_identifier.unwrap_or(arrival.server_address))
            }
            _ => self.server_identifier,
        };
        let requested_address = address.filter(|_| !has_address);
        let catalogue = place.engines.topology().catalogue();
        let options =
            self.options(catalogue, client_identifier, requested_address, server_identifier)?;
        let message = ClientMessage {
            wants_broadcast: self.is_broadcast,
            client_address,
            relay_address: match is_renewal {
                true => Ipv4Addr::UNSPECIFIED,
                false => where_from.relay_address,
            },
            options,
            relay_information: information.filter(|_| !is_renewal),
            ..ClientMessage::new(self.message_kind(), hardware_address)
        };
        Ok(Message { arrival, payload: message.to_octets(), assumed })
    }

    /// Returns the options of the message, without its type and without that of the relay.
    ///
    /// # Errors
    /// If no option has a name that is given.
    fn options(
        &self,
        catalogue: &Catalogue,
        client_identifier: Option<Vec<u8>>,
        requested_address: Option<Ipv4Addr>,
        server_identifier: Option<Ipv4Addr>,
    ) -> anyhow::Result<Vec<(u8, OptionValue)>> {
        let octets = |octets: &[u8]| OptionValue::Octets(octets.to_vec());
        let parameters = Some(&self.parameters).filter(|parameters| !parameters.is_empty());
        let of_client = [
            (code::CLIENT_IDENTIFIER, client_identifier.map(OptionValue::Octets)),
            (code::REQUESTED_ADDRESS, requested_address.map(OptionValue::Address)),
            (code::SERVER_IDENTIFIER, server_identifier.map(OptionValue::Address)),
            (code::PARAMETER_REQUEST_LIST, parameters.map(|parameters| octets(parameters))),
            (code::SUBNET_SELECTION, self.subnet_selection.map(OptionValue::Address)),
        ];
        let mut options: Vec<(u8, OptionValue)> =
            of_client.into_iter().filter_map(|(code, value)| Some((code, value?))).collect();
        for (name, Octets(value)) in &self.options {
            let code = catalogue.recognise(name);
            let code = code.map_err(|unrecognised| anyhow!("--option {name}: {unrecognised}"))?;
            options.push((code, octets(value)));
        }
        Ok(options)
    }

    const fn message_kind(&self) -> RequestKind {
        match self.kind {
            Kind::Discover => RequestKind::Discover,
            Kind::Request | Kind::Renew => RequestKind::Request,
            Kind::Decline => RequestKind::Decline,
            Kind::Release => RequestKind::Release,
            Kind::Inform => RequestKind::Inform,
            Kind::Bootp => RequestKind::Bootp,
        }
    }

    /// Returns the binding that says more about the client: that of its key, or otherwise the
    /// latest one that matches what is given about client and line.
    fn binding_on_record(&self, place: &Basis<'_>) -> Option<Arc<Binding>> {
        let key = match (&self.client_identifier, self.hardware_address) {
            (Some(Octets(octets)), _) => Some(ClientKey::Identifier(octets.clone().into())),
            (None, Some(address)) => Some(ClientKey::Hardware(address)),
            (None, None) => None,
        };
        let shards = place.engines;
        let mut found = None;
        if let Some(key) = &key {
            shards.for_each(|engine| {
                let binding = engine.binding_of(key).filter(|binding| self.fits(binding));
                found = later(found.take(), binding.map(Arc::new));
            });
        }
        if found.is_some()
            || (key.is_none() && self.circuit_id.is_none() && self.remote_id.is_none())
        {
            return found;
        }
        let looked_through = shards.each_binding(|binding| {
            if self.fits(&binding) {
                found = later(found.take(), Some(Arc::new(binding)));
            }
            true
        });
        // After a reload in between, the bindings found may be out of date, so none is used.
        looked_through.ok().and(found)
    }

    fn fits(&self, binding: &Binding) -> bool {
        let information = binding.relay_information.as_ref();
        let circuit_id = information.and_then(|information| information.circuit_id());
        let remote_id = information.and_then(|information| information.remote_id());
        let is = |wanted: &Option<Octets>, found: Option<&[u8]>| {
            wanted.as_ref().is_none_or(|Octets(wanted)| found == Some(wanted))
        };
        let identifier = match &binding.client {
            ClientKey::Identifier(octets) => Some(&**octets),
            _ => None,
        };
        let is_hardware =
            self.hardware_address.is_none_or(|wanted| binding.hardware_address == wanted);
        let is_in_vpn = self.vpn.is_none() || self.vpn == binding.vpn;
        is_in_vpn
            && is_hardware
            && is(&self.client_identifier, identifier)
            && is(&self.circuit_id, circuit_id)
            && is(&self.remote_id, remote_id)
    }

    /// Returns option 82: what is given about the line, or that of the binding.
    fn relay_information(
        &self,
        binding: Option<&Binding>,
        assumed: &mut Vec<String>,
    ) -> Option<RelayInformation> {
        let given = [(relay::CIRCUIT_ID, &self.circuit_id), (relay::REMOTE_ID, &self.remote_id)];
        let mut given = given
            .into_iter()
            .filter_map(|(code, value)| value.as_ref().map(|Octets(value)| (code, &**value)))
            .peekable();
        if given.peek().is_some() {
            return Some(RelayInformation::from_sub_options(given));
        }
        let found = binding?.relay_information.clone().filter(|_| self.link.is_none())?;
        let line = found.circuit_id().or_else(|| found.remote_id()).map(readable);
        assumed.push(format!("line {}, of the lease on record", line.unwrap_or_default()));
        Some(found)
    }

    /// Determines where the client is: from what is given, from where it was last heard, from its
    /// lease, or from the only subnet.
    fn where_from(
        &self,
        place: &Basis<'_>,
        binding: Option<&Binding>,
        heard_as: HeardAs<'_>,
        assumed: &mut Vec<String>,
    ) -> anyhow::Result<WhereFrom> {
        let topology = place.engines.topology();
        if let Some(interface) = &self.interface {
            let own = self.link.or_else(|| first_on(topology, interface));
            let own = own.unwrap_or(Ipv4Addr::UNSPECIFIED);
            if self.link.is_none() {
                assumed.push(format!("the server is {own} on {interface}"));
            }
            let mut from = WhereFrom::link(own, place.own_addresses.clone());
            from.arrival.interface = Some(Arc::clone(interface));
            return Ok(from);
        }
        if let Some(link) = self.link {
            return Ok(WhereFrom::link(link, place.own_addresses.clone()));
        }
        let heard = match (self.relay_address, place.heard) {
            (None, Some(heard)) => heard_as.find(heard),
            _ => None,
        };
        let (relay_address, link_selection) = match (self.relay_address, heard) {
            (Some(given), _) => (given, None),
            (None, Some((HeardAt::Link(address), by))) if self.link_selection.is_none() => {
                assumed.push(format!(
                    "on the link, where the server is {address}; {by} was heard there"
                ));
                return Ok(WhereFrom::link(address, place.own_addresses.clone()));
            }
            (None, Some((HeardAt::Relay { relay_address, link_selection }, by))) => {
                assumed.push(format!(
                    "relay address {relay_address}, through which {by} was last heard"
                ));
                if let Some(selected) = link_selection.filter(|_| self.link_selection.is_none()) {
                    assumed.push(format!("link selection {selected}, which that relay sent then"));
                }
                (relay_address, link_selection)
            }
            (None, _) => {
                let leased = binding
                    .and_then(|binding| prefix_of(topology, binding.vpn.as_ref(), binding.address));
                let prefix = match leased {
                    Some(prefix) => prefix,
                    None => {
                        self.selected_prefix(topology).map_or_else(|| only_prefix(topology), Ok)?
                    }
                };
                let address = prefix.hosts().next().unwrap_or(prefix.network());
                let is_relayed = self.vpn.is_some()
                    || heard_as.information.is_some()
                    || self.link_selection.is_some()
                    || place.server.interfaces.is_empty()
                    || place.server.listen.len() > 1;
                if !is_relayed {
                    assumed.push(format!("on the link, where the server is {address}"));
                    return Ok(WhereFrom::link(address, place.own_addresses.clone()));
                }
                assumed.push(format!("relay address {address}, of subnet {prefix}"));
                (address, None)
            }
        };
        let listened = place.server.listen.first().map(|listen| *listen.ip());
        let server_address = place
            .server
            .server_identifier
            .or(listened.filter(|address| !address.is_unspecified()))
            .unwrap_or(relay_address);
        Ok(WhereFrom {
            relay_address,
            link_selection: self.link_selection.or(link_selection),
            arrival: Arrival {
                source: SocketAddrV4::new(relay_address, SERVER_PORT),
                server_address,
                link_addresses: None,
                own_addresses: place.own_addresses.clone(),
                unicast: true,
                interface: None,
                mtu_octets: None,
            },
        })
    }

    /// Returns the subnet that the relay or the client selects.
    fn selected_prefix(&self, topology: &Topology) -> Option<Ipv4Net> {
        let selected = self.link_selection.or(self.subnet_selection)?;
        prefix_of(topology, self.vpn.as_ref(), selected)
    }

    /// Returns option 82 with these selections in place of its own, if any.
    fn selecting(
        &self,
        link_selection: Option<Ipv4Addr>,
        information: Option<RelayInformation>,
    ) -> Option<RelayInformation> {
        let link = link_selection.map(|link| (relay::LINK_SELECTION, link.octets().to_vec()));
        let vpn = self.vpn.as_ref().map(|name| {
            let selector = VpnSelector::Name(name.as_str().as_bytes());
            (relay::VPN_SELECTION, selector.octets())
        });
        let selected: Vec<(u8, Vec<u8>)> = link.into_iter().chain(vpn).collect();
        if selected.is_empty() {
            return information;
        }
        let is_selected = |code: u8| selected.iter().any(|(found, _)| *found == code);
        let others = information.iter().flat_map(RelayInformation::sub_options);
        let others = others.filter(|(found, _)| !is_selected(*found));
        let selected = selected.iter().map(|(code, octets)| (*code, octets.as_slice()));
        Some(RelayInformation::from_sub_options(others.chain(selected)))
    }
}

/// The names under which a client may have been heard.
#[derive(Clone, Copy)]
struct HeardAs<'a> {
    hardware_address: Option<HardwareAddress>,
    information: Option<&'a RelayInformation>,
}

impl HeardAs<'_> {
    /// Returns where the client was heard, and under which name.
    fn find(&self, heard: &Heard) -> Option<(HeardAt, &'static str)> {
        let information = self.information;
        let names = [
            (information.and_then(|found| found.circuit_id()).map(Name::CircuitId), "the line"),
            (information.and_then(|found| found.remote_id()).map(Name::RemoteId), "the line"),
            (self.hardware_address.map(Name::HardwareAddress), "the client"),
        ];
        names.into_iter().find_map(|(name, as_whom)| Some((heard.find(name?)?, as_whom)))
    }
}

struct WhereFrom {
    relay_address: Ipv4Addr,
    link_selection: Option<Ipv4Addr>,
    arrival: Arrival,
}

impl WhereFrom {
    fn link(address: Ipv4Addr, own_addresses: OwnAddresses) -> Self {
        Self {
            relay_address: Ipv4Addr::UNSPECIFIED,
            link_selection: None,
            arrival: Arrival {
                source: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT_PORT),
                server_address: address,
                link_addresses: Some([address].into()),
                own_addresses,
                unicast: false,
                interface: None,
                mtu_octets: None,
            },
        }
    }
}

fn later(first: Option<Arc<Binding>>, second: Option<Arc<Binding>>) -> Option<Arc<Binding>> {
    [first, second].into_iter().flatten().max_by_key(|binding| binding.changed_at)
}

/// The first address of the first subnet that names an interface.
fn first_on(topology: &Topology, interface: &str) -> Option<Ipv4Addr> {
    let mut subnets = topology.networks().iter().flat_map(|network| &network.subnets);
    let subnet = subnets.find(|subnet| subnet.selection.names_interface(interface))?;
    subnet.prefix.hosts().next()
}

fn prefix_of(topology: &Topology, vpn: Option<&VpnName>, address: Ipv4Addr) -> Option<Ipv4Net> {
    let location = topology.locate_address(vpn, address)?;
    let network = topology.networks().get(location.network.0 as usize)?;
    network.subnets.get(location.subnet).map(|subnet| subnet.prefix)
}

fn only_prefix(topology: &Topology) -> anyhow::Result<Ipv4Net> {
    let subnets = topology.networks().iter().flat_map(|network| &network.subnets);
    let prefixes: Vec<Ipv4Net> = subnets.map(|subnet| subnet.prefix).collect();
    match prefixes.as_slice() {
        [only] => Ok(*only),
        [first, ..] => bail!(
            "neither a lease on record nor a recent message shows in which of {} subnets the \
             client is; give its relay with --relay-address, such as {}",
            prefixes.len(),
            first.hosts().next().unwrap_or(first.network())
        ),
        [] => bail!("the configuration has no subnet"),
    }
}

//! The client that an explanation is about, and the message that this client would send.
//!
//! Support staff know a line or a hardware address, but seldom the relay. What is not given is
//! taken from where the server heard the line last, from the client's binding or, if there
//! is only one, from the subnet. Invariant: every such guess is reported.

mod on_record;
mod whereabouts;

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use anyhow::{anyhow, bail};
use lessor_core::{
    Arrival, Binding, ClientKey, HardwareAddress, OptionValue, RelayInformation, RequestKind,
    VpnName, VpnSelector, option::code, readable, relay,
};
use lessor_vocabulary::Catalogue;
use lessor_wire::ClientMessage;
use serde::{Deserialize, Serialize};

use self::whereabouts::{CLIENT_PORT, HeardAs};
use super::{Basis, ClientMessageKind, Octets};

/// The client that the question is about, and what it sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Subject {
    /// The message that it sends.
    pub kind: ClientMessageKind,
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
        let binding = binding.as_deref();
        let hardware_address = self.sender(binding, &mut assumed)?;
        let client_identifier = self.identifier(binding, &mut assumed);
        let information = self.relay_information(binding, &mut assumed);
        let known_address = binding.map(|binding| binding.hardware_address);
        let heard_as = HeardAs {
            hardware_address: self.hardware_address.or(known_address),
            information: information.as_ref(),
        };
        let where_from = self.where_from(place, binding, heard_as, &mut assumed)?;
        let address = self.leased_address(binding, &mut assumed)?;

        let (client_address, requested_address) = match self.has_address() {
            true => (address, None),
            false => (None, address),
        };
        let client_address = client_address.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let information = self.selecting(where_from.link_selection, information);
        let mut arrival = where_from.arrival;
        arrival.mtu_octets = place.mtu_octets(&arrival);
        // The message is sent to the server directly (RFC 2131 sections 4.3.2 and 4.4.6).
        let is_direct = self.is_renewal_or_release();
        if is_direct {
            arrival.source = SocketAddrV4::new(client_address, CLIENT_PORT);
            arrival.unicast = true;
        }
        let catalogue = place.engines.topology().catalogue();
        let server_identifier = self.named_server(&arrival);
        let message = ClientMessage {
            wants_broadcast: self.is_broadcast,
            client_address,
            relay_address: match is_direct {
                true => Ipv4Addr::UNSPECIFIED,
                false => where_from.relay_address,
            },
            options: self.options(
                catalogue,
                client_identifier,
                requested_address,
                server_identifier,
            )?,
            relay_information: information.filter(|_| !is_direct),
            ..ClientMessage::new(self.message_kind(), hardware_address)
        };
        Ok(Message { arrival, payload: message.to_octets(), assumed })
    }

    /// Returns the hardware address of the client: what is given, that of the binding, or an
    /// imaginary one if something else identifies the client.
    ///
    /// # Errors
    /// If nothing identifies the client.
    fn sender(
        &self,
        binding: Option<&Binding>,
        assumed: &mut Vec<String>,
    ) -> anyhow::Result<HardwareAddress> {
        let (address, assumption) = match (self.hardware_address, binding) {
            (Some(given), _) => return Ok(given),
            (None, Some(binding)) => {
                let found = binding.hardware_address;
                (found, format!("hardware address {found}, of the lease on record"))
            }
            (None, None) if self.client_identifier.is_some() => {
                let zeros = HardwareAddress::ethernet([0; 6]);
                (zeros, format!("hardware address {zeros}"))
            }
            (None, None) if self.circuit_id.is_some() || self.remote_id.is_some() => {
                let address = HardwareAddress::ethernet(SOME_DEVICE);
                let why = "invented because the line has no lease";
                (address, format!("hardware address {address}, {why}"))
            }
            (None, None) => bail!(
                "the client is not identified; give --hardware-address, --client-id, --circuit-id \
                 or --remote-id"
            ),
        };
        assumed.push(assumption);
        Ok(address)
    }

    /// Returns the client identifier: what is given, or that of the binding.
    fn identifier(&self, binding: Option<&Binding>, assumed: &mut Vec<String>) -> Option<Vec<u8>> {
        if let Some(Octets(given)) = &self.client_identifier {
            return Some(given.clone());
        }
        let ClientKey::Identifier(octets) = &binding?.client else { return None };
        let shown = readable(octets);
        assumed.push(format!("client identifier {shown}, of the lease on record"));
        Some(octets.to_vec())
    }

    /// Returns the address that the message names, if it names one: what is given, or that of the
    /// binding.
    ///
    /// # Errors
    /// If the message has to name an address and none is known.
    fn leased_address(
        &self,
        binding: Option<&Binding>,
        assumed: &mut Vec<String>,
    ) -> anyhow::Result<Option<Ipv4Addr>> {
        let is_needed = self.has_address()
            || matches!(self.kind, ClientMessageKind::Request | ClientMessageKind::Decline);
        match (self.address, binding) {
            (None, Some(binding)) if is_needed => {
                assumed.push(format!("address {}, of the lease on record", binding.address));
                Ok(Some(binding.address))
            }
            (None, None) if is_needed => {
                bail!("the client has no lease on record; give its address with --address")
            }
            (given, _) => Ok(given),
        }
    }

    const fn is_renewal_or_release(&self) -> bool {
        matches!(self.kind, ClientMessageKind::Renew | ClientMessageKind::Release)
    }

    /// Returns whether the client uses its address already, so that the header names it.
    const fn has_address(&self) -> bool {
        match self.kind {
            ClientMessageKind::Bootp => self.address.is_some(),
            ClientMessageKind::Renew | ClientMessageKind::Release | ClientMessageKind::Inform => {
                true
            }
            ClientMessageKind::Discover
            | ClientMessageKind::Request
            | ClientMessageKind::Decline => false,
        }
    }

    /// Returns the server that the message names. DECLINE and RELEASE must name one (RFC 2131
    /// table 5).
    fn named_server(&self, arrival: &Arrival) -> Option<Ipv4Addr> {
        let must = matches!(self.kind, ClientMessageKind::Decline | ClientMessageKind::Release);
        self.server_identifier.or(must.then_some(arrival.server_address))
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
            ClientMessageKind::Discover => RequestKind::Discover,
            ClientMessageKind::Request | ClientMessageKind::Renew => RequestKind::Request,
            ClientMessageKind::Decline => RequestKind::Decline,
            ClientMessageKind::Release => RequestKind::Release,
            ClientMessageKind::Inform => RequestKind::Inform,
            ClientMessageKind::Bootp => RequestKind::Bootp,
        }
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

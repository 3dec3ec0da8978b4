//! Builds the messages of a subscriber and the additions of its relay, with dhcproto.
//!
//! Fields and options follow RFC 2131 table 5; the relay's part follows RFC 3046 (option 82), RFC
//! 3527 (link selection), RFC 5010 (unicast flag) and RFC 8357 (source port).

use std::net::{Ipv4Addr, SocketAddrV4};

use dhcproto::{
    Encodable, Encoder,
    v4::{
        DhcpOption, Message, MessageType, OptionCode, UnknownOption,
        relay::{RelayAgentInformation, RelayCode, RelayFlags, RelayInfo, UnknownInfo},
    },
};

use crate::{error::ExchangeError, intent::Intent, subscriber::Subscriber};

/// The additions of a relay agent to the messages that it forwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RelayAgent {
    address: Ipv4Addr,
    /// Whether it requests replies at its source port, because that is not 67 (RFC 8357).
    names_source_port: bool,
    link_selection: Option<Ipv4Addr>,
}

impl RelayAgent {
    const PORT: u16 = 67;

    /// Creates the relay whose socket is bound to `local`.
    pub(crate) fn new(local: SocketAddrV4, link_selection: Option<Ipv4Addr>) -> Self {
        let names_source_port = local.port() != Self::PORT;
        Self { address: *local.ip(), names_source_port, link_selection }
    }

    /// Creates the absence of a relay: the client sends directly, and names neither relay nor line.
    pub(crate) const fn absent() -> Self {
        let address = Ipv4Addr::UNSPECIFIED;
        Self { address, names_source_port: false, link_selection: None }
    }

    fn is_absent(&self) -> bool {
        self.address.is_unspecified()
    }

    /// Returns a message of the subscriber as the relay forwards it.
    pub(crate) fn message(
        &self,
        subscriber: &Subscriber,
        intent: Intent,
        xid: u32,
    ) -> Result<Message, ExchangeError> {
        let is_unicast = matches!(intent, Intent::Renew { .. });
        let mut message = self.envelope(subscriber, intent.message_type(), xid, is_unicast)?;
        message.set_ciaddr(intent.client_address());
        let options = message.opts_mut();
        if let Some(address) = intent.requested_address() {
            options.insert(DhcpOption::RequestedIpAddress(address));
        }
        if let Some(address) = intent.server_identifier() {
            options.insert(DhcpOption::ServerIdentifier(address));
        }
        // RFC 2131 table 5: a RELEASE or DECLINE must not contain these two options.
        if matches!(intent, Intent::Release { .. } | Intent::Decline { .. }) {
            options.remove(OptionCode::ParameterRequestList);
            options.remove(OptionCode::MaxMessageSize);
        }
        Ok(message)
    }

    /// Returns the part of a message that does not depend on its purpose.
    pub(crate) fn envelope(
        &self,
        subscriber: &Subscriber,
        message_type: MessageType,
        xid: u32,
        is_unicast: bool,
    ) -> Result<Message, ExchangeError> {
        subscriber.check_lengths()?;
        let none = Ipv4Addr::UNSPECIFIED;
        let hardware_address = &subscriber.hardware_address;
        let mut message =
            Message::new_with_id(xid, none, none, none, self.address, hardware_address);
        message.set_hops(u8::from(!self.is_absent()));
        let options = message.opts_mut();
        options.insert(DhcpOption::MessageType(message_type));
        options.insert(DhcpOption::MaxMessageSize(1500));
        if !subscriber.parameter_request_list.is_empty() {
            let parameters = subscriber.parameter_request_list.iter().copied();
            let parameters = parameters.map(OptionCode::from).collect();
            options.insert(DhcpOption::ParameterRequestList(parameters));
        }
        if let Some(identifier) = &subscriber.client_identifier {
            options.insert(DhcpOption::ClientIdentifier(identifier.clone()));
        }
        if let Some(class) = &subscriber.vendor_class {
            options.insert(DhcpOption::ClassIdentifier(class.clone().into_bytes()));
        }
        if let Some(name) = &subscriber.host_name {
            options.insert(DhcpOption::Hostname(name.clone()));
        }
        let information = self.relay_information(subscriber, is_unicast);
        if !information.is_empty() {
            options.insert(DhcpOption::RelayAgentInformation(information));
        }
        for (code, octets) in &subscriber.more_options {
            let code = OptionCode::from(*code);
            if code == OptionCode::RelayAgentInformation {
                // With this variant dhcproto writes option 82 last; the value is replaced below.
                options.insert(DhcpOption::RelayAgentInformation(RelayAgentInformation::default()));
            }
            options.insert(DhcpOption::Unknown(UnknownOption::new(code, octets.clone())));
        }
        Ok(message)
    }

    /// Returns option 82. `is_unicast` says whether the client sent to the server's address instead
    /// of broadcasting.
    pub(crate) fn relay_information(
        &self,
        subscriber: &Subscriber,
        is_unicast: bool,
    ) -> RelayAgentInformation {
        let mut information = RelayAgentInformation::default();
        if self.is_absent() {
            return information;
        }
        if !subscriber.circuit_id.is_empty() {
            information.insert(RelayInfo::AgentCircuitId(subscriber.circuit_id.clone()));
        }
        if let Some(remote_id) = &subscriber.remote_id {
            information.insert(RelayInfo::AgentRemoteId(remote_id.clone()));
        }
        if let Some(link) = self.link_selection {
            information.insert(RelayInfo::LinkSelection(link));
        }
        if is_unicast {
            let flags = RelayFlags::default().set_unicast();
            information.insert(RelayInfo::RelayAgentFlags(flags));
        }
        if self.names_source_port {
            let source_port = UnknownInfo::new(RelayCode::Unknown(19), Vec::new());
            information.insert(RelayInfo::Unknown(source_port));
        }
        information
    }
}

/// Returns the octets of a message, padded to the 300 that BOOTP relays require (RFC 1542 section
/// 2.1).
pub(crate) fn octets_of(message: &Message) -> Result<Vec<u8>, ExchangeError> {
    const OCTETS_MIN: usize = 300;

    let mut octets = Vec::with_capacity(OCTETS_MIN);
    message
        .encode(&mut Encoder::new(&mut octets))
        .map_err(|source| ExchangeError::Unwritable { source })?;
    if octets.len() < OCTETS_MIN {
        octets.resize(OCTETS_MIN, 0);
    }
    Ok(octets)
}

/// The parts of a message that its reply is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) xid: u32,
    pub(crate) flags: u16,
    pub(crate) hardware_address: Vec<u8>,
    pub(crate) relay_address: Ipv4Addr,
    pub(crate) relay_information: Option<Vec<u8>>,
    pub(crate) client_identifier: Option<Vec<u8>>,
}

impl Asked {
    pub(crate) fn in_message(message: &Message) -> Result<Self, ExchangeError> {
        let octets = |code| message.opts().get(code).map(option_octets).transpose();
        Ok(Self {
            xid: message.xid(),
            flags: message.flags().into(),
            hardware_address: message.chaddr().to_owned(),
            relay_address: message.giaddr(),
            relay_information: octets(OptionCode::RelayAgentInformation)?,
            client_identifier: octets(OptionCode::ClientIdentifier)?,
        })
    }
}

/// Returns the octets of an option without code and length.
fn option_octets(option: &DhcpOption) -> Result<Vec<u8>, ExchangeError> {
    match option {
        DhcpOption::ClientIdentifier(octets) => Ok(octets.clone()),
        DhcpOption::RelayAgentInformation(information) => information_octets(information),
        DhcpOption::Unknown(option) => Ok(option.data().to_owned()),
        _ => Ok(Vec::new()),
    }
}

/// Returns the sub-options of option 82 one after the other.
pub(crate) fn information_octets(
    information: &RelayAgentInformation,
) -> Result<Vec<u8>, ExchangeError> {
    let mut octets = Vec::new();
    information
        .encode(&mut Encoder::new(&mut octets))
        .map_err(|source| ExchangeError::Unwritable { source })?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"\x01\x01\x06\x01\x00\x00\x00\x2a\x00\x00\x00\x00";

    fn local(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::new(127, 0, 1, 1), port)
    }

    fn subscriber() -> Subscriber {
        let mut subscriber = Subscriber::new([2, 0x4c, 0, 0, 0, 7], *b"olt\x00");
        subscriber.remote_id = Some(b"r".to_vec());
        subscriber.client_identifier = Some(b"\xff\x01".to_vec());
        subscriber.vendor_class = Some("cpe".to_owned());
        subscriber.host_name = Some("home".to_owned());
        subscriber.parameter_request_list = vec![3, 1];
        subscriber
    }

    fn written(agent: RelayAgent, intent: Intent) -> Vec<u8> {
        octets_of(&agent.message(&subscriber(), intent, 42).unwrap()).unwrap()
    }

    #[test]
    fn a_discover_is_written_octet_by_octet_as_the_rfcs_say() {
        let agent = RelayAgent::new(local(6767), Some(Ipv4Addr::new(100, 64, 0, 1)));
        let octets = written(agent, Intent::Discover);
        assert_eq!(&octets[..12], HEADER);
        assert_eq!(&octets[12..24], [0; 12], "ciaddr, yiaddr, siaddr");
        assert_eq!(&octets[24..28], [127, 0, 1, 1], "giaddr");
        assert_eq!(&octets[28..34], [2, 0x4c, 0, 0, 0, 7], "chaddr");
        assert_eq!(&octets[34..236], [0; 202], "rest of chaddr, sname, file");
        let options = b"\x63\x82\x53\x63\x0c\x04home\x35\x01\x01\x37\x02\x03\x01\x39\x02\x05\xdc\
                        \x3c\x03cpe\x3d\x02\xff\x01\
                        \x52\x11\x01\x04olt\x00\x02\x01r\x05\x04\x64\x40\x00\x01\x13\x00\xff";
        assert_eq!(&octets[236..236 + options.len()], options);
        assert!(octets[236 + options.len()..].iter().all(|octet| *octet == 0));
        assert_eq!(octets.len(), 300);
    }

    #[test]
    fn behind_port_67_no_source_port_is_asked_for() {
        let information = RelayAgent::new(local(67), None).relay_information(&subscriber(), false);
        assert_eq!(information_octets(&information).unwrap(), b"\x01\x04olt\x00\x02\x01r");
    }

    #[test]
    fn each_state_of_a_request_has_its_own_fields() {
        let agent = RelayAgent::new(local(67), None);
        let (address, server_identifier) =
            (Ipv4Addr::new(100, 64, 0, 9), Ipv4Addr::new(192, 0, 2, 1));
        let requested = b"\x32\x04\x64\x40\x00\x09";
        let server = b"\x36\x04\xc0\x00\x02\x01";
        let has = |octets: &[u8], part: &[u8]| octets.windows(part.len()).any(|w| w == part);
        let cases = [
            (Intent::Select { address, server_identifier }, 3, false, true, true),
            (Intent::InitReboot { address }, 3, false, true, false),
            (Intent::Renew { address }, 3, true, false, false),
            (Intent::Rebind { address }, 3, true, false, false),
            (Intent::Release { address, server_identifier }, 7, true, false, true),
            (Intent::Decline { address, server_identifier }, 4, false, true, true),
            (Intent::Inform { address }, 8, true, false, false),
        ];
        for (intent, message_type, in_ciaddr, in_option_50, in_option_54) in cases {
            let octets = written(agent, intent);
            assert!(has(&octets, &[0x35, 1, message_type]), "{intent:?}");
            assert_eq!(octets[12..16] == address.octets(), in_ciaddr, "{intent:?}");
            assert_eq!(has(&octets, requested), in_option_50, "{intent:?}");
            assert_eq!(has(&octets, server), in_option_54, "{intent:?}");
            let gives_back = matches!(message_type, 4 | 7);
            assert_eq!(has(&octets, b"\x37\x02\x03\x01"), !gives_back, "{intent:?}");
            let is_renewal = matches!(intent, Intent::Renew { .. });
            assert_eq!(has(&octets, b"\x0a\x01\x80"), is_renewal, "{intent:?}");
        }
    }

    #[test]
    fn more_options_replace_the_usual_ones_and_option_82_stays_last_and_single() {
        let mut subscriber = subscriber();
        subscriber.more_options = vec![(82, b"\x01\x09cut".to_vec()), (12, b"other".to_vec())];
        for agent in [RelayAgent::new(local(67), None), RelayAgent::new(local(6767), None)] {
            let message = agent.message(&subscriber, Intent::Discover, 42).unwrap();
            let octets = octets_of(&message).unwrap();
            let end = b"\x3d\x02\xff\x01\x52\x05\x01\x09cut\xff";
            assert!(octets.windows(end.len()).any(|window| window == end));
            assert!(octets.windows(7).any(|window| window == b"\x0c\x05other"));
            assert!(!octets.windows(4).any(|window| window == b"home"));
            let asked = Asked::in_message(&message).unwrap();
            assert_eq!(asked.relay_information.as_deref(), Some(&b"\x01\x09cut"[..]));
            assert_eq!(asked.client_identifier.as_deref(), Some(&b"\xff\x01"[..]));
        }
    }

    #[test]
    fn without_anything_to_say_the_relay_adds_no_option_82() {
        let subscriber = Subscriber::default();
        let message = RelayAgent::new(local(67), None).message(&subscriber, Intent::Discover, 1);
        assert_eq!(Asked::in_message(&message.unwrap()).unwrap().relay_information, None);
    }

    #[test]
    fn a_sub_option_that_does_not_fit_is_refused() {
        let agent = RelayAgent::new(local(67), None);
        let mut subscriber = Subscriber::new([0; 6], vec![7; Subscriber::SUB_OPTION_OCTETS_MAX]);
        assert!(agent.message(&subscriber, Intent::Discover, 1).is_ok());
        subscriber.circuit_id.push(7);
        let error = agent.message(&subscriber, Intent::Discover, 1).unwrap_err();
        assert!(matches!(error, ExchangeError::TooLong { what: "circuit id", found: 256 }));
    }
}

//! Replies: their fields (RFC 2131 table 3).
//!
//! Does not choose the address; `destination` determines where a reply is sent. Invariant: every
//! reply contains the server identifier.

use std::net::Ipv4Addr;

use crate::{
    BootFileName, OptionValue, Reason, Reply, ReplyKind, ReplyValue, ServerName, option::code,
    relay,
};

use super::{
    Decision,
    decider::Decider,
    family::{Facts, View},
    parameters::Parameters,
    plan::address_of,
};

/// A message is cut to the length that one option 56 can hold.
const MESSAGE_OCTETS_MAX: usize = 255;

/// Most replies have no more options.
const OPTIONS_USUALLY_MAX: usize = 16;

type Options = Vec<(u8, ReplyValue)>;

impl Decider<'_, '_> {
    /// The OFFER or ACK of `address`.
    pub(super) fn grant(&self, kind: ReplyKind, address: u32) -> Reply {
        let mut options = Vec::with_capacity(OPTIONS_USUALLY_MAX);
        options.push(self.server_identifier());
        let parameters = self.parameters(address);
        let lease_time_secs = parameters.lease_time_secs();
        options.push(secs(code::LEASE_TIME, lease_time_secs));
        if let Some(times) = parameters.renewal_times(lease_time_secs) {
            options.push(secs(code::RENEWAL_TIME, times.renewal_secs));
            options.push(secs(code::REBINDING_TIME, times.rebinding_secs));
        }
        self.echo(&mut options);
        parameters.write(&mut options);
        let your_address = address_of(address);
        let has_address = self.request.uses_client_address();
        let force_broadcast = !has_address && parameters.always_broadcast();
        Reply {
            kind,
            client_address: match kind {
                ReplyKind::Ack if has_address => self.request.client_address,
                ReplyKind::Ack | ReplyKind::Offer | ReplyKind::Nak => Ipv4Addr::UNSPECIFIED,
            },
            your_address,
            next_server_address: parameters.next_server_address(),
            server_name: parameters.server_name_field(),
            boot_file: parameters.boot_file_field(),
            force_broadcast,
            options,
            destination: self.destination_of_grant(your_address, force_broadcast),
        }
    }

    /// The ACK of an INFORM, without an address or times.
    pub(super) fn information(&self) -> Reply {
        let mut options = vec![self.server_identifier()];
        self.echo(&mut options);
        let client_address = self.request.client_address;
        let parameters = self.parameters(u32::from(client_address));
        parameters.write(&mut options);
        Reply {
            kind: ReplyKind::Ack,
            client_address,
            your_address: Ipv4Addr::UNSPECIFIED,
            next_server_address: parameters.next_server_address(),
            server_name: parameters.server_name_field(),
            boot_file: parameters.boot_file_field(),
            force_broadcast: client_address.is_unspecified(),
            options,
            destination: self.destination_of_information(),
        }
    }

    /// A NAK whose message is the meaning of the reason.
    pub(super) fn nak(&self, reason: Reason) -> Decision {
        self.nak_saying(reason, reason.meaning())
    }

    /// A NAK with its own message, or with the meaning of the reason if `text` is empty.
    pub(super) fn nak_saying(&self, reason: Reason, text: &str) -> Decision {
        let text = if text.is_empty() { reason.meaning() } else { text };
        let message = text.get(..text.floor_char_boundary(MESSAGE_OCTETS_MAX)).unwrap_or_default();
        let mut options = vec![self.server_identifier()];
        self.echo_client_identifier(&mut options);
        options.push((code::MESSAGE, OptionValue::Text(message.to_owned()).into()));
        let reply = Reply {
            kind: ReplyKind::Nak,
            client_address: Ipv4Addr::UNSPECIFIED,
            your_address: Ipv4Addr::UNSPECIFIED,
            next_server_address: Ipv4Addr::UNSPECIFIED,
            server_name: ServerName::default(),
            boot_file: BootFileName::default(),
            force_broadcast: self.request.is_relayed(),
            options,
            destination: self.destination_of_nak(),
        };
        Decision { reply: Some(reply), ..Decision::of(reason) }
    }

    /// The sources of a reply to a client with `address`.
    pub(super) fn parameters(&self, address: u32) -> Parameters<'_> {
        let position = self.plan.subnet_of(address).unwrap_or(self.subnet);
        let record = self.bindings.slot(address).and_then(View::record);
        let last = record.filter(|record| self.client.on_record().is_holder_of(record));
        Parameters {
            request: self.request,
            terms: self.terms,
            subnet: self.plan.subnet(position),
            pool: self.plan.pool_of(address).and_then(|pool| self.plan.configured_pool(pool)),
            reservation: self.reservation.filter(|found| found.address == address_of(address)),
            address: address_of(address),
            remembered: last.and_then(|record| Facts::of(record).host_name),
        }
    }

    /// What a reply was made from.
    pub(super) fn parameters_of(&self, reply: &Reply) -> Parameters<'_> {
        let is_granted = !reply.your_address.is_unspecified();
        let address = if is_granted { reply.your_address } else { self.request.client_address };
        self.parameters(u32::from(address))
    }

    fn server_identifier(&self) -> (u8, ReplyValue) {
        let address = self.request.own_server_identifier();
        (code::SERVER_IDENTIFIER, OptionValue::Address(address).into())
    }

    /// Adds the options of the request that a reply returns as they were received.
    fn echo(&self, options: &mut Options) {
        self.echo_client_identifier(options);
        let is_link_selected = self.request.relay_information.as_ref().is_some_and(|information| {
            information.sub_option(relay::LINK_SELECTION).is_some_and(|octets| octets.len() == 4)
        });
        // The relay's selection takes precedence over the client's (RFC 3527 section 3), which then
        // is neither used nor returned (RFC 3011 section 2).
        if let Some(selected) = self.request.subnet_selection.filter(|_| !is_link_selected) {
            options.push((code::SUBNET_SELECTION, OptionValue::Address(selected).into()));
        }
    }

    /// Returns option 61 unchanged, whatever its contents, and only if the client sent it (RFC
    /// 6842).
    fn echo_client_identifier(&self, options: &mut Options) {
        if let Some(octets) = &self.request.client_identifier {
            options.push((code::CLIENT_IDENTIFIER, OptionValue::Octets(octets.to_vec()).into()));
        }
    }
}

fn secs(code: u8, secs: u32) -> (u8, ReplyValue) {
    (code, OptionValue::U32(secs).into())
}

//! Replies: their fields (RFC 2131 table 3).
//!
//! Does not choose the address; `destination` determines where a reply is sent. Invariant: every
//! reply contains the server identifier, except that to a BOOTP client, and an ACK that answers a
//! DISCOVER contains option 80 (RFC 4039 section 4).

use std::net::Ipv4Addr;

use crate::{
    BootFileName, OptionValue, Reason, Reply, ReplyKind, ReplyValue, RequestKind, ServerName,
    option::code,
};

use super::{
    Decision, OptionOrigin, decider::Decider, family::SlotView, lease_time::LeaseGrant,
    parameters::Parameters, plan::address_of, scopes::Scopes,
};

/// A message is cut to the length that one option 56 can hold.
const MESSAGE_OCTETS_MAX: usize = 255;

/// Most replies have no more options.
const OPTIONS_USUALLY_MAX: usize = 16;

type Options = Vec<(u8, ReplyValue)>;

impl Decider<'_, '_> {
    /// The OFFER or ACK of `address`.
    pub(super) fn grant(&self, kind: ReplyKind, address: u32, lease_time: LeaseGrant) -> Reply {
        self.grant_as(kind, address, address_of(address), lease_time)
    }

    /// The OFFER or ACK of `address` with `your_address` in its header.
    pub(super) fn grant_as(
        &self,
        kind: ReplyKind,
        address: u32,
        your_address: Ipv4Addr,
        lease_time: LeaseGrant,
    ) -> Reply {
        let parameters = self.parameters(address);
        let mut options = self.first_options(&parameters);
        if self.request.kind != RequestKind::Bootp {
            let lease_time_secs = lease_time.secs;
            options.push(secs(code::LEASE_TIME, lease_time_secs));
            if let Some(times) = parameters.renewal_times(lease_time_secs) {
                options.push(secs(code::RENEWAL_TIME, times.renewal_secs));
                options.push(secs(code::REBINDING_TIME, times.rebinding_secs));
            }
        }
        if kind == ReplyKind::Ack && self.request.kind == RequestKind::Discover {
            options.push((code::RAPID_COMMIT, OptionValue::Octets(Vec::new()).into()));
        }
        self.echo(&mut options);
        parameters.write(&mut options);
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
            confirms_vpn: self.confirms_vpn(),
            options,
            destination: self.destination_of_grant(your_address, force_broadcast),
        }
    }

    /// The ACK of an INFORM, or the reply to a BOOTP client that has an address: without an address
    /// or times.
    pub(super) fn information(&self) -> Reply {
        let client_address = self.request.client_address;
        let parameters = self.parameters(u32::from(client_address));
        let mut options = self.first_options(&parameters);
        self.echo(&mut options);
        parameters.write(&mut options);
        Reply {
            kind: ReplyKind::Ack,
            client_address,
            your_address: Ipv4Addr::UNSPECIFIED,
            next_server_address: parameters.next_server_address(),
            server_name: parameters.server_name_field(),
            boot_file: parameters.boot_file_field(),
            force_broadcast: client_address.is_unspecified(),
            confirms_vpn: self.confirms_vpn(),
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
        let (identifier, _) = self.identifier_of_nak();
        let mut options = vec![(code::SERVER_IDENTIFIER, OptionValue::Address(identifier).into())];
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
            confirms_vpn: self.confirms_vpn(),
            options,
            destination: self.destination_of_nak(),
        };
        Decision { reply: Some(reply), ..Decision::of(reason) }
    }

    /// Option 54 of a NAK, and where it comes from. Clients ignore a NAK with another identifier
    /// than the one by which they know this server: that in their message, or that of the reply
    /// which gave them their address.
    pub(super) fn identifier_of_nak(&self) -> (Ipv4Addr, OptionOrigin) {
        if let Some(named) = self.request.server_identifier.filter(|_| self.names_this_server()) {
            return (named, OptionOrigin::Client);
        }
        let named = self.request.named_address().map(u32::from);
        let named = named.filter(|address| self.plan.subnet_of(*address).is_some());
        let on_record =
            || self.bindings.current_of(self.client.on_record()).map(SlotView::resource);
        match named.or_else(on_record) {
            Some(address) => self.parameters(address).server_identifier(),
            None => self.parameters_without_address().server_identifier(),
        }
    }

    /// The sources of a reply to a client with `address`.
    pub(super) fn parameters(&self, address: u32) -> Parameters<'_> {
        let position = self.plan.subnet_of(address).unwrap_or(self.subnet);
        let subnet = self.plan.subnet(position);
        let pool = self.plan.pool_of(address).and_then(|pool| self.plan.configured_pool(pool));
        let reservation = self.reservation.filter(|found| found.applies_to(address_of(address)));
        Parameters {
            request: self.request,
            terms: self.terms,
            subnet,
            scopes: Scopes::new(reservation, &self.request.classes, pool, subnet),
            address: address_of(address),
            on_record: Some((self.bindings, self.client.on_record())),
        }
    }

    /// The sources of a reply that gives no address.
    fn parameters_without_address(&self) -> Parameters<'_> {
        let subnet = self.plan.subnet(self.subnet);
        Parameters {
            request: self.request,
            terms: self.terms,
            subnet,
            scopes: Scopes::new(None, &self.request.classes, None, subnet),
            address: Ipv4Addr::UNSPECIFIED,
            on_record: None,
        }
    }

    /// What a reply was made from.
    pub(super) fn parameters_of(&self, reply: &Reply) -> Parameters<'_> {
        if reply.kind == ReplyKind::Nak {
            return self.parameters_without_address();
        }
        let granted = Some(reply.your_address).filter(|address| !address.is_unspecified());
        let address = granted.or(self.request.address_in_use()).map_or(0, u32::from);
        self.parameters(address)
    }

    /// The options that come first. A BOOTP client knows none of those that only DHCP has.
    fn first_options(&self, parameters: &Parameters<'_>) -> Options {
        let mut options = Vec::with_capacity(OPTIONS_USUALLY_MAX);
        if self.request.kind != RequestKind::Bootp {
            options.push(parameters.server_identifier_option());
        }
        options
    }

    fn confirms_vpn(&self) -> bool {
        self.request.confirms_vpn_to_relay(self.plan.network().vpn.as_deref())
    }

    /// Adds the options of the request that a reply returns as they were received.
    fn echo(&self, options: &mut Options) {
        self.echo_client_identifier(options);
        // A selection that was not used is not returned (RFC 3011 section 2).
        if let Some(selected) = self.request.selected_subnet() {
            options.push((code::SUBNET_SELECTION, OptionValue::Address(selected).into()));
        }
        // Its selection in the reply tells a client that its VPN was used (RFC 6607 section 7.1).
        let vpn = self.plan.network().vpn.as_deref();
        if let Some(selector) = self.request.client_vpn_selection().filter(|it| it.selects(vpn)) {
            options.push((code::VIRTUAL_SUBNET, OptionValue::Octets(selector.octets()).into()));
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

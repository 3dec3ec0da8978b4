//! A policy that reports what it sees: it writes the results of all methods to options 224 and 225,
//! so that tests can compare them with the data of the server.

use std::net::Ipv4Addr;

use lessor_policy::{LeaseEvent, Policy, Reply, Request, Terms, Verdict, option, policy, settings};
use serde::Deserialize;

/// The option for the request.
const REQUEST_CODE: u8 = 224;
/// The option for the client's lease and for the reply.
const LEASE_CODE: u8 = 225;
/// The option for the terms that earlier policies and this one have set.
const TERMS_CODE: u8 = 226;

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Mirror {
    /// The expected lease event; any other is a fault.
    lease_event: String,
    /// The address to set.
    address: Option<Ipv4Addr>,
    /// Whether it reports the terms.
    tells_terms: bool,
}

#[policy]
impl Policy for Mirror {
    fn configure(settings: &str) -> Result<Self, String> {
        settings::read(settings)
    }

    fn on_discover(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.tell(request, terms)
    }

    fn on_request(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.tell(request, terms)
    }

    fn on_release(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.tell(request, terms)
    }

    fn reply_options(&mut self, request: &Request, reply: &Reply) {
        let seen = format!(
            "{:?} {:?} {:?} {:?} {:?} {} {:?} {:?} {:?}",
            reply.kind(),
            reply.your_address(),
            reply.option_codes(),
            reply.dhcp_option(1),
            reply.dhcp_option(2),
            request.transaction_id(),
            reply.next_server(),
            reply.server_name(),
            reply.boot_file(),
        );
        must(reply.set_option(LEASE_CODE, seen));
    }

    fn on_lease(&mut self, event: &LeaseEvent) {
        let seen = format!(
            "{:?} {} {} {} {:?} {}/{:?} {:?} {:?} {:?} {} {} {} {:?} {:?} {} {:?} {:?}",
            event.kind(),
            event.address(),
            event.network_name(),
            event.client_key(),
            event.client_identifier(),
            event.hardware_type(),
            event.hardware_address(),
            event.circuit_id().map(|octets| option::octets_to_text(&octets)),
            event.remote_id(),
            event.relay_sub_option(1).map(|octets| octets.len()),
            event.began_at_ms(),
            event.expires_at_ms(),
            event.server_time_ms(),
            event.circuit_id_text(),
            event.remote_id_text(),
            event.hardware_address_text(),
            event.host_name(),
            event.pool_name(),
        );
        if seen != self.lease_event {
            panic!("{seen}");
        }
    }
}

impl Mirror {
    fn tell(&self, request: &Request, terms: &Terms) -> Verdict {
        if let Some(address) = self.address {
            terms.set_address(address);
        }
        must(terms.set_option(REQUEST_CODE, about_request(request)));
        must(terms.set_option(LEASE_CODE, about_lease(request)));
        if self.tells_terms {
            must(terms.set_option(TERMS_CODE, about_terms(terms)));
        }
        Verdict::Proceed
    }
}

fn about_request(request: &Request) -> String {
    [
        format!("kind={:?}", request.kind()),
        format!("state={:?}", request.client_state()),
        format!("xid={}", request.transaction_id()),
        format!("secs={}", request.elapsed_secs()),
        format!("hardware={}/{:?}", request.hardware_type(), request.hardware_address()),
        format!("identifier={:?}", request.client_identifier()),
        format!("key={}", request.client_key()),
        format!("relay={} {:?}", request.is_relayed(), request.relay_address()),
        format!("option-12={:?}", request.dhcp_option(12)),
        format!("codes={:?}", request.dhcp_option_codes()),
        format!("asked={:?}", request.parameter_request_list()),
        format!("vendor={:?} host={:?}", request.vendor_class(), request.host_name()),
        format!("requested={:?}", request.requested_address()),
        format!("client-address={:?}", request.client_address()),
        format!("lease-time={:?}", request.requested_lease_time_secs()),
        format!("network={}", request.network_name()),
        format!("subnet={}/{}", request.subnet().address, request.subnet().length),
        format!("interface={:?}", request.interface_name()),
        format!("now={}", request.server_time_ms()),
        format!("packet={:?}", request.packet()),
    ]
    .join("\n")
}

fn about_terms(terms: &Terms) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        terms.pool(),
        terms.address(),
        terms.lease_time_secs(),
        terms.option_codes(),
        terms.dhcp_option(15),
        terms.removed_option_codes(),
        terms.subscriber(),
    )
}

fn about_lease(request: &Request) -> String {
    [
        format!("circuit={:?}", request.circuit_id()),
        format!("remote={:?}", request.remote_id()),
        format!("sub-option-9={:?}", request.relay_sub_option(9)),
        format!("remembered={}", request.relay_information_is_remembered()),
        format!("address={:?}", request.lease_address()),
        format!("active={}", request.lease_is_active()),
        format!("expires={:?}", request.lease_expires_at_ms()),
    ]
    .join("\n")
}

fn must<E: std::fmt::Display>(result: Result<(), E>) {
    if let Err(error) = result {
        panic!("{error}");
    }
}

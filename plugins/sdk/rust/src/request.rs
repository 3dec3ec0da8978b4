//! Requests: the message of a client and what the server knows about it.

use std::net::Ipv4Addr;

pub use crate::__bindings::types::{ClientState, PoolUsage, RequestKind};
use crate::{__bindings::types, Ipv4Prefix, Lookup, lookup::Subject};

/// The message of a client and what the server knows about it. Each method makes a call to the
/// server, which takes about 100 ns, so keep values that are needed more than once.
#[derive(Debug)]
pub struct Request<'call>(pub(crate) &'call types::Request);

impl Request<'_> {
    /// The type of the message. That of a BOOTP client is [`RequestKind::Discover`]: see
    /// [`Self::is_bootp`].
    pub fn kind(&self) -> RequestKind {
        self.0.kind()
    }

    /// Whether a BOOTP client sent the message: it has no option 53. The client gets its address
    /// with one reply and never extends its lease, so no lease time and no NAK apply to it.
    pub fn is_bootp(&self) -> bool {
        const MESSAGE_TYPE: u8 = 53;
        self.0.kind() == RequestKind::Discover && self.dhcp_option(MESSAGE_TYPE).is_none()
    }

    /// The state of a client that sends a REQUEST (RFC 2131 section 4.3.2), or `None` for any other
    /// message.
    pub fn client_state(&self) -> Option<ClientState> {
        self.0.client_state()
    }

    /// The transaction id (xid), which the client chose at random.
    pub fn transaction_id(&self) -> u32 {
        self.0.transaction_id()
    }

    /// The time in seconds for which the client has been trying, as the client reports it (secs).
    pub fn elapsed_secs(&self) -> u16 {
        self.0.elapsed_secs()
    }

    /// The type of the hardware address (htype): 1 is Ethernet.
    pub fn hardware_type(&self) -> u8 {
        self.0.hardware_type()
    }

    /// The hardware address (chaddr), at most 16 octets.
    pub fn hardware_address(&self) -> Vec<u8> {
        self.0.hardware_address()
    }

    /// The client identifier (option 61) as opaque octets.
    pub fn client_identifier(&self) -> Option<Vec<u8>> {
        self.0.client_identifier()
    }

    /// The key that identifies this client within a network. By default this is `id:` and the
    /// client identifier in hexadecimal, or `hw:` and the hardware address if the client sends no
    /// identifier. With the setting `client-key` it can always be `hw:` and the hardware address,
    /// `line:` and circuit id and remote id in hexadecimal, or `line:` and `hw:` with a comma
    /// between them.
    pub fn client_key(&self) -> String {
        self.0.client_key()
    }

    /// Whether a relay forwarded the message.
    pub fn is_relayed(&self) -> bool {
        self.0.is_relayed()
    }

    /// The address of the relay (giaddr), or `None` if no relay forwarded the message.
    pub fn relay_address(&self) -> Option<Ipv4Addr> {
        self.0.relay_address().map(from_octets)
    }

    /// The circuit id that the relay added (sub-option 1 of option 82). It is binary and may
    /// contain zero octets.
    pub fn circuit_id(&self) -> Option<Vec<u8>> {
        self.0.circuit_id()
    }

    /// The remote id that the relay added (sub-option 2 of option 82). It is binary and may contain
    /// zero octets.
    pub fn remote_id(&self) -> Option<Vec<u8>> {
        self.0.remote_id()
    }

    /// The sub-option of option 82 with this code.
    pub fn relay_sub_option(&self, code: u8) -> Option<Vec<u8>> {
        self.0.relay_sub_option(code)
    }

    /// Whether the three methods above return values from the lease on record. A client that renews
    /// its lease sends to the server directly, so the message has no option 82; the methods then
    /// return what the relay sent when the lease was last acknowledged through it.
    pub fn relay_information_is_remembered(&self) -> bool {
        self.0.relay_information_is_remembered()
    }

    /// The octets of an option of the message, with all of its parts joined (RFC 3396).
    pub fn dhcp_option(&self, code: u8) -> Option<Vec<u8>> {
        self.0.dhcp_option(code)
    }

    /// The codes of all options of the message, each once, in the order of the message.
    pub fn dhcp_option_codes(&self) -> Vec<u8> {
        self.0.dhcp_option_codes()
    }

    /// The codes of the options that the client asks for (option 55), in the client's order.
    pub fn parameter_request_list(&self) -> Vec<u8> {
        self.0.parameter_request_list()
    }

    /// The vendor class (option 60) as text; octets that are not UTF-8 are replaced by U+FFFD.
    pub fn vendor_class(&self) -> Option<String> {
        self.0.vendor_class()
    }

    /// The host name (option 12) as text; octets that are not UTF-8 are replaced by U+FFFD.
    pub fn host_name(&self) -> Option<String> {
        self.0.host_name()
    }

    /// The name that the client states for itself in option 81 or 12, in lower case, if it is a
    /// host name (RFC 1123). Its domain is as the client states it.
    pub fn checked_host_name(&self) -> Option<String> {
        self.0.checked_host_name()
    }

    /// The address that the client asks for (option 50).
    pub fn requested_address(&self) -> Option<Ipv4Addr> {
        self.0.requested_address().map(from_octets)
    }

    /// The address that the client has and uses (ciaddr), or `None` if it has none yet.
    pub fn client_address(&self) -> Option<Ipv4Addr> {
        self.0.client_address().map(from_octets)
    }

    /// The lease time that the client asks for (option 51), in seconds.
    pub fn requested_lease_time_secs(&self) -> Option<u32> {
        self.0.requested_lease_time_secs()
    }

    /// The name of the network that the client is in, as configured.
    pub fn network_name(&self) -> String {
        self.0.network_name()
    }

    /// The name of the VPN whose addresses the network has, or `None` if it is in none.
    pub fn vpn_name(&self) -> Option<String> {
        self.0.vpn_name()
    }

    /// The subnet that the client asks from.
    pub fn subnet(&self) -> Ipv4Prefix {
        let prefix = self.0.subnet();
        Ipv4Prefix { address: from_octets(prefix.address), length: prefix.length }
    }

    /// The name of the server's interface that received the message, if it is known.
    pub fn interface_name(&self) -> Option<String> {
        self.0.interface_name()
    }

    /// The names of the classes that the message belongs to, in the order of the configuration.
    pub fn classes(&self) -> Vec<String> {
        self.0.classes()
    }

    /// The address that the server has on record for this client, whether or not the lease is still
    /// active.
    pub fn lease_address(&self) -> Option<Ipv4Addr> {
        self.0.lease_address().map(from_octets)
    }

    /// Whether the client's lease of [`Request::lease_address`] is active now.
    pub fn lease_is_active(&self) -> bool {
        self.0.lease_is_active()
    }

    /// The time at which the client's lease ends or ended, in milliseconds since the Unix epoch;
    /// `u64::MAX` for an infinite lease.
    pub fn lease_expires_at_ms(&self) -> Option<u64> {
        self.0.lease_expires_at_ms()
    }

    /// The server's time in milliseconds since the Unix epoch.
    pub fn server_time_ms(&self) -> u64 {
        self.0.server_time_ms()
    }

    /// [`Request::circuit_id`] as text: unchanged if it is printable ASCII, otherwise `hex:` and
    /// its octets in hexadecimal. The server's logs show the same text, and it is a good key for
    /// lookups.
    pub fn circuit_id_text(&self) -> Option<String> {
        self.0.circuit_id_text()
    }

    /// [`Request::remote_id`] as text, in the same way.
    pub fn remote_id_text(&self) -> Option<String> {
        self.0.remote_id_text()
    }

    /// [`Request::hardware_address`] as text: `02:00:5e:00:53:01`.
    pub fn hardware_address_text(&self) -> String {
        self.0.hardware_address_text()
    }

    /// How full the pool of this name was in the client's network when the message came in, or
    /// `None` if there is no such pool. What the client itself has or is offered counts as free.
    pub fn pool_usage(&self, name: &str) -> Option<PoolUsage> {
        self.0.pool_usage(name)
    }

    /// The names of the pools of the client's network, in the order of the configuration.
    pub fn pool_names(&self) -> Vec<String> {
        self.0.pool_names()
    }

    /// The result of the lookup that [`crate::Policy::plan_lookups`] or
    /// [`crate::Policy::plan_further_lookups`] planned under `name`.
    pub fn lookup<'a>(&'a self, name: &'a str) -> Lookup<'a> {
        Lookup { subject: Subject::Request(self.0), name }
    }

    /// The message as received: the whole payload of the datagram.
    pub fn packet(&self) -> Vec<u8> {
        self.0.packet()
    }
}

pub(crate) fn from_octets((a, b, c, d): (u8, u8, u8, u8)) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

pub(crate) fn to_octets(address: Ipv4Addr) -> (u8, u8, u8, u8) {
    let [a, b, c, d] = address.octets();
    (a, b, c, d)
}

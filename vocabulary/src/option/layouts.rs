//! The values of registered options that consist of parts, as constants.
//!
//! They are described as the options of an operator are; see `kind`.

use super::kind::{
    Field, OptionKind,
    OptionKind::{
        Address, Addresses, DomainName, Empty, Fixed, Flag, Ipv6Address, Octets, Server,
        ServiceParameters, Text, U8, U16, U32,
    },
    Shared::Registered,
    SubOption, Width,
};

const fn field(name: &'static str, kind: OptionKind) -> Field {
    Field { name: Registered(name), kind, is_optional: false }
}

const fn optional(name: &'static str, kind: OptionKind) -> Field {
    Field { name: Registered(name), kind, is_optional: true }
}

const fn sub(code: u8, name: &'static str, kind: OptionKind) -> SubOption {
    SubOption { code, name: Registered(name), kind }
}

/// Makes a constant of the parts of a kind, which have to live as long as the program.
macro_rules! parts {
    ($Parts:ty: $parts:expr) => {{
        const PARTS: &$Parts = &$parts;
        Registered(PARTS)
    }};
}

macro_rules! record {
    ($($field:expr),+ $(,)?) => { OptionKind::Record(parts!([Field]: [$($field),+])) };
}

macro_rules! sub_options {
    ($($option:expr),+ $(,)?) => { OptionKind::SubOptions(parts!([SubOption]: [$($option),+])) };
}

macro_rules! list {
    ($item:expr) => { OptionKind::List(parts!(OptionKind: $item)) };
}

macro_rules! counted {
    ($kind:expr) => { counted!($kind, Width::One) };
    ($kind:expr, $width:expr) => { OptionKind::Counted($width, parts!(OptionKind: $kind)) };
}

/// Numbers of one octet.
pub(super) const U8S: OptionKind = list!(U8);
/// Domain names that are not compressed.
pub(super) const PLAIN_NAMES: OptionKind = list!(DomainName);

/// RFC 2132 section 4.3.
pub(super) const POLICY_FILTERS: OptionKind = list!(POLICY_FILTER);
const POLICY_FILTER: OptionKind = record!(field("address", Address), field("mask", Address));

/// RFC 2132 section 5.8.
pub(super) const STATIC_ROUTE_PAIRS: OptionKind = list!(STATIC_ROUTE);
const STATIC_ROUTE: OptionKind = record!(field("destination", Address), field("router", Address));

/// RFC 2242.
pub(super) const NETWARE: OptionKind = sub_options!(
    sub(1, "does-not-exist", Empty),
    sub(2, "exists-in-options", Empty),
    sub(3, "exists-in-fields", Empty),
    sub(4, "is-too-big", Empty),
    sub(5, "nsq-broadcast", Flag),
    sub(6, "preferred-dss", Addresses),
    sub(7, "nearest-servers", Addresses),
    sub(8, "autoretries", U8),
    sub(9, "autoretry-secs", U8),
    sub(10, "version-1-1", Flag),
    sub(11, "primary-dss", Address),
);

/// RFC 3004. Many clients send a plain text instead.
pub(crate) const USER_CLASS: OptionKind = list!(COUNTED_TEXT);
const COUNTED_TEXT: OptionKind = counted!(Text);

/// RFC 2610.
pub(super) const DIRECTORY_AGENT: OptionKind =
    record!(field("mandatory", Flag), field("agents", Addresses));
pub(super) const SERVICE_SCOPE: OptionKind =
    record!(field("mandatory", Flag), optional("scopes", Text));

/// RFC 4702.
pub(super) const CLIENT_FQDN: OptionKind =
    record!(field("flags", U8), field("rcode1", U8), field("rcode2", U8), optional("name", Text),);

/// RFC 4174.
pub(super) const ISNS: OptionKind = record!(
    field("functions", U16),
    field("discovery-access", U16),
    field("administration", U16),
    field("security", U32),
    field("servers", Addresses),
);

/// RFC 3118.
pub(super) const AUTHENTICATION: OptionKind = record!(
    field("protocol", U8),
    field("algorithm", U8),
    field("replay-method", U8),
    field("replay-value", Fixed(8)),
    optional("information", Octets),
);

/// RFC 4578 section 2.2.
pub(super) const NETWORK_INTERFACE: OptionKind =
    record!(field("type", U8), field("major", U8), field("minor", U8));
/// RFC 4578 section 2.3.
pub(super) const MACHINE_IDENTIFIER: OptionKind =
    record!(field("type", U8), field("identifier", Octets));

/// RFC 4776, with the names of RFC 5139.
pub(super) const CIVIC_LOCATION: OptionKind =
    record!(field("what", U8), field("country", Fixed(2)), optional("elements", CIVIC));
const CIVIC: OptionKind = sub_options!(
    sub(0, "language", Text),
    sub(1, "a1", Text),
    sub(2, "a2", Text),
    sub(3, "a3", Text),
    sub(4, "a4", Text),
    sub(5, "a5", Text),
    sub(6, "a6", Text),
    sub(16, "prd", Text),
    sub(17, "pod", Text),
    sub(18, "sts", Text),
    sub(19, "hno", Text),
    sub(20, "hns", Text),
    sub(21, "lmk", Text),
    sub(22, "loc", Text),
    sub(23, "nam", Text),
    sub(24, "pc", Text),
    sub(25, "bld", Text),
    sub(26, "unit", Text),
    sub(27, "flr", Text),
    sub(28, "room", Text),
    sub(29, "plc", Text),
    sub(30, "pcn", Text),
    sub(31, "pobox", Text),
    sub(32, "addcode", Text),
    sub(33, "seat", Text),
    sub(34, "rd", Text),
);

/// RFC 3495 and RFC 3634.
pub(super) const CABLELABS: OptionKind = sub_options!(
    sub(1, "primary-dhcp-server", Address),
    sub(2, "secondary-dhcp-server", Address),
    sub(3, "provisioning-server", Server),
    sub(4, "as-backoff", BACKOFF),
    sub(5, "ap-backoff", BACKOFF),
    sub(6, "kerberos-realm", DomainName),
    sub(7, "use-ticket", Flag),
    sub(8, "provisioning-timer", U8),
    sub(9, "security-tickets", U16),
    sub(10, "kdc-servers", Addresses),
);
const BACKOFF: OptionKind = record!(
    field("nominal-timeout", U32),
    field("maximum-timeout", U32),
    field("maximum-retries", U32),
);

/// RFC 3925 section 3.
pub(super) const VENDOR_CLASSES: OptionKind = list!(VENDOR_CLASSES_OF_ONE);
const VENDOR_CLASSES_OF_ONE: OptionKind =
    record!(field("enterprise", U32), field("classes", COUNTED_CLASSES));
const COUNTED_CLASSES: OptionKind = counted!(USER_CLASS);

/// RFC 5678.
pub(super) const MOS_ADDRESSES: OptionKind = sub_options!(
    sub(1, "information", Addresses),
    sub(2, "command", Addresses),
    sub(3, "event", Addresses),
);
pub(super) const MOS_NAMES: OptionKind = sub_options!(
    sub(1, "information", PLAIN_NAMES),
    sub(2, "command", PLAIN_NAMES),
    sub(3, "event", PLAIN_NAMES),
);

/// RFC 8572.
pub(super) const BOOTSTRAP_SERVERS: OptionKind = list!(BOOTSTRAP_SERVER);
const BOOTSTRAP_SERVER: OptionKind = counted!(Text, Width::Two);

/// RFC 6731.
pub(super) const DNS_SELECTION: OptionKind = record!(
    field("preference", U8),
    field("primary", Address),
    field("secondary", Address),
    field("domains", PLAIN_NAMES),
);

/// RFC 6926 section 6.2.2.
pub(super) const STATUS_CODE: OptionKind = record!(field("status", U8), optional("message", Text));

/// RFC 7291: the addresses of one server after the other.
pub(super) const PCP_SERVERS: OptionKind = list!(COUNTED_ADDRESSES);
const COUNTED_ADDRESSES: OptionKind = counted!(Addresses);

/// RFC 7618.
pub(super) const PORT_PARAMETERS: OptionKind =
    record!(field("offset", U8), field("psid-length", U8), field("psid", U16));

/// RFC 9463 section 5.1. Without addresses, a client looks them up by name.
pub(super) const RESOLVERS: OptionKind = list!(COUNTED_RESOLVER);
const COUNTED_RESOLVER: OptionKind = counted!(RESOLVER, Width::Two);
const RESOLVER: OptionKind = record!(
    field("priority", U16),
    field("name", counted!(DomainName)),
    optional("addresses", COUNTED_ADDRESSES),
    optional("parameters", ServiceParameters),
);

/// RFC 5969.
pub(super) const SIX_RD: OptionKind = record!(
    field("ipv4-mask-length", U8),
    field("prefix-length", U8),
    field("prefix", Ipv6Address),
    field("border-relays", Addresses),
);

/// RFC 6607.
pub(super) const VPN: OptionKind = record!(field("type", U8), optional("vpn", Text));

/// The sub-options that relays add: RFC 3046 and its successors.
pub(super) const RELAY_INFORMATION: OptionKind = sub_options!(
    sub(1, "circuit-id", Text),
    sub(2, "remote-id", Text),
    sub(4, "docsis-device-class", U32),
    sub(5, "link-selection", Address),
    sub(6, "subscriber-id", Text),
    sub(7, "radius-attributes", Octets),
    sub(8, "authentication", Octets),
    sub(9, "vendor-specific", Octets),
    sub(10, "relay-flags", U8),
    sub(11, "server-identifier-override", Address),
    sub(12, "relay-identifier", Text),
    sub(13, "access-network-type", U8),
    sub(14, "access-network-name", Text),
    sub(15, "access-point-name", Text),
    sub(16, "access-point-bssid", Octets),
    sub(17, "operator-identifier", U32),
    sub(18, "operator-realm", Text),
    sub(19, "relay-source-port", Empty),
    sub(151, "virtual-subnet-selection", VPN),
    sub(152, "virtual-subnet-selection-control", Empty),
);

//! The names of options in other servers, where they differ from the names here.
//!
//! An option that has the same name there and here is found in the catalogue, so that each option
//! stands once. An option without a name here is written by its number.

use lessor_core::{
    OptionDefinition, OptionKind,
    option::{ReservedOption, code},
};

use OptionKind::{Address, Addresses, Flag, Octets, Text, U8, U16, U16s, U32};

/// A name of an option, its code and the kind of its value.
type Row = (&'static str, u8, OptionKind);

/// The names in Kea and ISC dhcpd, which share most of them.
static ISC: &[Row] = &[
    ("ien116-name-servers", code::NAME_SERVERS, Addresses),
    ("impress-servers", 10, Addresses),
    ("resource-location-servers", 11, Addresses),
    ("boot-size", code::BOOT_FILE_SIZE, U16),
    ("merit-dump", 14, Text),
    ("swap-server", 16, Address),
    ("extensions-path", 18, Text),
    ("non-local-source-routing", 20, Flag),
    ("policy-filter", 21, Addresses),
    ("max-dgram-reassembly", code::MAX_DATAGRAM_REASSEMBLY, U16),
    ("path-mtu-aging-timeout", 24, U32),
    ("path-mtu-plateau-table", 25, U16s),
    ("all-subnets-local", 27, Flag),
    ("perform-mask-discovery", 29, Flag),
    ("mask-supplier", 30, Flag),
    ("router-solicitation-address", 32, Address),
    ("trailer-encapsulation", 34, Flag),
    ("arp-cache-timeout", 35, U32),
    ("ieee802-3-encapsulation", 36, Flag),
    ("default-tcp-ttl", 37, U8),
    ("tcp-keepalive-interval", 38, U32),
    ("tcp-keepalive-garbage", 39, Flag),
    ("vendor-encapsulated-options", code::VENDOR_SPECIFIC_INFORMATION, Octets),
    ("netbios-dd-server", 45, Addresses),
    ("x-display-manager", code::X_DISPLAY_MANAGERS, Addresses),
    ("dhcp-requested-address", code::REQUESTED_ADDRESS, Address),
    ("dhcp-lease-time", code::LEASE_TIME, U32),
    ("dhcp-option-overload", code::OVERLOAD, U8),
    ("dhcp-message-type", code::MESSAGE_TYPE, U8),
    ("dhcp-server-identifier", code::SERVER_IDENTIFIER, Address),
    ("dhcp-parameter-request-list", code::PARAMETER_REQUEST_LIST, Octets),
    ("dhcp-message", code::MESSAGE, Text),
    ("dhcp-max-message-size", code::MAX_MESSAGE_SIZE, U16),
    ("dhcp-renewal-time", code::RENEWAL_TIME, U32),
    ("dhcp-rebinding-time", code::REBINDING_TIME, U32),
    ("dhcp-client-identifier", code::CLIENT_IDENTIFIER, Octets),
    ("nwip-domain", 62, Text),
    ("nwip-domain-name", 62, Text),
    ("nwip-suboptions", 63, Octets),
    ("nisplus-domain-name", code::NISPLUS_DOMAIN, Text),
    ("bootfile-name", code::BOOT_FILE_NAME, Text),
    ("mobile-ip-home-agent", 68, Addresses),
    ("smtp-server", code::SMTP_SERVERS, Addresses),
    ("pop-server", code::POP3_SERVERS, Addresses),
    ("nntp-server", 71, Addresses),
    ("www-server", 72, Addresses),
    ("finger-server", 73, Addresses),
    ("irc-server", 74, Addresses),
    ("streettalk-server", 75, Addresses),
    ("streettalk-directory-assistance-server", 76, Addresses),
    ("user-class", code::USER_CLASS, Octets),
    ("fqdn", 81, Octets),
    ("nds-servers", 85, Addresses),
    ("nds-tree-name", 86, Text),
    ("nds-context", 87, Text),
    ("bcms-controller-address", 89, Addresses),
    ("uap-servers", 98, Text),
    ("pcode", code::POSIX_TIMEZONE, Text),
    ("tcode", code::TZDB_TIMEZONE, Text),
    ("v6-only-preferred", code::IPV6_ONLY_PREFERRED, U32),
    ("netinfo-server-address", 112, Addresses),
    ("netinfo-server-tag", 113, Text),
    ("default-url", code::CAPTIVE_PORTAL, Text),
    ("v4-captive-portal", code::CAPTIVE_PORTAL, Text),
    ("classless-static-route", code::CLASSLESS_STATIC_ROUTES, OptionKind::Routes),
    ("vivso", code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC, Octets),
    ("vivso-suboptions", code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC, Octets),
    ("pana-agent", 136, Addresses),
    ("capwap-ac-v4", code::CAPWAP_CONTROLLERS, Addresses),
    ("tftp-server-address", code::TFTP_SERVERS, Addresses),
    ("option-6rd", code::SIX_RD, Octets),
];

/// The names in dnsmasq (`dnsmasq --help dhcp`).
static DNSMASQ: &[Row] = &[
    ("netmask", code::SUBNET_MASK, Address),
    ("router", code::ROUTERS, Addresses),
    ("dns-server", code::DOMAIN_NAME_SERVERS, Addresses),
    ("log-server", code::LOG_SERVERS, Addresses),
    ("lpr-server", code::LPR_SERVERS, Addresses),
    ("hostname", code::HOST_NAME, Text),
    ("swap-server", 16, Address),
    ("extension-path", 18, Text),
    ("ip-forward-enable", code::IP_FORWARDING, Flag),
    ("non-local-source-routing", 20, Flag),
    ("policy-filter", 21, Addresses),
    ("default-ttl", code::DEFAULT_IP_TTL, U8),
    ("mtu", code::INTERFACE_MTU, U16),
    ("all-subnets-local", 27, Flag),
    ("broadcast", code::BROADCAST_ADDRESS, Address),
    ("router-solicitation", 32, Address),
    ("static-route", code::STATIC_ROUTES, Addresses),
    ("trailer-encapsulation", 34, Flag),
    ("arp-timeout", 35, U32),
    ("ethernet-encap", 36, Flag),
    ("tcp-ttl", 37, U8),
    ("tcp-keepalive", 38, U32),
    ("nis-server", code::NIS_SERVERS, Addresses),
    ("ntp-server", code::NTP_SERVERS, Addresses),
    ("vendor-encap", code::VENDOR_SPECIFIC_INFORMATION, Octets),
    ("netbios-ns", code::NETBIOS_NAME_SERVERS, Addresses),
    ("netbios-dd", 45, Addresses),
    ("netbios-nodetype", code::NETBIOS_NODE_TYPE, U8),
    ("x-windows-fs", code::FONT_SERVERS, Addresses),
    ("x-windows-dm", code::X_DISPLAY_MANAGERS, Addresses),
    ("requested-address", code::REQUESTED_ADDRESS, Address),
    ("option-overload", code::OVERLOAD, U8),
    ("server-identifier", code::SERVER_IDENTIFIER, Address),
    ("parameter-request", code::PARAMETER_REQUEST_LIST, Octets),
    ("T1", code::RENEWAL_TIME, U32),
    ("T2", code::REBINDING_TIME, U32),
    ("vendor-class", code::VENDOR_CLASS, Text),
    ("client-id", code::CLIENT_IDENTIFIER, Octets),
    ("nis+-domain", code::NISPLUS_DOMAIN, Text),
    ("nis+-server", code::NISPLUS_SERVERS, Addresses),
    ("tftp-server", code::TFTP_SERVER_NAME, Text),
    ("bootfile-name", code::BOOT_FILE_NAME, Text),
    ("mobile-ip-home", 68, Addresses),
    ("smtp-server", code::SMTP_SERVERS, Addresses),
    ("pop3-server", code::POP3_SERVERS, Addresses),
    ("nntp-server", 71, Addresses),
    ("irc-server", 74, Addresses),
    ("user-class", code::USER_CLASS, Octets),
    ("FQDN", 81, Octets),
    ("client-arch", 93, U16),
    ("client-interface-id", 94, Octets),
    ("client-machine-id", 97, Octets),
    ("ipv6-only", code::IPV6_ONLY_PREFERRED, U32),
    ("sip-server", code::SIP_SERVERS, Octets),
    ("classless-static-route", code::CLASSLESS_STATIC_ROUTES, OptionKind::Routes),
    ("vendor-id-encap", code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC, Octets),
    ("tftp-server-address", code::TFTP_SERVERS, Addresses),
];

/// The option with this name in Kea or ISC dhcpd.
pub(crate) fn isc(name: &str) -> Option<(u8, OptionKind)> {
    find(ISC, name)
}

/// The option with this name in dnsmasq, which ignores case.
pub(crate) fn dnsmasq(name: &str) -> Option<(u8, OptionKind)> {
    find(DNSMASQ, name).or_else(|| find(DNSMASQ, &name.to_ascii_lowercase()))
}

/// The kind of the values of option `code`; `None` if other servers know no more than the number.
pub(crate) fn kind(code: u8) -> Option<OptionKind> {
    let ours = OptionDefinition::by_code(code).map(|definition| definition.kind);
    let theirs = || ISC.iter().find(|row| row.1 == code).map(|row| row.2);
    ours.or_else(theirs)
}

fn find(rows: &[Row], name: &str) -> Option<(u8, OptionKind)> {
    let theirs = rows.iter().find(|row| row.0.eq_ignore_ascii_case(name));
    let ours = || OptionDefinition::by_name(name).map(|ours| (ours.code, ours.kind));
    let of_engine = || {
        let found = ReservedOption::all().iter().find(|reserved| reserved.name == name);
        found.map(|reserved| (reserved.code, Octets))
    };
    theirs.map(|row| (row.1, row.2)).or_else(ours).or_else(of_engine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_known_here_do_not_stand_here_again() {
        for (name, code, kind) in ISC.iter().chain(DNSMASQ) {
            assert_eq!(OptionDefinition::by_name(name), None, "{name}");
            let ours = OptionDefinition::by_code(*code);
            assert!(ours.is_none_or(|ours| ours.kind == *kind), "{name}");
        }
    }

    #[test]
    fn names_of_both_are_found() {
        assert_eq!(isc("routers"), Some((3, Addresses)));
        assert_eq!(isc("x-display-manager"), Some((49, Addresses)));
        assert_eq!(dnsmasq("Router"), Some((3, Addresses)));
        assert_eq!(dnsmasq("domain-search"), Some((119, OptionKind::DomainNames)));
        assert_eq!(isc("zebra"), None);
        assert_eq!((kind(25), kind(224)), (Some(U16s), None));
    }
}

//! The names of options in other servers, where they differ from the names here.
//!
//! An option that has the same name there and here is found in the catalogue, so that each option
//! stands once. dnsmasq is different: it guesses the form of every value whose option it does not
//! know, so its list is complete.

use lessor_core::{OptionDefinition, OptionKind, option::code};
use lessor_vocabulary::option::{Field, Shared};

use OptionKind::{Address, Addresses, DomainNames, Flag, I32, Octets, Servers, Text, U8, U16, U32};

/// A name of an option and its code.
type NameAndCode = (&'static str, u8);

/// The names in Kea and ISC dhcpd, which share most of them.
static ISC: &[NameAndCode] = &[
    ("boot-size", code::BOOT_FILE_SIZE),
    ("merit-dump", code::MERIT_DUMP_FILE),
    ("policy-filter", code::POLICY_FILTERS),
    ("max-dgram-reassembly", code::MAX_DATAGRAM_REASSEMBLY),
    ("path-mtu-plateau-table", code::PATH_MTU_PLATEAUS),
    ("perform-mask-discovery", code::MASK_DISCOVERY),
    ("vendor-encapsulated-options", code::VENDOR_SPECIFIC_INFORMATION),
    ("netbios-dd-server", code::NETBIOS_DISTRIBUTION_SERVERS),
    ("x-display-manager", code::X_DISPLAY_MANAGERS),
    ("dhcp-requested-address", code::REQUESTED_ADDRESS),
    ("dhcp-lease-time", code::LEASE_TIME),
    ("dhcp-option-overload", code::OVERLOAD),
    ("dhcp-message-type", code::MESSAGE_TYPE),
    ("dhcp-server-identifier", code::SERVER_IDENTIFIER),
    ("dhcp-parameter-request-list", code::PARAMETER_REQUEST_LIST),
    ("dhcp-message", code::MESSAGE),
    ("dhcp-max-message-size", code::MAX_MESSAGE_SIZE),
    ("dhcp-renewal-time", code::RENEWAL_TIME),
    ("dhcp-rebinding-time", code::REBINDING_TIME),
    ("dhcp-client-identifier", code::CLIENT_IDENTIFIER),
    ("nwip-suboptions", code::NETWARE_INFORMATION),
    ("mobile-ip-home-agent", code::HOME_AGENTS),
    ("smtp-server", code::SMTP_SERVERS),
    ("pop-server", code::POP3_SERVERS),
    ("nntp-server", code::NNTP_SERVERS),
    ("www-server", code::WWW_SERVERS),
    ("finger-server", code::FINGER_SERVERS),
    ("irc-server", code::IRC_SERVERS),
    ("streettalk-server", code::STREETTALK_SERVERS),
    ("streettalk-directory-assistance-server", code::STREETTALK_DIRECTORY_SERVERS),
    ("fqdn", code::CLIENT_FQDN),
    ("bcms-controller-names", code::BCMCS_DOMAINS),
    ("bcms-controller-address", code::BCMCS_SERVERS),
    ("associated-ip", code::ASSOCIATED_ADDRESSES),
    ("uap-servers", code::USER_AUTHENTICATION_SERVERS),
    ("geoconf-civic", code::CIVIC_LOCATION),
    ("pcode", code::POSIX_TIMEZONE),
    ("tcode", code::TZDB_TIMEZONE),
    ("v6-only-preferred", code::IPV6_ONLY_PREFERRED),
    ("netinfo-server-address", code::NETINFO_SERVERS),
    ("netinfo-server-tag", code::NETINFO_TAG),
    ("default-url", code::CAPTIVE_PORTAL),
    ("auto-config", code::AUTO_CONFIGURATION),
    ("pana-agent", code::PANA_AGENTS),
    ("v4-lost", code::LOST_SERVER),
    ("capwap-ac-v4", code::CAPWAP_CONTROLLERS),
    ("sip-ua-cs-domains", code::SIP_CONFIGURATION_DOMAINS),
    ("rdnss-selection", code::DNS_SERVER_SELECTION),
    ("v4-portparams", code::PORT_PARAMETERS),
    ("option-6rd", code::SIX_RD),
    ("v4-access-domain", code::ACCESS_NETWORK_DOMAIN),
];

/// The names that only Kea has.
static KEA: &[NameAndCode] = &[
    ("nwip-domain-name", code::NETWARE_DOMAIN),
    ("nisplus-domain-name", code::NISPLUS_DOMAIN),
    ("dhcp-agent-options", code::RELAY_AGENT_INFORMATION),
    ("authenticate", code::AUTHENTICATION),
    ("client-system", code::CLIENT_ARCHITECTURE),
    ("client-ndi", code::CLIENT_NETWORK_INTERFACE),
    ("uuid-guid", code::CLIENT_MACHINE_IDENTIFIER),
    ("v4-captive-portal", code::CAPTIVE_PORTAL),
    ("vivco-suboptions", code::VENDOR_IDENTIFYING_VENDOR_CLASS),
    ("vivso-suboptions", code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC),
    ("v4-sztp-redirect", code::SZTP_BOOTSTRAP_SERVERS),
    ("status-code", code::STATUS_CODE),
    ("dhcp-state", code::LEASEQUERY_STATE),
    ("v4-dnr", code::ENCRYPTED_RESOLVERS),
];

/// The names that only ISC dhcpd has.
static DHCPD: &[NameAndCode] = &[
    ("ien116-name-servers", code::NAME_SERVERS),
    ("nwip-domain", code::NETWARE_DOMAIN),
    ("bootfile-name", code::BOOT_FILE_NAME),
    ("pxe-system-type", code::CLIENT_ARCHITECTURE),
    ("pxe-interface-id", code::CLIENT_NETWORK_INTERFACE),
    ("pxe-client-id", code::CLIENT_MACHINE_IDENTIFIER),
    ("vivco", code::VENDOR_IDENTIFYING_VENDOR_CLASS),
    ("vivso", code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC),
    ("ipv4-address-andsf", code::ANDSF_SERVERS),
    ("tftp-server-address", code::TFTP_SERVERS),
    // The number of RFC 7710, which RFC 8910 replaced by 114.
    ("v4-captive-portal", 160),
    ("loader-configfile", code::PXELINUX_CONFIGURATION_FILE),
    ("loader-pathprefix", code::PXELINUX_PATH_PREFIX),
    ("loader-reboottime", code::PXELINUX_REBOOT_TIME),
];

/// Options whose values Kea and ISC dhcpd write in another form than Lessor does.
static ISC_FORMS: &[(u8, OptionKind)] = &[
    (code::NETWARE_INFORMATION, Octets),
    (code::CIVIC_LOCATION, Octets),
    (code::VENDOR_IDENTIFYING_VENDOR_CLASS, NUMBER_AND_OCTETS),
    (160, Text),
];

const NUMBER_AND_OCTETS: OptionKind = OptionKind::Record(Shared::Registered(&[
    Field { name: Shared::Registered("enterprise"), kind: U32, is_optional: false },
    Field { name: Shared::Registered("classes"), kind: Octets, is_optional: false },
]));

/// All names in dnsmasq (`dnsmasq --help dhcp`), with the forms of their values.
static DNSMASQ: &[(&str, u8, OptionKind)] = &[
    ("netmask", code::SUBNET_MASK, Address),
    ("time-offset", code::TIME_OFFSET, I32),
    ("router", code::ROUTERS, Addresses),
    ("dns-server", code::DOMAIN_NAME_SERVERS, Addresses),
    ("log-server", code::LOG_SERVERS, Addresses),
    ("lpr-server", code::LPR_SERVERS, Addresses),
    ("hostname", code::HOST_NAME, Text),
    ("boot-file-size", code::BOOT_FILE_SIZE, U16),
    ("domain-name", code::DOMAIN_NAME, Text),
    ("swap-server", code::SWAP_SERVER, Address),
    ("root-path", code::ROOT_PATH, Text),
    ("extension-path", code::EXTENSIONS_PATH, Text),
    ("ip-forward-enable", code::IP_FORWARDING, Flag),
    ("non-local-source-routing", code::NON_LOCAL_SOURCE_ROUTING, Flag),
    ("policy-filter", code::POLICY_FILTERS, Addresses),
    ("max-datagram-reassembly", code::MAX_DATAGRAM_REASSEMBLY, U16),
    ("default-ttl", code::DEFAULT_IP_TTL, U8),
    ("mtu", code::INTERFACE_MTU, U16),
    ("all-subnets-local", code::ALL_SUBNETS_LOCAL, Flag),
    ("broadcast", code::BROADCAST_ADDRESS, Address),
    ("router-discovery", code::ROUTER_DISCOVERY, Flag),
    ("router-solicitation", code::ROUTER_SOLICITATION_ADDRESS, Address),
    ("static-route", code::STATIC_ROUTES, Addresses),
    ("trailer-encapsulation", code::TRAILER_ENCAPSULATION, Flag),
    ("arp-timeout", code::ARP_CACHE_TIMEOUT, U32),
    ("ethernet-encap", code::IEEE802_3_ENCAPSULATION, Flag),
    ("tcp-ttl", code::DEFAULT_TCP_TTL, U8),
    ("tcp-keepalive", code::TCP_KEEPALIVE_INTERVAL, U32),
    ("nis-domain", code::NIS_DOMAIN, Text),
    ("nis-server", code::NIS_SERVERS, Addresses),
    ("ntp-server", code::NTP_SERVERS, Addresses),
    ("vendor-encap", code::VENDOR_SPECIFIC_INFORMATION, Octets),
    ("netbios-ns", code::NETBIOS_NAME_SERVERS, Addresses),
    ("netbios-dd", code::NETBIOS_DISTRIBUTION_SERVERS, Addresses),
    ("netbios-nodetype", code::NETBIOS_NODE_TYPE, U8),
    ("netbios-scope", code::NETBIOS_SCOPE, Octets),
    ("x-windows-fs", code::FONT_SERVERS, Addresses),
    ("x-windows-dm", code::X_DISPLAY_MANAGERS, Addresses),
    ("requested-address", code::REQUESTED_ADDRESS, Address),
    ("lease-time", code::LEASE_TIME, Octets),
    ("option-overload", code::OVERLOAD, U8),
    ("message-type", code::MESSAGE_TYPE, U8),
    ("server-identifier", code::SERVER_IDENTIFIER, Address),
    ("parameter-request", code::PARAMETER_REQUEST_LIST, Octets),
    ("message", code::MESSAGE, Octets),
    ("max-message-size", code::MAX_MESSAGE_SIZE, Octets),
    ("T1", code::RENEWAL_TIME, U32),
    ("T2", code::REBINDING_TIME, U32),
    ("vendor-class", code::VENDOR_CLASS, Octets),
    ("client-id", code::CLIENT_IDENTIFIER, Octets),
    ("nis+-domain", code::NISPLUS_DOMAIN, Text),
    ("nis+-server", code::NISPLUS_SERVERS, Addresses),
    ("tftp-server", code::TFTP_SERVER_NAME, Text),
    ("bootfile-name", code::BOOT_FILE_NAME, Text),
    ("mobile-ip-home", code::HOME_AGENTS, Addresses),
    ("smtp-server", code::SMTP_SERVERS, Addresses),
    ("pop3-server", code::POP3_SERVERS, Addresses),
    ("nntp-server", code::NNTP_SERVERS, Addresses),
    ("irc-server", code::IRC_SERVERS, Addresses),
    ("user-class", code::USER_CLASS, Octets),
    ("rapid-commit", code::RAPID_COMMIT, Octets),
    ("FQDN", code::CLIENT_FQDN, Octets),
    ("agent-id", code::RELAY_AGENT_INFORMATION, Octets),
    ("client-arch", code::CLIENT_ARCHITECTURE, U16),
    ("client-interface-id", code::CLIENT_NETWORK_INTERFACE, Octets),
    ("client-machine-id", code::CLIENT_MACHINE_IDENTIFIER, Octets),
    ("posix-timezone", code::POSIX_TIMEZONE, Text),
    ("tzdb-timezone", code::TZDB_TIMEZONE, Text),
    ("ipv6-only", code::IPV6_ONLY_PREFERRED, U32),
    ("subnet-select", code::SUBNET_SELECTION, Octets),
    ("domain-search", code::DOMAIN_SEARCH, DomainNames),
    ("sip-server", code::SIP_SERVERS, Servers),
    ("classless-static-route", code::CLASSLESS_STATIC_ROUTES, OptionKind::Routes),
    ("vendor-id-encap", code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC, Octets),
    ("tftp-server-address", code::TFTP_SERVERS, Addresses),
];

/// The option with this name in Kea, and the form of its values if it is known.
pub(crate) fn kea(name: &str) -> Option<(u8, Option<OptionKind>)> {
    found(name, KEA)
}

/// The option with this name in ISC dhcpd, and the form of its values if it is known.
pub(crate) fn dhcpd(name: &str) -> Option<(u8, Option<OptionKind>)> {
    found(name, DHCPD)
}

/// The form in which Kea and ISC dhcpd write the values of option `code`; `None` if it has no name.
pub(crate) fn form(code: u8) -> Option<OptionKind> {
    let other = ISC_FORMS.iter().find(|row| row.0 == code).map(|row| &row.1);
    let same = || OptionDefinition::by_code(code).map(|definition| &definition.kind);
    other.or_else(same).cloned()
}

/// The option with this name in dnsmasq, which ignores case.
pub(crate) fn dnsmasq(name: &str) -> Option<(u8, OptionKind)> {
    let row = DNSMASQ.iter().find(|row| row.0.eq_ignore_ascii_case(name))?;
    Some((row.1, row.2.clone()))
}

/// The form of the values of option `code` in dnsmasq; `None` if it guesses the form.
pub(crate) fn dnsmasq_form(code: u8) -> Option<OptionKind> {
    let row = DNSMASQ.iter().find(|row| row.1 == code).map(|row| row.2.clone());
    row.or_else(|| (code == code::MICROSOFT_ROUTES).then_some(OptionKind::Routes))
}

fn found(name: &str, own: &[NameAndCode]) -> Option<(u8, Option<OptionKind>)> {
    let rows = own.iter().chain(ISC);
    let theirs = rows.into_iter().find(|row| row.0.eq_ignore_ascii_case(name)).map(|row| row.1);
    let same = || OptionDefinition::by_name(name).map(|definition| definition.code);
    let code = theirs.or_else(same)?;
    Some((code, form(code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_known_here_do_not_stand_here_again() {
        for (name, code) in ISC.iter().chain(KEA).chain(DHCPD) {
            assert_eq!(OptionDefinition::by_name(name), None, "{name}");
            assert!(form(*code).is_some(), "{name}");
        }
        for (code, form) in ISC_FORMS {
            let same = OptionDefinition::by_code(*code).map(|definition| &definition.kind);
            assert_ne!(same, Some(form), "{code}");
        }
    }

    #[test]
    fn names_of_all_are_found() {
        assert_eq!(kea("routers"), Some((3, Some(Addresses))));
        assert_eq!(dhcpd("x-display-manager"), Some((49, Some(Addresses))));
        assert_eq!(kea("v4-captive-portal"), Some((114, Some(Text))));
        assert_eq!(dhcpd("v4-captive-portal"), Some((160, Some(Text))));
        assert_eq!(dnsmasq("Router"), Some((3, Addresses)));
        assert_eq!(dnsmasq("domain-search"), Some((119, DomainNames)));
        assert_eq!((kea("zebra"), dnsmasq("captive-portal")), (None, None));
        assert_eq!((form(25), form(224)), (Some(OptionKind::U16s), None));
        assert_eq!((dnsmasq_form(249), dnsmasq_form(114)), (Some(OptionKind::Routes), None));
    }
}

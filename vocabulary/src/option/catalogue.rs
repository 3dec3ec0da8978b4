//! The list of options. An option of a known kind is added here and nowhere else.
//!
//! Tests regenerate what follows from it in other languages: see `docs/contributing.md`.

use super::{OptionDefinition, OptionKind, ReservedOption};

options! {
    // RFC 2132, and those options of later RFCs that access networks use: a constant, the code, the
    // name, the kind of value, and names in other software.
    anyone {
        SUBNET_MASK = 1, "subnet-mask": Address, also "netmask";
        TIME_OFFSET = 2, "time-offset": I32;
        ROUTERS = 3, "routers": Addresses, also "gateway" "default-gateway";
        TIME_SERVERS = 4, "time-servers": Addresses;
        NAME_SERVERS = 5, "name-servers": Addresses;
        DOMAIN_NAME_SERVERS = 6, "domain-name-servers": Addresses,
            also "dns" "dns-servers" "nameservers";
        LOG_SERVERS = 7, "log-servers": Addresses;
        COOKIE_SERVERS = 8, "cookie-servers": Addresses;
        LPR_SERVERS = 9, "lpr-servers": Addresses;
        HOST_NAME = 12, "host-name": Text, also "hostname";
        BOOT_FILE_SIZE = 13, "boot-file-size": U16;
        DOMAIN_NAME = 15, "domain-name": Text, also "domain";
        ROOT_PATH = 17, "root-path": Text;
        IP_FORWARDING = 19, "ip-forwarding": Flag;
        MAX_DATAGRAM_REASSEMBLY = 22, "max-datagram-reassembly": U16;
        DEFAULT_IP_TTL = 23, "default-ip-ttl": U8;
        INTERFACE_MTU = 26, "interface-mtu": U16, also "mtu";
        BROADCAST_ADDRESS = 28, "broadcast-address": Address, also "broadcast";
        ROUTER_DISCOVERY = 31, "router-discovery": Flag;
        STATIC_ROUTES = 33, "static-routes": Addresses;
        NIS_DOMAIN = 40, "nis-domain": Text;
        NIS_SERVERS = 41, "nis-servers": Addresses;
        NTP_SERVERS = 42, "ntp-servers": Addresses, also "ntp";
        VENDOR_SPECIFIC_INFORMATION = 43, "vendor-specific-information": Octets;
        NETBIOS_NAME_SERVERS = 44, "netbios-name-servers": Addresses;
        NETBIOS_NODE_TYPE = 46, "netbios-node-type": U8;
        NETBIOS_SCOPE = 47, "netbios-scope": Text;
        FONT_SERVERS = 48, "font-servers": Addresses;
        X_DISPLAY_MANAGERS = 49, "x-display-managers": Addresses;
        VENDOR_CLASS = 60, "vendor-class-identifier": Text;
        NISPLUS_DOMAIN = 64, "nisplus-domain": Text;
        NISPLUS_SERVERS = 65, "nisplus-servers": Addresses;
        TFTP_SERVER_NAME = 66, "tftp-server-name": Text, also "tftp-server";
        BOOT_FILE_NAME = 67, "boot-file-name": Text, also "bootfile" "filename";
        SMTP_SERVERS = 69, "smtp-servers": Addresses;
        POP3_SERVERS = 70, "pop3-servers": Addresses;
        // RFC 4833.
        POSIX_TIMEZONE = 100, "posix-timezone": Text;
        TZDB_TIMEZONE = 101, "tzdb-timezone": Text;
        // RFC 8925.
        IPV6_ONLY_PREFERRED = 108, "ipv6-only-preferred": U32;
        // RFC 8910.
        CAPTIVE_PORTAL = 114, "captive-portal": Text;
        // RFC 3397.
        DOMAIN_SEARCH = 119, "domain-search": DomainNames, also "search";
        // RFC 3361.
        SIP_SERVERS = 120, "sip-servers": Octets;
        // RFC 3442.
        CLASSLESS_STATIC_ROUTES = 121, "classless-static-routes": Routes, also "routes";
        // RFC 3925.
        VENDOR_IDENTIFYING_VENDOR_SPECIFIC = 125, "vendor-identifying-vendor-specific": Octets;
        // RFC 5417.
        CAPWAP_CONTROLLERS = 138, "capwap-controllers": Addresses;
        // RFC 5859.
        TFTP_SERVERS = 150, "tftp-servers": Addresses;
        // RFC 5969.
        SIX_RD = 212, "6rd": Octets;
    }

    // Options that only the engine sets: a constant, the code, the name, and what to do instead.
    engine {
        PAD = 0, "pad": "it is only padding";
        REQUESTED_ADDRESS = 50, "requested-address":
            "only clients send it; to fix an address, write a [[subnet.reservation]]";
        LEASE_TIME = 51, "lease-time":
            "set lease-time of the [[subnet]], which the server grants and records";
        OVERLOAD = 52, "overload": "the server uses it when a reply is too long";
        MESSAGE_TYPE = 53, "message-type": "the server sets the type of every reply";
        SERVER_IDENTIFIER = 54, "server-identifier": "set server-identifier below [server]";
        PARAMETER_REQUEST_LIST = 55, "parameter-request-list": "only clients send it";
        MESSAGE = 56, "message": "the server uses it to explain a refusal";
        MAX_MESSAGE_SIZE = 57, "max-message-size": "only clients send it";
        RENEWAL_TIME = 58, "renewal-time":
            "set renewal-time beside lease-time; the default is half of the lease time";
        REBINDING_TIME = 59, "rebinding-time":
            "set rebinding-time beside lease-time; the default is seven eighths of the lease time";
        CLIENT_IDENTIFIER = 61, "client-identifier":
            "the server returns what the client sent (RFC 6842)";
        RELAY_AGENT_INFORMATION = 82, "relay-agent-information":
            "the server returns what the relay sent (RFC 3046)";
        SUBNET_SELECTION = 118, "subnet-selection":
            "the server returns what the client sent (RFC 3011)";
        END = 255, "end": "the server ends every reply with it";
    }

    // Options that only clients send and that have no name.
    nameless {
        // RFC 3004.
        USER_CLASS = 77;
        // RFC 4578.
        CLIENT_ARCHITECTURE = 93;
    }
}

//! The list of options. An option of a known kind is added here and nowhere else.
//!
//! It has every option that IANA registers with one meaning. Those that are registered with several
//! (128 to 135) or only tentatively (175 to 177), and those for private use (224 to 254), have no
//! name: an operator declares them as the devices need them.
//!
//! Tests regenerate what follows from it in other languages: see `docs/contributing.md`.

use super::{
    OptionDefinition,
    kind::OptionKind::{
        Address, Addresses, DomainName, DomainNames, Empty, Flag, I32, Ipv6Address, Octets, Routes,
        Servers, Text, U8, U16, U16s, U32,
    },
    layouts::{
        AUTHENTICATION, BOOTSTRAP_SERVERS, CABLELABS, CIVIC_LOCATION, CLIENT_FQDN, DIRECTORY_AGENT,
        DNS_SELECTION, ISNS, MACHINE_IDENTIFIER, MOS_ADDRESSES, MOS_NAMES, NETWARE,
        NETWORK_INTERFACE, PCP_SERVERS, PLAIN_NAMES, POLICY_FILTERS, PORT_PARAMETERS,
        RELAY_INFORMATION, RESOLVERS, SERVICE_SCOPE, SIX_RD, STATIC_ROUTE_PAIRS, STATUS_CODE, U8S,
        USER_CLASS, VENDOR_CLASSES, VPN,
    },
};

options! {
    // RFC 2132 and later RFCs: a constant, the code, the name, the kind of value, and names in
    // other software.
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
        IMPRESS_SERVERS = 10, "impress-servers": Addresses;
        RESOURCE_LOCATION_SERVERS = 11, "resource-location-servers": Addresses;
        HOST_NAME = 12, "host-name": Text, also "hostname";
        BOOT_FILE_SIZE = 13, "boot-file-size": U16, also "boot-size";
        MERIT_DUMP_FILE = 14, "merit-dump-file": Text, also "merit-dump";
        DOMAIN_NAME = 15, "domain-name": Text, also "domain";
        SWAP_SERVER = 16, "swap-server": Address;
        ROOT_PATH = 17, "root-path": Text;
        EXTENSIONS_PATH = 18, "extensions-path": Text;
        IP_FORWARDING = 19, "ip-forwarding": Flag;
        NON_LOCAL_SOURCE_ROUTING = 20, "non-local-source-routing": Flag;
        POLICY_FILTERS = 21, "policy-filters": POLICY_FILTERS, also "policy-filter";
        MAX_DATAGRAM_REASSEMBLY = 22, "max-datagram-reassembly": U16, also "max-dgram-reassembly";
        DEFAULT_IP_TTL = 23, "default-ip-ttl": U8;
        PATH_MTU_AGING_TIMEOUT = 24, "path-mtu-aging-timeout": U32;
        PATH_MTU_PLATEAUS = 25, "path-mtu-plateaus": U16s, also "path-mtu-plateau-table";
        INTERFACE_MTU = 26, "interface-mtu": U16, also "mtu";
        ALL_SUBNETS_LOCAL = 27, "all-subnets-local": Flag;
        BROADCAST_ADDRESS = 28, "broadcast-address": Address, also "broadcast";
        MASK_DISCOVERY = 29, "mask-discovery": Flag, also "perform-mask-discovery";
        MASK_SUPPLIER = 30, "mask-supplier": Flag;
        ROUTER_DISCOVERY = 31, "router-discovery": Flag;
        ROUTER_SOLICITATION_ADDRESS = 32, "router-solicitation-address": Address;
        STATIC_ROUTES = 33, "static-routes": STATIC_ROUTE_PAIRS, also "static-route";
        TRAILER_ENCAPSULATION = 34, "trailer-encapsulation": Flag;
        ARP_CACHE_TIMEOUT = 35, "arp-cache-timeout": U32;
        IEEE802_3_ENCAPSULATION = 36, "ieee802-3-encapsulation": Flag;
        DEFAULT_TCP_TTL = 37, "default-tcp-ttl": U8;
        TCP_KEEPALIVE_INTERVAL = 38, "tcp-keepalive-interval": U32;
        TCP_KEEPALIVE_GARBAGE = 39, "tcp-keepalive-garbage": Flag;
        NIS_DOMAIN = 40, "nis-domain": Text;
        NIS_SERVERS = 41, "nis-servers": Addresses;
        NTP_SERVERS = 42, "ntp-servers": Addresses, also "ntp";
        VENDOR_SPECIFIC_INFORMATION = 43, "vendor-specific-information": Octets,
            also "vendor-encapsulated-options";
        NETBIOS_NAME_SERVERS = 44, "netbios-name-servers": Addresses, also "wins-servers";
        NETBIOS_DISTRIBUTION_SERVERS = 45, "netbios-distribution-servers": Addresses,
            also "netbios-dd-server";
        NETBIOS_NODE_TYPE = 46, "netbios-node-type": U8;
        NETBIOS_SCOPE = 47, "netbios-scope": Text;
        FONT_SERVERS = 48, "font-servers": Addresses;
        X_DISPLAY_MANAGERS = 49, "x-display-managers": Addresses;
        VENDOR_CLASS = 60, "vendor-class-identifier": Text;
        // RFC 2242.
        NETWARE_DOMAIN = 62, "netware-domain": Text, also "nwip-domain";
        NETWARE_INFORMATION = 63, "netware-information": NETWARE, also "nwip-suboptions";
        NISPLUS_DOMAIN = 64, "nisplus-domain": Text;
        NISPLUS_SERVERS = 65, "nisplus-servers": Addresses;
        TFTP_SERVER_NAME = 66, "tftp-server-name": Text, also "tftp-server";
        BOOT_FILE_NAME = 67, "boot-file-name": Text, also "bootfile" "filename";
        HOME_AGENTS = 68, "home-agents": Addresses, also "mobile-ip-home-agent";
        SMTP_SERVERS = 69, "smtp-servers": Addresses;
        POP3_SERVERS = 70, "pop3-servers": Addresses;
        NNTP_SERVERS = 71, "nntp-servers": Addresses;
        WWW_SERVERS = 72, "www-servers": Addresses;
        FINGER_SERVERS = 73, "finger-servers": Addresses;
        IRC_SERVERS = 74, "irc-servers": Addresses;
        STREETTALK_SERVERS = 75, "streettalk-servers": Addresses;
        STREETTALK_DIRECTORY_SERVERS = 76, "streettalk-directory-servers": Addresses,
            also "streettalk-directory-assistance-server";
        // RFC 2610.
        SLP_DIRECTORY_AGENT = 78, "slp-directory-agent": DIRECTORY_AGENT;
        SLP_SERVICE_SCOPE = 79, "slp-service-scope": SERVICE_SCOPE;
        // RFC 4174.
        ISNS_SERVERS = 83, "isns-servers": ISNS;
        // RFC 2241.
        NDS_SERVERS = 85, "nds-servers": Addresses;
        NDS_TREE_NAME = 86, "nds-tree-name": Text;
        NDS_CONTEXT = 87, "nds-context": Text;
        // RFC 4280.
        BCMCS_DOMAINS = 88, "bcmcs-domains": PLAIN_NAMES, also "bcms-controller-names";
        BCMCS_SERVERS = 89, "bcmcs-servers": Addresses, also "bcms-controller-address";
        // RFC 3679, as it is used.
        LDAP_URL = 95, "ldap-url": Text;
        // RFC 2485.
        USER_AUTHENTICATION_SERVERS = 98, "user-authentication-servers": Text,
            also "uap-servers";
        // RFC 4776.
        CIVIC_LOCATION = 99, "civic-location": CIVIC_LOCATION, also "geoconf-civic";
        // RFC 4833.
        POSIX_TIMEZONE = 100, "posix-timezone": Text, also "pcode";
        TZDB_TIMEZONE = 101, "tzdb-timezone": Text, also "tcode";
        // RFC 8925.
        IPV6_ONLY_PREFERRED = 108, "ipv6-only-preferred": U32, also "v6-only-preferred";
        // RFC 8539.
        SOFTWIRE_SOURCE_ADDRESS = 109, "softwire-source-address": Ipv6Address;
        // RFC 3679, as they are used.
        NETINFO_SERVERS = 112, "netinfo-servers": Addresses, also "netinfo-server-address";
        NETINFO_TAG = 113, "netinfo-tag": Text, also "netinfo-server-tag";
        // RFC 8910.
        CAPTIVE_PORTAL = 114, "captive-portal": Text, also "v4-captive-portal";
        // RFC 2563.
        AUTO_CONFIGURATION = 116, "auto-configuration": U8, also "auto-config";
        // RFC 2937.
        NAME_SERVICE_SEARCH = 117, "name-service-search": U16s;
        // RFC 3397.
        DOMAIN_SEARCH = 119, "domain-search": DomainNames, also "search";
        // RFC 3361.
        SIP_SERVERS = 120, "sip-servers": Servers;
        // RFC 3442.
        CLASSLESS_STATIC_ROUTES = 121, "classless-static-routes": Routes, also "routes";
        // RFC 3495.
        CABLELABS_CONFIGURATION = 122, "cablelabs-configuration": CABLELABS,
            also "cablelabs-client-configuration";
        // RFC 6225.
        GEOGRAPHIC_LOCATION = 123, "geographic-location": Octets, also "geoconf";
        // RFC 3925.
        VENDOR_IDENTIFYING_VENDOR_CLASS = 124, "vendor-identifying-vendor-class": VENDOR_CLASSES,
            also "vivco-suboptions";
        VENDOR_IDENTIFYING_VENDOR_SPECIFIC = 125, "vendor-identifying-vendor-specific": Octets,
            also "vivso-suboptions";
        // RFC 5192.
        PANA_AGENTS = 136, "pana-agents": Addresses, also "pana-agent";
        // RFC 5223.
        LOST_SERVER = 137, "lost-server": DomainName, also "v4-lost";
        // RFC 5417.
        CAPWAP_CONTROLLERS = 138, "capwap-controllers": Addresses, also "capwap-ac-v4";
        // RFC 5678.
        MOS_SERVERS = 139, "mos-servers": MOS_ADDRESSES;
        MOS_SERVER_NAMES = 140, "mos-server-names": MOS_NAMES;
        // RFC 6011.
        SIP_CONFIGURATION_DOMAINS = 141, "sip-configuration-domains": PLAIN_NAMES,
            also "sip-ua-cs-domains";
        // RFC 6153.
        ANDSF_SERVERS = 142, "andsf-servers": Addresses;
        // RFC 8572.
        SZTP_BOOTSTRAP_SERVERS = 143, "sztp-bootstrap-servers": BOOTSTRAP_SERVERS,
            also "v4-sztp-redirect";
        // RFC 6225.
        GEOGRAPHIC_POSITION = 144, "geographic-position": Octets, also "geoloc";
        // RFC 6731.
        DNS_SERVER_SELECTION = 146, "dns-server-selection": DNS_SELECTION,
            also "rdnss-selection";
        // RFC 8973.
        DOTS_SERVER_NAME = 147, "dots-server-name": DomainName;
        DOTS_SERVERS = 148, "dots-servers": Addresses;
        // RFC 5859.
        TFTP_SERVERS = 150, "tftp-servers": Addresses;
        // RFC 7291.
        PCP_SERVERS = 158, "pcp-servers": PCP_SERVERS, also "v4-pcp-server";
        // RFC 7618.
        PORT_PARAMETERS = 159, "port-parameters": PORT_PARAMETERS,
            also "v4-portparams";
        // RFC 9463.
        ENCRYPTED_RESOLVERS = 162, "encrypted-resolvers": RESOLVERS, also "v4-dnr" "dnr";
        // RFC 5071.
        PXELINUX_MAGIC = 208, "pxelinux-magic": Octets;
        PXELINUX_CONFIGURATION_FILE = 209, "pxelinux-configuration-file": Text,
            also "configfile";
        PXELINUX_PATH_PREFIX = 210, "pxelinux-path-prefix": Text, also "pathprefix";
        PXELINUX_REBOOT_TIME = 211, "pxelinux-reboot-time": U32, also "reboottime";
        // RFC 5969.
        SIX_RD = 212, "6rd": SIX_RD;
        // RFC 5986.
        ACCESS_NETWORK_DOMAIN = 213, "access-network-domain": DomainName,
            also "v4-access-domain";
        // RFC 3442 under the number that Windows used first.
        MICROSOFT_ROUTES = 249, "microsoft-classless-static-routes": Routes,
            also "ms-classless-static-routes";
        // Never registered, and read by nearly every browser.
        PROXY_AUTO_DISCOVERY = 252, "proxy-auto-discovery": Text, also "wpad";
    }

    // Options that clients and relays send, which the configuration cannot set: a constant, the
    // code, the name, the kind of value, and why.
    client {
        USER_CLASS = 77, "user-class": USER_CLASS: "only clients send it (RFC 3004)";
        RAPID_COMMIT = 80, "rapid-commit": Empty:
            "set rapid-commit = true beside lease-time (RFC 4039)";
        CLIENT_FQDN = 81, "client-fqdn": CLIENT_FQDN:
            "its value follows from what the client sent (RFC 4702); set host-name or domain-name";
        AUTHENTICATION = 90, "message-authentication": AUTHENTICATION:
            "its value would have to be computed for each message (RFC 3118)";
        LAST_TRANSACTION_TIME = 91, "client-last-transaction-time": U32:
            "only answers to a leasequery have it (RFC 4388)";
        ASSOCIATED_ADDRESSES = 92, "associated-addresses": Addresses:
            "only answers to a leasequery have it (RFC 4388)";
        CLIENT_ARCHITECTURE = 93, "client-architecture": U16s: "only clients send it (RFC 4578)";
        CLIENT_NETWORK_INTERFACE = 94, "client-network-interface": NETWORK_INTERFACE:
            "only clients send it (RFC 4578)";
        CLIENT_MACHINE_IDENTIFIER = 97, "client-machine-identifier": MACHINE_IDENTIFIER:
            "a client recognises its own identifier only (RFC 4578); a policy can return it";
        FORCERENEW_NONCE = 145, "forcerenew-nonce": U8S:
            "its value differs for each client (RFC 6704)";
        STATUS_CODE = 151, "leasequery-status": STATUS_CODE:
            "only answers to a leasequery have it (RFC 6926)";
        BASE_TIME = 152, "base-time": U32: "only answers to a leasequery have it (RFC 6926)";
        START_TIME_OF_STATE = 153, "start-time-of-state": U32:
            "only answers to a leasequery have it (RFC 6926)";
        QUERY_START_TIME = 154, "query-start-time": U32:
            "only a leasequery has it (RFC 6926)";
        QUERY_END_TIME = 155, "query-end-time": U32: "only a leasequery has it (RFC 6926)";
        LEASEQUERY_STATE = 156, "leasequery-state": U8:
            "only answers to a leasequery have it (RFC 6926)";
        DATA_SOURCE = 157, "data-source": U8: "only answers to a leasequery have it (RFC 6926)";
        MUD_URL = 161, "mud-url": Text: "only clients send it (RFC 8520)";
        SUBNET_ALLOCATION = 220, "subnet-allocation": Octets:
            "the server assigns addresses, not subnets (RFC 6656)";
    }

    // Options that only the engine sets: a constant, the code, the name, the kind of value, and
    // what to do instead.
    engine {
        PAD = 0, "pad": Octets: "it is only padding";
        REQUESTED_ADDRESS = 50, "requested-address": Address:
            "only clients send it; to fix an address, write a [[subnet.reservation]]";
        LEASE_TIME = 51, "lease-time": U32:
            "set lease-time of the [[subnet]], which the server grants and records";
        OVERLOAD = 52, "overload": U8: "the server uses it when a reply is too long";
        MESSAGE_TYPE = 53, "message-type": U8: "the server sets the type of every reply";
        SERVER_IDENTIFIER = 54, "server-identifier": Address:
            "set server-identifier of [server], or of a network, subnet, pool, class or reservation";
        PARAMETER_REQUEST_LIST = 55, "parameter-request-list": U8S: "only clients send it";
        MESSAGE = 56, "message": Text: "the server uses it to explain a refusal";
        MAX_MESSAGE_SIZE = 57, "max-message-size": U16: "only clients send it";
        RENEWAL_TIME = 58, "renewal-time": U32:
            "set renewal-time beside lease-time; the default is half of the lease time";
        REBINDING_TIME = 59, "rebinding-time": U32:
            "set rebinding-time beside lease-time; the default is seven eighths of the lease time";
        CLIENT_IDENTIFIER = 61, "client-identifier": Octets:
            "the server returns what the client sent (RFC 6842)";
        RELAY_AGENT_INFORMATION = 82, "relay-agent-information": RELAY_INFORMATION:
            "the server returns what the relay sent (RFC 3046)";
        SUBNET_SELECTION = 118, "subnet-selection": Address:
            "the server returns what the client sent (RFC 3011)";
        VIRTUAL_SUBNET = 221, "virtual-subnet": VPN:
            "the server returns what the client sent if it used it (RFC 6607); set vpn of a \
             [[network]] or [[subnet]]";
        END = 255, "end": Octets: "the server ends every reply with it";
    }
}

//! What a subject has to be configured for, in the words of each subject, and what it does not
//! support. Decides nothing: a test names the features that it needs.

use lessor_e2e::subject::{Addition, Kind};

/// Something that a subject is configured for.
#[derive(Clone, Copy, Debug)]
pub struct Feature {
    /// Its name in messages.
    pub name: &'static str,
    lessor: Support,
    kea: Support,
    dhcpd: Support,
    dnsmasq: Support,
}

/// Whether a subject supports a feature, and how.
#[derive(Clone, Copy, Debug)]
pub enum Support {
    /// It needs no setting.
    Built,
    /// With these lines.
    By(Addition),
    /// It does not, for this reason.
    No(&'static str),
}

impl Feature {
    /// Returns how a subject supports it.
    pub const fn support(&self, kind: Kind) -> Support {
        match kind {
            Kind::Lessor => self.lessor,
            Kind::Kea => self.kea,
            Kind::Dhcpd => self.dhcpd,
            Kind::Dnsmasq => self.dnsmasq,
        }
    }
}

const NOTHING: Addition = Addition { top: "", subnets: "", pools: "", end: "" };

/// Lines for everything.
const fn top(lines: &'static str) -> Support {
    Support::By(Addition { top: lines, ..NOTHING })
}

/// Lines in each subnet.
const fn subnets(lines: &'static str) -> Support {
    Support::By(Addition { subnets: lines, ..NOTHING })
}

/// Lines in each pool.
const fn pools(lines: &'static str) -> Support {
    Support::By(Addition { pools: lines, ..NOTHING })
}

/// Lines at the end.
const fn end(lines: &'static str) -> Support {
    Support::By(Addition { end: lines, ..NOTHING })
}

/// A literal that repeats another one.
macro_rules! times {
    (10, $text:literal) => {
        concat!($text, $text, $text, $text, $text, $text, $text, $text, $text, $text)
    };
    (30, $text:literal) => {
        concat!(times!(10, $text), times!(10, $text), times!(10, $text))
    };
    (60, $text:literal) => {
        concat!(times!(30, $text), times!(30, $text))
    };
}

const KEA_BOOTP: Support = top(r#"{"hooks-libraries": [{"library":
        "/usr/lib/x86_64-linux-gnu/kea/hooks/libdhcp_bootp.so"}]}"#);
const NOT_YET: Support = Support::No("it is not built yet");

/// An option of 300 octets, "0123456789" thirty times, with the code 224.
pub const LONG_OPTION: Feature = Feature {
    name: "option of 300 octets",
    lessor: subnets(concat!("options.224 = \"", times!(30, "0123456789"), "\"")),
    kea: top(concat!(
        r#"{"option-def": [{"name": "o224", "code": 224, "type": "string", "space": "dhcp4"}],
            "option-data": [{"name": "o224", "data": ""#,
        times!(30, "0123456789"),
        r#""}]}"#
    )),
    dhcpd: top(concat!(
        "option o224 code 224 = text;\noption o224 \"",
        times!(30, "0123456789"),
        "\";"
    )),
    dnsmasq: Support::No("its options have at most 255 octets"),
};

/// Five options of 60 octets, with the codes 225 to 229.
pub const MANY_OPTIONS: Feature = Feature {
    name: "options of one's own",
    lessor: subnets(concat!(
        "options.225 = \"",
        times!(60, "a"),
        "\"\noptions.226 = \"",
        times!(60, "b"),
        "\"\noptions.227 = \"",
        times!(60, "c"),
        "\"\noptions.228 = \"",
        times!(60, "d"),
        "\"\noptions.229 = \"",
        times!(60, "e"),
        "\""
    )),
    kea: top(concat!(
        r#"{"option-def": [
            {"name": "o225", "code": 225, "type": "string", "space": "dhcp4"},
            {"name": "o226", "code": 226, "type": "string", "space": "dhcp4"},
            {"name": "o227", "code": 227, "type": "string", "space": "dhcp4"},
            {"name": "o228", "code": 228, "type": "string", "space": "dhcp4"},
            {"name": "o229", "code": 229, "type": "string", "space": "dhcp4"}],
           "option-data": [
            {"name": "o225", "data": ""#,
        times!(60, "a"),
        r#""}, {"name": "o226", "data": ""#,
        times!(60, "b"),
        r#""}, {"name": "o227", "data": ""#,
        times!(60, "c"),
        r#""}, {"name": "o228", "data": ""#,
        times!(60, "d"),
        r#""}, {"name": "o229", "data": ""#,
        times!(60, "e"),
        r#""}]}"#
    )),
    dhcpd: top(concat!(
        "option o225 code 225 = text;\noption o226 code 226 = text;\n\
         option o227 code 227 = text;\noption o228 code 228 = text;\n\
         option o229 code 229 = text;\noption o225 \"",
        times!(60, "a"),
        "\";\noption o226 \"",
        times!(60, "b"),
        "\";\noption o227 \"",
        times!(60, "c"),
        "\";\noption o228 \"",
        times!(60, "d"),
        "\";\noption o229 \"",
        times!(60, "e"),
        "\";"
    )),
    dnsmasq: top(concat!(
        "dhcp-option=225,",
        times!(60, "a"),
        "\ndhcp-option=226,",
        times!(60, "b"),
        "\ndhcp-option=227,",
        times!(60, "c"),
        "\ndhcp-option=228,",
        times!(60, "d"),
        "\ndhcp-option=229,",
        times!(60, "e")
    )),
};

/// Next server 192.0.2.10, server name `boot.example.org` and boot file `boot.img`.
pub const BOOT: Feature = Feature {
    name: "boot fields",
    lessor: top(
        "next-server = \"192.0.2.10\"\nserver-name = \"boot.example.org\"\nboot-file = \"boot.img\"",
    ),
    kea: top(r#"{"next-server": "192.0.2.10", "server-hostname": "boot.example.org",
                 "boot-file-name": "boot.img"}"#),
    dhcpd: top(
        "next-server 192.0.2.10;\nserver-name \"boot.example.org\";\nfilename \"boot.img\";",
    ),
    dnsmasq: top("dhcp-boot=boot.img,boot.example.org,192.0.2.10"),
};

/// A boot file by the architecture of the client (option 93): `x64.efi` for 7, else `other.img`.
pub const BOOT_BY_ARCHITECTURE: Feature = Feature {
    name: "boot file by architecture",
    lessor: top("boot-file = { x64-uefi = \"x64.efi\", other = \"other.img\" }"),
    kea: top(r#"{"client-classes": [{"name": "x64", "test": "option[93].hex == 0x0007",
                 "boot-file-name": "x64.efi"}], "boot-file-name": "other.img"}"#),
    dhcpd: top("option arch code 93 = unsigned integer 16;\n\
         if option arch = 00:07 { filename \"x64.efi\"; } else { filename \"other.img\"; }"),
    dnsmasq: top("dhcp-match=set:x64,option:client-arch,7\ndhcp-boot=other.img\n\
         dhcp-boot=tag:x64,x64.efi"),
};

/// A boot file for clients of the user class `iPXE` (option 77): `menu.ipxe`, else `ipxe.efi`.
pub const BOOT_BY_USER_CLASS: Feature = Feature {
    name: "boot file by user class",
    lessor: top("boot-file = { ipxe = \"menu.ipxe\", other = \"ipxe.efi\" }"),
    kea: top(
        r#"{"client-classes": [{"name": "ipxe", "test": "substring(option[77].hex,1,4) == 'iPXE'",
            "boot-file-name": "menu.ipxe"}], "boot-file-name": "ipxe.efi"}"#,
    ),
    dhcpd: top("if substring(option user-class, 1, 4) = \"iPXE\" { filename \"menu.ipxe\"; }\n\
         else { filename \"ipxe.efi\"; }"),
    dnsmasq: top("dhcp-userclass=set:ipxe,iPXE\ndhcp-boot=ipxe.efi\ndhcp-boot=tag:ipxe,menu.ipxe"),
};

/// Option 43: the octets 01 04 c0 00 02 01.
pub const VENDOR_OPTION: Feature = Feature {
    name: "option 43",
    lessor: subnets("options.vendor-specific-information = \"hex:0104c0000201\""),
    kea: top(r#"{"option-data": [{"code": 43, "csv-format": false, "data": "0104C0000201"}]}"#),
    dhcpd: top("option vendor-encapsulated-options 01:04:c0:00:02:01;"),
    dnsmasq: top("dhcp-option=43,01:04:c0:00:02:01"),
};

/// Option 125: sub-option 1, "abc", of the enterprise 32473.
pub const ENTERPRISE_OPTION: Feature = Feature {
    name: "option 125",
    lessor: subnets("options.vendor-identifying-vendor-specific = \"hex:00007ed9050103616263\""),
    kea: top(r#"{"option-data": [{"name": "vivso-suboptions", "data": "32473"},
        {"code": 1, "space": "vendor-32473", "csv-format": false, "data": "616263",
         "always-send": true}]}"#),
    dhcpd: top(
        "option enterprise code 125 = string;\noption enterprise 00:00:7e:d9:05:01:03:61:62:63;",
    ),
    dnsmasq: top("dhcp-option=vi-encap:32473,1,abc"),
};

/// Option 121: a default route by 10.77.0.1, and 198.51.100.0/24 by 10.77.0.2.
pub const ROUTES: Feature = Feature {
    name: "classless static routes",
    lessor: subnets(
        "options.classless-static-routes = [{ to = \"0.0.0.0/0\", via = \"10.77.0.1\" }, \
         { to = \"198.51.100.0/24\", via = \"10.77.0.2\" }]",
    ),
    kea: top(r#"{"option-data": [{"code": 121, "csv-format": false,
        "data": "000A4D000118C633640A4D0002"}]}"#),
    dhcpd: top("option routes code 121 = array of unsigned integer 8;\n\
         option routes 0,10,77,0,1,24,198,51,100,10,77,0,2;"),
    dnsmasq: top("dhcp-option=121,0.0.0.0/0,10.77.0.1,198.51.100.0/24,10.77.0.2"),
};

/// Option 119: `example.org` and `lab.example.org`.
pub const DOMAIN_SEARCH: Feature = Feature {
    name: "domain search list",
    lessor: subnets("options.domain-search = [\"example.org\", \"lab.example.org\"]"),
    kea: top(
        r#"{"option-data": [{"name": "domain-search", "data": "example.org, lab.example.org"}]}"#,
    ),
    dhcpd: top("option domain-search \"example.org\", \"lab.example.org\";"),
    dnsmasq: top("dhcp-option=option:domain-search,example.org,lab.example.org"),
};

/// Option 150: 192.0.2.10 and 192.0.2.11.
pub const TFTP_SERVERS: Feature = Feature {
    name: "option 150",
    lessor: subnets("options.tftp-servers = [\"192.0.2.10\", \"192.0.2.11\"]"),
    kea: top(r#"{"option-def": [{"name": "tftp", "code": 150, "type": "ipv4-address",
        "array": true, "space": "dhcp4"}],
        "option-data": [{"name": "tftp", "data": "192.0.2.10, 192.0.2.11"}]}"#),
    dhcpd: top("option tftp code 150 = array of ip-address;\noption tftp 192.0.2.10, 192.0.2.11;"),
    dnsmasq: top("dhcp-option=150,192.0.2.10,192.0.2.11"),
};

/// Option 108: 1,800 seconds.
pub const IPV6_ONLY: Feature = Feature {
    name: "IPv6-only preferred",
    lessor: subnets("options.ipv6-only-preferred = 1800"),
    kea: top(r#"{"option-data": [{"code": 108, "csv-format": false, "data": "00000708"}]}"#),
    dhcpd: top("option ipv6-only code 108 = unsigned integer 32;\noption ipv6-only 1800;"),
    dnsmasq: top("dhcp-option=108,00:00:07:08"),
};

/// Option 114: `https://portal.example.org/api`.
pub const CAPTIVE_PORTAL: Feature = Feature {
    name: "captive portal",
    lessor: subnets("options.captive-portal = \"https://portal.example.org/api\""),
    kea: top(r#"{"option-data": [{"code": 114, "csv-format": false,
        "data": "68747470733A2F2F706F7274616C2E6578616D706C652E6F72672F617069"}]}"#),
    dhcpd: top("option portal code 114 = text;\noption portal \"https://portal.example.org/api\";"),
    dnsmasq: top("dhcp-option=114,https://portal.example.org/api"),
};

/// Option 162: one resolver, of priority 1, by its name `dns.example.org` only.
pub const ENCRYPTED_RESOLVERS: Feature = Feature {
    name: "encrypted resolvers",
    lessor: subnets("options.encrypted-resolvers = [{ priority = 1, name = \"dns.example.org\" }]"),
    kea: top(r#"{"option-data": [{"code": 162, "csv-format": false,
        "data": "001400011103646E73076578616D706C65036F726700"}]}"#),
    dhcpd: top("option dnr code 162 = string;\noption dnr \
         00:14:00:01:11:03:64:6e:73:07:65:78:61:6d:70:6c:65:03:6f:72:67:00;"),
    dnsmasq: top(
        "dhcp-option=162,00:14:00:01:11:03:64:6e:73:07:65:78:61:6d:70:6c:65:03:6f:72:67:00",
    ),
};

/// A subnet of 31 bits behind the relay, 198.51.100.0/31, whose second address is in its pool.
pub const PREFIX_OF_31_BITS: Feature = Feature {
    name: "prefix of 31 bits",
    lessor: end(
        "[[subnet]]\nprefix = \"198.51.100.0/31\"\n[[subnet.pool]]\nrange = \"198.51.100.1-198.51.100.1\"",
    ),
    kea: end(r#"{"subnet4": [{"id": 31, "subnet": "198.51.100.0/31",
        "pools": [{"pool": "198.51.100.1 - 198.51.100.1"}]}]}"#),
    dhcpd: end("subnet 198.51.100.0 netmask 255.255.255.254 { range 198.51.100.1; }"),
    dnsmasq: end("dhcp-range=198.51.100.1,198.51.100.1,255.255.255.254,1h"),
};

/// Only clients that the configuration names are served.
pub const KNOWN_CLIENTS_ONLY: Feature = Feature {
    name: "serving of known clients only",
    lessor: pools("by-policy-only = true"),
    kea: pools(r#"{"client-class": "KNOWN"}"#),
    dhcpd: top("deny unknown-clients;"),
    dnsmasq: top("dhcp-ignore=tag:!known"),
};

/// An address is probed before it is offered.
pub const PROBE: Feature = Feature {
    name: "probe of addresses",
    lessor: top("probe = \"auto\""),
    kea: Support::No("this version has no ping check"),
    dhcpd: Support::Built,
    dnsmasq: Support::Built,
};

/// BOOTP clients get their reserved address.
pub const BOOTP: Feature = Feature {
    name: "BOOTP",
    lessor: top("bootp = \"reserved\""),
    kea: KEA_BOOTP,
    dhcpd: Support::Built,
    dnsmasq: Support::Built,
};

/// BOOTP clients get an address of a pool.
pub const DYNAMIC_BOOTP: Feature = Feature {
    name: "dynamic BOOTP",
    lessor: top("bootp = \"dynamic\""),
    kea: KEA_BOOTP,
    dhcpd: pools("dynamic-bootp"),
    dnsmasq: top("bootp-dynamic"),
};

/// Rapid commit (RFC 4039).
pub const RAPID_COMMIT: Feature = Feature {
    name: "rapid commit",
    lessor: top("rapid-commit = true"),
    kea: Support::No("it has rapid commit for DHCPv6 only"),
    dhcpd: Support::No("it has rapid commit for DHCPv6 only"),
    dnsmasq: top("dhcp-rapid-commit"),
};

/// Client FQDN (RFC 4702).
pub const CLIENT_FQDN: Feature = Feature {
    name: "client FQDN",
    lessor: Support::Built,
    kea: top(r#"{"ddns-send-updates": false, "ddns-qualifying-suffix": "example.org"}"#),
    dhcpd: top("ddns-update-style interim;\nddns-domainname \"example.org\";\nddns-updates on;\n\
         allow client-updates;"),
    dnsmasq: Support::Built,
};

/// Selection of a virtual subnet (RFC 6607): the subnet 10.90.0.0/24 of the VPN `blue`, whose
/// relay is at 10.90.0.1.
pub const VIRTUAL_SUBNET: Feature = Feature {
    name: "selection of virtual subnets",
    lessor: end(
        "[[vpn]]\nname = \"blue\"\n[[subnet]]\nprefix = \"10.90.0.0/24\"\nvpn = \"blue\"\n\
         [[subnet.pool]]\nrange = \"10.90.0.10-10.90.0.17\"",
    ),
    kea: Support::No("it knows no VPN"),
    dhcpd: Support::No("it knows no VPN"),
    dnsmasq: Support::No("it knows no VPN"),
};

/// The client identifier in replies (RFC 6842).
pub const CLIENT_IDENTIFIER: Feature = Feature {
    name: "client identifier in replies",
    lessor: Support::Built,
    kea: Support::Built,
    dhcpd: top("echo-client-id true;"),
    dnsmasq: Support::Built,
};

/// The server identifier override (RFC 5107).
pub const SERVER_IDENTIFIER_OVERRIDE: Feature = Feature {
    name: "server identifier override",
    lessor: Support::Built,
    kea: Support::Built,
    dhcpd: Support::No("it does not know sub-option 11"),
    dnsmasq: Support::Built,
};

/// The source port of relays (RFC 8357).
pub const RELAY_SOURCE_PORT: Feature = Feature {
    name: "source port of relays",
    lessor: Support::Built,
    kea: Support::Built,
    dhcpd: Support::No("Debian builds it without"),
    dnsmasq: Support::No("it does not know sub-option 19"),
};

/// Leasequery (RFC 4388).
pub const LEASEQUERY: Feature = Feature {
    name: "leasequery",
    lessor: NOT_YET,
    kea: Support::No("its leasequery hook is not in Debian's package"),
    dhcpd: top("allow leasequery;"),
    dnsmasq: Support::No("it has the recording of agent data for it, but it is off in this build"),
};

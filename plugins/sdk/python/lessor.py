"""Options by name, for policies in Python.

    terms.set_option(*encode_option("domain-search", ["example.net", "example.org"]))

Names and values are those of the server's configuration, so a value of the settings can be passed as it
is. The rules and the words of the mistakes are those of the crate lessor-vocabulary; a test compares
them. The tables at the end are generated.
"""

import json
import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NoReturn

OCTETS_MAX = 1020
NAME_OCTETS_MAX = 254
GOALS_MAX = 64


class OptionMistake(ValueError):
    """An option that does not exist, or a value that it does not take, in a sentence."""


def encode_option(name: str | int, value: Any) -> tuple[int, bytes]:
    """Returns the code of the option with this name or number, and its value as octets.

    The value is a flag, a number, a text, a list or a dict, as the configuration writes it. Addresses,
    prefixes and domain names are texts; for any option, a text that begins with `hex:` gives the octets
    of the value, and so do bytes.
    """
    option = str(name)
    code, kind = _recognise(option)
    if isinstance(value, bytes):
        return code, value
    writer = _Writer(option)
    if isinstance(value, str) and value.startswith("hex:"):
        return code, writer.hexadecimal(value)
    writer.write(kind, value)
    length = max(len(writer.octets), writer.uncompressed)
    if length > OCTETS_MAX:
        raise OptionMistake(f"option {option} takes {length} octets; wanted at most {OCTETS_MAX}")
    return code, bytes(writer.octets)


def _recognise(name: str) -> tuple[int, str]:
    number = int(name) if re.fullmatch("[0-9]+", name) else -1
    if number > 255:
        raise OptionMistake(f"there is no option {name}; wanted a number from 1 to 254")
    for code, found, kind, _ in OPTIONS:
        if code == number or found == name:
            return code, kind
    if any(code == number or found == name for code, found in RESERVED):
        raise OptionMistake(f"option {name} is set only by the server; remove it")
    if number >= 0:
        return number, "unknown"
    near = _meant(name)
    if near:
        raise OptionMistake(f"no option is named `{name}`; did you mean `{near}`?")
    raise OptionMistake(
        f"no option is named `{name}`; write an option without a name by its number, "
        'such as "224" = "hex:0a0b"'
    )


def _meant(name: str) -> str | None:
    """Returns the name that was probably meant."""
    for _, found, _, synonyms in OPTIONS:
        if name in synonyms.split():
            return found
    plain = name.lower().replace("_", "-")
    far = max(len(plain) // 3, 1)
    close = [(_distance(plain, found), found) for _, found, _, _ in OPTIONS]
    close = [option for option in close if option[0] <= far]
    return min(close, key=lambda option: option[0])[1] if close else None


def _distance(one: str, other: str) -> int:
    """Counts letters that have to be inserted, removed, replaced or exchanged with their neighbour."""
    rows = [list(range(len(other) + 1))]
    for row, letter in enumerate(one):
        now = [row + 1]
        for column, candidate in enumerate(other):
            least = min(now[column] + 1, rows[row][column + 1] + 1)
            least = min(least, rows[row][column] + (letter != candidate))
            if row and column and letter == other[column - 1] and one[row - 1] == candidate:
                least = min(least, rows[row - 1][column - 1] + 1)
            now.append(least)
        rows.append(now)
    return rows[-1][-1]


class _Writer:
    """Writes the value of one option."""

    def __init__(self, option: str) -> None:
        self.option = option
        self.octets = bytearray()
        self.uncompressed = 0
        self.goals: dict[str, int] = {}

    def write(self, kind: str, value: Any) -> None:
        match kind:
            case "address":
                self.address(value)
            case "addresses":
                self.all(value, "an address", self.address)
            case "flag":
                self.flag(value)
            case "u8":
                self.number(value, 1, 0, 0xFF)
            case "u16":
                self.number(value, 2, 0, 0xFFFF)
            case "u16s":
                self.all(value, "a number", lambda item: self.number(item, 2, 0, 0xFFFF))
            case "u32":
                self.number(value, 4, 0, 0xFFFFFFFF)
            case "i32":
                self.number(value, 4, -0x80000000, 0x7FFFFFFF)
            case "domain-names":
                self.all(value, "a domain name", self.domain_name)
            case "routes":
                self.all(value, "a route", self.route)
            case "layout":
                help = "the function `encode` of lessor:policy/options encodes parts"
                self.refuse(value, 'octets such as "hex:0a0b"', help)
            case _:
                self.text(value, may_be_octets=kind != "text")

    def refuse(self, found: Any, wanted: str, help: str | None = None) -> NoReturn:
        more = f"; {help}" if help else ""
        raise OptionMistake(f"option {self.option}: wanted {wanted}, found {_described(found)}{more}")

    def all(self, value: Any, noun: str, write: Callable[[Any], None]) -> None:
        """Writes a list of at least one item; any other value counts as a list with one item."""
        items: Iterable[Any] = value if isinstance(value, list) else [value]
        if not items:
            self.refuse(value, f"at least {noun}", "remove the option if there is nothing to send")
        for item in items:
            write(item)

    def number(self, value: Any, octets: int, least: int, most: int) -> None:
        if type(value) is not int or not least <= value <= most:
            self.refuse(value, f"a number from {least} to {most}")
        self.octets += (value % (1 << 8 * octets)).to_bytes(octets, "big")

    def flag(self, value: Any) -> None:
        if not isinstance(value, bool):
            word = value.lower() if isinstance(value, str) else ""
            either = "true or false"
            if word in ("true", "yes", "on", "1"):
                either = "true"
            elif word in ("false", "no", "off", "0"):
                either = "false"
            self.refuse(value, "true or false", f"write {either}, without quotes")
        self.octets.append(value)

    def text(self, value: Any, may_be_octets: bool) -> None:
        filled = "a text of at least one character, without NUL characters"
        if not isinstance(value, str):
            self.refuse(value, 'a text, or octets such as "hex:0a0b"' if may_be_octets else filled)
        if not value or "\0" in value:
            self.refuse(value, filled)
        self.octets += value.encode()

    def hexadecimal(self, value: str) -> bytes:
        wanted = 'octets, such as "hex:0a0b"'
        digits = re.sub("[:\\- ]", "", value.removeprefix("hex:"))
        if len(digits) % 2:
            self.refuse(value, wanted, "write two digits for every octet")
        if not re.fullmatch("[0-9a-fA-F]*", digits):
            self.refuse(value, wanted, "the digits are 0 to 9 and a to f")
        return bytes.fromhex(digits)

    def address(self, value: Any) -> None:
        octets = _octets(value)
        if octets is None:
            help = None
            if isinstance(value, str) and _octets(value.strip()):
                help = "remove the spaces around it"
            elif isinstance(value, str) and _is_ipv6(value):
                help = "DHCPv4 does not support IPv6 addresses"
            self.refuse(value, 'an IPv4 address, such as "192.0.2.1"', help)
        self.octets += octets

    def route(self, value: Any) -> None:
        if not isinstance(value, dict) or "to" not in value or "via" not in value:
            self.refuse(
                value,
                'a route with its destination, `to` (such as "0.0.0.0/0"), and its router, `via` '
                '(such as "192.0.2.1")',
            )
        self.prefix(value["to"])
        self.address(value["via"])

    def prefix(self, value: Any) -> None:
        wanted = 'an IPv4 prefix, such as "100.64.0.0/16"'
        found = re.fullmatch("([^/]*)/([0-9]{1,2})", value) if isinstance(value, str) else None
        octets = _octets(found[1]) if found else None
        length = int(found[2]) if found else 33
        if octets is None or length > 32:
            is_address = _octets(value) is not None
            self.refuse(value, wanted, "add the length of the prefix, such as /24" if is_address else None)
        number = int.from_bytes(octets, "big")
        kept = number >> 32 - length << 32 - length
        if kept != number:
            meant = f"{IPv4Address(kept)}/{length}"
            self.refuse(value, "the first address of the prefix", f'did you mean "{meant}"?')
        self.octets.append(length)
        self.octets += octets[: (length + 7) // 8]

    def domain_name(self, value: Any) -> None:
        """Writes a domain name with pointers to earlier ones (RFC 3397)."""
        name = value.removesuffix(".") if isinstance(value, str) else ""
        labels = name.split(".")
        is_plain = all(re.fullmatch("[A-Za-z0-9_-]{1,63}", label) for label in labels)
        if not is_plain or len(name) >= NAME_OCTETS_MAX:
            help = "labels of 1 to 63 letters, digits, `-` and `_`, with dots between them, "
            help += "253 characters in all"
            is_text = isinstance(value, str)
            self.refuse(value, 'a domain name, such as "example.net"', help if is_text else None)
        self.uncompressed += len(name) + 2
        for at, label in enumerate(labels):
            rest = ".".join(labels[at:])
            if rest in self.goals:
                self.octets += (0xC000 | self.goals[rest]).to_bytes(2, "big")
                return
            if len(self.goals) < GOALS_MAX and len(self.octets) < 0x4000:
                self.goals[rest] = len(self.octets)
            self.octets.append(len(label))
            self.octets += label.encode()
        self.octets.append(0)


def _octets(value: Any) -> bytes | None:
    """Returns the octets of an address, or None."""
    if not isinstance(value, str):
        return None
    try:
        return IPv4Address(value).packed
    except ValueError:
        return None


def _is_ipv6(value: str) -> bool:
    try:
        IPv6Address(value)
    except ValueError:
        return False
    return True


def _described(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return "a table" if isinstance(value, dict) else str(value)


# begin generated
# Code, name, kind of value, and names in other software.
OPTIONS = [
    (1, "subnet-mask", "address", "netmask"),
    (2, "time-offset", "i32", ""),
    (3, "routers", "addresses", "gateway default-gateway"),
    (4, "time-servers", "addresses", ""),
    (5, "name-servers", "addresses", ""),
    (6, "domain-name-servers", "addresses", "dns dns-servers nameservers"),
    (7, "log-servers", "addresses", ""),
    (8, "cookie-servers", "addresses", ""),
    (9, "lpr-servers", "addresses", ""),
    (10, "impress-servers", "addresses", ""),
    (11, "resource-location-servers", "addresses", ""),
    (12, "host-name", "text", "hostname"),
    (13, "boot-file-size", "u16", "boot-size"),
    (14, "merit-dump-file", "text", "merit-dump"),
    (15, "domain-name", "text", "domain"),
    (16, "swap-server", "address", ""),
    (17, "root-path", "text", ""),
    (18, "extensions-path", "text", ""),
    (19, "ip-forwarding", "flag", ""),
    (20, "non-local-source-routing", "flag", ""),
    (21, "policy-filters", "layout", "policy-filter"),
    (22, "max-datagram-reassembly", "u16", "max-dgram-reassembly"),
    (23, "default-ip-ttl", "u8", ""),
    (24, "path-mtu-aging-timeout", "u32", ""),
    (25, "path-mtu-plateaus", "u16s", "path-mtu-plateau-table"),
    (26, "interface-mtu", "u16", "mtu"),
    (27, "all-subnets-local", "flag", ""),
    (28, "broadcast-address", "address", "broadcast"),
    (29, "mask-discovery", "flag", "perform-mask-discovery"),
    (30, "mask-supplier", "flag", ""),
    (31, "router-discovery", "flag", ""),
    (32, "router-solicitation-address", "address", ""),
    (33, "static-routes", "addresses", ""),
    (34, "trailer-encapsulation", "flag", ""),
    (35, "arp-cache-timeout", "u32", ""),
    (36, "ieee802-3-encapsulation", "flag", ""),
    (37, "default-tcp-ttl", "u8", ""),
    (38, "tcp-keepalive-interval", "u32", ""),
    (39, "tcp-keepalive-garbage", "flag", ""),
    (40, "nis-domain", "text", ""),
    (41, "nis-servers", "addresses", ""),
    (42, "ntp-servers", "addresses", "ntp"),
    (43, "vendor-specific-information", "octets", "vendor-encapsulated-options"),
    (44, "netbios-name-servers", "addresses", "wins-servers"),
    (45, "netbios-distribution-servers", "addresses", "netbios-dd-server"),
    (46, "netbios-node-type", "u8", ""),
    (47, "netbios-scope", "text", ""),
    (48, "font-servers", "addresses", ""),
    (49, "x-display-managers", "addresses", ""),
    (60, "vendor-class-identifier", "text", ""),
    (62, "netware-domain", "text", "nwip-domain"),
    (63, "netware-information", "layout", "nwip-suboptions"),
    (64, "nisplus-domain", "text", ""),
    (65, "nisplus-servers", "addresses", ""),
    (66, "tftp-server-name", "text", "tftp-server"),
    (67, "boot-file-name", "text", "bootfile filename"),
    (68, "home-agents", "addresses", "mobile-ip-home-agent"),
    (69, "smtp-servers", "addresses", ""),
    (70, "pop3-servers", "addresses", ""),
    (71, "nntp-servers", "addresses", ""),
    (72, "www-servers", "addresses", ""),
    (73, "finger-servers", "addresses", ""),
    (74, "irc-servers", "addresses", ""),
    (75, "streettalk-servers", "addresses", ""),
    (76, "streettalk-directory-servers", "addresses", "streettalk-directory-assistance-server"),
    (78, "slp-directory-agent", "layout", ""),
    (79, "slp-service-scope", "layout", ""),
    (83, "isns-servers", "layout", ""),
    (85, "nds-servers", "addresses", ""),
    (86, "nds-tree-name", "text", ""),
    (87, "nds-context", "text", ""),
    (88, "bcmcs-domains", "layout", "bcms-controller-names"),
    (89, "bcmcs-servers", "addresses", "bcms-controller-address"),
    (95, "ldap-url", "text", ""),
    (98, "user-authentication-servers", "text", "uap-servers"),
    (99, "civic-location", "layout", "geoconf-civic"),
    (100, "posix-timezone", "text", "pcode"),
    (101, "tzdb-timezone", "text", "tcode"),
    (108, "ipv6-only-preferred", "u32", "v6-only-preferred"),
    (109, "softwire-source-address", "layout", ""),
    (112, "netinfo-servers", "addresses", "netinfo-server-address"),
    (113, "netinfo-tag", "text", "netinfo-server-tag"),
    (114, "captive-portal", "text", "v4-captive-portal"),
    (116, "auto-configuration", "u8", "auto-config"),
    (117, "name-service-search", "u16s", ""),
    (119, "domain-search", "domain-names", "search"),
    (120, "sip-servers", "layout", ""),
    (121, "classless-static-routes", "routes", "routes"),
    (122, "cablelabs-configuration", "layout", "cablelabs-client-configuration"),
    (123, "geographic-location", "octets", "geoconf"),
    (124, "vendor-identifying-vendor-class", "layout", "vivco-suboptions"),
    (125, "vendor-identifying-vendor-specific", "octets", "vivso-suboptions"),
    (136, "pana-agents", "addresses", "pana-agent"),
    (137, "lost-server", "layout", "v4-lost"),
    (138, "capwap-controllers", "addresses", "capwap-ac-v4"),
    (139, "mos-servers", "layout", ""),
    (140, "mos-server-names", "layout", ""),
    (141, "sip-configuration-domains", "layout", "sip-ua-cs-domains"),
    (142, "andsf-servers", "addresses", ""),
    (143, "sztp-bootstrap-servers", "layout", "v4-sztp-redirect"),
    (144, "geographic-position", "octets", "geoloc"),
    (146, "dns-server-selection", "layout", "rdnss-selection"),
    (147, "dots-server-name", "layout", ""),
    (148, "dots-servers", "addresses", ""),
    (150, "tftp-servers", "addresses", ""),
    (158, "pcp-servers", "layout", "v4-pcp-server"),
    (159, "port-parameters", "layout", "v4-portparams"),
    (162, "encrypted-resolvers", "layout", "v4-dnr dnr"),
    (208, "pxelinux-magic", "octets", ""),
    (209, "pxelinux-configuration-file", "text", "configfile"),
    (210, "pxelinux-path-prefix", "text", "pathprefix"),
    (211, "pxelinux-reboot-time", "u32", "reboottime"),
    (212, "6rd", "layout", ""),
    (213, "access-network-domain", "layout", "v4-access-domain"),
    (249, "microsoft-classless-static-routes", "routes", "ms-classless-static-routes"),
    (252, "proxy-auto-discovery", "text", "wpad"),
    (77, "user-class", "layout", ""),
    (80, "rapid-commit", "layout", ""),
    (81, "client-fqdn", "layout", ""),
    (90, "message-authentication", "layout", ""),
    (91, "client-last-transaction-time", "u32", ""),
    (92, "associated-addresses", "addresses", ""),
    (93, "client-architecture", "u16s", ""),
    (94, "client-network-interface", "layout", ""),
    (97, "client-machine-identifier", "layout", ""),
    (145, "forcerenew-nonce", "layout", ""),
    (151, "leasequery-status", "layout", ""),
    (152, "base-time", "u32", ""),
    (153, "start-time-of-state", "u32", ""),
    (154, "query-start-time", "u32", ""),
    (155, "query-end-time", "u32", ""),
    (156, "leasequery-state", "u8", ""),
    (157, "data-source", "u8", ""),
    (161, "mud-url", "text", ""),
    (220, "subnet-allocation", "octets", ""),
]

# Options that only the server sets.
RESERVED = [
    (0, "pad"),
    (50, "requested-address"),
    (51, "lease-time"),
    (52, "overload"),
    (53, "message-type"),
    (54, "server-identifier"),
    (55, "parameter-request-list"),
    (56, "message"),
    (57, "max-message-size"),
    (58, "renewal-time"),
    (59, "rebinding-time"),
    (61, "client-identifier"),
    (82, "relay-agent-information"),
    (118, "subnet-selection"),
    (221, "virtual-subnet"),
    (255, "end"),
]
# end generated

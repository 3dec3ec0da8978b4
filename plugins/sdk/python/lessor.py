"""Options by name, for policies in Python.

    terms.set_option(*encode_option("domain-search", ["example.net", "example.org"]))

Names and values are those of the server's configuration, so a value of the settings can be passed as it
is. The rules and the words of the mistakes are those of the crate lessor-vocabulary; a test compares
them. The tables at the end are generated. What is not in them, such as values that consist of parts and
options that the configuration declares, the server encodes.
"""

import json
import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NoReturn

try:
    from componentize_py_types import Err
    from wit_world.imports import options as _server
except ImportError:
    # The world of the policy does not import lessor:policy/options.
    _server = None

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
    if any(option in (known, str(code)) for code, known in RESERVED):
        raise OptionMistake(f"option {option} is set only by the server; remove it")
    own = [(code, kind) for code, known, kind in OPTIONS if option in (known, str(code))]
    if not own:
        return _encoded_by_server(option, value)
    code, kind = own[0]
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


def decode_option(code: int, value: bytes) -> Any:
    """Returns the value of an option from its octets, in the form in which `encode_option` takes it.

    In a hook with a request, the sub-options of option 43 are those of the client's vendor.
    """
    if _server is None:
        raise OptionMistake(f"option {code}: {_NO_SERVER}")
    return json.loads(_server.decode(code, value))


_NO_SERVER = "only the server knows it; build for a world that imports lessor:policy/options"


def _encoded_by_server(option: str, value: Any) -> tuple[int, bytes]:
    if _server is None:
        raise OptionMistake(f"option {option}: {_NO_SERVER}")
    written = f"hex:{value.hex()}" if isinstance(value, bytes) else value
    try:
        code, octets = _server.encode(
            option, json.dumps(written, ensure_ascii=False, separators=(",", ":"))
        )
    except Err as mistake:
        raise OptionMistake(str(mistake.value)) from None
    return code, bytes(octets)


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
# The options that are encoded here: code, name, and kind of value.
OPTIONS = [
    (1, "subnet-mask", "address"),
    (2, "time-offset", "i32"),
    (3, "routers", "addresses"),
    (4, "time-servers", "addresses"),
    (5, "name-servers", "addresses"),
    (6, "domain-name-servers", "addresses"),
    (7, "log-servers", "addresses"),
    (8, "cookie-servers", "addresses"),
    (9, "lpr-servers", "addresses"),
    (10, "impress-servers", "addresses"),
    (11, "resource-location-servers", "addresses"),
    (12, "host-name", "text"),
    (13, "boot-file-size", "u16"),
    (14, "merit-dump-file", "text"),
    (15, "domain-name", "text"),
    (16, "swap-server", "address"),
    (17, "root-path", "text"),
    (18, "extensions-path", "text"),
    (19, "ip-forwarding", "flag"),
    (20, "non-local-source-routing", "flag"),
    (22, "max-datagram-reassembly", "u16"),
    (23, "default-ip-ttl", "u8"),
    (24, "path-mtu-aging-timeout", "u32"),
    (25, "path-mtu-plateaus", "u16s"),
    (26, "interface-mtu", "u16"),
    (27, "all-subnets-local", "flag"),
    (28, "broadcast-address", "address"),
    (29, "mask-discovery", "flag"),
    (30, "mask-supplier", "flag"),
    (31, "router-discovery", "flag"),
    (32, "router-solicitation-address", "address"),
    (34, "trailer-encapsulation", "flag"),
    (35, "arp-cache-timeout", "u32"),
    (36, "ieee802-3-encapsulation", "flag"),
    (37, "default-tcp-ttl", "u8"),
    (38, "tcp-keepalive-interval", "u32"),
    (39, "tcp-keepalive-garbage", "flag"),
    (40, "nis-domain", "text"),
    (41, "nis-servers", "addresses"),
    (42, "ntp-servers", "addresses"),
    (44, "netbios-name-servers", "addresses"),
    (45, "netbios-distribution-servers", "addresses"),
    (46, "netbios-node-type", "u8"),
    (47, "netbios-scope", "text"),
    (48, "font-servers", "addresses"),
    (49, "x-display-managers", "addresses"),
    (60, "vendor-class-identifier", "text"),
    (62, "netware-domain", "text"),
    (64, "nisplus-domain", "text"),
    (65, "nisplus-servers", "addresses"),
    (66, "tftp-server-name", "text"),
    (67, "boot-file-name", "text"),
    (68, "home-agents", "addresses"),
    (69, "smtp-servers", "addresses"),
    (70, "pop3-servers", "addresses"),
    (71, "nntp-servers", "addresses"),
    (72, "www-servers", "addresses"),
    (73, "finger-servers", "addresses"),
    (74, "irc-servers", "addresses"),
    (75, "streettalk-servers", "addresses"),
    (76, "streettalk-directory-servers", "addresses"),
    (85, "nds-servers", "addresses"),
    (86, "nds-tree-name", "text"),
    (87, "nds-context", "text"),
    (89, "bcmcs-servers", "addresses"),
    (95, "ldap-url", "text"),
    (98, "user-authentication-servers", "text"),
    (100, "posix-timezone", "text"),
    (101, "tzdb-timezone", "text"),
    (108, "ipv6-only-preferred", "u32"),
    (112, "netinfo-servers", "addresses"),
    (113, "netinfo-tag", "text"),
    (114, "captive-portal", "text"),
    (116, "auto-configuration", "u8"),
    (117, "name-service-search", "u16s"),
    (119, "domain-search", "domain-names"),
    (121, "classless-static-routes", "routes"),
    (123, "geographic-location", "octets"),
    (136, "pana-agents", "addresses"),
    (138, "capwap-controllers", "addresses"),
    (142, "andsf-servers", "addresses"),
    (144, "geographic-position", "octets"),
    (148, "dots-servers", "addresses"),
    (150, "tftp-servers", "addresses"),
    (208, "pxelinux-magic", "octets"),
    (209, "pxelinux-configuration-file", "text"),
    (210, "pxelinux-path-prefix", "text"),
    (211, "pxelinux-reboot-time", "u32"),
    (249, "microsoft-classless-static-routes", "routes"),
    (252, "proxy-auto-discovery", "text"),
    (91, "client-last-transaction-time", "u32"),
    (92, "associated-addresses", "addresses"),
    (93, "client-architecture", "u16s"),
    (152, "base-time", "u32"),
    (153, "start-time-of-state", "u32"),
    (154, "query-start-time", "u32"),
    (155, "query-end-time", "u32"),
    (156, "leasequery-state", "u8"),
    (157, "data-source", "u8"),
    (161, "mud-url", "text"),
    (220, "subnet-allocation", "octets"),
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

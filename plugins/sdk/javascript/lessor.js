// Options by name, for policies in JavaScript and TypeScript.
//
//     const { code, value } = encodeOption("domain-search", ["example.net", "example.org"]);
//     terms.setOption(code, value);
//
// Names and values are those of the server's configuration, so a value of the settings can be passed as
// it is. The rules and the words of the mistakes are those of the crate lessor-vocabulary; a test
// compares them. The tables at the end are generated. What is not in them, such as values that consist of
// parts and options that the configuration declares, the server encodes.

import { decode, encode } from "lessor:policy/options@0.1.2";

/**
 * The value of an option as the configuration writes it. Addresses, prefixes and domain names are texts;
 * for any option, a text that begins with `hex:` gives the octets of the value, and so does a Uint8Array.
 * A value that consists of parts is an object.
 * @typedef {boolean | number | string | Uint8Array | Parts | OptionItem[]} OptionSetting
 * @typedef {boolean | number | string | Parts | OptionItem[]} OptionItem
 * @typedef {{ [part: string]: OptionItem }} Parts
 */

const OCTETS_MAX = 1020;
const NAME_OCTETS_MAX = 254;
const GOALS_MAX = 64;

/**
 * Returns the code of the option with this name or number, and its value as octets. Throws a text about
 * the mistake if there is no such option, if only the server sets it, or if it takes other values.
 * @param {string | number} name
 * @param {OptionSetting} value
 * @returns {{ code: number, value: Uint8Array }}
 */
export function encodeOption(name, value) {
  const option = String(name);
  const found = ([code, known]) => known === option || String(code) === option;
  if (RESERVED.some(found)) throw `option ${option} is set only by the server; remove it`;
  const own = OPTIONS.find(found);
  if (!own) return encodedByServer(option, value);
  const [code, , kind] = own;
  if (value instanceof Uint8Array) return { code, value };
  const refuse = (found, wanted, help) => {
    throw `option ${option}: wanted ${wanted}, found ${described(found)}${help ? `; ${help}` : ""}`;
  };
  if (typeof value === "string" && value.startsWith("hex:")) {
    return { code, value: new Uint8Array(hexadecimal(value, refuse)) };
  }
  const state = { octets: /** @type {number[]} */ ([]), goals: new Map(), uncompressed: 0 };
  WRITERS[kind](state, value, refuse);
  const length = Math.max(state.octets.length, state.uncompressed);
  if (length > OCTETS_MAX) throw `option ${option} takes ${length} octets; wanted at most ${OCTETS_MAX}`;
  return { code, value: new Uint8Array(state.octets) };
}

/**
 * Returns the value of an option from its octets, in the form in which `encodeOption` takes it. In a hook
 * with a request, the sub-options of option 43 are those of the client's vendor.
 * @param {number} code
 * @param {Uint8Array} value
 * @returns {OptionSetting}
 */
export function decodeOption(code, value) {
  return JSON.parse(decode(code, value));
}

function encodedByServer(name, value) {
  const octets = value instanceof Uint8Array;
  const digits = octets ? [...value].map((octet) => octet.toString(16).padStart(2, "0")) : [];
  try {
    const [code, encoded] = encode(name, JSON.stringify(octets ? `hex:${digits.join("")}` : value ?? null));
    return { code, value: encoded };
  } catch (mistake) {
    throw mistake?.payload ?? mistake;
  }
}

function described(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return value.length ? "a list" : "an empty list";
  if (value === null || value === undefined) return "nothing";
  return typeof value === "object" ? "a table" : String(value);
}

const WRITERS = {
  address,
  addresses: list("an address", address),
  flag(state, value, refuse) {
    if (typeof value !== "boolean") {
      const word = typeof value === "string" ? value.toLowerCase() : "";
      const either = ["true", "yes", "on", "1"].includes(word) ? "true"
        : ["false", "no", "off", "0"].includes(word) ? "false" : "true or false";
      refuse(value, "true or false", `write ${either}, without quotes`);
    }
    state.octets.push(value ? 1 : 0);
  },
  u8: number(1, 0, 0xff),
  u16: number(2, 0, 0xffff),
  u16s: list("a number", number(2, 0, 0xffff)),
  u32: number(4, 0, 0xffffffff),
  i32: number(4, -0x80000000, 0x7fffffff),
  text: text(false),
  "domain-names": list("a domain name", domainName),
  routes: list("a route", route),
  octets: text(true),
};

/** Returns a writer for a list of at least one item; any other value counts as a list with one item. */
function list(noun, write) {
  return (state, value, refuse) => {
    const items = Array.isArray(value) ? value : [value];
    if (!items.length) refuse(value, `at least ${noun}`, "remove the option if there is nothing to send");
    for (const item of items) write(state, item, refuse);
  };
}

function number(octets, least, most) {
  return (state, value, refuse) => {
    if (!Number.isInteger(value) || value < least || value > most) {
      refuse(value, `a number from ${least} to ${most}`);
    }
    for (let at = octets - 1; at >= 0; at--) state.octets.push(Math.floor(value / 2 ** (8 * at)) & 0xff);
  };
}

function text(mayBeOctets) {
  return (state, value, refuse) => {
    const filled = "a text of at least one character, without NUL characters";
    if (typeof value !== "string") {
      refuse(value, mayBeOctets ? 'a text, or octets such as "hex:0a0b"' : filled);
    }
    if (!value || value.includes("\0")) refuse(value, filled);
    state.octets.push(...utf8(value));
  };
}

/** Returns the octets of a text in UTF-8; policies may have no TextEncoder. */
function utf8(text) {
  const octets = [];
  for (const letter of text) {
    const found = letter.codePointAt(0) ?? 0;
    const scalar = found >= 0xd800 && found < 0xe000 ? 0xfffd : found;
    const more = scalar < 0x80 ? 0 : scalar < 0x800 ? 1 : scalar < 0x10000 ? 2 : 3;
    octets.push([0, 0xc0, 0xe0, 0xf0][more] | (scalar >> (6 * more)));
    for (let at = more - 1; at >= 0; at--) octets.push(0x80 | ((scalar >> (6 * at)) & 0x3f));
  }
  return octets;
}

function hexadecimal(value, refuse) {
  const wanted = 'octets, such as "hex:0a0b"';
  const digits = [...value.slice("hex:".length)].filter((letter) => !":- ".includes(letter));
  if (digits.length % 2) refuse(value, wanted, "write two digits for every octet");
  if (digits.some((digit) => !/[0-9a-f]/i.test(digit))) refuse(value, wanted, "the digits are 0 to 9 and a to f");
  return digits.join("").match(/../g)?.map((pair) => parseInt(pair, 16)) ?? [];
}

/** Returns the octets of an address, or nothing. */
function octetsOf(text) {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1);
  // Like the server, this refuses a zero before another digit.
  const isAddress = parts?.every((part) => Number(part) <= 255 && String(Number(part)) === part);
  return isAddress ? parts?.map(Number) : undefined;
}

function address(state, value, refuse) {
  const octets = typeof value === "string" ? octetsOf(value) : undefined;
  if (!octets) {
    const isText = typeof value === "string";
    const help = isText && /^[0-9a-f:.]*:[0-9a-f.]*:[0-9a-f:.]*$/i.test(value) ? "DHCPv4 does not support IPv6 addresses"
      : isText && octetsOf(value.trim()) ? "remove the spaces around it" : undefined;
    refuse(value, 'an IPv4 address, such as "192.0.2.1"', help);
  }
  state.octets.push(...octets);
}

function route(state, value, refuse) {
  const isTable = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isTable || value.to === undefined || value.via === undefined) {
    refuse(value, 'a route with its destination, `to` (such as "0.0.0.0/0"), and its router, `via` ' +
      '(such as "192.0.2.1")');
  }
  prefix(state, value.to, refuse);
  address(state, value.via, refuse);
}

function prefix(state, value, refuse) {
  const wanted = 'an IPv4 prefix, such as "100.64.0.0/16"';
  const [, first, bits] = (typeof value === "string" && /^([^/]*)\/(\d{1,2})$/.exec(value)) || [];
  const octets = first === undefined ? undefined : octetsOf(first);
  if (!octets || Number(bits) > 32) {
    const isAddress = typeof value === "string" && octetsOf(value);
    refuse(value, wanted, isAddress ? "add the length of the prefix, such as /24" : undefined);
  }
  const length = Number(bits);
  const kept = octets.map((octet, at) => octet & ~(0xff >> Math.min(Math.max(length - 8 * at, 0), 8)) & 0xff);
  if (kept.some((octet, at) => octet !== octets[at])) {
    refuse(value, "the first address of the prefix", `did you mean "${kept.join(".")}/${length}"?`);
  }
  state.octets.push(length, ...octets.slice(0, Math.ceil(length / 8)));
}

/** Writes a domain name with pointers to earlier ones (RFC 3397). */
function domainName(state, value, refuse) {
  const name = typeof value === "string" ? value.replace(/\.$/, "") : "";
  const labels = name.split(".");
  if (!labels.every((label) => /^[A-Za-z0-9_-]{1,63}$/.test(label)) || name.length >= NAME_OCTETS_MAX) {
    refuse(value, 'a domain name, such as "example.net"', typeof value !== "string" ? undefined
      : "labels of 1 to 63 letters, digits, `-` and `_`, with dots between them, 253 characters in all");
  }
  state.uncompressed += name.length + 2;
  for (let at = 0; at < labels.length; at++) {
    const rest = labels.slice(at).join(".");
    const goal = state.goals.get(rest);
    if (goal !== undefined) {
      state.octets.push(0xc0 | (goal >> 8), goal & 0xff);
      return;
    }
    if (state.goals.size < GOALS_MAX && state.octets.length < 0x4000) state.goals.set(rest, state.octets.length);
    state.octets.push(labels[at].length, ...utf8(labels[at]));
  }
  state.octets.push(0);
}

// begin generated
/** The options that are encoded here: code, name, and kind of value. */
/** @type {[number, string, string][]} */
const OPTIONS = [
  [1, "subnet-mask", "address"],
  [2, "time-offset", "i32"],
  [3, "routers", "addresses"],
  [4, "time-servers", "addresses"],
  [5, "name-servers", "addresses"],
  [6, "domain-name-servers", "addresses"],
  [7, "log-servers", "addresses"],
  [8, "cookie-servers", "addresses"],
  [9, "lpr-servers", "addresses"],
  [10, "impress-servers", "addresses"],
  [11, "resource-location-servers", "addresses"],
  [12, "host-name", "text"],
  [13, "boot-file-size", "u16"],
  [14, "merit-dump-file", "text"],
  [15, "domain-name", "text"],
  [16, "swap-server", "address"],
  [17, "root-path", "text"],
  [18, "extensions-path", "text"],
  [19, "ip-forwarding", "flag"],
  [20, "non-local-source-routing", "flag"],
  [22, "max-datagram-reassembly", "u16"],
  [23, "default-ip-ttl", "u8"],
  [24, "path-mtu-aging-timeout", "u32"],
  [25, "path-mtu-plateaus", "u16s"],
  [26, "interface-mtu", "u16"],
  [27, "all-subnets-local", "flag"],
  [28, "broadcast-address", "address"],
  [29, "mask-discovery", "flag"],
  [30, "mask-supplier", "flag"],
  [31, "router-discovery", "flag"],
  [32, "router-solicitation-address", "address"],
  [34, "trailer-encapsulation", "flag"],
  [35, "arp-cache-timeout", "u32"],
  [36, "ieee802-3-encapsulation", "flag"],
  [37, "default-tcp-ttl", "u8"],
  [38, "tcp-keepalive-interval", "u32"],
  [39, "tcp-keepalive-garbage", "flag"],
  [40, "nis-domain", "text"],
  [41, "nis-servers", "addresses"],
  [42, "ntp-servers", "addresses"],
  [44, "netbios-name-servers", "addresses"],
  [45, "netbios-distribution-servers", "addresses"],
  [46, "netbios-node-type", "u8"],
  [47, "netbios-scope", "text"],
  [48, "font-servers", "addresses"],
  [49, "x-display-managers", "addresses"],
  [60, "vendor-class-identifier", "text"],
  [62, "netware-domain", "text"],
  [64, "nisplus-domain", "text"],
  [65, "nisplus-servers", "addresses"],
  [66, "tftp-server-name", "text"],
  [67, "boot-file-name", "text"],
  [68, "home-agents", "addresses"],
  [69, "smtp-servers", "addresses"],
  [70, "pop3-servers", "addresses"],
  [71, "nntp-servers", "addresses"],
  [72, "www-servers", "addresses"],
  [73, "finger-servers", "addresses"],
  [74, "irc-servers", "addresses"],
  [75, "streettalk-servers", "addresses"],
  [76, "streettalk-directory-servers", "addresses"],
  [85, "nds-servers", "addresses"],
  [86, "nds-tree-name", "text"],
  [87, "nds-context", "text"],
  [89, "bcmcs-servers", "addresses"],
  [95, "ldap-url", "text"],
  [98, "user-authentication-servers", "text"],
  [100, "posix-timezone", "text"],
  [101, "tzdb-timezone", "text"],
  [108, "ipv6-only-preferred", "u32"],
  [112, "netinfo-servers", "addresses"],
  [113, "netinfo-tag", "text"],
  [114, "captive-portal", "text"],
  [116, "auto-configuration", "u8"],
  [117, "name-service-search", "u16s"],
  [119, "domain-search", "domain-names"],
  [121, "classless-static-routes", "routes"],
  [123, "geographic-location", "octets"],
  [136, "pana-agents", "addresses"],
  [138, "capwap-controllers", "addresses"],
  [142, "andsf-servers", "addresses"],
  [144, "geographic-position", "octets"],
  [148, "dots-servers", "addresses"],
  [150, "tftp-servers", "addresses"],
  [208, "pxelinux-magic", "octets"],
  [209, "pxelinux-configuration-file", "text"],
  [210, "pxelinux-path-prefix", "text"],
  [211, "pxelinux-reboot-time", "u32"],
  [249, "microsoft-classless-static-routes", "routes"],
  [252, "proxy-auto-discovery", "text"],
  [91, "client-last-transaction-time", "u32"],
  [92, "associated-addresses", "addresses"],
  [93, "client-architecture", "u16s"],
  [152, "base-time", "u32"],
  [153, "start-time-of-state", "u32"],
  [154, "query-start-time", "u32"],
  [155, "query-end-time", "u32"],
  [156, "leasequery-state", "u8"],
  [157, "data-source", "u8"],
  [161, "mud-url", "text"],
  [220, "subnet-allocation", "octets"],
];

/** Options that only the server sets. */
/** @type {[number, string][]} */
const RESERVED = [
  [0, "pad"],
  [50, "requested-address"],
  [51, "lease-time"],
  [52, "overload"],
  [53, "message-type"],
  [54, "server-identifier"],
  [55, "parameter-request-list"],
  [56, "message"],
  [57, "max-message-size"],
  [58, "renewal-time"],
  [59, "rebinding-time"],
  [61, "client-identifier"],
  [82, "relay-agent-information"],
  [118, "subnet-selection"],
  [221, "virtual-subnet"],
  [255, "end"],
];
// end generated

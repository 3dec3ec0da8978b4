// The subscriber table defines what each line gets. Other lines go to the walled garden.

import type { BeyondLimit, Ipv4Address, Request, Terms, Verdict } from "lessor:policy/types@0.1.2";

import { encodeOption, type OptionSetting } from "./lessor.js";

/** The settings of a line. */
interface Line {
  pool?: string;
  address?: Ipv4Address;
  leaseTimeSecs?: number;
  options?: { code: number; value: Uint8Array }[];
  leasesMax?: number;
  beyond?: BeyondLimit;
  blocked?: boolean;
  refused?: boolean;
}

const GARDEN: Line = { pool: "walled-garden", leaseTimeSecs: 60 };

/** The entries of the table, by circuit id. */
const lines = new Map<string, Line>();

export const configuring = {
  configure(settings: string): void {
    const table = JSON.parse(settings).lines;
    if (!table) throw 'there are no lines: write [settings.lines."<circuit id>"]';
    for (const [name, line] of Object.entries<any>(table)) lines.set(name, parse(name, line));
  },
};

function decide(request: Request, terms: Terms): Verdict {
  const name = request.circuitIdText() ?? "";
  const line = lines.get(name) ?? GARDEN;
  // Later policies must not lead out of the garden.
  if (line === GARDEN) terms.setFinal();
  if (line.blocked) return { tag: "ignore", val: `line ${name} is blocked` };
  if (line.refused) return { tag: "refuse", val: `line ${name} is refused` };
  if (request.kind() !== "inform") {
    if (line.pool) terms.setPool(line.pool);
    if (line.address) terms.setAddress(line.address);
    if (line.leaseTimeSecs) terms.setLeaseTimeSecs(line.leaseTimeSecs);
    if (line.leasesMax) terms.setSubscriber(name, line.leasesMax, line.beyond ?? "refuse");
  }
  for (const { code, value } of line.options ?? []) terms.setOption(code, value);
  return { tag: "proceed" };
}

export const onDiscover = { handle: decide };
export const onRequest = { handle: decide };
export const onInform = { handle: decide };

/** Converts an entry of the table; throws a message for the operator if it has a mistake. */
function parse(name: string, line: any): Line {
  const {
    pool, address, "lease-time-secs": leaseTimeSecs, options = {}, "leases-max": leasesMax,
    beyond = "refuse", blocked, refused, ...others
  } = line;
  const [unknown] = Object.keys(others);
  if (unknown) throw `line ${name}: there is no setting ${unknown}`;
  // componentize-js converts larger numbers incorrectly.
  if (leaseTimeSecs > 0x7fffffff) throw `line ${name}: lease-time-secs is at most ${0x7fffffff} here`;
  if (!["refuse", "replace-oldest"].includes(beyond)) throw `line ${name}: beyond is ${beyond}`;
  return {
    pool, leaseTimeSecs, leasesMax, beyond, blocked, refused,
    address: address && octets(address),
    options: Object.entries<OptionSetting>(options).map((option) => encodeOption(...option)),
  };
}

function octets(address: string): Ipv4Address {
  const found = address.split(".").map(Number);
  if (found.length !== 4 || found.some((octet) => !(octet >= 0 && octet <= 255))) {
    throw `${address} is not an IPv4 address`;
  }
  return found as Ipv4Address;
}

//! The keys of dnsmasq, and what becomes of each. A key that the server learns to express is
//! changed here.
//!
//! `dhcp-range`, `dhcp-host`, `dhcp-option`, `dhcp-boot` and the like are read by
//! [`super::config`].

use lessor_core::AllocationOrder;

use crate::model::{Bootp, Scope, Unknown};

/// How the line is changed, or why it is not carried.
type Done = Result<Option<&'static str>, String>;

/// What becomes of a key.
#[derive(Clone, Copy)]
pub(super) enum Fate {
    Set(fn(&mut Scope) -> Done),
    NotNeeded(&'static str),
    NotCarried(&'static str),
}

use Fate::{NotCarried, NotNeeded, Set};

const DNS: &str = "it is about DNS, which the server does not serve";
const TFTP: &str = "the server is no TFTP server; keep one for the files that devices boot from";
const V6: &str = "the server speaks DHCPv4 only";
const OPERATING: &str =
    "it is about running dnsmasq; docs/operators.md says how this server is run";
const TAGS: &str = "tags by what a client sends are for policies: see docs/policies.md";
const PXE: &str = "PXE menus and proxies are not served";

static KEYS: &[(&str, Fate)] = &[
    ("dhcp-authoritative", Set(authoritative)),
    ("dhcp-sequential-ip", Set(sequential)),
    ("dhcp-leasefile", NotNeeded("leases are imported with --leases")),
    ("dhcp-lease-max", NotNeeded("a pool has as many leases as addresses")),
    ("dhcp-no-override", NotNeeded("a reply has the fields and options that are configured")),
    ("bootp-dynamic", Set(bootp_dynamic)),
    ("dhcp-rapid-commit", Set(rapid_commit)),
    ("dhcp-ttl", NotNeeded(DNS)),
    ("no-ping", NotNeeded("the server pings no address unless `probe` is set")),
    ("log-dhcp", NotNeeded("the journal has a line for each message")),
    ("quiet-dhcp", NotNeeded("the journal is off unless it is configured")),
    ("log-facility", NotNeeded(OPERATING)),
    ("log-async", NotNeeded(OPERATING)),
    ("log-debug", NotNeeded(OPERATING)),
    ("leasefile-ro", NotNeeded(OPERATING)),
    ("script-arp", NotNeeded(OPERATING)),
    ("pid-file", NotNeeded(OPERATING)),
    ("user", NotNeeded(OPERATING)),
    ("group", NotNeeded(OPERATING)),
    ("keep-in-foreground", NotNeeded(OPERATING)),
    ("no-daemon", NotNeeded(OPERATING)),
    ("enable-dbus", NotNeeded(OPERATING)),
    ("enable-ubus", NotNeeded(OPERATING)),
    ("bind-interfaces", NotNeeded("each interface has its own socket")),
    ("bind-dynamic", NotNeeded("sockets follow their interfaces")),
    ("dhcp-alternate-port", NotCarried("clients send to port 67")),
    ("dhcp-script", NotCarried("scripts are started by dnsmasq only; a policy sees lease events")),
    (
        "dhcp-luascript",
        NotCarried("scripts are started by dnsmasq only; a policy sees lease events"),
    ),
    ("dhcp-scriptuser", NotCarried("scripts are started by dnsmasq only")),
    ("script-on-renewal", NotCarried("scripts are started by dnsmasq only")),
    ("dhcp-relay", NotCarried("the server is no relay; run one, such as dhcrelay")),
    ("dhcp-split-relay", NotCarried("the server is no relay; run one, such as dhcrelay")),
    ("dhcp-proxy", NotCarried("server identifier override is not supported")),
    ("bridge-interface", NotCarried("name the bridge in interfaces instead")),
    ("shared-network", NotCarried("write shared-network in each [[subnet]] of the link")),
    ("dhcp-generate-names", NotCarried("names are not made up")),
    ("dhcp-ignore-names", NotNeeded("names that clients send are not used")),
    ("dhcp-ignore-clid", NotCarried("write client-key = \"hardware-address\" below [server]")),
    ("dhcp-ignore", NotCarried("a client is ignored by a policy: see docs/policies.md")),
    ("dhcp-name-match", NotCarried(TAGS)),
    ("dhcp-option-pxe", NotCarried(PXE)),
    ("dhcp-pxe-vendor", NotCarried(PXE)),
    ("pxe-prompt", NotCarried(PXE)),
    ("pxe-service", NotCarried(PXE)),
    ("dhcp-fqdn", NotNeeded(DNS)),
    ("dhcp-client-update", NotNeeded(DNS)),
    ("read-ethers", NotCarried("write the addresses of /etc/ethers as dhcp-host lines")),
    ("dhcp-duid", NotNeeded(V6)),
    ("enable-ra", NotNeeded(V6)),
    ("ra-param", NotNeeded(V6)),
    ("dhcp-prefix-class", NotNeeded(V6)),
    ("quiet-dhcp6", NotNeeded(V6)),
    ("quiet-ra", NotNeeded(V6)),
    ("enable-tftp", NotCarried(TFTP)),
    ("tftp-", NotNeeded(TFTP)),
    ("quiet-tftp", NotNeeded(TFTP)),
    ("port", NotNeeded(DNS)),
    ("domain-needed", NotNeeded(DNS)),
    ("bogus-priv", NotNeeded(DNS)),
    ("filterwin2k", NotNeeded(DNS)),
    ("filter-", NotNeeded(DNS)),
    ("resolv-file", NotNeeded(DNS)),
    ("strict-order", NotNeeded(DNS)),
    ("all-servers", NotNeeded(DNS)),
    ("no-resolv", NotNeeded(DNS)),
    ("no-poll", NotNeeded(DNS)),
    ("no-hosts", NotNeeded(DNS)),
    ("addn-hosts", NotNeeded(DNS)),
    ("hostsdir", NotNeeded(DNS)),
    ("expand-hosts", NotNeeded(DNS)),
    ("server", NotNeeded(DNS)),
    ("servers-file", NotNeeded(DNS)),
    ("rev-server", NotNeeded(DNS)),
    ("local", NotNeeded(DNS)),
    ("local-service", NotNeeded(DNS)),
    ("local-ttl", NotNeeded(DNS)),
    ("localise-queries", NotNeeded(DNS)),
    ("localmx", NotNeeded(DNS)),
    ("address", NotNeeded(DNS)),
    ("ipset", NotNeeded(DNS)),
    ("nftset", NotNeeded(DNS)),
    ("mx-", NotNeeded(DNS)),
    ("selfmx", NotNeeded(DNS)),
    ("srv-host", NotNeeded(DNS)),
    ("ptr-record", NotNeeded(DNS)),
    ("txt-record", NotNeeded(DNS)),
    ("naptr-record", NotNeeded(DNS)),
    ("caa-record", NotNeeded(DNS)),
    ("dns-rr", NotNeeded(DNS)),
    ("cname", NotNeeded(DNS)),
    ("host-record", NotNeeded(DNS)),
    ("dynamic-host", NotNeeded(DNS)),
    ("interface-name", NotNeeded(DNS)),
    ("synth-domain", NotNeeded(DNS)),
    ("cache-size", NotNeeded(DNS)),
    ("cache-rr", NotNeeded(DNS)),
    ("no-negcache", NotNeeded(DNS)),
    ("neg-ttl", NotNeeded(DNS)),
    ("max-ttl", NotNeeded(DNS)),
    ("max-cache-ttl", NotNeeded(DNS)),
    ("min-cache-ttl", NotNeeded(DNS)),
    ("auth-", NotNeeded(DNS)),
    ("bogus-nxdomain", NotNeeded(DNS)),
    ("ignore-address", NotNeeded(DNS)),
    ("alias", NotNeeded(DNS)),
    ("log-queries", NotNeeded(DNS)),
    ("query-port", NotNeeded(DNS)),
    ("min-port", NotNeeded(DNS)),
    ("max-port", NotNeeded(DNS)),
    ("edns-packet-max", NotNeeded(DNS)),
    ("dns-forward-max", NotNeeded(DNS)),
    ("dns-loop-detect", NotNeeded(DNS)),
    ("dnssec", NotNeeded(DNS)),
    ("dnssec-", NotNeeded(DNS)),
    ("proxy-dnssec", NotNeeded(DNS)),
    ("trust-anchor", NotNeeded(DNS)),
    ("stop-dns-rebind", NotNeeded(DNS)),
    ("rebind-", NotNeeded(DNS)),
    ("clear-on-reload", NotNeeded(DNS)),
    ("conntrack", NotNeeded(DNS)),
    ("connmark-", NotNeeded(DNS)),
    ("add-", NotNeeded(DNS)),
    ("strip-", NotNeeded(DNS)),
    ("umbrella", NotNeeded(DNS)),
    ("fast-dns-retry", NotNeeded(DNS)),
    ("use-stale-cache", NotNeeded(DNS)),
    ("no-0x20-encode", NotNeeded(DNS)),
    ("no-ident", NotNeeded(DNS)),
    ("dumpfile", NotNeeded(OPERATING)),
    ("dumpmask", NotNeeded(OPERATING)),
    ("test", NotNeeded(OPERATING)),
];

/// What becomes of a key; `None` if dnsmasq does not have it.
pub(super) fn fate(key: &str) -> Option<Fate> {
    let is_exact = |row: &&(&str, Fate)| row.0 == key;
    let begins = |row: &&(&str, Fate)| row.0.ends_with('-') && key.starts_with(row.0);
    let exact = KEYS.iter().find(is_exact);
    exact.or_else(|| KEYS.iter().find(begins)).map(|row| row.1)
}

fn rapid_commit(scope: &mut Scope) -> Done {
    scope.rapid_commit = Some(true);
    Ok(None)
}

fn bootp_dynamic(scope: &mut Scope) -> Done {
    scope.bootp = Some(Bootp::Dynamic);
    Ok(None)
}

fn authoritative(scope: &mut Scope) -> Done {
    scope.authoritative = Some(true);
    // dnsmasq then gives an unknown client the free address that it asks to keep.
    scope.unknown_clients = Some(Unknown::Adopt);
    Ok(None)
}

fn sequential(scope: &mut Scope) -> Done {
    scope.order = Some(AllocationOrder::Sequential);
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_stands_once() {
        for (position, row) in KEYS.iter().enumerate() {
            let others = &KEYS[position + 1..];
            assert!(others.iter().all(|other| other.0 != row.0), "{}", row.0);
        }
    }
}

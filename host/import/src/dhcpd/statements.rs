//! The statements of `dhcpd.conf`, and what becomes of each. A statement that the server learns to
//! express is changed here.
//!
//! Statements with a block, options and ranges are read by [`super::config`].

use lessor_core::{ClientKeyKind, Fraction, INFINITE_SECS, LeasePart};

use crate::{
    boot,
    model::{Bootp, Scope},
};

use super::{
    definitions::split,
    grammar::{Statement, Token},
};

/// How the statement is changed, or why it is not carried.
type Done = Result<Option<&'static str>, String>;

/// What becomes of a statement.
#[derive(Clone, Copy)]
pub(super) enum Fate {
    Set(fn(&mut Scope, &Statement) -> Done),
    NotNeeded(&'static str),
    NotCarried(&'static str),
}

use Fate::{NotCarried, NotNeeded, Set};

const OPERATING: &str = "it is about running dhcpd; docs/operators.md says how this server is run";
const DNS: &str = "the server does not update DNS";
const EXPRESSION: &str = "expressions are for policies: see docs/policies.md";
const BOOTP: &str = "set bootp-lease-time yourself: see docs/exchanges.md";
const NO_BOOTP: &str = "BOOTP clients are not served";
const KNOWN_ONLY: &str = "unknown clients are for policies: see docs/policies.md; the pools here \
                          are for policies only now";
const LEASEQUERY: &str = "the server does not answer LEASEQUERY";
const PING: &str = "set probe = \"icmp\" and probe-timeout-ms yourself: see docs/pools.md";
const FAILOVER: &str = "two servers share no leases: see docs/migrate.md, \"Failover\"; the pool is this server's alone";

/// Statements by their first words. The longest match counts.
static STATEMENTS: &[(&str, Fate)] = &[
    ("default-lease-time", Set(|scope, said| secs(said, &mut scope.lease_time))),
    ("min-lease-time", Set(|scope, said| secs(said, &mut scope.min_lease_time))),
    ("max-lease-time", Set(|scope, said| secs(said, &mut scope.max_lease_time))),
    ("abandon-lease-time", Set(|scope, said| secs(said, &mut scope.quarantine))),
    ("authoritative", Set(|scope, _| authoritative(scope, true))),
    ("not authoritative", Set(|scope, _| authoritative(scope, false))),
    ("ignore-client-uids", Set(ignore_client_uids)),
    ("next-server", Set(next_server)),
    ("server-identifier", Set(server_identifier)),
    ("local-address", NotCarried("dhcpd reads it outside of all blocks only")),
    ("filename", Set(boot_file)),
    ("server-name", Set(server_name)),
    ("allow unknown-clients", NotNeeded("all clients are served")),
    ("allow booting", NotNeeded("all clients are served")),
    ("allow bootp", Set(|scope, _| bootp(scope))),
    ("deny bootp", NotNeeded(NO_BOOTP)),
    ("ignore bootp", NotNeeded(NO_BOOTP)),
    ("allow duplicates", NotNeeded("a client has one lease for each client key")),
    ("deny duplicates", NotCarried("a client has one lease for each client key")),
    ("allow declines", NotNeeded("a declined address is quarantined")),
    ("ignore declines", NotNeeded("declined addresses are bounded by quarantine-max")),
    ("deny declines", NotNeeded("declined addresses are bounded by quarantine-max")),
    ("allow client-updates", NotNeeded(DNS)),
    ("deny client-updates", NotNeeded(DNS)),
    ("ignore client-updates", NotNeeded(DNS)),
    ("allow leasequery", NotCarried(LEASEQUERY)),
    ("deny leasequery", NotNeeded(LEASEQUERY)),
    ("deny unknown-clients", NotCarried(KNOWN_ONLY)),
    ("ignore unknown-clients", NotCarried(KNOWN_ONLY)),
    ("deny booting", NotCarried("a client is refused by a policy: see docs/policies.md")),
    ("ignore booting", NotCarried("a client is refused by a policy: see docs/policies.md")),
    ("boot-unknown-clients", Set(|_, said| only_if(said, true, KNOWN_ONLY))),
    ("ddns-update-style", Set(|_, said| only_words(said, &["none"], DNS))),
    ("ddns-updates", Set(|_, said| only_if(said, false, DNS))),
    ("ddns-", NotCarried(DNS)),
    ("update-", NotCarried(DNS)),
    ("do-forward-updates", NotCarried(DNS)),
    ("zone", NotCarried(DNS)),
    ("key", NotNeeded("it is for DNS updates and OMAPI, which the server does not have")),
    ("omapi-", NotNeeded("lessor leases and lessor status ask the server instead")),
    ("log-facility", NotNeeded(OPERATING)),
    ("log-threshold-", NotNeeded("the log says when a pool is nearly full")),
    ("lease-file-name", NotNeeded("leases are imported with --leases")),
    ("pid-file-name", NotNeeded(OPERATING)),
    ("lease-id-format", NotNeeded(OPERATING)),
    ("db-time-format", NotNeeded(OPERATING)),
    ("dont-use-fsync", NotNeeded("no lease is acknowledged before it is durable")),
    ("delayed-ack", NotNeeded("leases are made durable together")),
    ("max-ack-delay", NotNeeded("leases are made durable together")),
    ("local-port", Set(|_, said| only_words(said, &["67"], "clients send to port 67"))),
    ("remote-port", Set(|_, said| only_words(said, &["68"], "clients listen on port 68"))),
    ("always-broadcast", Set(always_broadcast)),
    ("always-reply-rfc1048", NotNeeded("every reply has options")),
    ("one-lease-per-client", NotNeeded("a client has one lease in a network")),
    ("ping-check", Set(|_, said| only_if(said, false, PING))),
    ("ping-timeout", NotCarried(PING)),
    ("ping-cltt-secs", NotCarried(PING)),
    (
        "stash-agent-options",
        Set(|_, said| only_if(said, true, "the line of a lease is always stored")),
    ),
    ("server-id-check", NotNeeded("a REQUEST for another server is never answered")),
    (
        "use-lease-addr-for-default-route",
        Set(|_, said| {
            only_if(said, false, "the router is an option; a policy may set it for each client")
        }),
    ),
    ("get-lease-hostnames", Set(|_, said| only_if(said, false, "names are not looked up"))),
    (
        "echo-client-id",
        Set(|_, said| {
            only_if(said, true, "the server always returns the client identifier (RFC 6842)")
        }),
    ),
    ("infinite-is-reserved", NotNeeded("a reservation is a reservation")),
    ("adaptive-lease-time-threshold", Set(adaptive_lease_time_threshold)),
    ("min-secs", NotCarried("the server answers every client at once")),
    ("dynamic-bootp-", NotCarried(BOOTP)),
    ("site-option-space", NotCarried("options of a site have no space of their own")),
    ("limited-broadcast-address", NotCarried("the server broadcasts to 255.255.255.255")),
    ("release-on-roam", NotNeeded("a client that moves on has a lease in each network")),
    ("check-secs-byte-order", NotNeeded("the field secs decides nothing")),
    ("failover", NotCarried(FAILOVER)),
    ("class", NotCarried("classes are for policies: see docs/policies.md")),
    ("subclass", NotCarried("classes are for policies: see docs/policies.md")),
    ("if", NotCarried(EXPRESSION)),
    ("elsif", NotCarried(EXPRESSION)),
    ("else", NotCarried(EXPRESSION)),
    ("switch", NotCarried(EXPRESSION)),
    ("on", NotCarried(EXPRESSION)),
    ("set", NotCarried(EXPRESSION)),
    ("unset", NotCarried(EXPRESSION)),
    ("execute", NotCarried(EXPRESSION)),
    ("eval", NotCarried(EXPRESSION)),
    ("log", NotCarried(EXPRESSION)),
    ("define", NotCarried(EXPRESSION)),
    ("default", NotCarried(EXPRESSION)),
    ("supersede", NotCarried(EXPRESSION)),
    ("append", NotCarried(EXPRESSION)),
    ("prepend", NotCarried(EXPRESSION)),
    ("subnet6", NotCarried("the server speaks DHCPv4 only")),
    ("ip6", NotCarried("the server speaks DHCPv4 only")),
];

/// What becomes of a statement; `None` if it is not known.
pub(super) fn fate(statement: &Statement) -> Option<Fate> {
    let first = statement.word(0).unwrap_or_default();
    let both = format!("{first} {}", statement.word(1).unwrap_or_default());
    let is_both = |row: &&(&str, Fate)| row.0 == both;
    let is_first =
        |row: &&(&str, Fate)| row.0 == first || (row.0.ends_with('-') && first.starts_with(row.0));
    let rows = STATEMENTS.iter();
    rows.clone().find(is_both).or_else(|| rows.clone().find(is_first)).map(|row| row.1)
}

/// A percentage of a pool, above which leases have their minimum time.
fn adaptive_lease_time_threshold(scope: &mut Scope, said: &Statement) -> Done {
    let percent = said.word(1).and_then(|text| text.parse::<u32>().ok());
    let part = percent.and_then(|percent| Fraction::from_millionths(percent.checked_mul(10_000)?));
    scope.shortens_above = Some(part.ok_or("it is not a percentage from 1 to 99")?);
    Ok(None)
}

fn secs(said: &Statement, into: &mut Option<u32>) -> Done {
    let text = said.word(1).unwrap_or_default();
    let secs = match text {
        "infinite" | "-1" => Some(INFINITE_SECS),
        text => text.parse().ok(),
    };
    match (secs, said.tokens.len()) {
        (Some(secs), 2) => {
            *into = Some(secs);
            Ok(None)
        }
        _ => Err(EXPRESSION.to_owned()),
    }
}

fn authoritative(scope: &mut Scope, authoritative: bool) -> Done {
    scope.authoritative = Some(authoritative);
    Ok(None)
}

fn ignore_client_uids(scope: &mut Scope, said: &Statement) -> Done {
    let kind = match flag(said.tokens.get(1))? {
        true => ClientKeyKind::HardwareAddress,
        false => ClientKeyKind::ClientIdentifier,
    };
    scope.client_key = Some(kind);
    Ok(None)
}

fn next_server(scope: &mut Scope, said: &Statement) -> Done {
    let address = said.word(1).and_then(|text| text.parse().ok());
    let why = "it is not an IPv4 address, and names are not looked up; write the address";
    scope.next_server = Some(address.ok_or(why)?);
    Ok(None)
}

fn server_identifier(scope: &mut Scope, said: &Statement) -> Done {
    let address = said.word(1).and_then(|text| text.parse().ok());
    scope.server_identifier = Some(address.ok_or("it is not an IPv4 address")?);
    Ok(None)
}

fn boot_file(scope: &mut Scope, said: &Statement) -> Done {
    let [_, Token::Quoted(octets)] = said.tokens.as_slice() else {
        return Err(EXPRESSION.to_owned());
    };
    boot::set_boot_file(&mut scope.boot, &mut scope.options, octets)
}

fn server_name(scope: &mut Scope, said: &Statement) -> Done {
    let [_, Token::Quoted(octets)] = said.tokens.as_slice() else {
        return Err(EXPRESSION.to_owned());
    };
    boot::set_server_name(&mut scope.boot, &mut scope.options, octets)
}

fn always_broadcast(scope: &mut Scope, said: &Statement) -> Done {
    scope.always_broadcast = Some(flag(said.tokens.get(1))?);
    Ok(None)
}

/// dhcpd serves hosts with an address, and others from ranges with `dynamic-bootp`.
fn bootp(scope: &mut Scope) -> Done {
    scope.bootp = scope.bootp.or(Some(Bootp::Reserved));
    Ok(None)
}

/// What a statement sets, whatever it sets it to.
pub(super) fn subject(said: &Statement) -> String {
    let word = |position| said.word(position).unwrap_or_default();
    match word(0) {
        "option" => {
            let (space, name) = split(word(1));
            format!("option {space}.{name}")
        }
        "allow" | "deny" | "ignore" | "not" => word(1).to_owned(),
        first => first.to_owned(),
    }
}

/// Whether a block says that only known clients are served, or that all are.
pub(super) fn is_for_known(block: &[Statement]) -> Option<bool> {
    last_of(block, |said| match (said.word(0)?, said.word(1)?) {
        ("allow", "unknown-clients") => Some(false),
        ("deny" | "ignore", "unknown-clients") => Some(true),
        ("boot-unknown-clients", _) => flag(said.tokens.get(1)).ok().map(|serves| !serves),
        _ => None,
    })
}

/// Whether a block says that hosts get the names of their declarations.
pub(super) fn names_hosts(block: &[Statement]) -> Option<bool> {
    last_of(block, |said| match said.word(0)? {
        "use-host-decl-names" => flag(said.tokens.get(1)).ok(),
        _ => None,
    })
}

/// What the last statement says that says anything.
fn last_of<T>(block: &[Statement], says: impl Fn(&Statement) -> Option<T>) -> Option<T> {
    block.iter().rev().find_map(says)
}

/// Whether a statement sets option 58 or 59.
pub(super) fn is_timer(said: &Statement) -> bool {
    matches!(said.word(1), Some("dhcp-renewal-time" | "dhcp-rebinding-time"))
}

/// Sets T1 or T2.
pub(super) fn timer(scope: &mut Scope, said: &Statement) -> Done {
    let secs = said.word(2).and_then(|text| text.parse().ok());
    let secs = secs.filter(|_| said.tokens.len() == 3).ok_or("it is not a number of seconds")?;
    match said.word(1) {
        Some("dhcp-renewal-time") => scope.renewal_time = Some(LeasePart::Secs(secs)),
        _ => scope.rebinding_time = Some(LeasePart::Secs(secs)),
    }
    Ok(None)
}

fn only_if(said: &Statement, value: bool, otherwise: &str) -> Done {
    match flag(said.tokens.get(1)) {
        Ok(flag) if flag == value => Ok(None),
        _ => Err(otherwise.to_owned()),
    }
}

fn only_words(said: &Statement, words: &[&str], otherwise: &str) -> Done {
    let found: Vec<&str> = said.after(1).iter().filter_map(Token::word).collect();
    if found == words { Ok(None) } else { Err(otherwise.to_owned()) }
}

/// The value of a flag.
pub(super) fn flag(token: Option<&Token>) -> Result<bool, String> {
    let word = token.and_then(Token::word).unwrap_or_default();
    match word {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err(format!("{word:?} is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_stands_once() {
        for (position, row) in STATEMENTS.iter().enumerate() {
            let others = &STATEMENTS[position + 1..];
            assert!(others.iter().all(|other| other.0 != row.0), "{}", row.0);
        }
    }
}

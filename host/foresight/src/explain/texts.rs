//! Describes the steps of an exchange for people.

use std::time::Duration;

use lessor_core::{
    BeyondLimit, Candidate, ClientKeyKind, Destination, LocatedBy, LookupAnswer, Probe,
    ProbeMessage, ReplyKind, Request, RequestKind, Reservation, ReservationOwner, Rule,
    SubscriberLimit, Terms, Verdict, VpnSelectedBy,
};
use lessor_policy_host::AnsweredLookup;

use super::{AllocationStep, LookupStep, Microseconds, verdict_text};
use lessor_vocabulary::Catalogue;

/// Describes the client while its network is not known.
pub(super) fn client(request: &Request) -> String {
    let key = ClientKeyKind::default().key_of(request, request.relay_information.as_ref());
    key.map_or_else(String::new, |key| key.to_string())
}

pub(super) fn lookup_step(lookup: &AnsweredLookup) -> LookupStep {
    let answer = match &lookup.answer {
        LookupAnswer::Found { row, is_stale } => {
            let fields = row.fields().filter(|(_, value)| !value.is_empty());
            let fields: Vec<_> = fields.map(|(name, value)| format!("{name}={value}")).collect();
            let stale = if *is_stale { "stale: " } else { "" };
            format!("{stale}{}", fields.join(" "))
        }
        LookupAnswer::NotFound => "not found".to_owned(),
        LookupAnswer::Unavailable(why) => format!("unavailable: {why}"),
    };
    LookupStep {
        plugin: lookup.plugin.to_string(),
        source: lookup.source.to_string(),
        key: lookup.key.to_string(),
        answer,
    }
}

pub(super) fn microseconds(duration: Duration) -> Microseconds {
    // Smaller differences are noise.
    (duration.as_secs_f64() * 100_000_000.0).round() / 100.0
}

pub(super) const fn located_by(by: LocatedBy) -> &'static str {
    match by {
        LocatedBy::LinkSelection => "the relay's link selection",
        LocatedBy::SubnetSelection => "the client's subnet selection",
        LocatedBy::RelayAddress => "the relay address",
        LocatedBy::ClientAddress => "the client's own address",
        LocatedBy::Interface => "the interface that it is on",
        LocatedBy::Link => "the link that it is on",
    }
}

pub(super) const fn vpn_selected_by(by: VpnSelectedBy) -> &'static str {
    match by {
        VpnSelectedBy::Relay => "the relay's VPN selection",
        VpnSelectedBy::Client => "the client's VPN selection",
        VpnSelectedBy::RelayAddress => "the relay address",
        VpnSelectedBy::Interface => "the interface that it is on",
    }
}

pub(super) fn terms(terms: &Terms, catalogue: &Catalogue) -> Vec<String> {
    let mut texts = Vec::new();
    if terms.verdict != Verdict::Proceed {
        texts.push(verdict_text(&terms.verdict));
    }
    texts.extend(terms.pool.as_ref().map(|choice| match choice.is_single() {
        true => format!("pool {choice}"),
        false => format!("the first of the pools {choice} with a free address"),
    }));
    texts.extend(terms.address.map(|address| format!("address {address}")));
    texts.extend(terms.lease_time_secs.map(|secs| format!("lease time {secs} s")));
    texts.extend(terms.renewal.map(|part| format!("renewal time {part}")));
    texts.extend(terms.rebinding.map(|part| format!("rebinding time {part}")));
    texts.extend(terms.next_server.map(|address| format!("next server {address}")));
    texts.extend(terms.server_name.as_deref().map(|name| format!("server name {name:?}")));
    texts.extend(terms.boot_file.as_deref().map(|name| format!("boot file {name:?}")));
    texts.extend(terms.subscriber.as_ref().map(subscriber));
    for (option, value) in &terms.options {
        let name = catalogue.shown_name(*option);
        texts.push(match value {
            Some(value) => format!("option {name} {}", catalogue.shown(*option, value, None)),
            None => format!("no option {name}"),
        });
    }
    texts
}

/// Describes the account of a client, and its limit.
pub(super) fn subscriber(limit: &SubscriberLimit) -> String {
    let beyond = match limit.beyond {
        BeyondLimit::Refuse => "new ones are refused",
        BeyondLimit::ReplaceOldest => "a new one replaces the oldest",
    };
    let leases = if limit.leases_max.get() == 1 { "lease" } else { "leases" };
    format!("subscriber {}: at most {} {leases}, {beyond}", limit.name, limit.leases_max)
}

pub(super) fn reservation(reservation: &Reservation, by: Option<&ReservationOwner>) -> String {
    let pool = reservation.settings.pool.as_deref();
    let what = match (reservation.address, pool) {
        (Some(address), _) => address.to_string(),
        (None, Some(pool)) => format!("pool {pool}"),
        (None, None) => "options and settings".to_owned(),
    };
    let others = reservation.owners.count() - 1;
    let others = match others {
        0 => String::new(),
        1 => ", which has another identifier".to_owned(),
        others => format!(", which has {others} other identifiers"),
    };
    by.map_or_else(|| what.clone(), |owner| format!("{what} for {owner}{others}"))
}

/// How an address is probed.
pub(super) fn probe(probe: &Probe) -> String {
    let by = match &probe.by {
        ProbeMessage::Arp(interface) => format!("an ARP request on {interface}"),
        ProbeMessage::Icmp => "an ICMP echo request".to_owned(),
    };
    format!(
        "{} is asked with {by} first, for {} ms; if a host answers, the next address is tried",
        probe.address, probe.timeout_ms
    )
}

pub(super) fn allocation_step(candidate: &Candidate) -> AllocationStep {
    let why = match candidate.rule {
        Rule::Policy => "a policy names it",
        Rule::Reservation => "it is reserved for the client or its line",
        Rule::Offered => "it was offered to the client just now",
        Rule::Current => "it is the address of the client's last lease",
        Rule::Former => "the client had it before that",
        Rule::Asked => "the client requests it",
        Rule::Free => "it is the lowest address that was never used",
        Rule::Random => "it was never used, and is the first such one from the client's place",
        Rule::LongestFree => "it has been free longest, and no other was never used",
        Rule::Searched => "the pool is searched for a free address",
        Rule::Contested => "no address is free, and its open offer is replaced",
        Rule::Quarantined => {
            "no address is free, and of the declined addresses it has been quarantined longest"
        }
        Rule::Oldest => {
            "no address is free, and it belongs to the subscriber's oldest lease, which is replaced"
        }
    };
    let obstacle = candidate.obstacle.map(|obstacle| match &candidate.holder {
        Some(holder) => format!("{} ({holder})", obstacle.meaning()),
        None => obstacle.meaning().to_owned(),
    });
    AllocationStep {
        why: why.to_owned(),
        address: candidate.address,
        pool: candidate.pool.as_ref().map(ToString::to_string),
        obstacle,
    }
}

pub(super) fn reply_kind(kind: ReplyKind, request: Option<&Request>) -> &'static str {
    match kind {
        _ if request.is_some_and(|request| request.kind == RequestKind::Bootp) => "BOOTREPLY",
        ReplyKind::Offer => "DHCPOFFER",
        ReplyKind::Ack => "DHCPACK",
        ReplyKind::Nak => "DHCPNAK",
    }
}

pub(super) fn destination(destination: Destination) -> String {
    match destination {
        Destination::Relay(address) => format!("the relay, {address}"),
        Destination::Client(address) => format!("the client, {address}"),
        Destination::Hardware { address, hardware_address } => {
            format!("{hardware_address} on the link, as {address}")
        }
        Destination::Broadcast => "all hosts on the link".to_owned(),
    }
}

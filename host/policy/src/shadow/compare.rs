//! Compares decisions. Pure: no plugin is called here.
//!
//! A live plugin after the shadow is not called again: the comparison assumes that it would have
//! done the same with the shadow in the chain. That is true unless it reads what earlier plugins
//! have set.

use std::{collections::BTreeMap, mem, sync::Arc};

use lessor_core::{
    BeyondLimit, LeasePart, OptionValue, Reply, ReplyValue, SubscriberLimit, Terms, Verdict,
};

use super::{Difference, DifferenceKind};
use crate::{
    Setting, TraceEntry,
    limits::DIFFERENCE_CHARS_MAX,
    trace::{ShownValue, set_reply_option},
};

/// Applies one more plugin's entry to the terms. `drop_reason` is the reason if the plugin failed
/// and its failure drops the packet. Returns whether the chain continues.
pub(super) fn follow(terms: &mut Terms, entry: &TraceEntry, drop_reason: Option<String>) -> bool {
    if entry.fault.is_some() {
        let Some(reason) = drop_reason else { return true };
        *terms = Terms { verdict: Verdict::Drop(reason), ..Terms::default() };
        return false;
    }
    entry.set.iter().for_each(|setting| setting.apply(terms));
    match &entry.verdict {
        Some(verdict) => terms.verdict = verdict.clone(),
        None => return !entry.is_final(),
    }
    false
}

/// The differences between the shadow's terms and the live ones.
pub(super) fn terms(live: &Terms, shadow: &Terms) -> Vec<Difference> {
    let mut found = Comparison::default();
    if mem::discriminant(&live.verdict) != mem::discriminant(&shadow.verdict) {
        let written = |terms: &Terms| Some(written_verdict(&terms.verdict));
        found.note(DifferenceKind::Verdict, written(live), written(shadow));
        return found.0;
    }
    if live.verdict != Verdict::Proceed {
        // The client gets no address in either case; the reasons are informational.
        return found.0;
    }
    let pool = |terms: &Terms| terms.pool.as_ref().map(|choice| choice.to_string());
    found.compare(DifferenceKind::Pool, pool(live), pool(shadow));
    let address = |terms: &Terms| terms.address.map(|address| address.to_string());
    found.compare(DifferenceKind::Address, address(live), address(shadow));
    let lease_time = |terms: &Terms| terms.lease_time_secs.map(|secs| format!("{secs} s"));
    found.compare(DifferenceKind::LeaseTime, lease_time(live), lease_time(shadow));
    let part = |part: Option<LeasePart>| part.map(|part| part.to_string());
    found.compare(DifferenceKind::RenewalTime, part(live.renewal), part(shadow.renewal));
    found.compare(DifferenceKind::RebindingTime, part(live.rebinding), part(shadow.rebinding));
    let next_server = |terms: &Terms| terms.next_server.map(|address| address.to_string());
    found.compare(DifferenceKind::NextServer, next_server(live), next_server(shadow));
    let server_name = |terms: &Terms| terms.server_name.as_ref().map(|name| name.to_string());
    found.compare(DifferenceKind::ServerName, server_name(live), server_name(shadow));
    let boot_file = |terms: &Terms| terms.boot_file.as_ref().map(|name| name.to_string());
    found.compare(DifferenceKind::BootFile, boot_file(live), boot_file(shadow));
    let subscriber = |terms: &Terms| terms.subscriber.as_ref().map(written_subscriber);
    found.compare(DifferenceKind::Subscriber, subscriber(live), subscriber(shadow));
    let (live, shadow) = (last_options(live), last_options(shadow));
    found.compare_maps(&live, &shadow, |code, value| match value {
        Some(value) => ShownValue(code, value).to_string(),
        None => "removed".to_owned(),
    });
    found.0
}

/// The differences between two replies.
pub(super) fn replies(live: &Reply, shadow: &Reply) -> Vec<Difference> {
    let mut found = Comparison::default();
    // Typed values and octets are equal if their encodings are.
    let encoded = |reply: &Reply| -> BTreeMap<u8, Vec<u8>> {
        let write = |(code, value): &(u8, ReplyValue)| {
            let mut octets = Vec::new();
            lessor_wire::encode_value(value, &mut octets);
            (*code, octets)
        };
        reply.options.iter().map(write).collect()
    };
    let (live, shadow) = (encoded(live), encoded(shadow));
    found.compare_maps(&live, &shadow, |code, octets| {
        ShownValue(code, &OptionValue::Octets(octets.clone())).to_string()
    });
    found.0
}

/// Applies recorded changes to a reply.
pub(super) fn edit(reply: &mut Reply, entry: &TraceEntry) {
    for setting in &entry.set {
        match setting {
            Setting::Option(code, value) => set_reply_option(&mut reply.options, *code, value),
            Setting::NoOption(code) => reply.options.retain(|(found, _)| found != code),
            // The other settings were applied before there was a reply.
            _ => {}
        }
    }
}

#[derive(Default)]
struct Comparison(Vec<Difference>);

impl Comparison {
    fn compare(&mut self, kind: DifferenceKind, live: Option<String>, shadow: Option<String>) {
        if live != shadow {
            self.note(kind, live, shadow);
        }
    }

    fn compare_maps<V: PartialEq>(
        &mut self,
        live: &BTreeMap<u8, V>,
        shadow: &BTreeMap<u8, V>,
        written: impl Fn(u8, &V) -> String,
    ) {
        let only_in_shadow = shadow.keys().filter(|code| !live.contains_key(code));
        let mut codes: Vec<u8> = live.keys().chain(only_in_shadow).copied().collect();
        codes.sort_unstable();
        for code in codes {
            let (was, would_be) = (live.get(&code), shadow.get(&code));
            if was != would_be {
                let written = |value: Option<&V>| value.map(|value| written(code, value));
                self.note(DifferenceKind::Option(code), written(was), written(would_be));
            }
        }
    }

    fn note(&mut self, kind: DifferenceKind, live: Option<String>, shadow: Option<String>) {
        self.0.push(Difference { kind, live: live.map(cut), shadow: shadow.map(cut) });
    }
}

/// Joins the differences of one exchange: each kind counts once, and the first one is kept.
pub(super) fn join(first: Vec<Difference>, second: Vec<Difference>) -> Vec<Difference> {
    let mut joined = first;
    for difference in second {
        if joined.iter().all(|known| known.kind != difference.kind) {
            joined.push(difference);
        }
    }
    joined
}

/// The final setting of each option in the terms.
fn last_options(terms: &Terms) -> BTreeMap<u8, Option<Arc<OptionValue>>> {
    terms.options.iter().cloned().collect()
}

fn written_verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Proceed => "proceed".to_owned(),
        Verdict::Ignore(reason) => format!("ignore: {reason}"),
        Verdict::Refuse(reason) => format!("refuse: {reason}"),
        Verdict::Drop(reason) => format!("drop: {reason}"),
    }
}

fn written_subscriber(limit: &SubscriberLimit) -> String {
    let beyond = match limit.beyond {
        BeyondLimit::Refuse => "refuse",
        BeyondLimit::ReplaceOldest => "replace-oldest",
    };
    format!("{}, at most {}, then {beyond}", limit.name, limit.leases_max)
}

fn cut(text: String) -> String {
    match text.char_indices().nth(DIFFERENCE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use lessor_core::{BootFileName, Destination, ReplyKind};

    use super::*;
    use crate::FaultKind;

    fn octets(text: &str) -> Arc<OptionValue> {
        Arc::new(OptionValue::Octets(text.as_bytes().to_vec()))
    }

    fn kinds(found: &[Difference]) -> Vec<String> {
        found.iter().map(|difference| difference.kind.to_string()).collect()
    }

    #[test]
    fn every_term_that_differs_is_named_once_with_both_sides() {
        let live = Terms {
            pool: Some("residential".into()),
            lease_time_secs: Some(60),
            options: vec![(15, Some(octets("a"))), (15, Some(octets("b"))), (3, None)],
            ..Terms::default()
        };
        assert_eq!(terms(&live, &live), []);
        // Later options replace earlier ones, so both are equal.
        let mut same = live.clone();
        same.options = vec![(3, None), (15, Some(octets("b")))];
        assert_eq!(terms(&live, &same), []);
        let shadow = Terms {
            address: Some(Ipv4Addr::new(192, 0, 2, 1)),
            subscriber: Some(SubscriberLimit {
                name: "ada".into(),
                leases_max: std::num::NonZeroU32::MIN,
                beyond: BeyondLimit::Refuse,
            }),
            options: vec![(15, Some(octets("a"))), (6, Some(octets("\x01\x01\x01\x01")))],
            renewal: Some(LeasePart::Secs(30)),
            boot_file: Some(BootFileName::new("a").unwrap()),
            ..Terms::default()
        };
        let found = terms(&live, &shadow);
        let all = [
            "pool",
            "address",
            "lease-time",
            "renewal-time",
            "boot-file",
            "subscriber",
            "option-3",
            "option-6",
            "option-15",
        ];
        assert_eq!(kinds(&found), all);
        let sides = |kind: DifferenceKind| {
            let found = found.iter().find(|difference| difference.kind == kind).unwrap();
            (found.live.clone().unwrap_or_default(), found.shadow.clone().unwrap_or_default())
        };
        let both = |live: &str, shadow: &str| (live.to_owned(), shadow.to_owned());
        assert_eq!(sides(DifferenceKind::Pool), both("residential", ""));
        assert_eq!(sides(DifferenceKind::LeaseTime), both("60 s", ""));
        assert_eq!(sides(DifferenceKind::Option(3)), both("removed", ""));
        assert_eq!(sides(DifferenceKind::Option(6)), both("", "1.1.1.1"));
        assert_eq!(sides(DifferenceKind::Option(15)), both("\"b\"", "\"a\""));
    }

    #[test]
    fn another_verdict_is_the_only_difference_and_its_reason_is_none() {
        let refuse = |reason: &str| Terms {
            verdict: Verdict::Refuse(reason.to_owned()),
            pool: Some(reason.into()),
            ..Terms::default()
        };
        assert_eq!(terms(&refuse("a"), &refuse("b")), []);
        let found = terms(&refuse("a"), &Terms::default());
        let [only] = &found[..] else { panic!("{found:?}") };
        assert_eq!(only.kind, DifferenceKind::Verdict);
        assert_eq!(only.live.as_deref(), Some("refuse: a"));
        assert_eq!(only.shadow.as_deref(), Some("proceed"));
    }

    #[test]
    fn a_failure_that_drops_takes_back_what_was_set() {
        let entry = |set, verdict, fault| TraceEntry {
            plugin: "p".into(),
            planned: Vec::new(),
            set,
            verdict,
            fault,
        };
        let mut followed = Terms::default();
        let pool = entry(vec![Setting::Pool("a".into())], None, None);
        assert!(follow(&mut followed, &pool, None));
        assert!(follow(&mut followed, &entry(vec![], None, Some(FaultKind::Trap)), None));
        assert_eq!(followed.pool, Some("a".into()));
        let dropping = entry(vec![], None, Some(FaultKind::Trap));
        assert!(!follow(&mut followed, &dropping, Some("p: trap".to_owned())));
        assert_eq!(followed.pool, None);
        let ignoring = entry(vec![], Some(Verdict::Ignore(String::new())), None);
        assert!(!follow(&mut followed, &ignoring, None));
    }

    #[test]
    fn replies_that_are_written_alike_are_alike() {
        let reply = Reply {
            kind: ReplyKind::Ack,
            client_address: Ipv4Addr::UNSPECIFIED,
            your_address: Ipv4Addr::new(192, 0, 2, 7),
            next_server_address: Ipv4Addr::UNSPECIFIED,
            server_name: Default::default(),
            boot_file: Default::default(),
            force_broadcast: false,
            confirms_vpn: false,
            options: vec![(224, OptionValue::U32(1).into()), (15, octets("a").into())],
            destination: Destination::Broadcast,
        };
        let mut shadow = reply.clone();
        let set = |code, text: &str| Setting::Option(code, octets(text));
        let entry = |set| TraceEntry {
            plugin: "p".into(),
            planned: Vec::new(),
            set,
            verdict: None,
            fault: None,
        };
        edit(&mut shadow, &entry(vec![set(224, "\0\0\0\x01")]));
        assert_eq!(replies(&reply, &shadow), []);
        edit(&mut shadow, &entry(vec![set(12, "h"), Setting::NoOption(15), set(224, "x")]));
        assert_eq!(kinds(&replies(&reply, &shadow)), ["option-12", "option-15", "option-224"]);
    }

    #[test]
    fn each_kind_counts_once_and_texts_are_bounded() {
        assert_eq!(
            cut("ä".repeat(DIFFERENCE_CHARS_MAX + 9)).chars().count(),
            DIFFERENCE_CHARS_MAX + 1
        );
        let many = |from: u8| -> Vec<Difference> {
            let one =
                |code| Difference { kind: DifferenceKind::Option(code), live: None, shadow: None };
            (from..=u8::MAX).map(one).collect()
        };
        assert_eq!(join(many(250), many(245)).len(), 11);
    }
}

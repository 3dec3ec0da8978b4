//! `[expect]`: the expected result of the policy. A result that is not listed here is a difference,
//! too.

use std::{net::Ipv4Addr, num::NonZeroU32, sync::Arc};

use lessor_core::{
    BeyondLimit, BootFileName, LeasePart, OptionValue, PoolChoice, ServerName, SubscriberLimit,
    Terms, Verdict,
};
use lessor_vocabulary::Catalogue;

use crate::{
    mistake::Draft,
    options::{Options, recognise_code},
    reader::{Table, Value},
    scope::{header_text, lease_part},
    shapes::{CASE_EXPECTED_REPLY, CASE_PLANNED, CASE_SUBSCRIBER},
    values::IDENTIFIER_OCTETS_MAX,
};

/// The expected result of a policy for a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The verdict. For a verdict other than to proceed, an empty reason matches any reason.
    pub verdict: Verdict,
    /// The name of the expected fault.
    pub fault: Option<String>,
    /// The names of the classes that the message belongs to; `None` accepts any.
    pub classes: Option<Vec<String>>,
    /// The pools that the policy sets, in order of preference.
    pub pool: Option<PoolChoice>,
    /// The address that the policy sets.
    pub address: Option<Ipv4Addr>,
    /// The lease time that the policy sets, in seconds.
    pub lease_time_secs: Option<u32>,
    /// The boot fields and the times to extend a lease that the policy sets.
    pub reply_terms: ReplyTerms,
    /// The subscriber that the policy sets.
    pub subscriber: Option<SubscriberLimit>,
    /// The options that the policy sets and removes for a request.
    pub options: ExpectedOptions,
    /// Whether the policy makes the terms final.
    pub is_final: bool,
    /// The options that the policy sets in and removes from the reply.
    pub reply: ExpectedOptions,
    /// The lookups that the policy plans.
    pub lookups: Vec<PlannedName>,
    /// The lines that the policy logs; `None` accepts any.
    pub log: Option<Vec<String>>,
    /// The options that the case knows by name.
    pub catalogue: Arc<Catalogue>,
}

/// Terms about the reply that are neither options nor a lease time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyTerms {
    /// When the client extends its lease with this server.
    pub renewal: Option<LeasePart>,
    /// When the client extends its lease with any server.
    pub rebinding: Option<LeasePart>,
    /// siaddr.
    pub next_server: Option<Ipv4Addr>,
    /// sname.
    pub server_name: Option<ServerName>,
    /// file.
    pub boot_file: Option<BootFileName>,
}

/// Options that are set and removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedOptions {
    /// The options that are set, by code.
    pub set: Vec<(u8, OptionValue)>,
    /// The codes of the options that are removed.
    pub removed: Vec<u8>,
}

/// A planned lookup.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlannedName {
    /// The name that the answer is read under.
    pub name: String,
    /// The source to query.
    pub source: String,
    /// The key to query.
    pub key: String,
}

/// Reads an expectation. Invalid values are reported and left out.
pub(super) fn read(table: &Table) -> Expectation {
    let text = |key, wanted| {
        let value = table.get(key).and_then(|value: Value| value.text(wanted));
        value.map(str::to_owned)
    };
    let reply = table.get("reply").and_then(|value| value.table(&CASE_EXPECTED_REPLY));
    Expectation {
        verdict: verdict(table),
        fault: text("fault", "the name of a fault, such as \"trap\""),
        classes: table.get("classes").map(|value| {
            let items = value.items();
            items.iter().filter_map(|item| item.name()).map(str::to_owned).collect()
        }),
        pool: pool_choice(table),
        address: table.get("address").and_then(|value| value.address()),
        lease_time_secs: table.get("lease-time-secs").and_then(|value| value.number(0, u32::MAX)),
        reply_terms: ReplyTerms::read(table),
        subscriber: table
            .get("subscriber")
            .and_then(|value| value.table(&CASE_SUBSCRIBER))
            .and_then(|subscriber| read_subscriber(&subscriber)),
        options: options(table),
        is_final: table.get("final").and_then(|value| value.flag()).unwrap_or(false),
        reply: reply.map(|reply| options(&reply)).unwrap_or_default(),
        lookups: planned(table),
        log: table.get("log").map(|value| {
            let items = value.items();
            items.iter().filter_map(|item| item.text("a text")).map(str::to_owned).collect()
        }),
        catalogue: Arc::clone(table.collector().catalogue()),
    }
}

impl ReplyTerms {
    /// The keys are those of the configuration.
    fn read(table: &Table) -> Self {
        Self {
            renewal: table.get("renewal-time").and_then(|value| lease_part(&value)),
            rebinding: table.get("rebinding-time").and_then(|value| lease_part(&value)),
            next_server: table.get("next-server").and_then(|value| value.address()),
            server_name: table
                .get("server-name")
                .and_then(|value| header_text(&value, "the name of a server")),
            boot_file: table
                .get("boot-file")
                .and_then(|value| header_text(&value, "the name of a file")),
        }
    }
}

/// The name of a pool, or a list of names in order of preference.
fn pool_choice(table: &Table) -> Option<PoolChoice> {
    let value = table.get("pool")?;
    let items = value.items();
    let names: Option<Vec<Arc<str>>> =
        items.iter().map(|item| item.text("the name of a pool").map(Arc::from)).collect();
    let choice = PoolChoice::new(names?);
    if choice.is_none() {
        value.refuse(&format!("1 to {} pools", PoolChoice::NAMES_MAX));
    }
    choice
}

fn verdict(table: &Table) -> Verdict {
    type MakeVerdict = fn(String) -> Verdict;
    let verdicts: [(&'static str, MakeVerdict); 4] = [
        ("proceed", |_| Verdict::Proceed),
        ("ignore", Verdict::Ignore),
        ("refuse", Verdict::Refuse),
        ("drop", Verdict::Drop),
    ];
    let reason = table.get("reason").and_then(|value| value.text("a text"));
    let verdict = table.get("verdict").and_then(|value| value.choice(&verdicts));
    let verdict =
        verdict.map_or(Verdict::Proceed, |make| make(reason.unwrap_or_default().to_owned()));
    if let (Verdict::Proceed, Some(value)) = (&verdict, table.get("reason")) {
        let draft = Draft::found("there is a `reason` but no verdict that takes one")
            .wanted("wanted verdict = \"ignore\" or \"refuse\" as well");
        value.report(draft);
    }
    verdict
}

fn read_subscriber(table: &Table) -> Option<SubscriberLimit> {
    let beyond = [("refuse", BeyondLimit::Refuse), ("replace-oldest", BeyondLimit::ReplaceOldest)];
    let name = table.require("name", "\"ada\"");
    let name = name.and_then(|value| match value.text("a name")? {
        name if name.is_empty() || name.len() > IDENTIFIER_OCTETS_MAX => {
            value.refuse("a name of 1 to 255 octets");
            None
        }
        name => Some(name),
    });
    let leases_max = table.require("leases-max", "1");
    let leases_max = leases_max.and_then(|value| value.number(1, u32::MAX));
    let beyond = table.require("beyond", "\"refuse\"").and_then(|value| value.choice(&beyond));
    Some(SubscriberLimit {
        name: name?.into(),
        leases_max: NonZeroU32::new(leases_max?)?,
        beyond: beyond?,
    })
}

/// Reads the terms that earlier policies have set.
pub(super) fn earlier(table: &Table) -> Terms {
    let pool = pool_choice(table);
    let address = table.get("address").and_then(|value| value.address());
    if let (Some(_), Some(_), Some(value)) = (&pool, address, table.get("address")) {
        let draft = Draft::found("both a pool and an address are set")
            .wanted("wanted one of them: each replaces the other");
        value.report(draft);
    }
    let ExpectedOptions { set, removed } = options(table);
    let set = set.into_iter().map(|(code, value)| (code, Some(Arc::new(value))));
    let ReplyTerms { renewal, rebinding, next_server, server_name, boot_file } =
        ReplyTerms::read(table);
    Terms {
        renewal,
        rebinding,
        next_server,
        server_name,
        boot_file,
        verdict: Verdict::Proceed,
        pool,
        address,
        lease_time_secs: table.get("lease-time-secs").and_then(|value| value.number(0, u32::MAX)),
        options: set.chain(removed.into_iter().map(|code| (code, None))).collect(),
        subscriber: table
            .get("subscriber")
            .and_then(|value| value.table(&CASE_SUBSCRIBER))
            .and_then(|subscriber| read_subscriber(&subscriber)),
    }
}

fn options(table: &Table) -> ExpectedOptions {
    let set = table.get("options").map(|value| Options::read_lenient(&value));
    let removed = table.get("no-options").map(|value| value.items()).unwrap_or_default();
    ExpectedOptions {
        set: set.unwrap_or_default().into_pairs(),
        removed: removed.iter().filter_map(recognise_code).collect(),
    }
}

fn planned(table: &Table) -> Vec<PlannedName> {
    let Some(value) = table.get("lookups") else { return Vec::new() };
    let wanted = "a table of lookups, such as { plan = { source = \"crm\", key = \"olt1/1\" } }";
    let read = |entry: crate::reader::KeyValue| {
        let lookup = entry.value.table(&CASE_PLANNED)?;
        let text = |key, example| lookup.require(key, example)?.text("a text").map(str::to_owned);
        let (source, key) = (text("source", "\"crm\""), text("key", "\"olt1/1\""));
        Some(PlannedName { name: entry.key.value.to_owned(), source: source?, key: key? })
    };
    value.entries(wanted).into_iter().filter_map(read).collect()
}

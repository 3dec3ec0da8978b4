//! Reads `[[class]]`: conditions on messages, and what clients that send such messages get.
//!
//! Does not read values of a level; `scope` does. Invariant: every class has a condition that some
//! message may meet, or may be named by a reservation, and every pool that it names exists, unless
//! a mistake was reported.

mod behind;
mod condition;
mod contradiction;
mod fitting;
mod part;
mod reading;
mod set_file;

use std::{
    collections::{HashMap, HashSet},
    net::Ipv4Addr,
    num::NonZeroU32,
    ops::Range,
    sync::Arc,
};

use ipnet::Ipv4Net;
use lessor_core::{BeyondLimit, Class, ClassLimit, Classes, Condition, LimitBy, PoolChoice};

use crate::{
    Surroundings,
    collector::Collector,
    file_position::FilePosition,
    mistake::Draft,
    network::NetworkLevels,
    reader::{Placed, Table, Value},
    roster::Roster,
    scope::Level,
    settings::ClassFile,
    shapes::{CLASS, CLASS_LIMIT, CLASS_MATCH},
    subnet::{PlacedSubnet, client_key},
    suggest::{closest, joined},
};

use self::{
    behind::{Relayed, overlap},
    reading::ConditionReader,
};

/// The maximum number of classes, because every message is tested for each.
pub const CLASSES_MAX: usize = 1_000;

/// The classes of a document.
#[derive(Default)]
pub(crate) struct ReadClasses {
    classes: Vec<(Condition, Class)>,
    /// The places of what must exist elsewhere.
    mentions: Mentions,
    /// Those that reservations may name.
    pub(crate) roster: Roster,
    /// The files that hold values.
    pub(crate) files: Vec<ClassFile>,
    /// Their server identifiers with their places.
    pub(crate) identifiers: Vec<(Ipv4Addr, FilePosition)>,
}

/// What classes mention, with its places.
#[derive(Default)]
struct Mentions {
    pools: Vec<Placed<Arc<str>>>,
    relays: Vec<Placed<Box<[Ipv4Net]>>>,
}

/// Reads the classes. `interfaces` are those that the server listens on; `None` if they are not
/// known. Classes with mistakes are left out.
pub(crate) fn read(
    value: Option<&Value>,
    surroundings: &Surroundings,
    interfaces: Option<&[String]>,
) -> ReadClasses {
    let mut read = ReadClasses::default();
    let Some(value) = value else { return read };
    let tables = value.tables(&CLASS);
    if let Some(table) = tables.get(CLASSES_MAX) {
        let draft = Draft::found(format!("there are more than {CLASSES_MAX} classes"));
        let help = "a policy can look up what clients have in common";
        table.collector().report(table.span(), draft.wanted("this one is too many").help(help));
    }
    let mut names: HashMap<&str, Range<usize>> = HashMap::new();
    for table in tables.iter().take(CLASSES_MAX) {
        let name_value = table.require("name", "\"phones\"");
        let name = name_value.as_ref().and_then(|value| value.name());
        if let (Some(name), Some(value)) = (name, &name_value)
            && let Some(first) = names.insert(name, value.span().clone())
        {
            let draft = Draft::found(format!("two classes are named {name:?}"))
                .wanted("the second one")
                .related(&first, "the first one")
                .help("the journal and policies refer to classes by name: give each its own");
            value.report(draft);
        }
        let condition = match table.get("match") {
            None => (!table.misspells_any(&["match"])).then(Condition::never),
            Some(wanted) => condition(&wanted, surroundings, interfaces, &mut read),
        };
        let level = Level::of(table);
        read.identifiers.extend(level.identifier());
        let class = class(table, name.unwrap_or_default(), level, &mut read.mentions);
        if let (Some(_), Some(value)) = (name, &name_value) {
            let is_without = table.get("match").is_none() && condition.is_some();
            let place = is_without.then(|| value.place(Arc::clone(&class.name)));
            read.roster.add(&class.name, place);
        }
        if let (Some(condition), Some(_)) = (condition, name) {
            read.classes.push((condition, class));
        }
    }
    read
}

impl ReadClasses {
    /// Returns the classes of a case, without knowing which pools, relays and reservations there
    /// are.
    pub(crate) fn of_case(self, collector: &Collector) -> Classes {
        self.roster.report_unused(collector, false);
        Classes::new(self.classes)
    }

    /// Reports pools that no subnet has, and relays that no subnet serves. Returns the classes.
    pub(crate) fn checked(
        self,
        value: Option<&Value>,
        subnets: &[PlacedSubnet],
        networks: &NetworkLevels,
    ) -> Classes {
        let Some(value) = value else { return Classes::new(Vec::new()) };
        let relayed = Relayed::new(subnets, networks);
        self.mentions.report_unknown_pools(value, subnets);
        self.mentions.report_unserved_relays(value, subnets, &relayed);
        let behind = |relays: &[Ipv4Net]| relayed.behind(relays);
        let classes = self.classes.into_iter();
        let classes = classes.map(|(condition, class)| (condition.with_subnets(&behind), class));
        Classes::new(classes.collect())
    }
}

impl Mentions {
    fn report_unknown_pools(&self, value: &Value, subnets: &[PlacedSubnet]) {
        if self.pools.is_empty() {
            return;
        }
        let pools = subnets.iter().flat_map(|subnet| &subnet.pools);
        let known: HashSet<&str> = pools.map(|placed| &*placed.pool.name).collect();
        for pool in self.pools.iter().filter(|pool| !known.contains(&*pool.value)) {
            let draft = Draft::found(format!("no pool is named {:?}", pool.value));
            let draft = match closest(&pool.value, known.iter().copied()) {
                Some(name) => draft.wanted(format!("did you mean {name:?}?")),
                None => draft.wanted("unknown"),
            };
            let help = "the name of a pool is that below [[subnet.pool]], or its range";
            value.collector().report(&pool.span, draft.help(help));
        }
    }

    fn report_unserved_relays(
        &self,
        value: &Value,
        subnets: &[PlacedSubnet],
        relayed: &Relayed<'_>,
    ) {
        let served: Option<Vec<&[Ipv4Net]>> = subnets.iter().map(PlacedSubnet::relays).collect();
        // A subnet that names no relays serves all of them.
        let Some(served) = served.filter(|served| !served.is_empty()) else { return };
        let is_served = |relay: &Ipv4Net| {
            let mut served = served.iter().flat_map(|served| served.iter());
            served.any(|served| overlap(served, relay)) || relayed.names_one_of(relay)
        };
        for relays in self.relays.iter().filter(|relays| !relays.value.iter().any(is_served)) {
            let draft = Draft::found("no message meets this: none of these relays is served")
                .wanted("wanted a relay that `relays` of [server] or a [[subnet]] allows")
                .help("add the relay there, or correct it here");
            value.collector().report(&relays.span, draft);
        }
    }
}

fn condition(
    wanted: &Value,
    surroundings: &Surroundings,
    interfaces: Option<&[String]>,
    read: &mut ReadClasses,
) -> Option<Condition> {
    let matching = wanted.table(&CLASS_MATCH)?;
    let relays = &mut read.mentions.relays;
    let mut reader =
        ConditionReader { surroundings, interfaces, relays, files: &mut read.files, depth: 0 };
    let condition = reader.condition(&matching, wanted)?;
    contradiction::report(&condition, wanted);
    Some(condition)
}

/// Reads what the clients of a class get.
fn class(table: &Table, name: &str, level: Level, mentions: &mut Mentions) -> Class {
    Class {
        name: name.into(),
        pools: table.get("pools").and_then(|value| pools(&value, mentions)),
        client_key: client_key(table).map(|placed| placed.value),
        limit: table.get("limit").and_then(|value| limit(&value)),
        settings: level.settings(),
        options: level.options.into_set(),
    }
}

fn pools(value: &Value, mentions: &mut Mentions) -> Option<PoolChoice> {
    let items = value.items();
    let named = items.iter().filter_map(|item| Some(item.place(Arc::<str>::from(item.name()?))));
    let named: Vec<Placed<Arc<str>>> = named.collect();
    mentions.pools.extend(named.iter().cloned());
    if named.len() < items.len() {
        return None;
    }
    let choice = PoolChoice::new(named.into_iter().map(|placed| placed.value));
    if choice.is_none() {
        value.refuse(&format!("1 to {} names of pools", PoolChoice::NAMES_MAX));
    }
    choice
}

fn limit(value: &Value) -> Option<ClassLimit> {
    let table = value.table(&CLASS_LIMIT)?;
    let beyond = [("refuse", BeyondLimit::Refuse), ("replace-oldest", BeyondLimit::ReplaceOldest)];
    let by = table.require("by", "\"line\"").and_then(|value| value.choice(&LimitBy::ALL));
    let leases_max = table.require("leases-max", "2");
    let leases_max = leases_max.and_then(|value| value.number(1, u32::MAX));
    let beyond = table.get("beyond").map_or(Some(BeyondLimit::Refuse), |it| it.choice(&beyond));
    Some(ClassLimit { by: by?, leases_max: NonZeroU32::new(leases_max?)?, beyond: beyond? })
}

/// Reports a table that tests nothing.
fn without_test(value: &Value) {
    let keys = joined(CLASS_MATCH.keys());
    let draft = Draft::found("nothing is tested, so every message would belong to the class")
        .wanted("wanted at least one test")
        .help(format!(
            "the tests are {keys}; what all clients get belongs below [server], [[network]] or \
             [[subnet]]"
        ));
    value.report(draft);
}

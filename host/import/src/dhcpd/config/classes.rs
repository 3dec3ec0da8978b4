//! Classes, subclasses and `if` of `dhcpd.conf`.
//!
//! Those of the whole configuration are read; in other blocks they are for policies. Here the first
//! class that sets something counts. In dhcpd, the first class does so as well, and a subclass
//! stands where its class does; but of several `if`, the last one counts, and of an `if` and a
//! statement outside of it, the later one. Invariant: each is carried with its condition, or not at
//! all.

use lessor_core::{LimitBy, relay};

use crate::{
    condition::{Condition, Data, Fact},
    dhcpd::{
        definitions::is_definition,
        expression,
        grammar::{Statement, Token},
        statements,
    },
    model::{Boot, Class, Limit, Scope},
    place::Place,
    report::LineOutcome,
};

use super::{Reading, settings::Own};

const FOR_POLICIES: &str = "write a policy: see docs/policies.md";
const FIRST: &str =
    "its settings come before those of subnets and pools, which came first in dhcpd";

/// A class that was read, for its subclasses.
struct Read<'s> {
    statement: &'s Statement,
    name: String,
    /// What the values of its subclasses are compared with.
    data: Option<Data>,
    result: Result<Option<Condition>, String>,
    /// The conditions of its subclasses.
    values: Vec<Condition>,
    /// Those of its subclasses that have settings, which come before its own.
    subclasses: Vec<Class>,
}

impl Reading {
    /// Reads the classes of the whole configuration.
    pub(super) fn classes(&mut self, statements: &[Statement]) {
        let is_class = |statement: &&Statement| {
            statement.word(0) == Some("class") && !self.is_of_vendor(statement)
        };
        let found: Vec<&Statement> = statements.iter().filter(is_class).collect();
        let mut classes: Vec<Read<'_>> = Vec::new();
        for statement in found {
            let mut read = self.class(statement);
            if classes.iter().any(|other| other.name == read.name) {
                read.result = Err("another class has its name".to_owned());
            }
            classes.push(read);
        }
        for statement in statements.iter().filter(|found| found.word(0) == Some("subclass")) {
            self.subclass(statement, &mut classes);
        }
        classes.into_iter().for_each(|class| self.carry(class));
        self.branches(statements);
    }

    fn class<'s>(&self, statement: &'s Statement) -> Read<'s> {
        let name = statement.tokens.get(1).and_then(Token::text).unwrap_or_default();
        let block = statement.block.as_deref().unwrap_or_default();
        let mut matches = block.iter().filter(|inner| inner.word(0) == Some("match"));
        let mut data = None;
        let result = match (matches.next(), matches.next()) {
            (Some(found), None) if found.word(1) == Some("if") => {
                expression::read(found.after(2), &self.definitions).map(Some)
            }
            (Some(found), None) => {
                let read = expression::read_data(found.after(1), &self.definitions);
                read.map(|read| data = Some(read)).map(|()| None)
            }
            _ => Err("it does not match by exactly one expression".to_owned()),
        };
        Read { statement, name, data, result, values: Vec::new(), subclasses: Vec::new() }
    }

    /// Reads `subclass "CLASS" VALUE;`, perhaps with a block.
    fn subclass(&mut self, statement: &Statement, classes: &mut [Read<'_>]) {
        let name = statement.tokens.get(1).and_then(Token::text).unwrap_or_default();
        let class = classes.iter_mut().find(|class| class.name == name);
        let parent = class.filter(|class| class.result.is_ok());
        let compared = parent.and_then(|parent| Some((parent.data.clone()?, parent)));
        let Some((data, parent)) = compared else {
            let why = format!("its class does not compare a value that is carried; {FOR_POLICIES}");
            return self.whole(statement, LineOutcome::NotCarried, &why);
        };
        let value = expression::read_data(statement.after(2), &self.definitions);
        let condition = match value.and_then(|value| data.equals(value)) {
            Ok(condition) => condition,
            Err(why) => {
                return self.whole(
                    statement,
                    LineOutcome::NotCarried,
                    &format!("{why}; {FOR_POLICIES}"),
                );
            }
        };
        parent.values.push(condition.clone());
        let mark = self.report.mark();
        self.report.carried(&statement.place, &statement.shown());
        let Some(block) = statement.block.as_deref() else { return };
        let values = statement.after(2).iter().filter_map(Token::text);
        let name = values.fold(name, |name, value| format!("{name} {value}"));
        let scope = self.settings_of(block, &[]);
        parent.subclasses.push(self.made(statement, mark, name, condition, (scope, None)));
    }

    fn carry(&mut self, class: Read<'_>) {
        let Read { statement, name, data, result, values, subclasses } = class;
        self.site.classes.extend(subclasses);
        let condition = match result {
            Ok(Some(condition)) => condition,
            Ok(None) if values.is_empty() => {
                let why = "no client belongs to it, because it has no subclass";
                return self.whole(statement, LineOutcome::NotNeeded, why);
            }
            Ok(None) => Condition::any(values),
            Err(why) => {
                return self.whole(
                    statement,
                    LineOutcome::NotCarried,
                    &format!("{why}; {FOR_POLICIES}"),
                );
            }
        };
        let mark = self.report.mark();
        self.report.carried(&statement.place, &statement.shown());
        let block = statement.block.as_deref().unwrap_or_default();
        let limit = self.limit(block, data);
        let scope = self.settings_of(block, &[]);
        let class = self.made(statement, mark, name, condition, (scope, limit));
        self.site.classes.push(class);
    }

    /// Reads `lease limit N;`, which counts the clients of a class, or those of each value that
    /// subclasses or `spawn with` name.
    fn limit(&mut self, block: &[Statement], data: Option<Data>) -> Option<Limit> {
        let find = |first, second| {
            let mut all = block.iter();
            all.find(|inner| inner.word(0) == Some(first) && inner.word(1) == Some(second))
        };
        let spawn = find("spawn", "with");
        let stated = find("lease", "limit")?;
        let spawned = spawn.map(|spawn| expression::read_data(spawn.after(2), &self.definitions));
        let counted = match spawned {
            Some(read) => read.and_then(|data| by(&data)),
            None => data.as_ref().map_or(Ok(LimitBy::Class), by),
        };
        let leases_max = stated.word(2).and_then(|text| text.parse().ok());
        let limit = counted.and_then(|by| {
            let leases_max = leases_max.filter(|max| *max > 0);
            let leases_max = leases_max.ok_or("it is not a number of leases")?;
            Ok(Limit { by, leases_max })
        });
        for statement in [Some(stated), spawn].into_iter().flatten() {
            match &limit {
                Ok(_) => drop(self.report.carried(&statement.place, &statement.shown())),
                Err(why) => {
                    self.report.not_carried(&statement.place, &statement.shown(), why.as_str());
                }
            }
        }
        limit.ok()
    }

    /// Reads what clients of a class get, where the statements in `later` replace some of it.
    fn settings_of(&mut self, block: &[Statement], later: &[Statement]) -> Scope {
        let mut own = Own::default();
        for inner in block {
            if let Some(by) = self.replacing(inner, later) {
                let why = format!("{} sets it again, for all clients", by.short());
                self.report.not_needed(&inner.place, &inner.shown(), why);
                continue;
            }
            match (inner.word(0).unwrap_or_default(), inner.word(1).unwrap_or_default()) {
                ("match", _) => drop(self.report.carried(&inner.place, &inner.shown())),
                ("spawn", "with") | ("lease", "limit") => {}
                (
                    "option" | "filename" | "server-name" | "next-server" | "default-lease-time"
                    | "min-lease-time" | "max-lease-time" | "always-broadcast",
                    _,
                ) if inner.block.is_none() => drop(self.setting(inner, &mut own, None)),
                _ => {
                    let why = format!("a [[class]] has no such setting; {FOR_POLICIES}");
                    self.whole(inner, LineOutcome::NotCarried, &why);
                }
            }
        }
        // What was spawned without a limit changes nothing.
        let has_limit = block.iter().any(|inner| inner.word(0) == Some("lease"));
        for inner in block.iter().filter(|inner| !has_limit && inner.word(0) == Some("spawn")) {
            let why = "without `lease limit`, it only counts clients";
            self.report.not_needed(&inner.place, &inner.shown(), why);
        }
        own.scope
    }

    /// Where one of these statements sets what a statement sets, and is carried.
    fn replacing(&self, statement: &Statement, later: &[Statement]) -> Option<Place> {
        let subject = statements::subject(statement);
        let is_carried = |other: &Statement| {
            let (outcome, _) = self.apply(other, &mut Scope::default(), None);
            matches!(outcome, LineOutcome::Carried | LineOutcome::Changed)
        };
        let mut others = later.iter().rev().filter(|other| other.block.is_none());
        let found = others.find(|other| {
            !is_definition(other) && statements::subject(other) == subject && is_carried(other)
        });
        found.map(|other| other.place.clone())
    }

    fn made(
        &self,
        statement: &Statement,
        mark: usize,
        name: String,
        condition: Condition,
        (scope, limit): (Scope, Option<Limit>),
    ) -> Class {
        let (place, entries) = (statement.place.clone(), self.report.since(mark));
        let condition = Some(condition);
        Class { place, entries, name, condition, scope, limit, pools: Vec::new() }
    }

    /// Reads `if`, `elsif` and `else`: each branch is a class of the messages that reach it.
    fn branches(&mut self, statements: &[Statement]) {
        self.classes_before_branches = self.site.classes.len();
        let mut chains: Vec<Vec<Class>> = Vec::new();
        // The negations of the branches before; `None` if one of them is not carried.
        let mut before: Option<Vec<Condition>> = None;
        for (position, statement) in statements.iter().enumerate() {
            let (first, second) = (statement.word(0), statement.word(1));
            let condition = match (first, second) {
                (Some("if"), _) => {
                    before = Some(Vec::new());
                    chains.push(Vec::new());
                    Some(statement.after(1))
                }
                (Some("elsif"), _) => Some(statement.after(1)),
                (Some("else"), Some("if")) => Some(statement.after(2)),
                (Some("else"), None) => None,
                _ => continue,
            };
            let own = condition.map(|tokens| expression::read(tokens, &self.definitions));
            let why = match (own.transpose(), &mut before) {
                (Ok(own), Some(before)) => {
                    let all = before.iter().cloned().chain(own.clone()).collect();
                    before.extend(own.map(Condition::not));
                    let later = statements.get(position + 1..).unwrap_or_default();
                    let class = self.branch(statement, Condition::all(all), later);
                    if let Some(chain) = chains.last_mut() {
                        chain.extend(class);
                    }
                    continue;
                }
                (Err(why), _) => why,
                (Ok(_), None) => "a branch before it is not carried".to_owned(),
            };
            before = None;
            self.whole(statement, LineOutcome::NotCarried, &format!("{why}; {FOR_POLICIES}"));
        }
        self.site.classes.extend(chains.into_iter().rev().flatten());
    }

    /// Reads a branch, unless later statements replace all of it.
    fn branch(
        &mut self,
        statement: &Statement,
        condition: Condition,
        later: &[Statement],
    ) -> Option<Class> {
        let mark = self.report.mark();
        self.report.carried(&statement.place, &statement.shown());
        let scope = self.settings_of(statement.block.as_deref().unwrap_or_default(), later);
        let name = format!("{} {}", statement.word(0).unwrap_or_default(), statement.place.short());
        let class = self.made(statement, mark, name, condition, (scope, None));
        let (own, inner) = class.entries.split_first()?;
        let is_replaced = |entry| self.report.outcome(entry) == Some(LineOutcome::NotNeeded);
        if !inner.is_empty() && inner.iter().all(|entry| is_replaced(*entry)) {
            self.report.correct(*own, LineOutcome::NotNeeded, "later lines replace all of it");
            return None;
        }
        Some(class)
    }

    /// Says which branches set what subnets and pools set as well.
    pub(super) fn say_what_comes_first(&mut self) {
        let codes = self.site.codes_of_subnets();
        let subnets = || self.site.subnets.iter();
        let scopes = subnets().map(|subnet| has(&subnet.scope, &subnet.scope.boot));
        let pools = subnets().flat_map(|subnet| &subnet.pools);
        let pools = pools.map(|pool| has(&Scope::default(), &pool.boot));
        let inner: Vec<_> = scopes.chain(pools).collect();
        for class in self.site.classes.iter().skip(self.classes_before_branches) {
            let own = has(&class.scope, &class.scope.boot);
            let sets_both =
                |inner: &[bool; 9]| inner.iter().zip(own).any(|(inner, own)| *inner && own);
            let is_first = inner.iter().any(sets_both)
                || class.scope.options.keys().any(|code| codes.contains(code));
            if let Some(entry) = class.entries.first().filter(|_| is_first) {
                self.report.correct(*entry, LineOutcome::Changed, FIRST);
            }
        }
    }
}

/// Which settings of a class, besides options, a scope has.
fn has(scope: &Scope, boot: &Boot) -> [bool; 9] {
    [
        scope.lease_time.is_some(),
        scope.min_lease_time.is_some(),
        scope.max_lease_time.is_some(),
        scope.renewal_time.is_some(),
        scope.rebinding_time.is_some(),
        scope.always_broadcast.is_some(),
        scope.next_server.is_some(),
        boot.server_name.is_some(),
        boot.file.is_some(),
    ]
}

/// What a limit counts by.
fn by(data: &Data) -> Result<LimitBy, String> {
    match data {
        Data::Fact(Fact::HardwareAddress) | Data::Address => Ok(LimitBy::HardwareAddress),
        Data::Fact(Fact::RelaySubOption(relay::CIRCUIT_ID)) => Ok(LimitBy::CircuitId),
        Data::Fact(Fact::RelaySubOption(relay::REMOTE_ID)) => Ok(LimitBy::RemoteId),
        Data::Fact(Fact::RelaySubOption(relay::SUBSCRIBER_ID)) => Ok(LimitBy::SubscriberId),
        _ => Err("leases are not counted by this value".to_owned()),
    }
}

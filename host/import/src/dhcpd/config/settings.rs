//! Settings of `dhcpd.conf`: those of a block, and what they reach.
//!
//! Invariant: a setting is "carried" only where what is written has it.

use crate::{
    dhcpd::{
        definitions::is_definition,
        grammar::Statement,
        options,
        statements::{self, Fate},
    },
    latest::Latest,
    model::Scope,
    report::{EntryId, LineOutcome, outcome},
};

use super::{Around, Reading, vendor_space};

const OF_HOSTS: &str =
    "only hosts are in the group, and they have no such setting here; write it in their subnets";
const NOT_OF_HOSTS: &str = "the hosts in the group do not have it";
const OF_NOTHING: &str = "no host and no subnet is in the group";

/// The settings of a block that are read so far.
#[derive(Default)]
pub(super) struct Own {
    pub(super) scope: Scope,
    /// The statements that count.
    pub(super) latest: Latest<String>,
}

/// What is in a block that has its settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reach {
    #[default]
    Subnets,
    Hosts,
    Both,
    Nothing,
}

impl Reach {
    /// What the settings of a group reach.
    pub(super) fn of_group(block: &[Statement]) -> Self {
        match (contains(block, "subnet"), contains(block, "host")) {
            (true, false) => Self::Subnets,
            (false, true) => Self::Hosts,
            (true, true) => Self::Both,
            (false, false) => Self::Nothing,
        }
    }
}

fn contains(block: &[Statement], first: &str) -> bool {
    block.iter().any(|inner| {
        let within = inner.block.as_deref().unwrap_or_default();
        (inner.word(0) == Some(first) && inner.block.is_some()) || contains(within, first)
    })
}

/// Whether a reservation can have a setting.
pub(super) fn is_of_host(said: &Statement) -> bool {
    is_of_pool(said) || matches!(said.word(0), Some("next-server" | "default-lease-time"))
}

/// Whether a pool can have a setting.
pub(super) fn is_of_pool(said: &Statement) -> bool {
    match said.word(0) {
        Some("option") => !statements::is_timer(said),
        first => matches!(first, Some("filename" | "server-name")),
    }
}

impl Reading {
    /// Reads the settings of a block.
    pub(super) fn settings(&mut self, block: &[Statement], own: &mut Own, around: &mut Around) {
        around.vendor_space = vendor_space(block).or(around.vendor_space.take());
        around.is_for_known = statements::is_for_known(block).unwrap_or(around.is_for_known);
        around.names_hosts = statements::names_hosts(block).unwrap_or(around.names_hosts);
        for statement in block.iter().filter(|statement| statement.block.is_none()) {
            match statement.word(0) {
                // Read with the subnet.
                Some("range") => {}
                Some("subclass") if around.is_all => {}
                Some("local-address") if around.is_all => self.local_address(statement),
                Some("use-host-decl-names") => {
                    let entry = self.naming(statement, own);
                    if !around.is_all && around.reach == Reach::Subnets {
                        self.names_of_subnets.extend(entry);
                    }
                }
                _ => self.reaching(statement, own, around),
            }
        }
    }

    fn reaching(&mut self, statement: &Statement, own: &mut Own, around: &Around) {
        let space = around.vendor_space.as_deref();
        match around.reach {
            Reach::Subnets => drop(self.setting(statement, own, space)),
            Reach::Hosts => self.setting_among(statement, own, space, is_of_host, OF_HOSTS),
            Reach::Nothing => self.setting_among(statement, own, space, |_| false, OF_NOTHING),
            Reach::Both => {
                let before = own.scope.clone();
                let entry = self.setting(statement, own, space);
                if let Some(entry) = entry.filter(|_| before != own.scope && !is_of_host(statement))
                {
                    self.report.correct(entry, LineOutcome::Changed, NOT_OF_HOSTS);
                }
            }
        }
    }

    /// Reads a setting, where `selected` is the vendor option space. Returns `None` if the
    /// statement is a definition, because definitions were read before.
    pub(super) fn setting(
        &mut self,
        statement: &Statement,
        own: &mut Own,
        selected: Option<&str>,
    ) -> Option<EntryId> {
        if is_definition(statement) {
            return None;
        }
        let (outcome, note) = self.apply(statement, &mut own.scope, selected);
        let entry = self.report.add(&statement.place, &statement.shown(), outcome, note);
        own.latest.note(statements::subject(statement), entry, &mut self.report);
        Some(entry)
    }

    /// Reads a setting of a block that has only those settings that `has` names. The others are not
    /// carried, for the reason `why`, unless they come to nothing.
    pub(super) fn setting_among(
        &mut self,
        statement: &Statement,
        own: &mut Own,
        selected: Option<&str>,
        has: fn(&Statement) -> bool,
        why: &str,
    ) {
        if is_definition(statement) || has(statement) {
            self.setting(statement, own, selected);
            return;
        }
        let mut apart = Scope::default();
        let (outcome, note) = self.apply(statement, &mut apart, selected);
        let (outcome, note) = match apart == Scope::default() {
            true => (outcome, note),
            false => (LineOutcome::NotCarried, why.to_owned()),
        };
        self.report.add(&statement.place, &statement.shown(), outcome, note);
    }

    /// Sets what a statement says.
    pub(super) fn apply(
        &self,
        statement: &Statement,
        scope: &mut Scope,
        selected: Option<&str>,
    ) -> (LineOutcome, String) {
        match statement.word(0).unwrap_or_default() {
            "option" if statements::is_timer(statement) => {
                outcome(statements::timer(scope, statement))
            }
            "option" => {
                outcome(options::set(statement, &self.definitions, selected, &mut scope.options))
            }
            "vendor-option-space" => {
                let space = statement.word(1).unwrap_or_default();
                outcome(self.definitions.destination(space, Some(space)).map(|_| None))
            }
            _ => match statements::fate(statement) {
                Some(Fate::Set(set)) => outcome(set(scope, statement)),
                Some(Fate::NotNeeded(why)) => (LineOutcome::NotNeeded, why.to_owned()),
                Some(Fate::NotCarried(why)) => (LineOutcome::NotCarried, why.to_owned()),
                None => (LineOutcome::NotCarried, "the statement is not known".to_owned()),
            },
        }
    }

    /// Reports `use-host-decl-names`. Returns its entry, if it is carried.
    pub(super) fn naming(&mut self, statement: &Statement, own: &mut Own) -> Option<EntryId> {
        let (place, shown) = (&statement.place, statement.shown());
        if let Err(why) = statements::flag(statement.tokens.get(1)) {
            self.report.not_carried(place, &shown, why);
            return None;
        }
        let entry = self.report.carried(place, &shown);
        own.latest.note(statements::subject(statement), entry, &mut self.report);
        Some(entry)
    }

    fn local_address(&mut self, statement: &Statement) {
        let (place, shown) = (&statement.place, statement.shown());
        match statement.word(1).and_then(|text| text.parse().ok()) {
            Some(address) => {
                self.site.listen.push(address);
                self.report.carried(place, &shown);
            }
            None => self.report.not_carried(place, &shown, "it is not an IPv4 address"),
        }
    }
}

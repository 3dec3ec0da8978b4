//! Kea's classes, and what is for clients of some classes only.
//!
//! Invariant: a class is carried with its condition, or not at all.

mod built_in;

use crate::{
    condition::Condition,
    kea::{
        definitions::SPACE,
        expression::{self, Names},
        json::Node,
        options,
    },
    model::{Access, Class, Scope},
    option_names,
    place::{Place, Refusal},
    report::{EntryId, LineOutcome},
};

pub(super) use built_in::{DROP, DROPPED, SKIP_DDNS};

use super::{Reading, list, members, statement};

const FOR_POLICIES: &str = "write a policy: see docs/policies.md";
const FIRST: &str = "its options come before those of subnets and pools, which came first in Kea";

/// Which clients may have the addresses of a part.
#[derive(Clone, Debug, Default)]
pub(super) struct Permits {
    pub(super) access: Access,
    /// Whether some clients only may have them, also if no class of these is known.
    pub(super) is_restricted: bool,
}

impl Permits {
    /// What a part within a part permits.
    pub(super) fn and(mut self, inner: Self) -> Self {
        if inner.is_restricted {
            let is_of_both = |class: &String| inner.access.allowed.contains(class);
            match self.is_restricted {
                true => self.access.allowed.retain(is_of_both),
                false => self.access.allowed = inner.access.allowed,
            }
        }
        self.is_restricted |= inner.is_restricted;
        self.access.denied.extend(inner.access.denied);
        self.access.entries.extend(inner.access.entries);
        self
    }
}

impl Names for Reading {
    fn option(&self, name: &str) -> Option<u8> {
        let defined = self.definitions.find(SPACE, Some(name), None).ok().map(|known| known.code);
        defined.or_else(|| option_names::kea(name).map(|(code, _)| code))
    }

    fn class(&self, name: &str) -> Option<Condition> {
        let class = self.site.classes.iter().find(|class| class.name == name);
        class?.condition.clone()
    }
}

impl Reading {
    /// Reads `client-classes`.
    pub(super) fn classes(&mut self, node: &Node) -> Result<(), Refusal> {
        for class in list(node)? {
            if let Some((outcome, why)) = built_in::fate(class) {
                self.report.add(&class.place, &class.shown(), outcome, why.to_owned());
                continue;
            }
            let condition = self.condition(class);
            match condition {
                Ok((name, condition)) => self.class(class, name, condition)?,
                Err(why) => {
                    let why = format!("{why}; {FOR_POLICIES}");
                    self.report.not_carried(&class.place, &class.shown(), why);
                }
            }
        }
        Ok(())
    }

    /// The name and the condition of a class; without a test, only reservations name it.
    fn condition(&self, class: &Node) -> Result<(String, Option<Condition>), String> {
        let text = |key| class.get(key).and_then(Node::text).filter(|text| !text.is_empty());
        let name = text("name").ok_or("it has no name")?;
        if self.has_class(name) {
            return Err("another class has its name".to_owned());
        }
        for key in ["only-if-required", "only-in-additional-list", "template-test"] {
            let is_set = class.get(key).is_some_and(|node| node.flag() != Some(false));
            if is_set {
                return Err(format!("a [[class]] is not tested on demand ({key})"));
            }
        }
        let condition = match text("test") {
            Some(test) => Some(expression::read(test, self)?),
            None => expression::of_vendor(name),
        };
        Ok((name.to_owned(), condition))
    }

    fn class(
        &mut self,
        node: &Node,
        name: String,
        condition: Option<Condition>,
    ) -> Result<(), Refusal> {
        let mark = self.report.mark();
        self.report.carried(&node.place, &node.shown());
        let mut scope = Scope::default();
        for member in members(node)? {
            match member.key.as_str() {
                "name" | "test" | "only-if-required" | "only-in-additional-list" => {}
                "option-data" => {
                    let (options, always) = (&mut scope.options, Some(&mut scope.always_send));
                    let (definitions, report) = (&self.definitions, &mut self.report);
                    options::read(&member.node, definitions, options, always, report)?;
                }
                "option-def" => {
                    let why = "definitions belong to all clients: write them outside of the class";
                    self.report.not_carried(&member.place, &statement(member), why);
                }
                "valid-lifetime" | "min-valid-lifetime" | "max-valid-lifetime" | "next-server"
                | "boot-file-name" | "server-hostname" | "user-context" | "comment" => {
                    self.key(&member.key, member, &mut scope);
                }
                _ => {
                    let why = "a [[class]] has no such setting";
                    self.report.not_carried(&member.place, &statement(member), why);
                }
            }
        }
        let entries = self.report.since(mark);
        let place = node.place.clone();
        self.is_about_known |= name == built_in::KNOWN;
        self.add(place, entries, name, condition, scope);
        Ok(())
    }

    fn add(
        &mut self,
        place: Place,
        entries: Vec<EntryId>,
        name: String,
        condition: Option<Condition>,
        scope: Scope,
    ) {
        let (limit, pools) = (None, Vec::new());
        self.site.classes.push(Class { place, entries, name, condition, scope, limit, pools });
    }

    /// Which classes a part is for.
    pub(super) fn access(&mut self, node: &Node) -> Permits {
        let mut permits = Permits::default();
        for key in ["client-class", "client-classes"] {
            let Some(found) = node.get(key) else { continue };
            let names = found.list().map_or_else(|| vec![found], |list| list.iter().collect());
            let names: Vec<&str> = names.into_iter().filter_map(Node::text).collect();
            if names.iter().all(|name| name.is_empty()) {
                continue;
            }
            let entry = self.report.carried(&found.place, &format!("{key:?}: {}", found.shown()));
            permits.access.entries.push(entry);
            // Kea gives a part to the clients of any of its classes.
            if names.contains(&built_in::ALL) {
                continue;
            }
            if names == [built_in::UNKNOWN] {
                self.is_about_known = true;
                permits.access.denied.push(built_in::KNOWN.to_owned());
                continue;
            }
            permits.is_restricted = true;
            for name in names {
                self.is_about_known |= name == built_in::KNOWN;
                if let Some(why) = built_in::why_of_nobody(name) {
                    self.report.correct(entry, LineOutcome::NotCarried, why);
                }
                let of_vendor = expression::of_vendor(name);
                if of_vendor.is_some() && !self.has_class(name) {
                    let (place, scope) = (found.place.clone(), Scope::default());
                    self.add(place, vec![entry], name.to_owned(), of_vendor, scope);
                }
                permits.access.allowed.push(name.to_owned());
            }
        }
        permits
    }

    pub(super) fn has_class(&self, name: &str) -> bool {
        self.site.classes.iter().any(|class| class.name == name)
    }

    /// Says which classes set options that subnets and pools set as well.
    pub(super) fn say_what_comes_first(&mut self) {
        let codes = self.site.codes_of_subnets();
        for class in &self.site.classes {
            if class.scope.options.keys().any(|code| codes.contains(code))
                && let Some(entry) = class.entries.first()
            {
                self.report.correct(*entry, LineOutcome::Changed, FIRST);
            }
        }
    }
}

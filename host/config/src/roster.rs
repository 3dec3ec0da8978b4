//! The classes that reservations may name, and which of them they named.
//!
//! Does not read classes. Invariant: a name that a reservation was given is that of a class.

use std::{cell::Cell, collections::HashMap, sync::Arc};

use lessor_core::ClassNames;

use crate::{
    collector::Collector,
    mistake::Draft,
    reader::{Placed, Value},
    suggest::{closest, joined},
};

/// The classes of a document by name.
#[derive(Default)]
pub(crate) struct Roster {
    /// Whether a reservation named each of them.
    classes: HashMap<Arc<str>, Cell<bool>>,
    /// The classes without a condition.
    without_match: Vec<Placed<Arc<str>>>,
}

impl Roster {
    /// Adds a class. One without a condition has its place.
    pub(crate) fn add(&mut self, name: &Arc<str>, without_match: Option<Placed<Arc<str>>>) {
        self.classes.insert(Arc::clone(name), Cell::new(false));
        self.without_match.extend(without_match);
    }

    /// Reads `classes` of a reservation. Returns `None` if it has mistakes, which are reported.
    pub(crate) fn read(&self, value: &Value) -> Option<ClassNames> {
        let items = value.items();
        let mut names: Vec<Placed<Arc<str>>> = Vec::with_capacity(items.len());
        for item in &items {
            let name = item.name()?;
            let Some((known, is_named)) = self.classes.get_key_value(name) else {
                item.report(self.unknown(name));
                return None;
            };
            if let Some(first) = names.iter().find(|first| first.value == *known) {
                let draft = Draft::found(format!("the class {name:?} is named twice"))
                    .wanted("the second time")
                    .related(&first.span, "the first time");
                item.report(draft.help("remove one of them"));
                return None;
            }
            is_named.set(true);
            names.push(item.place(Arc::clone(known)));
        }
        let names = ClassNames::new(names.into_iter().map(|placed| placed.value).collect());
        if names.is_none() {
            value.refuse(&format!("1 to {} names of classes", ClassNames::MAX));
        }
        names
    }

    /// Reports classes that no message can belong to, because they have no condition and no
    /// reservation names them. `has_files` says whether files of reservations are part of the
    /// configuration: they change, so a class need not be named in them today.
    pub(crate) fn report_unused(&self, collector: &Collector, has_files: bool) {
        let is_named = |name: &str| self.classes.get(name).is_some_and(Cell::get);
        let unused = self.without_match.iter().filter(|class| !is_named(&class.value));
        for class in unused.filter(|_| !has_files) {
            let name = &class.value;
            let draft = Draft::found(format!(
                "the class {name:?} has no `match`, and no reservation names it"
            ))
            .wanted("no client can belong to it")
            .help(format!(
                "write match = {{ vendor-class = {{ starts-with = \"Polycom\" }} }}, for example, \
                     or classes = [{name:?}] in the reservations of its clients"
            ));
            collector.report_missing(&class.span, draft);
        }
    }

    fn unknown(&self, name: &str) -> Draft {
        let mut known: Vec<&str> = self.classes.keys().map(|name| &**name).collect();
        known.sort_unstable();
        let draft = Draft::found(format!("no class is named {name:?}"));
        match (closest(name, known.iter().copied()), known.as_slice()) {
            (Some(meant), _) => draft.wanted(format!("did you mean {meant:?}?")),
            (None, []) => draft
                .wanted("wanted the `name` of a [[class]]")
                .help(format!("write [[class]] and below it name = {name:?}")),
            (None, [..]) => draft.wanted("wanted the name of a class").help(format!(
                "the classes are {}",
                joined(known.iter().copied().take(NAMES_SHOWN_MAX))
            )),
        }
    }
}

/// The number of names of classes that a message lists.
const NAMES_SHOWN_MAX: usize = 16;

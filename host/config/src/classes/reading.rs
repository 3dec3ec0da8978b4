//! What the readers of conditions share: what is known around a class, and the tests so far.
//!
//! Reads nothing itself. Invariant: no two tests of one condition are about the same octets.

use std::ops::Range;

use ipnet::Ipv4Net;
use lessor_core::{Condition, Fact, Fitting, OctetReading, OctetSet, Test, option::code};
use lessor_vocabulary::Catalogue;

use crate::{
    Surroundings,
    mistake::Draft,
    reader::{Placed, Value},
    settings::ClassFile,
};

/// Reads conditions.
pub(super) struct ConditionReader<'r> {
    pub(super) surroundings: &'r Surroundings<'r>,
    /// The interfaces that the server listens on, if they are known.
    pub(super) interfaces: Option<&'r [String]>,
    /// The relays that conditions name.
    pub(super) relays: &'r mut Vec<Placed<Box<[Ipv4Net]>>>,
    /// The files that conditions name.
    pub(super) files: &'r mut Vec<ClassFile>,
    pub(super) depth: usize,
}

/// The tests of one table, with their places.
#[derive(Default)]
pub(super) struct Tests(Vec<Placed<Test>>);

impl Tests {
    /// Returns whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The condition that is met if all of them hold.
    pub(super) fn into_condition(self) -> Condition {
        Condition::all(self.0.into_iter().map(|placed| placed.value).collect())
    }

    /// Adds the test that was read from `value`, unless there is one of the same octets.
    pub(super) fn add(&mut self, what: &str, value: &Value, test: Test) {
        match self.place_of_same(&test) {
            Some(first) => value.report(twice(&format!("`{what}`"), &first)),
            None => self.0.push(value.place(test)),
        }
    }

    /// Adds that the message is from a client of a vendor with this class: the vendor class begins
    /// with it, and with no longer one of another vendor, whose client it would be.
    pub(super) fn add_vendor_class(&mut self, value: &Value, class: &str, catalogue: &Catalogue) {
        let begins = |classes: OctetSet| {
            let fitting = Fitting { starting: classes, ..Fitting::default() };
            let fact = Fact::option(code::VENDOR_CLASS);
            Condition::all(vec![Test::Octets(fact, OctetReading::Text, fitting)])
        };
        // The class itself may test the vendor class more precisely.
        self.0.push(value.place(Test::Any([begins([class].into_iter().collect())].into())));
        let others = catalogue.vendors().iter().filter_map(|vendor| vendor.class.as_deref());
        let longer = others.filter(|other| other.len() > class.len() && other.starts_with(class));
        let longer: OctetSet = longer.collect();
        if !longer.is_empty() {
            self.0.push(value.place(Test::Not(begins(longer))));
        }
    }

    fn place_of_same(&self, test: &Test) -> Option<Range<usize>> {
        let Test::Octets(fact, ..) = test else { return None };
        let is_same = |placed: &&Placed<Test>| match &placed.value {
            Test::Octets(other, ..) => other == fact,
            _ => false,
        };
        self.0.iter().find(is_same).map(|placed| placed.span.clone())
    }
}

/// Reports a test that is made twice: alternatives of one test would have been meant.
fn twice(what: &str, first: &Range<usize>) -> Draft {
    Draft::found(format!("{what} is tested twice"))
        .wanted("the second time")
        .related(first, "the first time")
        .help("several values in one test are alternatives; all tests of a class must hold")
}

//! How many messages of each class there were, and how they ended.
//!
//! Decides nothing. Invariant: a class is counted under its name, so a reload does not begin again;
//! the number of names is limited.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use lessor_core::{Classes, Outcome, Reason, Request};
use serde::{Deserialize, Serialize};

/// The number of names that are counted. Names that no configuration has any more are not
/// forgotten.
const NAMES_MAX: usize = 4096;

/// The counts by name.
#[derive(Debug, Default)]
pub(crate) struct ClassCounts(RwLock<HashMap<Arc<str>, Counts>>);

#[derive(Debug, Default)]
struct Counts {
    offers: AtomicU64,
    acks: AtomicU64,
    naks: AtomicU64,
    unanswered: AtomicU64,
}

/// The messages of a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ClassRow {
    /// The name of the class.
    pub class: String,
    /// Those that were answered with an OFFER.
    pub offers: u64,
    /// Those that were answered with an ACK.
    pub acks: u64,
    /// Those that were answered with a NAK.
    pub naks: u64,
    /// Those without an answer.
    pub unanswered: u64,
}

impl Counts {
    fn count(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Offer => &self.offers,
            Outcome::Ack => &self.acks,
            Outcome::Nak => &self.naks,
            Outcome::Silence | Outcome::Malformed | Outcome::Failure => &self.unanswered,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn row(&self, name: &str) -> ClassRow {
        let [offers, acks, naks, unanswered] =
            [&self.offers, &self.acks, &self.naks, &self.unanswered]
                .map(|counter| counter.load(Ordering::Relaxed));
        ClassRow { class: name.to_owned(), offers, acks, naks, unanswered }
    }
}

impl ClassCounts {
    /// Counts a message that ended in `reason` for each of its classes.
    pub(crate) fn count(&self, request: &Request, reason: Reason) {
        for name in request.classes.names() {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(counts) = known.get(name) {
                counts.count(reason.outcome());
                continue;
            }
            drop(known);
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() < NAMES_MAX {
                known.entry(Arc::clone(name)).or_default().count(reason.outcome());
            }
        }
    }

    /// Returns a row for each of `classes`, in their order.
    pub(crate) fn of(&self, classes: &Classes) -> Vec<ClassRow> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let none = Counts::default();
        let row = |name: &Arc<str>| known.get(name).unwrap_or(&none).row(name);
        classes.iter().map(|(_, class)| row(&class.name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use lessor_core::{Class, Condition};
    use lessor_load::dhcproto::v4::MessageType;

    use super::*;
    use crate::testing::{SERVER, packet, received};

    /// A DISCOVER of these classes.
    fn discover_of<const N: usize>(names: [&str; N]) -> Request {
        let payload = packet(MessageType::Discover, 1, SERVER, Vec::new());
        let arrival = received(&payload, SERVER).arrival;
        let mut request = lessor_wire::parse(&payload, arrival).unwrap();
        request.classes = names.into_iter().map(Class::named).collect();
        request
    }

    #[test]
    fn each_class_of_a_message_is_counted_and_only_so_many_names() {
        let counts = ClassCounts::default();
        counts.count(&discover_of(["a", "b"]), Reason::OfferedFromPool);
        counts.count(&discover_of(["b"]), Reason::NoFreeAddress);
        let named = |name: &str| (Condition::all(Vec::new()), Class::named(name));
        let classes = Classes::new(vec![named("b"), named("a"), named("c")]);
        let rows = counts.of(&classes).into_iter();
        let rows: Vec<_> = rows.map(|row| (row.class, row.offers, row.unanswered)).collect();
        assert_eq!(rows, [("b".into(), 1, 1), ("a".into(), 1, 0), ("c".into(), 0, 0)]);
        for number in 0..NAMES_MAX + 10 {
            counts.count(&discover_of([&*number.to_string()]), Reason::NoFreeAddress);
        }
        assert_eq!(counts.0.read().unwrap().len(), NAMES_MAX);
    }
}

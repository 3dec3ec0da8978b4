//! Which line set something last: a later line about the same replaces an earlier one, and the
//! report says so of the earlier one.
//!
//! Knows no syntax. Invariant: a line that is not carried replaces nothing.

use std::collections::BTreeMap;

use crate::report::{EntryId, LineOutcome, Report};

/// The entries of the lines of one block that count, by what they set.
#[derive(Clone, Debug)]
pub(crate) struct Latest<K>(BTreeMap<K, EntryId>);

impl<K> Default for Latest<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Latest<K> {
    /// Notes that the line of an entry sets something.
    pub(crate) fn note(&mut self, what: K, entry: EntryId, report: &mut Report) {
        if !matches!(report.outcome(entry), Some(LineOutcome::Carried | LineOutcome::Changed)) {
            return;
        }
        let Some(earlier) = self.0.insert(what, entry) else { return };
        if let Some(place) = report.place(entry) {
            let why = format!("{} says it again, and the later line counts", place.short());
            report.correct(earlier, LineOutcome::NotNeeded, why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;

    #[test]
    fn a_line_that_is_not_carried_replaces_nothing() {
        let file = "f".into();
        let mut report = Report::default();
        let mut latest = Latest::default();
        let mut say = |line, outcome, report: &mut Report| {
            let entry = report.add(&Place::new(&file, line), "a", outcome, String::new());
            latest.note("a", entry, report);
        };
        say(1, LineOutcome::Carried, &mut report);
        say(2, LineOutcome::NotCarried, &mut report);
        assert_eq!(report.totals().carried, 1);
        say(3, LineOutcome::Changed, &mut report);
        let first = &report.entries()[0];
        assert_eq!(first.outcome, LineOutcome::NotNeeded);
        assert!(first.note.starts_with("f:3 says it again"), "{}", first.note);
    }
}

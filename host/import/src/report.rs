//! The report of an import: what became of each statement, and of the leases.
//!
//! Invariant: each statement of a file has one entry, and only an entry that says why is not
//! carried.

use std::fmt;

use ipnet::Ipv4Net;
use lessor_terminal::table;
use serde::Serialize;

use crate::place::{Place, shown};

/// The number of characters of a statement that are shown.
const STATEMENT_LETTERS_MAX: usize = 72;

/// Why a statement is not needed that another one of the same scope overrides.
pub(crate) const REPLACED: &str = "a later line replaces it";

/// What became of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineOutcome {
    /// The new configuration says the same.
    Carried,
    /// The new configuration says something else that comes close.
    Changed,
    /// Nothing has to be said: the server does this anyway, or it is about the old server's
    /// program.
    NotNeeded,
    /// The new configuration does not say it.
    NotCarried,
}

impl LineOutcome {
    /// Its name in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Carried => "carried",
            Self::Changed => "changed",
            Self::NotNeeded => "not needed",
            Self::NotCarried => "not carried",
        }
    }
}

/// What becomes of a statement that was set: as it says, with this difference, or for this reason
/// not at all.
pub(crate) fn outcome(set: Result<Option<&'static str>, String>) -> (LineOutcome, String) {
    match set {
        Ok(None) => (LineOutcome::Carried, String::new()),
        Ok(Some(how)) => (LineOutcome::Changed, how.to_owned()),
        Err(why) => (LineOutcome::NotCarried, why),
    }
}

/// A statement and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReportEntry {
    /// The line.
    pub place: Place,
    /// The beginning of the statement.
    pub statement: String,
    /// What became of it.
    pub outcome: LineOutcome,
    /// Why, or how; empty if there is nothing to say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Refers to an entry, so that a later step can correct it. Entries are in the order in which they
/// were added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EntryId(usize);

/// What became of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    entries: Vec<ReportEntry>,
    /// The subnets that had pools, of which no client gets an address now.
    closed: Vec<Ipv4Net>,
}

/// How many statements had which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Totals {
    /// See [`LineOutcome::Carried`].
    pub carried: usize,
    /// See [`LineOutcome::Changed`].
    pub changed: usize,
    /// See [`LineOutcome::NotNeeded`].
    pub not_needed: usize,
    /// See [`LineOutcome::NotCarried`].
    pub not_carried: usize,
}

impl Report {
    pub(crate) fn carried(&mut self, place: &Place, statement: &str) -> EntryId {
        self.add(place, statement, LineOutcome::Carried, String::new())
    }

    pub(crate) fn changed(
        &mut self,
        place: &Place,
        statement: &str,
        how: impl Into<String>,
    ) -> EntryId {
        self.add(place, statement, LineOutcome::Changed, how.into())
    }

    pub(crate) fn not_needed(&mut self, place: &Place, statement: &str, why: impl Into<String>) {
        self.add(place, statement, LineOutcome::NotNeeded, why.into());
    }

    pub(crate) fn not_carried(&mut self, place: &Place, statement: &str, why: impl Into<String>) {
        self.add(place, statement, LineOutcome::NotCarried, why.into());
    }

    pub(crate) fn add(
        &mut self,
        place: &Place,
        statement: &str,
        outcome: LineOutcome,
        note: String,
    ) -> EntryId {
        let statement = shown(statement, STATEMENT_LETTERS_MAX);
        self.entries.push(ReportEntry { place: place.clone(), statement, outcome, note });
        EntryId(self.entries.len() - 1)
    }

    /// Notes that no client gets an address of the pools of a subnet.
    pub(crate) fn closed(&mut self, subnet: Ipv4Net) {
        self.closed.push(subnet);
    }

    /// The number of entries, for [`Self::since`].
    pub(crate) fn mark(&self) -> usize {
        self.entries.len()
    }

    /// The entries that were added since then.
    pub(crate) fn since(&self, mark: usize) -> Vec<EntryId> {
        (mark..self.entries.len()).map(EntryId).collect()
    }

    /// The place of an entry.
    pub(crate) fn place(&self, id: EntryId) -> Option<Place> {
        self.entries.get(id.0).map(|entry| entry.place.clone())
    }

    /// The outcome of an entry.
    pub(crate) fn outcome(&self, id: EntryId) -> Option<LineOutcome> {
        self.entries.get(id.0).map(|entry| entry.outcome)
    }

    /// Corrects an entry. A worse outcome stays, and notes are joined.
    pub(crate) fn correct(&mut self, id: EntryId, outcome: LineOutcome, note: impl AsRef<str>) {
        let Some(entry) = self.entries.get_mut(id.0) else { return };
        entry.outcome = entry.outcome.max(outcome);
        let note = note.as_ref();
        if entry.note.is_empty() {
            entry.note = note.to_owned();
        } else if !entry.note.contains(note) {
            entry.note = format!("{}; {note}", entry.note);
        }
    }

    /// Puts the entries in the order of the lines. References to entries become invalid.
    pub(crate) fn sort(&mut self) {
        let mut files: Vec<String> = Vec::new();
        for entry in &self.entries {
            let file = entry.place.file();
            if files.last().is_none_or(|last| last != file) && !files.iter().any(|of| of == file) {
                files.push(file.to_owned());
            }
        }
        let position =
            |entry: &ReportEntry| files.iter().position(|file| file == entry.place.file());
        self.entries.sort_by_cached_key(|entry| (position(entry), entry.place.line()));
    }

    /// The entries, in the order of the files and their lines.
    pub fn entries(&self) -> &[ReportEntry] {
        &self.entries
    }

    /// Appends the entries of another report.
    pub fn append(&mut self, other: Self) {
        self.entries.extend(other.entries);
        self.closed.extend(other.closed);
    }

    /// How many statements had which outcome.
    pub fn totals(&self) -> Totals {
        let count = |outcome| self.entries.iter().filter(|entry| entry.outcome == outcome).count();
        Totals {
            carried: count(LineOutcome::Carried),
            changed: count(LineOutcome::Changed),
            not_needed: count(LineOutcome::NotNeeded),
            not_carried: count(LineOutcome::NotCarried),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = table(&["line", "statement", "outcome", "why, or how"]);
        for entry in &self.entries {
            rows.add_row([
                entry.place.short().as_str(),
                entry.statement.as_str(),
                entry.outcome.name(),
                entry.note.as_str(),
            ]);
        }
        writeln!(f, "{rows}")?;
        write!(f, "{}", self.totals())?;
        let Some((first, others)) = self.closed.split_first() else { return Ok(()) };
        write!(f, "\nno client gets an address of a pool of {first}")?;
        match others.len() {
            0 => {}
            count => write!(f, " and {count} more")?,
        }
        write!(f, " until a class or a policy says so")
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { carried, changed, not_needed, not_carried } = self;
        let all = carried + changed + not_needed + not_carried;
        write!(
            f,
            "{all} statements: {carried} carried, {changed} carried with a change, {not_needed} \
             not needed, {not_carried} not carried"
        )
    }
}

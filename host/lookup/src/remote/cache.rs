//! The cache of a source's answers, which are kept for some time after they expire.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lessor_core::{LookupAnswer, SourceRow};
use lessor_settings::RemoteLimits;
use quick_cache::{Weighter, sync::Cache};

use crate::limits::CACHE_ENTRY_OCTETS;

/// The answers of one source, by key; bounded.
pub(super) struct Answers {
    entries: Option<Cache<Arc<str>, Entry, Weight>>,
    cache_ttl: Duration,
    negative_ttl: Duration,
    stale_for: Duration,
}

/// A cached answer.
pub(super) enum CachedAnswer {
    /// A valid answer.
    Fresh(LookupAnswer),
    /// A row that is used only while the source fails. The absence of a row is never kept this
    /// long, because a client that became a subscriber meanwhile would get no service.
    Stale(LookupAnswer),
}

#[derive(Clone)]
struct Entry {
    row: Option<SourceRow>,
    since: Instant,
}

/// A long entry counts as several.
#[derive(Clone)]
struct Weight;

impl Weighter<Arc<str>, Entry> for Weight {
    fn weight(&self, key: &Arc<str>, entry: &Entry) -> u64 {
        let fields = entry.row.iter().flat_map(SourceRow::fields);
        let octets: usize = fields.map(|(name, value)| name.len() + value.len()).sum();
        ((key.len() + octets) / CACHE_ENTRY_OCTETS + 1) as u64
    }
}

impl Answers {
    pub(super) fn new(limits: &RemoteLimits) -> Self {
        let entries_max = limits.cache_entries_max;
        // Memory is allocated as needed, not for the maximum number of entries.
        let expected = entries_max.min(1024);
        Self {
            entries: (entries_max > 0)
                .then(|| Cache::with_weighter(expected, entries_max as u64, Weight)),
            cache_ttl: limits.cache_ttl,
            negative_ttl: limits.negative_ttl,
            stale_for: limits.stale_for,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<CachedAnswer> {
        let entries = self.entries.as_ref()?;
        let entry = entries.get(key)?;
        let (age, ttl) = (entry.since.elapsed(), self.ttl(entry.row.is_some()));
        if age < ttl {
            return Some(CachedAnswer::Fresh(answer(entry.row, false)));
        }
        if entry.row.is_some() && age < ttl + self.stale_for {
            return Some(CachedAnswer::Stale(answer(entry.row, true)));
        }
        self.forget(key, entry.since);
        None
    }

    /// Caches the answer of the source.
    pub(super) fn put(&self, key: &Arc<str>, row: Option<SourceRow>) {
        if let Some(entries) = &self.entries
            && (row.is_none() || !self.stale_for.is_zero() || !self.cache_ttl.is_zero())
        {
            entries.insert(Arc::clone(key), Entry { row, since: Instant::now() });
        }
    }

    /// Removes the entry with this time, unless it was replaced by a newer one.
    fn forget(&self, key: &str, since: Instant) {
        if let Some(entries) = &self.entries {
            entries.remove_if(key, |entry| entry.since == since);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.as_ref().map_or(0, Cache::len)
    }

    fn ttl(&self, is_found: bool) -> Duration {
        if is_found { self.cache_ttl } else { self.negative_ttl }
    }
}

fn answer(row: Option<SourceRow>, is_stale: bool) -> LookupAnswer {
    row.map_or(LookupAnswer::NotFound, |row| LookupAnswer::Found { row, is_stale })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_ended_does_not_take_a_newer_one_with_it() {
        let answers = Answers::new(&RemoteLimits::default());
        let key = Arc::from("olt1/1");
        let since = || answers.entries.as_ref().unwrap().get(&key).unwrap().since;
        answers.put(&key, None);
        let ended = since();
        answers.put(&key, None);
        answers.forget(&key, ended);
        assert!(matches!(answers.get(&key), Some(CachedAnswer::Fresh(LookupAnswer::NotFound))));
        answers.forget(&key, since());
        assert!(answers.get(&key).is_none());
    }
}

//! The state of a plugin: values by key, in memory, shared by all of its instances. The [`Writer`]
//! writes changes to disk later, in batches.
//!
//! Invariants: there are at most [`StateRules::keys_max`] keys and [`STATE_OCTETS_MAX`] octets.
//! Messages of one line have added at most [`StateRules::line_keys_max`] of these keys. A removed
//! key occupies its place until its removal is on disk; at most [`STATE_REMOVALS_MAX`] removals
//! wait.

mod alarm;
mod error;
mod lines;
mod listing;
mod room;
mod shard;
mod storage;

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    sync::{
        Arc, Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use lessor_settings::StateRules;

use crate::{
    health::Offender,
    limits::{STATE_OCTETS_MAX, STATE_REFRESHES, STATE_REMOVALS_MAX},
};

use super::writer::{KeptValue, Writer};

use self::{
    alarm::Alarm,
    error::{check_key, check_value},
    lines::KeysByLine,
    shard::Shard,
};

pub use self::listing::{StateEntry, StateStatus};

pub(crate) use self::{error::StateError, lines::LineTag};

/// The number of independently locked parts, so that several threads can change different keys.
const SHARDS: usize = 16;

/// The state of one plugin.
pub(crate) struct KeptState {
    plugin: Arc<str>,
    shards: [Mutex<Shard>; SHARDS],
    lines: KeysByLine,
    hasher: RandomState,
    keys: AtomicUsize,
    octets: AtomicUsize,
    removals: AtomicUsize,
    /// The latest time that a call passed, in milliseconds since the Unix epoch.
    latest_ms: AtomicU64,
    gave_way: AtomicU64,
    expired: AtomicU64,
    refused: AtomicU64,
    alarm: Alarm,
    opened: Once,
    is_durable: AtomicBool,
    writer: Option<Arc<Writer>>,
}

/// The rules, time and line of one access to the state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occasion<'a> {
    pub(crate) rules: &'a StateRules,
    /// The server's time, in milliseconds since the Unix epoch; `None` outside of a message.
    pub(crate) now_ms: Option<u64>,
    /// The line that a key is added for; `None` if no relay agent named one.
    pub(crate) line: Option<LineTag>,
}

impl KeptState {
    pub(crate) fn new(plugin: Arc<str>, writer: Option<Arc<Writer>>) -> Self {
        Self {
            plugin,
            shards: Default::default(),
            lines: KeysByLine::default(),
            hasher: RandomState::new(),
            keys: AtomicUsize::new(0),
            octets: AtomicUsize::new(0),
            removals: AtomicUsize::new(0),
            latest_ms: AtomicU64::new(0),
            gave_way: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            alarm: Alarm::default(),
            opened: Once::new(),
            is_durable: AtomicBool::new(false),
            writer,
        }
    }

    /// Copies the current state. The copy is kept in memory only.
    pub(crate) fn copy_in_memory(&self) -> Self {
        let mut copy = Self::new(Arc::clone(&self.plugin), None);
        copy.alarm = Alarm::silent();
        copy.opened.call_once(|| ());
        for shard in self.shards() {
            for (key, entry) in shard.iter() {
                let remembered = KeptValue {
                    value: Arc::clone(&entry.value),
                    set_at_ms: entry.set_at_ms,
                    line: entry.line.map_or(0, LineTag::stored),
                };
                copy.put_loaded(Arc::clone(key), remembered);
            }
        }
        copy.latest_ms.store(self.latest_ms.load(Ordering::Relaxed), Ordering::Relaxed);
        copy
    }

    /// Returns the value of a key.
    pub(crate) fn get(
        &self,
        occasion: &Occasion<'_>,
        key: &str,
    ) -> Result<Option<Vec<u8>>, StateError> {
        check_key(key)?;
        let now_ms = self.now_ms(occasion);
        let shard = self.shard(key);
        let entry =
            shard.get(key).filter(|entry| !occasion.rules.has_expired(entry.set_at_ms, now_ms));
        Ok(entry.map(|entry| entry.value.to_vec()))
    }

    /// Sets the value of a key, or removes the key if `value` is `None`.
    pub(crate) fn set(
        &self,
        occasion: &Occasion<'_>,
        key: &str,
        value: Option<&[u8]>,
    ) -> Result<(), StateError> {
        check_key(key)?;
        check_value(value)?;
        self.with_room(occasion, key, |shard| self.change(shard, occasion, key, value))
    }

    /// Does the same as [`KeptState::set`] if the current value is `expected`. Returns whether it
    /// was.
    pub(crate) fn replace(
        &self,
        occasion: &Occasion<'_>,
        key: &str,
        expected: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<bool, StateError> {
        check_key(key)?;
        check_value(value)?;
        self.with_room(occasion, key, |shard| {
            if shard.get(key).map(|entry| &*entry.value) != expected {
                return Ok(false);
            }
            self.change(shard, occasion, key, value).map(|()| true)
        })
    }

    /// Removes a key on behalf of the operator, whom no rules limit. Returns whether the key
    /// existed.
    pub(crate) fn forget(&self, key: &str) -> Result<bool, StateError> {
        let mut shard = self.shard(key);
        self.remove(&mut shard, key).map(|removed| removed.is_some())
    }

    /// Logs that a key was not set, and which limit was reached.
    pub(crate) fn complain(&self, error: StateError, rules: &StateRules, who: Option<Offender>) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.alarm.refused(&self.plugin, error, rules, who);
    }

    /// The plugin name that the state is stored under.
    pub(crate) fn plugin(&self) -> &Arc<str> {
        &self.plugin
    }

    fn change(
        &self,
        shard: &mut Shard,
        occasion: &Occasion<'_>,
        key: &str,
        value: Option<&[u8]>,
    ) -> Result<(), StateError> {
        let now_ms = self.now_ms(occasion);
        let Some(value) = value else {
            return self.remove(shard, key).map(drop);
        };
        let Some(before) = shard.get(key) else {
            return self.add(shard, occasion, key, value);
        };
        let line = before.line;
        if let Some(line) = line {
            self.lines.refresh(line, key);
        }
        let (old, new) = (before.value.len(), value.len());
        if *before.value == *value {
            let kept_at_ms = shard.refresh(key, now_ms).unwrap_or(now_ms);
            let is_stale = occasion.rules.keep_ms().is_some_and(|keep_ms| {
                now_ms.saturating_sub(kept_at_ms) > keep_ms / STATE_REFRESHES
            });
            if !is_stale {
                return Ok(());
            }
        }
        take(&self.octets, new.saturating_sub(old), STATE_OCTETS_MAX, StateError::OctetsFull)?;
        self.octets.fetch_sub(old.saturating_sub(new), Ordering::Relaxed);
        self.put(shard, key.into(), value.into(), now_ms, line);
        self.look(occasion.rules);
        Ok(())
    }

    fn add(
        &self,
        shard: &mut Shard,
        occasion: &Occasion<'_>,
        key: &str,
        value: &[u8],
    ) -> Result<(), StateError> {
        let (rules, octets) = (occasion.rules, key.len() + value.len());
        let key = Arc::<str>::from(key);
        if let Some(line) = occasion.line
            && !self.lines.add(line, &key, rules.line_keys_max)
        {
            return Err(StateError::LineFull);
        }
        let taken = take(&self.keys, 1, rules.keys_max, StateError::KeysFull).and_then(|()| {
            take(&self.octets, octets, STATE_OCTETS_MAX, StateError::OctetsFull)
                .inspect_err(|_| _ = self.keys.fetch_sub(1, Ordering::Relaxed))
        });
        if let Err(error) = taken {
            occasion.line.inspect(|line| self.lines.remove(*line, &key));
            return Err(error);
        }
        if shard.is_removal_waiting(&key) {
            self.removals.fetch_sub(1, Ordering::Relaxed);
        }
        self.put(shard, key, value.into(), self.now_ms(occasion), occasion.line);
        self.look(rules);
        Ok(())
    }

    /// Logs a warning if the state has become nearly full.
    fn look(&self, rules: &StateRules) {
        let keys = self.keys.load(Ordering::Relaxed);
        self.alarm.look(&self.plugin, keys, self.octets.load(Ordering::Relaxed), rules);
    }

    fn put(
        &self,
        shard: &mut Shard,
        key: Arc<str>,
        value: Arc<[u8]>,
        now_ms: u64,
        line: Option<LineTag>,
    ) {
        if !self.is_durable.load(Ordering::Relaxed) {
            return shard.put_kept(key, value, now_ms, line);
        }
        shard.put(key, value, now_ms, line);
        if let Some(writer) = &self.writer {
            writer.wake();
        }
    }

    /// Removes a key and returns its entry.
    fn remove(
        &self,
        shard: &mut Shard,
        key: &str,
    ) -> Result<Option<shard::StateValue>, StateError> {
        if shard.get(key).is_none() {
            return Ok(None);
        }
        let removed = if self.is_durable.load(Ordering::Relaxed) {
            take(&self.removals, 1, STATE_REMOVALS_MAX, StateError::RemovalsFull)?;
            if let Some(writer) = &self.writer {
                writer.wake();
            }
            shard.remove(&Arc::from(key))
        } else {
            shard.remove_kept(key)
        };
        if let Some(entry) = &removed {
            self.keys.fetch_sub(1, Ordering::Relaxed);
            self.octets.fetch_sub(key.len() + entry.value.len(), Ordering::Relaxed);
            entry.line.inspect(|line| self.lines.remove(*line, key));
        }
        Ok(removed)
    }

    /// The time of an occasion; outside of messages, the latest time that a message passed.
    fn now_ms(&self, occasion: &Occasion<'_>) -> u64 {
        match occasion.now_ms {
            Some(now_ms) => now_ms.max(self.latest_ms.fetch_max(now_ms, Ordering::Relaxed)),
            None => self.latest_ms.load(Ordering::Relaxed),
        }
    }

    fn shard(&self, key: &str) -> MutexGuard<'_, Shard> {
        let position = self.hasher.hash_one(key) as usize % SHARDS;
        // The position is always valid, so this fallback is never used.
        let [first, ..] = &self.shards;
        lock(self.shards.get(position).unwrap_or(first))
    }

    fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.shards.iter().map(lock)
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds `more` to `used`, unless that exceeds `max`.
fn take(used: &AtomicUsize, more: usize, max: usize, full: StateError) -> Result<(), StateError> {
    let add = |used: usize| (more == 0 || used + more <= max).then_some(used + more);
    let taken = used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    taken.map(|_| ()).map_err(|_| full)
}

#[cfg(test)]
mod tests;

//! The state of a plugin: values by key, in memory, shared by all of its instances. The [`Writer`]
//! writes changes to disk later, in batches.
//!
//! Invariants: there are at most [`StateRules::keys_max`] keys and [`STATE_OCTETS_MAX`] octets.
//! Messages of one line have added at most [`StateRules::line_keys_max`] of these keys. A removed
//! key occupies its place until its removal is on disk; at most [`STATE_REMOVALS_MAX`] removals
//! wait.

mod alarm;
mod lines;
mod shard;

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    sync::{
        Arc, Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use lessor_settings::{StateRules, WhenFull};
use serde::{Deserialize, Serialize};

pub(crate) use self::lines::LineTag;
use self::{alarm::Alarm, lines::Lines, shard::Shard};
use super::writer::{Remembered, StateChange, Writer};
use crate::{
    health::Offender,
    limits::{
        STATE_KEY_OCTETS_MAX, STATE_OCTETS_MAX, STATE_REFRESHES, STATE_REMOVALS_MAX,
        STATE_VALUE_OCTETS_MAX,
    },
};

/// The number of independently locked parts, so that several threads can change different keys.
const SHARDS: usize = 16;
/// The number of expired keys of a part that one change removes.
const SWEPT_AT_ONCE: usize = 16;
/// The maximum number of keys that are evicted for one new key: the longest key and value take the
/// space of this many of the shortest.
const GIVING_WAY_MAX: usize = STATE_KEY_OCTETS_MAX + STATE_VALUE_OCTETS_MAX;

/// The state of one plugin.
pub(crate) struct State {
    plugin: Arc<str>,
    shards: [Mutex<Shard>; SHARDS],
    lines: Lines,
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

/// How much state a plugin has, and its limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StateStatus {
    /// The number of keys.
    pub keys: usize,
    /// The maximum number of keys.
    pub keys_max: usize,
    /// The total size of keys and values, in octets.
    pub octets: usize,
    /// The maximum total size, in octets.
    pub octets_max: usize,
    /// The maximum number of keys that messages of one line may have added.
    pub line_keys_max: usize,
    /// How long a key is kept after it was last set, in seconds; `None` if it is kept until it is
    /// removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_secs: Option<u32>,
    /// What happens when there is no room for a key.
    pub when_full: WhenFull,
    /// The number of keys evicted for others since a plugin with this name was first loaded.
    pub gave_way: u64,
    /// The number of keys that expired since then.
    pub expired: u64,
    /// The number of keys that could not be set for lack of room since then.
    pub refused: u64,
    /// Whether the state survives restarts.
    pub is_durable: bool,
}

/// A key of a plugin's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StateEntry {
    /// The plugin; `NAME/shadow` for a shadow.
    pub plugin: Arc<str>,
    /// The key.
    pub key: Arc<str>,
    /// Its value, in hexadecimal.
    #[serde(with = "hexadecimal")]
    pub value: Arc<[u8]>,
    /// When the key was last set, in milliseconds since the Unix epoch, in server time.
    pub set_at_ms: u64,
}

/// Why the state was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateError {
    UnusableKey,
    ValueTooLong,
    /// The maximum number of keys is reached.
    KeysFull,
    /// The maximum size of all keys and values is reached.
    OctetsFull,
    /// The line has added its maximum number of keys.
    LineFull,
    /// Too many removals wait to be written to disk.
    RemovalsFull,
}

impl StateError {
    /// Whether a limit was reached, as opposed to a key or value that is never valid.
    pub(crate) fn is_limit(self) -> bool {
        !matches!(self, Self::UnusableKey | Self::ValueTooLong)
    }
}

impl State {
    pub(crate) fn new(plugin: Arc<str>, writer: Option<Arc<Writer>>) -> Self {
        Self {
            plugin,
            shards: Default::default(),
            lines: Lines::default(),
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
                let remembered = Remembered {
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

    /// Reads the state from disk on the first call. If it cannot be read, the plugin starts without
    /// state, and the data on disk is left unchanged.
    pub(crate) fn open(&self) {
        self.opened.call_once(|| {
            let plugin = &*self.plugin;
            let Some(writer) = &self.writer else {
                tracing::info!(
                    plugin,
                    "the plugin's state is kept in memory only and is lost when the server stops"
                );
                return;
            };
            let mut found = Vec::new();
            let loaded = writer.load(plugin, &mut |key, remembered| {
                found.push((Arc::<str>::from(key), remembered));
            });
            match loaded {
                Ok(()) => {
                    found.sort_by_key(|(_, remembered)| remembered.set_at_ms);
                    found.into_iter().for_each(|(key, value)| self.put_loaded(key, value));
                    self.is_durable.store(true, Ordering::Relaxed);
                }
                Err(error) => tracing::error!(
                    plugin,
                    %error,
                    "the plugin's state cannot be read from disk and is left there unchanged; the \
                     plugin starts without state, which is kept in memory only until the server \
                     is restarted"
                ),
            }
        });
    }

    /// Whether the state was opened: a plugin with this name was granted state at some time.
    pub(crate) fn is_open(&self) -> bool {
        self.opened.is_completed()
    }

    fn put_loaded(&self, key: Arc<str>, remembered: Remembered) {
        let Remembered { value, set_at_ms, line } = remembered;
        let line = LineTag::from_stored(line);
        self.keys.fetch_add(1, Ordering::Relaxed);
        self.octets.fetch_add(key.len() + value.len(), Ordering::Relaxed);
        if let Some(line) = line {
            self.lines.add(line, &key, usize::MAX);
        }
        let mut shard = self.shard(&key);
        shard.put_kept(key, value, set_at_ms, line);
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

    /// Does the same as [`State::set`] if the current value is `expected`. Returns whether it was.
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

    /// Passes every key that has not expired to `each`, in no particular order.
    pub(crate) fn each(&self, rules: &StateRules, now_ms: u64, mut each: impl FnMut(StateEntry)) {
        for shard in self.shards() {
            let is_kept = |entry: &shard::Entry| !rules.has_expired(entry.set_at_ms, now_ms);
            for (key, entry) in shard.iter().filter(|(_, entry)| is_kept(entry)) {
                each(StateEntry {
                    plugin: Arc::clone(&self.plugin),
                    key: Arc::clone(key),
                    value: Arc::clone(&entry.value),
                    set_at_ms: entry.set_at_ms,
                });
            }
        }
    }

    pub(crate) fn status(&self, rules: &StateRules) -> StateStatus {
        let latest_ms = self.latest_ms.load(Ordering::Relaxed);
        for mut shard in self.shards() {
            self.sweep(&mut shard, rules, latest_ms, usize::MAX);
        }
        StateStatus {
            keys: self.keys.load(Ordering::Relaxed),
            keys_max: rules.keys_max,
            octets: self.octets.load(Ordering::Relaxed),
            octets_max: STATE_OCTETS_MAX,
            line_keys_max: rules.line_keys_max,
            keep_secs: rules.keep_secs,
            when_full: rules.when_full,
            gave_way: self.gave_way.load(Ordering::Relaxed),
            expired: self.expired.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            is_durable: self.is_durable.load(Ordering::Relaxed),
        }
    }

    /// Logs that a key was not set, and which limit was reached.
    pub(crate) fn complain(&self, error: StateError, rules: &StateRules, who: Option<Offender>) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.alarm.refused(&self.plugin, error, rules, who);
    }

    /// Passes every change that is to be written to `each`, and marks it as written.
    pub(super) fn take_unwritten(&self, each: &mut dyn FnMut(StateChange)) {
        for shard in &self.shards {
            let keys = lock(shard).take_unwritten_keys();
            for key in keys {
                // The lock is taken for each key, so that a packet waits for one change at most.
                let Some((key, entry)) = lock(shard).take_unwritten(&key) else { continue };
                let value = entry.map(|entry| Remembered {
                    value: entry.value,
                    set_at_ms: entry.set_at_ms,
                    line: entry.line.map_or(0, LineTag::stored),
                });
                each(StateChange { plugin: Arc::clone(&self.plugin), key, value });
            }
        }
    }

    /// Frees the place of a removed key, after its removal was written to disk.
    pub(super) fn settle_removal(&self, key: &str) {
        if self.shard(key).settle_removal(key) {
            self.removals.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The plugin name that the state is stored under.
    pub(crate) fn plugin(&self) -> &Arc<str> {
        &self.plugin
    }

    /// Runs `act` on the shard of the key, after expired keys are removed. If there is no room for
    /// the key, the oldest keys are evicted where the rules allow it.
    fn with_room<T>(
        &self,
        occasion: &Occasion<'_>,
        key: &str,
        mut act: impl FnMut(&mut Shard) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let now_ms = self.now_ms(occasion);
        let mut tries = 0;
        loop {
            let error = {
                let mut shard = self.shard(key);
                self.sweep(&mut shard, occasion.rules, now_ms, SWEPT_AT_ONCE);
                self.expire(&mut shard, occasion.rules, now_ms, key);
                match act(&mut shard) {
                    Err(error) => error,
                    done => return done,
                }
            };
            tries += 1;
            let goes_on = tries <= GIVING_WAY_MAX
                && occasion.rules.when_full == WhenFull::OldestGoesFirst
                && match (error, occasion.line) {
                    (StateError::LineFull, Some(line)) => {
                        self.lines.oldest_of(line).is_some_and(|oldest| self.gives_way(&oldest))
                    }
                    (StateError::KeysFull | StateError::OctetsFull, _) => {
                        self.oldest().is_some_and(|oldest| self.gives_way(&oldest))
                    }
                    _ => false,
                };
            if !goes_on {
                return Err(error);
            }
        }
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
    fn remove(&self, shard: &mut Shard, key: &str) -> Result<Option<shard::Entry>, StateError> {
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

    /// Returns the key of all shards that was set longest ago.
    fn oldest(&self) -> Option<Arc<str>> {
        let of_shard = |shard: MutexGuard<'_, Shard>| {
            shard.oldest().map(|(key, entry)| (entry.set_at_ms, Arc::clone(key)))
        };
        self.shards()
            .filter_map(of_shard)
            .min_by_key(|(set_at_ms, _)| *set_at_ms)
            .map(|(_, key)| key)
    }

    /// Evicts a key to make room. Returns whether this was possible.
    fn gives_way(&self, key: &str) -> bool {
        let removed = self.remove(&mut self.shard(key), key);
        if let Ok(Some(_)) = removed {
            self.gave_way.fetch_add(1, Ordering::Relaxed);
        }
        // If another thread removed the key first, there is room as well.
        removed.is_ok()
    }

    /// Removes up to `most` expired keys of a shard, the oldest first.
    fn sweep(&self, shard: &mut Shard, rules: &StateRules, now_ms: u64, most: usize) {
        if rules.keep_secs.is_none() {
            return;
        }
        for _ in 0..most {
            let Some((key, entry)) = shard.oldest() else { return };
            let key = Arc::clone(key);
            if entry.set_at_ms == 0 && now_ms > 0 {
                // An earlier server version wrote the key without a time: count its lifetime from
                // now.
                shard.refresh(&key, now_ms);
                continue;
            }
            if !rules.has_expired(entry.set_at_ms, now_ms) {
                return;
            }
            if self.remove(shard, &key).is_err() {
                return;
            }
            self.expired.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Removes the key if it has expired.
    fn expire(&self, shard: &mut Shard, rules: &StateRules, now_ms: u64, key: &str) {
        let entry = shard.get(key);
        if entry.is_some_and(|entry| rules.has_expired(entry.set_at_ms, now_ms))
            && self.remove(shard, key).is_ok()
        {
            self.expired.fetch_add(1, Ordering::Relaxed);
        }
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

/// Passes unwritten changes to the writer.
impl Drop for State {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            let mut left = Vec::new();
            self.take_unwritten(&mut |change| left.push(change));
            writer.leave(left);
        }
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

fn check_key(key: &str) -> Result<(), StateError> {
    match (1..=STATE_KEY_OCTETS_MAX).contains(&key.len()) {
        true => Ok(()),
        false => Err(StateError::UnusableKey),
    }
}

fn check_value(value: Option<&[u8]>) -> Result<(), StateError> {
    match value.is_some_and(|value| value.len() > STATE_VALUE_OCTETS_MAX) {
        true => Err(StateError::ValueTooLong),
        false => Ok(()),
    }
}

/// Serializes octets as hexadecimal text.
mod hexadecimal {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        octets: &Arc<[u8]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&hex::encode(octets))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<[u8]>, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(text).map(Arc::from).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;

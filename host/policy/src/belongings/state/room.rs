//! Room for a key: expired keys are removed, and the oldest ones are evicted where the rules allow
//! it.

use std::sync::{Arc, MutexGuard, atomic::Ordering};

use lessor_settings::{StateRules, WhenFull};

use crate::limits::{STATE_KEY_OCTETS_MAX, STATE_VALUE_OCTETS_MAX};

use super::{KeptState, Occasion, error::StateError, shard::Shard};

/// The number of expired keys of a part that one change removes.
const SWEPT_AT_ONCE: usize = 16;
/// The maximum number of keys that are evicted for one new key: the longest key and value take the
/// space of this many of the shortest.
const GIVING_WAY_MAX: usize = STATE_KEY_OCTETS_MAX + STATE_VALUE_OCTETS_MAX;

impl KeptState {
    /// Runs `act` on the shard of the key, after expired keys are removed. If there is no room for
    /// the key, the oldest keys are evicted where the rules allow it.
    pub(super) fn with_room<T>(
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

    /// Removes up to `most` expired keys of a shard, the oldest first.
    pub(super) fn sweep(&self, shard: &mut Shard, rules: &StateRules, now_ms: u64, most: usize) {
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

    /// Removes the key if it has expired.
    fn expire(&self, shard: &mut Shard, rules: &StateRules, now_ms: u64, key: &str) {
        let entry = shard.get(key);
        if entry.is_some_and(|entry| rules.has_expired(entry.set_at_ms, now_ms))
            && self.remove(shard, key).is_ok()
        {
            self.expired.fetch_add(1, Ordering::Relaxed);
        }
    }
}

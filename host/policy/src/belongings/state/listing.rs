//! What can be said of a plugin's state: how much there is, and every key.

use std::sync::{Arc, atomic::Ordering};

use lessor_settings::{StateRules, WhenFull};
use serde::{Deserialize, Serialize};

use crate::limits::STATE_OCTETS_MAX;

use super::{KeptState, shard::StateValue};

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

impl KeptState {
    /// Passes every key that has not expired to `each`, in no particular order.
    pub(crate) fn each(&self, rules: &StateRules, now_ms: u64, mut each: impl FnMut(StateEntry)) {
        for shard in self.shards() {
            let is_kept = |entry: &StateValue| !rules.has_expired(entry.set_at_ms, now_ms);
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

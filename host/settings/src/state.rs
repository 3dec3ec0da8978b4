//! Rules for a plugin's state: how long keys are kept, how many, and which are evicted.

use serde::{Deserialize, Serialize};

/// The maximum number of keys that messages of one line may add, unless the sidecar file of the
/// policy says otherwise.
pub const STATE_LINE_KEYS_MAX: usize = 1_024;

/// The maximum number of keys in the state of a policy.
pub const STATE_KEYS_MAX: usize = 65_536;

/// The limits of a plugin's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateRules {
    /// How long a key is kept after it was last set, in seconds; `None` keeps it until it is
    /// removed.
    pub keep_secs: Option<u32>,
    /// The maximum number of keys; at most [`STATE_KEYS_MAX`].
    pub keys_max: usize,
    /// The maximum number of keys that messages of one line may have added.
    pub line_keys_max: usize,
    /// What happens when a key is to be added and there is no room for it.
    pub when_full: WhenFull,
}

/// What happens when there is no room for a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFull {
    /// The key is not added, and the plugin gets an error.
    #[default]
    Error,
    /// The key that was set longest ago is evicted: one of the same line, if the line is at its
    /// limit.
    OldestGoesFirst,
}

/// Keys never expire, there are up to 65,536 of them and 1,024 per line, and the plugin gets an
/// error when there is no room.
impl Default for StateRules {
    fn default() -> Self {
        Self {
            keep_secs: None,
            keys_max: STATE_KEYS_MAX,
            line_keys_max: STATE_LINE_KEYS_MAX,
            when_full: WhenFull::default(),
        }
    }
}

impl StateRules {
    /// Whether a key that was set at `set_at_ms` has expired at `now_ms`, both in milliseconds
    /// since the Unix epoch. A key whose time is unknown (0) does not expire.
    pub fn has_expired(&self, set_at_ms: u64, now_ms: u64) -> bool {
        let is_over = |kept_ms: u64| now_ms >= set_at_ms.saturating_add(kept_ms);
        set_at_ms > 0 && self.keep_ms().is_some_and(is_over)
    }

    /// How long a key is kept, in milliseconds.
    pub fn keep_ms(&self) -> Option<u64> {
        self.keep_secs.map(|secs| u64::from(secs) * 1_000)
    }
}

//! Rules: for how long a plugin remembers, how much, and what goes first when there is no room.

use serde::{Deserialize, Serialize};

use crate::limits::{STATE_KEYS_MAX, STATE_LINE_KEYS_MAX};

/// What bounds what a plugin remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct StateRules {
    /// How long a key is kept after it was last set, in seconds; none: until it is removed.
    pub keep_secs: Option<u32>,
    /// How many keys there may be; at most [`STATE_KEYS_MAX`].
    pub keys_max: usize,
    /// How many of them messages of one line may have added.
    pub line_keys_max: usize,
    /// What happens when a key is to be added, and there is no room for it.
    pub when_full: WhenFull,
}

/// What happens when there is no room for a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFull {
    /// It is not added, and the plugin is told.
    #[default]
    Error,
    /// The key that was set longest ago goes: of the same line, if that has as many as it may.
    OldestGoesFirst,
}

/// Keys are kept, 65,536 of them, 1,024 for one line, and the plugin is told when there is no room.
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
    /// Whether what was set then is forgotten at `now_ms`, both in milliseconds since the Unix epoch.
    /// It is not if it is unknown when it was set.
    pub(crate) fn has_expired(&self, set_at_ms: u64, now_ms: u64) -> bool {
        let is_over = |kept_ms: u64| now_ms >= set_at_ms.saturating_add(kept_ms);
        set_at_ms > 0 && self.keep_ms().is_some_and(is_over)
    }

    /// How long a key is kept, in milliseconds.
    pub(crate) fn keep_ms(&self) -> Option<u64> {
        self.keep_secs.map(|secs| u64::from(secs) * 1_000)
    }
}

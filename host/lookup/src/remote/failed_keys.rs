//! Keys that failed a moment ago. They are not queried again at once, so that a client that repeats
//! a message causes no queries.
//!
//! Does not decide whether the source works; see [`super::back_off`]. Invariant: no more than
//! [`FAILED_KEYS_MAX`] keys are remembered, and none longer than [`FAILED_KEY_FOR`].

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use quick_cache::sync::Cache;

use crate::limits::{FAILED_KEY_FOR, FAILED_KEYS_MAX};

/// The keys that failed recently.
pub(super) struct FailedKeys(Cache<Arc<str>, FailedKey>);

/// Why and when a key failed.
#[derive(Clone)]
pub(super) struct FailedKey {
    pub(super) why: Arc<str>,
    at: Instant,
}

impl FailedKeys {
    pub(super) fn new() -> Self {
        Self(Cache::new(FAILED_KEYS_MAX))
    }

    pub(super) fn put(&self, key: &Arc<str>, why: &str) {
        self.0.insert(Arc::clone(key), FailedKey { why: why.into(), at: Instant::now() });
    }

    /// The failure of a key, if it was a moment ago.
    pub(super) fn get(&self, key: &str) -> Option<FailedKey> {
        let failed = self.0.get(key)?;
        if failed.age() < FAILED_KEY_FOR {
            return Some(failed);
        }
        self.0.remove_if(key, |entry| entry.at == failed.at);
        None
    }
}

impl FailedKey {
    pub(super) fn age(&self) -> Duration {
        self.at.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_remembered_for_a_moment() {
        let failed = FailedKeys::new();
        let key = Arc::from("a");
        failed.put(&key, "why");
        assert_eq!(&*failed.get("a").unwrap().why, "why");
        assert!(failed.get("b").is_none());
        let at = Instant::now().checked_sub(FAILED_KEY_FOR).unwrap();
        failed.0.insert(key, FailedKey { why: "why".into(), at });
        assert!(failed.get("a").is_none());
        assert_eq!(failed.0.len(), 0);
    }

    #[test]
    fn no_more_keys_are_remembered_than_allowed() {
        let failed = FailedKeys::new();
        for number in 0..3 * FAILED_KEYS_MAX {
            failed.put(&number.to_string().into(), "why");
        }
        assert!((1..=FAILED_KEYS_MAX).contains(&failed.0.len()), "{}", failed.0.len());
    }
}

//! Alarms: log messages about how full a plugin's state is.
//!
//! Does not hold the state itself. Invariant: one warning each time that the state fills up, and at
//! most one line in ten seconds about refused keys.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use lessor_aside::Throttle;
use lessor_settings::{StateRules, WhenFull};

use super::StateError;
use crate::{health::Offender, limits::STATE_OCTETS_MAX};

/// The state counts as nearly full from the first value, in percent, until it drops below the
/// second.
const NEARLY_FULL_PERCENT: usize = 80;
const RELIEVED_PERCENT: usize = 70;
/// How often refused keys are reported.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Logs how full a plugin's state is.
pub(super) struct Alarm {
    is_silent: bool,
    is_nearly_full: AtomicBool,
    refusals: Throttle,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            is_silent: false,
            is_nearly_full: AtomicBool::new(false),
            refusals: Throttle::new(SAY_EVERY),
        }
    }
}

impl Alarm {
    /// An alarm that logs nothing.
    pub(super) fn silent() -> Self {
        Self { is_silent: true, ..Self::default() }
    }

    /// Checks how full the state is, after something was added.
    pub(super) fn look(&self, plugin: &str, keys: usize, octets: usize, rules: &StateRules) {
        let percent = |used: usize, max: usize| used * 100 / max.max(1);
        let (of_keys, of_octets) =
            (percent(keys, rules.keys_max), percent(octets, STATE_OCTETS_MAX));
        let fullest = of_keys.max(of_octets);
        if fullest < RELIEVED_PERCENT {
            self.is_nearly_full.store(false, Ordering::Relaxed);
        }
        // If the oldest keys are evicted, a full state is expected.
        let is_concern = fullest >= NEARLY_FULL_PERCENT && rules.when_full == WhenFull::Error;
        if !is_concern || self.is_silent || self.is_nearly_full.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::warn!(
            plugin,
            keys,
            keys_max = rules.keys_max,
            octets,
            octets_max = STATE_OCTETS_MAX,
            "the plugin's state is {fullest} % full; when it is full, no keys are added. `lessor \
             state list` shows the keys; set keep or when-full below [state] in the sidecar file"
        );
    }

    /// Logs that a key was not set, with the limit that was reached and the client that caused it.
    pub(super) fn refused(
        &self,
        plugin: &str,
        error: StateError,
        rules: &StateRules,
        who: Option<Offender>,
    ) {
        if self.is_silent {
            return;
        }
        let Some(left_out) = self.refusals.pass() else { return };
        let for_whom = who.map(|who| who.to_string());
        tracing::warn!(
            plugin,
            limit = error.limit(rules),
            for_whom,
            left_out,
            "the plugin could not set a key, because a limit is reached"
        );
    }
}

impl StateError {
    /// The limit that was reached, in words.
    pub(crate) fn limit(self, rules: &StateRules) -> String {
        match self {
            Self::UnusableKey => "a key has 1 to 255 octets".to_owned(),
            Self::ValueTooLong => "a value has at most 4,096 octets".to_owned(),
            Self::KeysFull => format!("{} keys (keys-max below [state])", rules.keys_max),
            Self::OctetsFull => format!("{STATE_OCTETS_MAX} octets of keys and values"),
            Self::LineFull => format!(
                "{} keys that messages of one line added (line-keys-max below [state])",
                rules.line_keys_max
            ),
            Self::RemovalsFull => "65,536 removed keys that wait to be written to disk".to_owned(),
        }
    }
}

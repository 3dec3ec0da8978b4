//! The results of shadow plugins, for `lessor shadow`.
//!
//! Does not compare; see [`lessor_policy_host`].

use lessor_policy_host::{PluginStatus, ShadowsStatus};
use lessor_settings::PluginMode;
use serde::{Deserialize, Serialize};

use crate::{
    clock::{self, written},
    reload::Reloader,
};

/// The results of shadow plugins since their generation began to serve.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShadowSummary {
    /// The number of the generation.
    pub generation: u64,
    /// When it began to serve: RFC 3339, UTC.
    pub serving_since: String,
    /// What the comparisons found.
    #[serde(flatten)]
    pub found: ShadowsStatus,
    /// Differences since the server's start that were not journalled, because there were too many.
    pub lines_left_out: u64,
    /// The plugins that decide, for comparison.
    pub live: Vec<PluginStatus>,
}

impl ShadowSummary {
    /// Returns the current results.
    pub fn of(reloader: &Reloader) -> Self {
        let generation = reloader.shared.generation.load_full();
        let chain = &generation.chain;
        let found = chain.shadows().map(|shadows| shadows.status());
        let left_out = &reloader.shared.counters.shadow_lines_left_out;
        Self {
            generation: generation.number,
            serving_since: written(clock::shown(generation.since)),
            found: found.unwrap_or_default(),
            lines_left_out: left_out.load(std::sync::atomic::Ordering::Relaxed),
            live: chain
                .status()
                .into_iter()
                .filter(|plugin| plugin.mode == PluginMode::Live)
                .collect(),
        }
    }

    /// Returns whether, as far as was observed, nothing would change if the shadow plugins were
    /// promoted.
    pub fn agrees(&self) -> bool {
        let shadows = &self.found.shadows;
        let agreed = shadows.iter().all(|shadow| shadow.agreed > 0 && shadow.differed == 0);
        agreed && !shadows.is_empty() && self.found.lost == 0
    }
}

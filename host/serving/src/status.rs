//! The state of the running server, for `lessor status` and for metrics.

use std::sync::{PoisonError, atomic::Ordering};

use lessor_core::{AfterDataLoss, PoolUsage, Reason};
use lessor_generation::last_accepted::Fallback;
use lessor_lookup::SourceStatus;
use lessor_policy_host::{Chain, PluginStatus, ShadowsStatus};
use serde::{Deserialize, Serialize};

use crate::{
    awaited::Meanwhile,
    class_counts::ClassRow,
    clock::{self, ClockStatus, written},
    drains::DrainRow,
    endpoints::EndpointStatus,
    limits::Limit,
    logging,
    reload::Reloader,
    sampling::LeftOut,
};

/// The state of the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Status {
    /// The number of the generation that serves.
    pub generation: u64,
    /// RFC 3339, UTC.
    pub serving_since: String,
    /// Reloads that brought a new generation.
    pub reloads: u64,
    /// Reloads that were rejected.
    pub reloads_refused: u64,
    /// New generations that were rolled back.
    pub rollbacks: u64,
    /// The generation whose faults brought back the serving one.
    pub rolled_back_from: Option<u64>,
    /// The endpoints that receive messages.
    #[serde(default)]
    pub endpoints: Vec<EndpointStatus>,
    /// Why the last accepted generation serves instead of the configured one.
    #[serde(default)]
    pub fallback: Option<Fallback>,
    /// What serves until the configured policies are compiled.
    #[serde(default)]
    pub meanwhile: Option<Meanwhile>,
    /// How many inputs ended in each reason.
    pub reasons: Vec<(Reason, u64)>,
    /// The messages of each class, in the order of the configuration.
    #[serde(default)]
    pub classes: Vec<ClassRow>,
    /// How full each pool is.
    pub pools: Vec<PoolRow>,
    /// How often a pool became 90 % full.
    pub pools_nearly_full: u64,
    /// How often a pool became completely full.
    pub pools_full: u64,
    /// Networks that keep addresses from new clients or probe them first, because they were started
    /// without records.
    #[serde(default)]
    pub holds: Vec<HoldRow>,
    /// Pools that give no address to new clients, because an operator drained them.
    #[serde(default)]
    pub drained: Vec<DrainRow>,
    /// The sources that policies may query.
    pub lookups: Vec<SourceStatus>,
    /// Messages that wait for lookups at the moment.
    pub waiting_for_lookups: u64,
    /// The plugins that decide, and shadows.
    pub plugins: Vec<PluginStatus>,
    /// The results of shadow plugins, without examples.
    pub shadows: ShadowsStatus,
    /// Differences of shadow plugins that were not journalled, because there were too many.
    pub shadow_lines_left_out: u64,
    /// The store.
    pub store: StoreStatus,
    /// The clock of the machine.
    pub clock: ClockStatus,
    /// Leases on storage that no configured network spans.
    pub stray_leases: usize,
    /// How many packets were dropped at each limit.
    pub limits: Vec<(Limit, u64)>,
    /// Events that were lost because the observer was too slow.
    pub events_lost: u64,
    /// Messages of a client key with another hardware address or line than its active lease has.
    pub keys_seen_elsewhere: u64,
    /// Addresses that were offered unprobed although `probe` is set.
    #[serde(default)]
    pub offered_unprobed: u64,
    /// Why the journal cannot be written now.
    #[serde(default)]
    pub journal_problem: Option<String>,
    /// Lines of the journal that were left out because there were too many of their kind.
    #[serde(default)]
    pub journal_lines_left_out: LeftOut,
    /// Lines of the log that were lost because nothing read standard error.
    #[serde(default)]
    pub log_lines_lost: u64,
    /// Options that did not fit into replies.
    pub options_left_out: u64,
    /// Replies in which option 82 did not fit.
    pub relay_information_left_out: u64,
    /// Messages that ended within an option.
    pub messages_cut_short: u64,
}

/// How full a pool is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PoolRow {
    /// The name of its network.
    pub network: String,
    /// The pool, and how many of its addresses are in use.
    #[serde(flatten)]
    pub usage: PoolUsage,
}

/// A network that keeps addresses from new clients or probes them first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HoldRow {
    /// The name of the network.
    pub network: String,
    /// Which of both it does.
    #[serde(default)]
    pub after_data_loss: AfterDataLoss,
    /// RFC 3339, UTC.
    pub until: String,
}

/// What the store did since the start.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StoreStatus {
    /// Changes that were made durable.
    pub changes: u64,
    /// Flushes, which make changes durable.
    pub flushes: u64,
    /// Flushes that failed.
    pub failed_flushes: u64,
    /// The duration of the longest flush, in microseconds.
    pub longest_flush_us: u64,
    /// The error of the last flush, if that failed.
    pub last_error: Option<String>,
    /// A problem of the store although flushes succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complaint: Option<String>,
}

impl Status {
    /// Returns the current state.
    pub fn of(reloader: &Reloader) -> Self {
        let shared = &reloader.shared;
        let generation = shared.generation.load_full();
        let now = clock::now();
        let (mut pools, mut holds) = (Vec::new(), Vec::new());
        let engines = shared.engines.load_full();
        engines.look_at_each(|engine| {
            let network = engine.network().name.to_string();
            let after_data_loss = engine.network().after_data_loss;
            holds.extend(engine.records_missing_until(now).map(|until| {
                let network = network.clone();
                HoldRow { network, after_data_loss, until: written(until) }
            }));
            pools.extend(
                engine.usage().into_iter().map(|usage| PoolRow { network: network.clone(), usage }),
            );
        });
        let counters = &shared.counters;
        let store = shared.committer.status();
        Self {
            generation: generation.number,
            serving_since: written(clock::shown(generation.since)),
            reloads: counters.reloads.load(Ordering::Relaxed),
            reloads_refused: counters.reloads_refused.load(Ordering::Relaxed),
            rollbacks: counters.rollbacks.load(Ordering::Relaxed),
            rolled_back_from: generation.rolled_back_from,
            endpoints: reloader.board.endpoints(),
            fallback: reloader.fallback.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            meanwhile: reloader.awaited().map(|awaited| awaited.shown(&reloader.runtime)),
            reasons: counters.reasons(),
            classes: counters.classes.of(engines.topology().classes()),
            pools,
            pools_nearly_full: counters.pools_nearly_full.load(Ordering::Relaxed),
            pools_full: counters.pools_full.load(Ordering::Relaxed),
            holds,
            drained: reloader.drains.rows(),
            plugins: generation.chain.status(),
            shadows: shadows(&generation.chain),
            shadow_lines_left_out: counters.shadow_lines_left_out.load(Ordering::Relaxed),
            lookups: generation.lookups.sources().status(),
            waiting_for_lookups: counters.waiting_for_lookups.load(Ordering::Relaxed),
            store: StoreStatus {
                changes: store.changes,
                flushes: store.flushes,
                failed_flushes: store.failed_flushes,
                longest_flush_us: store.longest_flush_us,
                last_error: store.last_error,
                complaint: store.complaint,
            },
            clock: ClockStatus::now(),
            stray_leases: engines.stray_leases(),
            limits: counters.limits.counts(),
            events_lost: counters.events_lost.load(Ordering::Relaxed),
            keys_seen_elsewhere: counters.keys_seen_elsewhere.count(),
            offered_unprobed: counters.offered_unprobed.count(),
            journal_problem: counters
                .journal_problem
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            journal_lines_left_out: shared.observer.left_out(),
            log_lines_lost: logging::lines_lost(),
            options_left_out: counters.options_left_out.load(Ordering::Relaxed),
            relay_information_left_out: counters.relay_information_left_out.load(Ordering::Relaxed),
            messages_cut_short: counters.messages_cut_short.load(Ordering::Relaxed),
        }
    }
}

fn shadows(chain: &Chain) -> ShadowsStatus {
    let mut found = chain.shadows().map(|shadows| shadows.status()).unwrap_or_default();
    found.shadows.iter_mut().for_each(|shadow| shadow.examples.clear());
    found
}

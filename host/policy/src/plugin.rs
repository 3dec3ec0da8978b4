//! Plugins: one link of a chain, ready to be instantiated, with its health.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lessor_settings::{Capability, FailurePolicy, PluginMode, StateRules};

use crate::{
    FaultKind, LastFault, LookupSources, PluginReport, PluginSource,
    error::{PluginError, PluginProblem},
    fault::Fault,
    health::{Consequence, Culprit, Health, clock_in},
    hook::HookSet,
    instance::{Instance, Recipe},
    keeper::Keeper,
    limits::FAULT_MS_PER_SEC,
    lookups::CurrentSources,
    status::PluginStatus,
    timing::Calls,
};

/// One link of a chain.
pub(crate) struct Plugin {
    pub(crate) name: Arc<str>,
    pub(crate) mode: PluginMode,
    pub(crate) hooks: HookSet,
    /// Whether it can read how full pools are.
    pub(crate) counts_pools: bool,
    pub(crate) on_failure: FailurePolicy,
    pub(crate) report: PluginReport,
    pub(crate) keeper: Arc<Keeper>,
    /// The health on packets.
    pub(crate) health: Arc<Health>,
    /// The health of its hook for lease events, which is off the reply path.
    pub(crate) lease_health: Arc<Health>,
    /// The sources that the plugin can use in the generation of its chain.
    pub(crate) lookup_sources: Arc<dyn LookupSources>,
    /// Distinguishes the plugin from others, and from other versions of itself.
    identity: Arc<Identity>,
    recipe: Arc<Recipe>,
    /// The instance that was created to validate the plugin; the first caller that needs one takes
    /// it.
    first: Arc<Mutex<Option<Instance>>>,
    /// The calls of its hooks.
    pub(crate) calls: Calls,
}

/// What instances of a plugin are created from: plugins with the same identity can share instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) source: PluginSource,
    /// SHA-256 of the plugin's file, or of its interpreter's.
    pub(crate) code: [u8; 32],
    /// SHA-256 of the script, if the plugin is a script.
    pub(crate) script: Option<[u8; 32]>,
}

impl Plugin {
    pub(crate) fn new(
        identity: Identity,
        report: PluginReport,
        hooks: HookSet,
        recipe: Arc<Recipe>,
        first: Instance,
    ) -> io::Result<Self> {
        let source = &identity.source;
        let name: Arc<str> = source.name.as_str().into();
        let health = Arc::new(Health::new(Instant::now()));
        let keeper = Arc::new(Keeper::new(&name, &recipe)?);
        let lookup_sources = recipe.lookup_sources.get();
        Ok(Self {
            name,
            mode: source.mode,
            hooks,
            counts_pools: recipe.counts_pools,
            on_failure: source.on_failure,
            report,
            keeper,
            health,
            lease_health: Arc::new(Health::new(Instant::now())),
            lookup_sources,
            identity: Arc::new(identity),
            recipe,
            first: Arc::new(Mutex::new(Some(first))),
            calls: Calls::default(),
        })
    }

    /// Creates the same plugin for the next chain, with a separate health and the same instances.
    /// Returns `None` if new instances would differ: because the plugin has changed, or because it
    /// may have read tables when it was configured that have changed since.
    pub(crate) fn kept(
        &self,
        identity: &Identity,
        lookup_sources: &Arc<dyn LookupSources>,
    ) -> Option<Self> {
        let reads_tables = self.recipe.grants.contains(Capability::Tables);
        let is_same = *self.identity == *identity
            && self.mode == PluginMode::Live
            && !(reads_tables && lookup_sources.versions() != self.lookup_sources.versions());
        is_same.then(|| {
            let healths = [(); 2].map(|()| Health::new(Instant::now()));
            Self { lookup_sources: Arc::clone(lookup_sources), ..self.with_healths(healths) }
        })
    }

    /// How long a call may compute, in milliseconds of processor time.
    pub(crate) fn deadline_ms(&self) -> u64 {
        self.recipe.limits.deadline_ms
    }

    /// Whether both plugins have the same instances.
    pub(crate) fn shares_instances_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.recipe, &other.recipe)
    }

    /// Makes instances that are created from now on use the sources of this chain.
    pub(crate) fn serves(&self) {
        self.recipe.lookup_sources.set(&self.lookup_sources);
    }

    /// Creates the same plugin with its own instances, thread and health, and `patience` times the
    /// deadline.
    pub(crate) fn rehearsed(&self, patience: u64) -> Result<Self, PluginError> {
        let mut recipe = Recipe::clone(&self.recipe);
        recipe.limits.deadline_ms = recipe.limits.deadline_ms.saturating_mul(patience);
        recipe.belongings = Arc::new(recipe.belongings.rehearsed());
        recipe.lookup_sources = Arc::new(CurrentSources::new(&self.lookup_sources));
        let recipe = Arc::new(recipe);
        let keeper = Keeper::new(&self.name, &recipe)
            .map_err(|error| self.error(PluginProblem::NoThread(error)))?;
        let first = Instance::new(&recipe).map_err(|problem| self.error(problem))?;
        Ok(Self {
            keeper: Arc::new(keeper),
            recipe,
            first: Arc::new(Mutex::new(Some(first))),
            ..self.with_healths([self.health.rehearsed(), self.lease_health.rehearsed()])
        })
    }

    /// Creates the same plugin with the same instances, and with this health on packets and on
    /// lease events.
    fn with_healths(&self, [health, lease_health]: [Health; 2]) -> Self {
        Self {
            name: Arc::clone(&self.name),
            mode: self.mode,
            hooks: self.hooks,
            counts_pools: self.counts_pools,
            on_failure: self.on_failure,
            report: self.report.clone(),
            keeper: Arc::clone(&self.keeper),
            health: Arc::new(health),
            lease_health: Arc::new(lease_health),
            lookup_sources: Arc::clone(&self.lookup_sources),
            identity: Arc::clone(&self.identity),
            recipe: Arc::clone(&self.recipe),
            first: Arc::clone(&self.first),
            calls: Calls::default(),
        }
    }

    /// Returns an instance: the prepared one if it is still there, or a new one.
    pub(crate) fn instance(&self) -> Result<Instance, PluginError> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        match first {
            Some(instance) => Ok(instance),
            None => Instance::new(&self.recipe).map_err(|problem| self.error(problem)),
        }
    }

    /// Creates an instance on the calling thread, if that does not take long.
    pub(crate) fn make_now(&self) -> Option<Instance> {
        self.keeper.make_now(&self.recipe)
    }

    /// Notes a fault and its cost in processor time, and logs the consequences.
    pub(crate) fn note_fault(
        &self,
        health: &Arc<Health>,
        fault: Fault,
        cost: Duration,
        culprit: Option<Culprit>,
    ) {
        let follows = health.report(&self.name, fault, cost, culprit);
        let is_packets = Arc::ptr_eq(health, &self.health);
        follows.iter().for_each(|consequence| self.announce(consequence, is_packets));
    }

    /// Logs the consequence of a fault: who caused it, what happens to packets meanwhile, and until
    /// when.
    fn announce(&self, consequence: &Consequence, is_packets: bool) {
        let plugin = &*self.name;
        let meanwhile = match (is_packets, self.on_failure) {
            (false, _) => "it does not receive these lease events; packets are not affected",
            (true, FailurePolicy::Skip) => {
                "these packets are decided without it (on-failure = skip)"
            }
            (true, FailurePolicy::Drop) => "these packets are dropped (on-failure = drop)",
        };
        match consequence {
            Consequence::ShutOut { who, pause, faults, cost } => tracing::warn!(
                plugin,
                %who,
                faults,
                cost_ms = cost.as_millis(),
                until = clock_in(*pause),
                meanwhile,
                "plugin is not called for one offender, whose faults cost too much; others are \
                 served as before"
            ),
            Consequence::Suspended { pause, worst: Some((who, faults, cost)) } => tracing::error!(
                plugin,
                worst = %who,
                faults,
                cost_ms = cost.as_millis(),
                until = clock_in(*pause),
                meanwhile,
                "plugin is suspended for all: faults of many cost more than {FAULT_MS_PER_SEC} ms \
                 of processor time per second"
            ),
            Consequence::Suspended { pause, worst: None } => tracing::error!(
                plugin,
                until = clock_in(*pause),
                meanwhile,
                "plugin is suspended for all: its faults cost too much"
            ),
        }
    }

    pub(crate) fn status(&self, now: Instant) -> PluginStatus {
        let totals = self.calls.totals();
        let belongings = &self.recipe.belongings;
        let remembers = self.recipe.grants.contains(Capability::State);
        PluginStatus {
            name: Arc::clone(&self.name),
            path: self.report.path.clone(),
            interpreter: self.report.interpreter.clone(),
            mode: self.mode,
            calls: totals.calls(),
            call_time_total: totals.total(),
            call_time_p50: totals.quantile(500),
            call_time_p99: totals.quantile(990),
            call_time_max: totals.max(),
            on_failure: self.on_failure,
            faults: self.faults(),
            suspended: self.health.suspension(now),
            suspensions: self.health.suspensions(),
            shut_out: self.health.shut_out_count(now),
            offenders: self.health.offenders(now),
            lease_events_suspended: self.lease_health.suspension(now),
            lease_event_offenders: self.lease_health.offenders(now),
            last_fault: self.last_fault(now),
            metrics: belongings.metrics.all(),
            log_lines_left_out: belongings.log.left_out(),
            state: remembers.then(|| belongings.state.status(&self.recipe.limits.state)),
        }
    }

    /// The name that the plugin stores state under, and the rules; `None` if it is not granted
    /// state.
    pub(crate) fn state_rules(&self) -> Option<(Arc<str>, StateRules)> {
        let owner = Arc::clone(self.recipe.belongings.state.plugin());
        let remembers = self.recipe.grants.contains(Capability::State);
        remembers.then_some((owner, self.recipe.limits.state))
    }

    fn faults(&self) -> BTreeMap<FaultKind, u64> {
        let mut faults = self.health.faults();
        for (kind, count) in self.lease_health.faults() {
            *faults.entry(kind).or_default() += count;
        }
        faults
    }

    /// The last fault, on packets or in the hook for lease events.
    fn last_fault(&self, now: Instant) -> Option<LastFault> {
        let both = [self.health.last_fault(now), self.lease_health.last_fault(now)];
        both.into_iter().flatten().min_by_key(|last| last.ago)
    }

    /// The reason for dropping a packet, if the failure policy requires it.
    pub(crate) fn drop_reason(&self, kind: FaultKind) -> Option<String> {
        (self.on_failure == FailurePolicy::Drop).then(|| format!("plugin {}: {kind}", self.name))
    }

    fn error(&self, problem: PluginProblem) -> PluginError {
        PluginError {
            name: self.name.to_string(),
            path: self.report.path.clone(),
            problem: Box::new(problem),
        }
    }
}

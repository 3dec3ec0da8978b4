//! Plugins: one link of a chain, ready to be instantiated, with the record of how it behaves.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use crate::{
    Capability, FailurePolicy, FaultKind, LookupSources, Mode, PluginReport, PluginSource,
    error::{PluginError, Problem},
    fault::Fault,
    health::Health,
    hook::HookSet,
    instance::{Instance, Recipe},
    keeper::Keeper,
    lookups::CurrentSources,
    status::PluginStatus,
    timing::Calls,
};

/// One link of a chain.
pub(crate) struct Plugin {
    pub(crate) name: Arc<str>,
    pub(crate) mode: Mode,
    pub(crate) hooks: HookSet,
    pub(crate) on_failure: FailurePolicy,
    pub(crate) report: PluginReport,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) health: Arc<Health>,
    /// What the plugin can look up in the generation of its chain.
    pub(crate) lookup_sources: Arc<dyn LookupSources>,
    /// What tells it from other plugins, and from other versions of itself.
    identity: Arc<Identity>,
    recipe: Arc<Recipe>,
    /// The instance that the plugin was tried with; whoever needs one first takes it.
    first: Arc<Mutex<Option<Instance>>>,
    /// The calls of its hooks.
    pub(crate) calls: Calls,
}

/// What instances of a plugin are made of: if all of it is the same, so are they.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) source: PluginSource,
    /// SHA-256 of the plugin's file, or of its interpreter's.
    pub(crate) code: [u8; 32],
    /// SHA-256 of the script, if it is one.
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
            on_failure: source.on_failure,
            report,
            keeper,
            health,
            lookup_sources,
            identity: Arc::new(identity),
            recipe,
            first: Arc::new(Mutex::new(Some(first))),
            calls: Calls::default(),
        })
    }

    /// The same plugin in the chain after its own, with a record of its own and the same instances; none
    /// if instances made now would be others: because the plugin is another one by now, or because it
    /// may have read tables that changed when it was configured.
    pub(crate) fn kept(
        &self,
        identity: &Identity,
        lookup_sources: &Arc<dyn LookupSources>,
    ) -> Option<Self> {
        let reads_tables = self.recipe.grants.contains(Capability::Tables);
        let is_same = *self.identity == *identity
            && self.mode == Mode::Live
            && !(reads_tables && lookup_sources.versions() != self.lookup_sources.versions());
        is_same.then(|| Self {
            name: Arc::clone(&self.name),
            mode: self.mode,
            hooks: self.hooks,
            on_failure: self.on_failure,
            report: self.report.clone(),
            keeper: Arc::clone(&self.keeper),
            health: Arc::new(Health::new(Instant::now())),
            lookup_sources: Arc::clone(lookup_sources),
            identity: Arc::clone(&self.identity),
            recipe: Arc::clone(&self.recipe),
            first: Arc::clone(&self.first),
            calls: Calls::default(),
        })
    }

    /// How long a call may compute, in milliseconds of processor time.
    pub(crate) fn deadline_ms(&self) -> u64 {
        self.recipe.limits.deadline_ms
    }

    /// Whether both have the same instances.
    pub(crate) fn shares_instances_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.recipe, &other.recipe)
    }

    /// Has instances that are made from now on look things up in the sources of this chain.
    pub(crate) fn serves(&self) {
        self.recipe.lookup_sources.set(&self.lookup_sources);
    }

    /// The same plugin with instances, a thread and a record of its own, and `patience` times the
    /// deadline.
    pub(crate) fn rehearsed(&self, patience: u64) -> Result<Self, PluginError> {
        let mut recipe = Recipe::clone(&self.recipe);
        recipe.limits.deadline_ms = recipe.limits.deadline_ms.saturating_mul(patience);
        recipe.belongings = Arc::new(recipe.belongings.rehearsed());
        recipe.lookup_sources = Arc::new(CurrentSources::new(&self.lookup_sources));
        let recipe = Arc::new(recipe);
        let health = Arc::new(self.health.rehearsed());
        let keeper = Keeper::new(&self.name, &recipe)
            .map_err(|error| self.error(Problem::NoThread(error)))?;
        let first = Instance::new(&recipe).map_err(|problem| self.error(problem))?;
        Ok(Self {
            name: Arc::clone(&self.name),
            mode: self.mode,
            hooks: self.hooks,
            on_failure: self.on_failure,
            report: self.report.clone(),
            keeper: Arc::new(keeper),
            health,
            lookup_sources: Arc::clone(&self.lookup_sources),
            identity: Arc::clone(&self.identity),
            recipe,
            first: Arc::new(Mutex::new(Some(first))),
            calls: Calls::default(),
        })
    }

    /// An instance: the one that is there, or else a new one.
    pub(crate) fn instance(&self) -> Result<Instance, PluginError> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        match first {
            Some(instance) => Ok(instance),
            None => Instance::new(&self.recipe).map_err(|problem| self.error(problem)),
        }
    }

    /// Writes a fault down, and suspends the plugin if it is one too many.
    pub(crate) fn record(&self, now: Instant, fault: Fault) {
        record(&self.name, &self.health, now, fault);
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
            faults: self.health.faults(),
            suspended_for: self.health.suspended_for(now),
            suspensions: self.health.suspensions(),
            last_fault: self.health.last_fault(now),
            metrics: belongings.metrics.all(),
            log_lines_left_out: belongings.log.left_out(),
            state: remembers.then(|| belongings.state.status()),
        }
    }

    /// What the failure policy says of a packet, if it is to be dropped.
    pub(crate) fn drop_reason(&self, kind: FaultKind) -> Option<String> {
        (self.on_failure == FailurePolicy::Drop).then(|| format!("plugin {}: {kind}", self.name))
    }

    fn error(&self, problem: Problem) -> PluginError {
        PluginError {
            name: self.name.to_string(),
            path: self.report.path.clone(),
            problem: Box::new(problem),
        }
    }
}

/// Writes a fault of the plugin `name` down.
pub(crate) fn record(name: &str, health: &Health, now: Instant, fault: Fault) {
    let (kind, message) = (fault.kind, &fault.message);
    if health.is_rehearsal() {
        tracing::debug!(plugin = name, fault = %kind, message, "plugin faulted in a rehearsal");
    } else {
        tracing::warn!(plugin = name, fault = %kind, message, "plugin faulted");
    }
    if let Some(pause) = health.record(now, fault) {
        let pause_ms = pause.as_millis();
        tracing::warn!(plugin = name, pause_ms, "plugin is suspended after too many faults");
    }
}

//! Plugins: one link of a chain, ready to be instantiated, with the record of how it behaves.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    Capability, FailurePolicy, FaultKind, PluginReport, PluginSource,
    error::{PluginError, Problem},
    fault::Fault,
    health::Health,
    hook::HookSet,
    instance::{Instance, Recipe},
    keeper::Keeper,
    status::PluginStatus,
};

/// One link of a chain.
pub(crate) struct Plugin {
    pub(crate) name: Arc<str>,
    pub(crate) hooks: HookSet,
    pub(crate) on_failure: FailurePolicy,
    pub(crate) report: PluginReport,
    pub(crate) keeper: Keeper,
    pub(crate) health: Arc<Health>,
    recipe: Arc<Recipe>,
    /// The instance that the plugin was tried with; whoever needs one first takes it.
    first: Mutex<Option<Instance>>,
    calls: Mutex<Calls>,
}

/// Calls, counted by each thread on its own and added up when somebody asks.
#[derive(Default)]
struct Calls {
    counters: Vec<Arc<CallCounters>>,
    /// Those of threads that are gone.
    ended: CallTotals,
}

/// What one thread counts; nobody else writes to it.
#[derive(Default)]
pub(crate) struct CallCounters {
    calls: AtomicU64,
    total_ns: AtomicU64,
    max_ns: AtomicU64,
}

#[derive(Clone, Copy, Default)]
struct CallTotals {
    calls: u64,
    total_ns: u64,
    max_ns: u64,
}

impl Plugin {
    pub(crate) fn new(
        source: PluginSource,
        report: PluginReport,
        hooks: HookSet,
        recipe: Arc<Recipe>,
        first: Instance,
    ) -> io::Result<Self> {
        let name: Arc<str> = source.name.into();
        let health = Arc::new(Health::new(Instant::now()));
        let keeper = Keeper::new(&name, &recipe, &health)?;
        Ok(Self {
            name,
            hooks,
            on_failure: source.on_failure,
            report,
            keeper,
            health,
            recipe,
            first: Mutex::new(Some(first)),
            calls: Mutex::default(),
        })
    }

    /// The same plugin with instances, a thread and a record of its own, and `patience` times the
    /// deadline.
    pub(crate) fn rehearsed(&self, patience: u64) -> Result<Self, PluginError> {
        let mut recipe = Recipe::clone(&self.recipe);
        recipe.limits.deadline_ms = recipe.limits.deadline_ms.saturating_mul(patience);
        recipe.belongings = Arc::new(recipe.belongings.rehearsed());
        let recipe = Arc::new(recipe);
        let health = Arc::new(self.health.rehearsed());
        let keeper = Keeper::new(&self.name, &recipe, &health)
            .map_err(|error| self.error(Problem::NoThread(error)))?;
        let first = Instance::new(&recipe).map_err(|problem| self.error(problem))?;
        Ok(Self {
            name: Arc::clone(&self.name),
            hooks: self.hooks,
            on_failure: self.on_failure,
            report: self.report.clone(),
            keeper,
            health,
            recipe,
            first: Mutex::new(Some(first)),
            calls: Mutex::default(),
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

    /// Counters for one more thread.
    pub(crate) fn counters(&self) -> Arc<CallCounters> {
        let counters = Arc::<CallCounters>::default();
        self.calls().counters.push(Arc::clone(&counters));
        counters
    }

    /// Adds up what a thread counted that is about to go.
    pub(crate) fn retire(&self, counters: &Arc<CallCounters>) {
        let mut calls = self.calls();
        calls.counters.retain(|other| !Arc::ptr_eq(other, counters));
        calls.ended.add(counters);
    }

    /// Writes a fault down, and suspends the plugin if it is one too many.
    pub(crate) fn record(&self, now: Instant, fault: Fault) {
        record(&self.name, &self.health, now, fault);
    }

    pub(crate) fn status(&self, now: Instant) -> PluginStatus {
        let totals = {
            let calls = self.calls();
            let mut totals = calls.ended;
            calls.counters.iter().for_each(|counters| totals.add(counters));
            totals
        };
        let belongings = &self.recipe.belongings;
        let remembers = self.recipe.grants.contains(Capability::State);
        PluginStatus {
            name: Arc::clone(&self.name),
            path: self.report.path.clone(),
            interpreter: self.report.interpreter.clone(),
            calls: totals.calls,
            call_time_total: Duration::from_nanos(totals.total_ns),
            call_time_max: Duration::from_nanos(totals.max_ns),
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

    fn calls(&self) -> std::sync::MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a fault of the plugin `name` down.
pub(crate) fn record(name: &str, health: &Health, now: Instant, fault: Fault) {
    tracing::warn!(plugin = name, fault = %fault.kind, message = fault.message, "plugin faulted");
    if let Some(pause) = health.record(now, fault) {
        let pause_ms = pause.as_millis();
        tracing::warn!(plugin = name, pause_ms, "plugin is suspended after too many faults");
    }
}

impl CallCounters {
    /// Counts one call. Only one thread does, so that nothing needs to be read and written in one.
    pub(crate) fn count(&self, duration: Duration) {
        let add = |counter: &AtomicU64, more| {
            counter.store(counter.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
        };
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        add(&self.calls, 1);
        add(&self.total_ns, ns);
        if ns > self.max_ns.load(Ordering::Relaxed) {
            self.max_ns.store(ns, Ordering::Relaxed);
        }
    }
}

impl CallTotals {
    fn add(&mut self, counters: &CallCounters) {
        self.calls += counters.calls.load(Ordering::Relaxed);
        self.total_ns = self.total_ns.saturating_add(counters.total_ns.load(Ordering::Relaxed));
        self.max_ns = self.max_ns.max(counters.max_ns.load(Ordering::Relaxed));
    }
}

//! Seats: a plugin's place in one thread. The instance that sits there changes when it faults.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    FaultKind, View,
    error::PluginError,
    fault::Fault,
    health::{Health, Subject},
    hook::Hook,
    instance::Instance,
    keeper::Spare,
    limits::FAULT_UNMEASURED_MS_MAX,
    plugin::Plugin,
    timing::CallCounters,
};

/// A plugin's place in one thread.
pub(crate) struct Seat {
    pub(crate) plugin: Arc<Plugin>,
    current: Option<Instance>,
    spare: Arc<Spare>,
    counters: Arc<CallCounters>,
    /// How the plugin behaves on packets, or in its hook for lease events.
    health: Arc<Health>,
}

impl Seat {
    /// Takes a seat for calls on packets, and has a spare instance prepared.
    pub(crate) fn new(plugin: &Arc<Plugin>) -> Result<Self, PluginError> {
        Self::with_health(plugin, &plugin.health)
    }

    /// The same for calls off the reply path, whose faults have no consequences for packets.
    pub(crate) fn for_lease_events(plugin: &Arc<Plugin>) -> Result<Self, PluginError> {
        Self::with_health(plugin, &plugin.lease_health)
    }

    fn with_health(plugin: &Arc<Plugin>, health: &Arc<Health>) -> Result<Self, PluginError> {
        let seat = Self {
            plugin: Arc::clone(plugin),
            health: Arc::clone(health),
            current: Some(plugin.instance()?),
            spare: Arc::default(),
            counters: plugin.calls.counters(),
        };
        plugin.keeper.prepare(&seat.spare);
        Ok(seat)
    }

    /// Whether the plugin has this hook and is not absent for the request.
    pub(crate) fn is_asked(&self, hook: Hook, view: &View) -> bool {
        self.plugin.hooks.contains(hook) && view.asks(&self.plugin.name)
    }

    /// Calls the plugin for a subject, if it can be called. `clock` is the time, and is moved on to the
    /// end of the call.
    pub(crate) fn call<T>(
        &mut self,
        clock: &mut Instant,
        subject: &impl Subject,
        act: impl FnOnce(&mut Instance) -> Result<T, Fault>,
    ) -> Result<T, FaultKind> {
        if let Some(why) = self.health.refuses(*clock, subject) {
            self.health.count(why);
            return Err(why);
        }
        if self.current.is_none() {
            self.current = self.replacement();
            *clock = Instant::now();
        }
        let Some(instance) = &mut self.current else {
            self.health.count(FaultKind::NotReady);
            return Err(FaultKind::NotReady);
        };
        let answer = act(instance);
        let ended = Instant::now();
        let took = ended.duration_since(*clock);
        self.counters.count(took);
        *clock = ended;
        answer.map_err(|fault| {
            let kind = fault.kind;
            let unmeasured = || took.min(Duration::from_millis(FAULT_UNMEASURED_MS_MAX));
            let computed = fault.computed.unwrap_or_else(unmeasured);
            let cost = computed + self.plugin.keeper.effort().unwrap_or_default();
            self.plugin.record(&self.health, fault, cost, Some(subject.culprit()));
            if let Some(broken) = self.current.take() {
                self.plugin.keeper.discard(broken);
            }
            kind
        })
    }

    /// An instance in place of one that faulted: the spare one, or else one that is made here and now,
    /// if that does not take long. What it takes was charged to who caused the fault, so it is bounded
    /// as faults are.
    fn replacement(&self) -> Option<Instance> {
        let keeper = &self.plugin.keeper;
        keeper.exchange(&self.spare).or_else(|| self.plugin.make_now())
    }

    /// How much memory the instance has taken, in octets.
    pub(crate) fn memory_octets(&self) -> usize {
        self.current.as_ref().map_or(0, Instance::memory_octets)
    }

    /// Whether the spare instance is ready.
    pub(crate) fn is_prepared(&self) -> bool {
        self.spare.is_ready()
    }
}

/// Instances are dropped by the plugin's own thread: the thread that had the seat may be in a hurry.
impl Drop for Seat {
    fn drop(&mut self) {
        for instance in [self.current.take(), self.spare.take()].into_iter().flatten() {
            self.plugin.keeper.discard(instance);
        }
        self.plugin.calls.retire(&self.counters);
    }
}

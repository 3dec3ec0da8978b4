//! Seats: a plugin's place in one thread. Its instance changes when it faults.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    FaultKind, View,
    error::PluginError,
    fault::Fault,
    health::{Chargeable, Health},
    hook::Hook,
    instance::Instance,
    keeper::Spare,
    limits::FAULT_UNMEASURED_MS_MAX,
    plugin::Plugin,
    timing::CallCounters,
};

/// What the calls of a seat are about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Duty {
    /// Packets.
    Packets,
    /// Lease events, off the reply path: faults have no consequences for packets.
    LeaseEvents,
}

impl Duty {
    fn health(self, plugin: &Plugin) -> Arc<Health> {
        Arc::clone(match self {
            Self::Packets => &plugin.health,
            Self::LeaseEvents => &plugin.lease_health,
        })
    }
}

/// A plugin's place in one thread.
pub(crate) struct Seat {
    pub(crate) plugin: Arc<Plugin>,
    current: Option<Instance>,
    spare: Arc<Spare>,
    counters: Arc<CallCounters>,
    /// The health of the plugin on packets, or in its hook for lease events.
    health: Arc<Health>,
}

impl Seat {
    /// Creates a seat with an instance, and orders a spare one.
    pub(crate) fn new(plugin: &Arc<Plugin>, duty: Duty) -> Result<Self, PluginError> {
        let mut seat = Self::vacant(plugin, duty);
        seat.current = Some(plugin.instance()?);
        plugin.keeper.prepare(&seat.spare, &seat.health);
        Ok(seat)
    }

    /// Creates a seat that takes over the instance of another one; see [`Seat::take_over`].
    pub(crate) fn vacant(plugin: &Arc<Plugin>, duty: Duty) -> Self {
        Self {
            plugin: Arc::clone(plugin),
            health: duty.health(plugin),
            current: None,
            spare: Arc::default(),
            counters: plugin.calls.counters(),
        }
    }

    /// Takes over the instances of the plugin's previous seat in the same thread, if the plugin is
    /// unchanged.
    pub(crate) fn take_over(&mut self, before: &mut [Self]) {
        if self.current.is_some() {
            return;
        }
        let is_same = |seat: &&mut Self| seat.plugin.shares_instances_with(&self.plugin);
        if let Some(seat) = before.iter_mut().find(is_same) {
            self.plugin.serves();
            self.current = seat.current.take();
            self.spare = std::mem::take(&mut seat.spare);
            if let Some(instance) = &mut self.current {
                instance.look_up_in(&self.plugin.lookup_sources);
            }
        }
        self.plugin.keeper.prepare(&self.spare, &self.health);
    }

    /// Whether the plugin has this hook and is not absent for the request.
    pub(crate) fn is_asked(&self, hook: Hook, view: &View) -> bool {
        self.plugin.hooks.contains(hook) && view.asks(&self.plugin.name)
    }

    /// Calls the plugin for a subject, if that is allowed. `clock` is the current time and is
    /// advanced to the end of the call.
    pub(crate) fn call<T>(
        &mut self,
        clock: &mut Instant,
        subject: &impl Chargeable,
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
            self.plugin.note_fault(&self.health, fault, cost, Some(subject.culprit()));
            if let Some(broken) = self.current.take() {
                self.plugin.keeper.discard(broken);
            }
            kind
        })
    }

    /// Returns an instance to replace one that faulted: the spare one, or one that is created now,
    /// if that does not take long. The cost was charged to the party that caused the fault, so it
    /// is bounded like that of faults.
    fn replacement(&self) -> Option<Instance> {
        let spare = self.plugin.keeper.exchange(&self.spare, &self.health);
        let mut instance = spare.or_else(|| self.plugin.make_now())?;
        // The instance may have been created for the previous generation.
        instance.look_up_in(&self.plugin.lookup_sources);
        Some(instance)
    }

    /// The memory of the instance, in octets.
    pub(crate) fn memory_octets(&self) -> usize {
        self.current.as_ref().map_or(0, Instance::memory_octets)
    }

    /// Whether the spare instance is ready.
    pub(crate) fn is_prepared(&self) -> bool {
        self.spare.is_ready()
    }
}

/// Instances are dropped by the plugin's own thread, because the seat's thread may have packets
/// waiting.
impl Drop for Seat {
    fn drop(&mut self) {
        for instance in [self.current.take(), self.spare.take()].into_iter().flatten() {
            self.plugin.keeper.discard(instance);
        }
        self.plugin.calls.retire(&self.counters);
    }
}

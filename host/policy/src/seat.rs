//! Seats: a plugin's place in one thread. The instance that sits there changes when it faults.

use std::{sync::Arc, time::Instant};

use crate::{
    FaultKind, View, error::PluginError, fault::Fault, hook::Hook, instance::Instance,
    keeper::Spare, plugin::Plugin, timing::CallCounters,
};

/// A plugin's place in one thread.
pub(crate) struct Seat {
    pub(crate) plugin: Arc<Plugin>,
    current: Option<Instance>,
    spare: Arc<Spare>,
    counters: Arc<CallCounters>,
}

impl Seat {
    /// Takes a seat, and has a spare instance prepared.
    pub(crate) fn new(plugin: &Arc<Plugin>) -> Result<Self, PluginError> {
        let seat = Self {
            plugin: Arc::clone(plugin),
            current: Some(plugin.instance()?),
            spare: Arc::default(),
            counters: plugin.calls.counters(),
        };
        plugin.keeper.prepare(&seat.spare, &plugin.health);
        Ok(seat)
    }

    /// Takes a seat for the instance of another one; see [`Seat::take_over`].
    pub(crate) fn vacant(plugin: &Arc<Plugin>) -> Self {
        Self {
            plugin: Arc::clone(plugin),
            current: None,
            spare: Arc::default(),
            counters: plugin.calls.counters(),
        }
    }

    /// Takes the instances of the seat that the plugin had before, in the same thread, if it is still the
    /// same plugin.
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
        self.plugin.keeper.prepare(&self.spare, &self.plugin.health);
    }

    /// Whether the plugin has this hook and is not absent for the request.
    pub(crate) fn is_asked(&self, hook: Hook, view: &View) -> bool {
        self.plugin.hooks.contains(hook) && view.asks(&self.plugin.name)
    }

    /// Calls the plugin, if it can be called. `clock` is the time, and is moved on to the end of the
    /// call.
    pub(crate) fn call<T>(
        &mut self,
        clock: &mut Instant,
        act: impl FnOnce(&mut Instance) -> Result<T, Fault>,
    ) -> Result<T, FaultKind> {
        if self.plugin.health.is_suspended(*clock) {
            self.plugin.health.count(FaultKind::Suspended);
            return Err(FaultKind::Suspended);
        }
        if self.current.is_none() {
            self.current = self.plugin.keeper.exchange(&self.spare, &self.plugin.health);
            if let Some(instance) = &mut self.current {
                // It may have been made for the generation before.
                instance.look_up_in(&self.plugin.lookup_sources);
            }
        }
        let Some(instance) = &mut self.current else {
            self.plugin.health.count(FaultKind::NotReady);
            return Err(FaultKind::NotReady);
        };
        let answer = act(instance);
        let ended = Instant::now();
        self.counters.count(ended.duration_since(*clock));
        *clock = ended;
        answer.map_err(|fault| {
            let kind = fault.kind;
            self.plugin.record(ended, fault);
            if let Some(broken) = self.current.take() {
                self.plugin.keeper.discard(broken);
            }
            kind
        })
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

//! The runner of a chain's shadows, and its thread.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    Sample, ShadowDifference, ShadowSample, Shadows,
    understudy::{PlacedShadow, Understudy, known_to},
};
use crate::{
    Chain, FaultKind, LeaseEvent, PluginError, background,
    hook::Hook,
    seat::{Duty, Seat},
};

/// How often the thread checks whether it is to end.
const GLANCE: Duration = Duration::from_millis(50);

/// The instances of a chain's shadows, for one thread.
pub struct ShadowRunner {
    chain: Arc<Chain>,
    shadows: Arc<Shadows>,
    seats: Vec<PlacedShadow>,
}

/// Takes a sampled exchange through its stages, with an understudy as its policies.
pub type Rehearse = fn(&mut Understudy<'_>);

/// The thread of a chain's shadows. It ends soon after this is dropped; the drop does not wait for
/// it.
#[derive(Debug)]
pub struct ShadowThread {
    is_over: Arc<AtomicBool>,
}

impl Chain {
    /// Creates instances for the thread that runs the shadows. Returns `None` if there are none.
    ///
    /// # Errors
    /// If a plugin cannot be instantiated.
    pub fn shadow_runner(self: &Arc<Self>) -> Result<Option<ShadowRunner>, Vec<PluginError>> {
        ShadowRunner::new(self)
    }
}

impl ShadowRunner {
    /// Creates the instances of a chain's shadows. Returns `None` if there are none.
    pub(crate) fn new(chain: &Arc<Chain>) -> Result<Option<Self>, Vec<PluginError>> {
        let Some(shadows) = chain.shadows() else { return Ok(None) };
        let mut seats = Vec::new();
        let mut errors = Vec::new();
        for shadow in &shadows.shadows {
            let position = chain.position_of(&shadow.plugin.name).unwrap_or(usize::MAX);
            match Seat::new(&shadow.plugin, Duty::Packets) {
                Ok(seat) => seats.push(PlacedShadow { shadow: Arc::clone(shadow), position, seat }),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Some(Self { chain: Arc::clone(chain), shadows: Arc::clone(shadows), seats }))
    }

    /// Starts a low-priority thread that has `rehearse` call the shadows for all samples, and calls
    /// `report` for each difference.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(
        mut self,
        rehearse: Rehearse,
        mut report: impl FnMut(ShadowDifference) + Send + 'static,
    ) -> io::Result<ShadowThread> {
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        background::spawn("policy-shadows", move || {
            while !told.load(Ordering::Relaxed) {
                self.run_one(GLANCE, rehearse).into_iter().for_each(&mut report);
            }
        })?;
        Ok(ShadowThread { is_over })
    }

    /// Handles the next exchange or lease event, if one arrives within `patience`.
    pub fn run_one(&mut self, patience: Duration, rehearse: Rehearse) -> Vec<ShadowDifference> {
        match self.shadows.waiting.recv_timeout(patience) {
            Ok(Sample::Exchange(sample)) => self.exchange(&sample, rehearse),
            Ok(Sample::Lease(event)) => {
                self.lease_event(&event);
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }

    /// Notifies the shadows of a lease event. One that needs an answer which no live plugin had,
    /// and which is not in memory, misses it.
    fn lease_event(&mut self, event: &LeaseEvent) {
        let mut clock = Instant::now();
        for PlacedShadow { seat, .. } in &mut self.seats {
            if !seat.plugin.hooks.contains(Hook::OnLease) {
                continue;
            }
            let mut event = event.clone();
            if seat.plugin.hooks.plans_for_events() {
                let planned = seat.call(&mut clock, &event, |own| own.plan_for_event(&event));
                let Ok(planned) = planned else { continue };
                let sources = self.chain.lookup_sources();
                let (known, unknown) = known_to(sources, &event.lookups, planned);
                if !unknown.is_empty() {
                    continue;
                }
                event.lookups = known.into();
            }
            // The plugin's status records the fault.
            let _: Result<(), FaultKind> =
                seat.call(&mut clock, &event, |instance| instance.tell(&event));
        }
    }

    /// Whether a spare instance of every shadow is ready.
    pub fn is_prepared(&self) -> bool {
        self.seats.iter().all(|place| place.seat.is_prepared())
    }

    fn exchange(&mut self, sample: &ShadowSample, rehearse: Rehearse) -> Vec<ShadowDifference> {
        let mut found = Vec::new();
        for place in &mut self.seats {
            let mut understudy = Understudy::new(place, &self.chain, sample);
            rehearse(&mut understudy);
            let finding = understudy.finding();
            found.extend(place.shadow.note(&sample.view, finding));
        }
        found
    }
}

impl Drop for ShadowThread {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

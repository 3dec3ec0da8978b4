//! One network's engine behind its lock, with the exchanges that wait for it.
//!
//! Invariant: a retired shard stays empty.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lessor_core::{Engine, Network, PreparedNetwork, SharedReservations, Subnet};
use lessor_stages::Retired;

use crate::waiting::Waiting;

/// The largest number of subnets, pools and reservations of a network whose engine is made while a
/// request waits: that takes some 50 microseconds.
const PARTS_MADE_LATER_MAX: usize = 1_000;

/// One network's engine.
#[derive(Debug)]
pub(super) struct Shard(Mutex<Contents>);

/// The state of a shard.
#[derive(Debug)]
pub(super) enum Contents {
    /// A network whose engine knows nothing yet and was not made.
    Idle(Arc<Network>),
    /// An engine.
    Made(Box<Made>),
    /// The engine has moved to a newer set.
    Retired,
}

/// An engine, and the exchanges that wait for it.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) engine: Engine,
    pub(super) waiting: Waiting,
}

impl Shard {
    pub(super) fn of(engine: Engine) -> Self {
        let made = Made { engine, waiting: Waiting::default() };
        Self(Mutex::new(Contents::Made(Box::new(made))))
    }

    /// Creates the shard of a network of which nothing is known, and which may be prepared.
    pub(super) fn of_unknown(
        network: &Arc<Network>,
        prepared: Option<PreparedNetwork>,
        shared: &Arc<SharedReservations>,
        hash_seed: u64,
    ) -> Self {
        match is_large(network) {
            false => Self(Mutex::new(Contents::Idle(Arc::clone(network)))),
            true => {
                let prepared =
                    prepared.unwrap_or_else(|| PreparedNetwork::new(Arc::clone(network)));
                Self::of(engine_of(prepared, shared, hash_seed))
            }
        }
    }

    pub(super) fn set_shared_reservations(&self, shared: &Arc<SharedReservations>) {
        if let Some(made) = self.lock().made() {
            made.engine.set_shared_reservations(shared);
        }
    }

    pub(super) fn is_made(&self) -> bool {
        matches!(&*self.lock(), Contents::Made(_))
    }

    /// A panic under the lock poisons it. The engine's own invariants hold between its calls, and
    /// to continue is better than to refuse a whole network.
    pub(super) fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    /// Returns the engine, which is made if necessary, or `None` if it was retired.
    pub(super) fn make(
        &mut self,
        shared: &Arc<SharedReservations>,
        hash_seed: u64,
    ) -> Option<&mut Made> {
        if let Self::Idle(network) = self {
            let engine = engine_of(PreparedNetwork::new(Arc::clone(network)), shared, hash_seed);
            *self = Self::Made(Box::new(Made { engine, waiting: Waiting::default() }));
        }
        self.made()
    }

    /// Returns the engine, or `None` if it was not made or was retired.
    pub(super) fn made(&mut self) -> Option<&mut Made> {
        match self {
            Self::Made(made) => Some(made),
            Self::Idle(_) | Self::Retired => None,
        }
    }

    /// Returns the engine, or `None` if it was not made.
    pub(super) fn engine(&self) -> Result<Option<&Engine>, Retired> {
        match self {
            Self::Made(made) => Ok(Some(&made.engine)),
            Self::Idle(_) => Ok(None),
            Self::Retired => Err(Retired),
        }
    }

    /// Retires the shard and returns its engine, if it was made.
    pub(super) fn retire(&mut self) -> Option<Box<Made>> {
        match std::mem::replace(self, Self::Retired) {
            Self::Made(made) => Some(made),
            Self::Idle(_) | Self::Retired => None,
        }
    }
}

/// Returns whether the engine of a network takes too long to make while a request waits.
pub(super) fn is_large(network: &Network) -> bool {
    let parts = |found: &Subnet| 1 + found.pools.len() + found.reservations.len();
    network.subnets.iter().map(parts).sum::<usize>() > PARTS_MADE_LATER_MAX
}

fn engine_of(
    prepared: PreparedNetwork,
    shared: &Arc<SharedReservations>,
    hash_seed: u64,
) -> Engine {
    let mut engine = Engine::prepared(prepared, hash_seed);
    engine.set_shared_reservations(shared);
    engine
}

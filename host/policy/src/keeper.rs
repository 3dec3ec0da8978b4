//! Keepers: one thread for each plugin that makes instances ahead and takes used ones away, so that
//! neither happens on the packet path. It is the plugin's own thread: a plugin that takes long to
//! configure keeps no other waiting. It goes on over reloads that leave the plugin as it is.

use std::{
    collections::VecDeque,
    io, mem,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    time::{Duration, Instant},
};

use crate::{
    FaultKind, background,
    error::Problem,
    fault::Fault,
    health::Health,
    instance::{Instance, Recipe},
    plugin,
};

/// How long a place stays empty before room for an instance is looked for again.
const ROOM_RETRY: Duration = Duration::from_millis(200);

/// The way to a plugin's thread, which ends when this is dropped.
pub(crate) struct Keeper {
    jobs: Sender<Job>,
}

enum Job {
    Prepare(Order),
    Discard(Instance),
}

/// An instance that is to be made for a place; who makes it writes down if it faults meanwhile.
struct Order {
    spare: Weak<Spare>,
    health: Arc<Health>,
}

/// The place where the instance lies that takes over when another faults.
#[derive(Default)]
pub(crate) struct Spare(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Empty,
    Ordered,
    Ready(Instance),
}

impl Keeper {
    pub(crate) fn new(name: &str, recipe: &Arc<Recipe>) -> io::Result<Self> {
        let (jobs, received) = mpsc::channel();
        let name = name.to_owned();
        let recipe = Arc::clone(recipe);
        background::spawn("policy-keeper", move || keep(&received, &name, &recipe))?;
        Ok(Self { jobs })
    }

    /// Has an instance prepared, unless one is there or ordered.
    pub(crate) fn prepare(&self, spare: &Arc<Spare>, health: &Arc<Health>) {
        let mut state = spare.state();
        let order = || Order { spare: Arc::downgrade(spare), health: Arc::clone(health) };
        if matches!(*state, State::Empty) && self.jobs.send(Job::Prepare(order())).is_ok() {
            *state = State::Ordered;
        }
    }

    /// Takes the prepared instance, if it is ready, and has another one prepared.
    pub(crate) fn exchange(&self, spare: &Arc<Spare>, health: &Arc<Health>) -> Option<Instance> {
        let taken = spare.take();
        self.prepare(spare, health);
        taken
    }

    /// Has an instance dropped.
    pub(crate) fn discard(&self, instance: Instance) {
        // If the thread is gone, the instance comes back as an error and is dropped here.
        let _ = self.jobs.send(Job::Discard(instance));
    }
}

impl Spare {
    /// Takes the instance if it is ready.
    pub(crate) fn take(&self) -> Option<Instance> {
        let mut state = self.state();
        match mem::take(&mut *state) {
            State::Ready(instance) => Some(instance),
            other => {
                *state = other;
                None
            }
        }
    }

    /// Whether an instance is ready.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(*self.state(), State::Ready(_))
    }

    fn put(&self, state: State) {
        *self.state() = state;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep(jobs: &Receiver<Job>, name: &str, recipe: &Recipe) {
    // Those for which there was no room. That is nobody's fault: a chain that takes the place of
    // another needs twice as much for a moment.
    let mut postponed = VecDeque::new();
    loop {
        let job = if postponed.is_empty() {
            jobs.recv().map_err(RecvTimeoutError::from)
        } else {
            jobs.recv_timeout(ROOM_RETRY)
        };
        let ordered = match job {
            Ok(Job::Discard(instance)) => {
                drop(instance);
                continue;
            }
            Ok(Job::Prepare(order)) => Some(order),
            Err(RecvTimeoutError::Timeout) => postponed.pop_front(),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let Some(order) = ordered else { continue };
        let Some(spare) = order.spare.upgrade() else { continue };
        match Instance::new(recipe) {
            Ok(instance) => spare.put(State::Ready(instance)),
            Err(Problem::NoRoom { .. }) => postponed.push_back(order),
            Err(problem) => {
                spare.put(State::Empty);
                plugin::record(name, &order.health, Instant::now(), fault_of(problem));
            }
        }
    }
}

/// A plugin that cannot be instantiated again has faulted like one that cannot be called.
fn fault_of(problem: Problem) -> Fault {
    match problem {
        Problem::Failed { doing, kind, message } => {
            Fault::new(kind, format!("while it was {doing}: {message}"))
        }
        other => Fault::new(FaultKind::BadAnswer, other.to_string()),
    }
}

//! Keepers: one thread for each plugin that makes instances ahead and takes used ones away, so that
//! neither happens on the packet path. It is the plugin's own thread: a plugin that takes long to
//! configure keeps no other waiting. It goes on over reloads that leave the plugin as it is.

use std::{
    collections::VecDeque,
    io, mem,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    time::Duration,
};

use crate::{
    FaultKind, background,
    error::Problem,
    fault::Fault,
    health::Health,
    instance::{Instance, Recipe},
    limits::INSTANCE_ON_DEMAND_MS_MAX,
    plugin,
    stopwatch::processor_time,
};

/// How long a place stays empty before room for an instance is looked for again.
const ROOM_RETRY: Duration = Duration::from_millis(200);

/// The way to a plugin's thread, which ends when this is dropped.
pub(crate) struct Keeper {
    jobs: Sender<Job>,
    effort: Arc<Effort>,
}

/// What it takes to make an instance of a plugin: processor time in microseconds, of the last one that
/// was made.
#[derive(Default)]
pub(crate) struct Effort(AtomicU64);

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
        let effort = Arc::<Effort>::default();
        let measured = Arc::clone(&effort);
        background::spawn("policy-keeper", move || {
            keep(&received, &name, &recipe, &measured);
        })?;
        Ok(Self { jobs, effort })
    }

    /// What it takes to make an instance, in processor time; none before one was made.
    pub(crate) fn effort(&self) -> Option<Duration> {
        self.effort.last()
    }

    /// Makes an instance on the calling thread, if the last one took little. One that takes long after
    /// all is given up, and not tried again before the plugin's thread has made one.
    pub(crate) fn make_now(&self, recipe: &Recipe) -> Option<Instance> {
        let is_little = |effort| effort <= Duration::from_millis(INSTANCE_ON_DEMAND_MS_MAX);
        self.effort.last().filter(|effort| is_little(*effort))?;
        let made = Instance::made_within(recipe, 2 * INSTANCE_ON_DEMAND_MS_MAX);
        made.inspect_err(|_| self.effort.forget()).ok()
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

impl Effort {
    /// Makes an instance, and measures what it takes.
    fn measure(&self, recipe: &Recipe) -> Result<Instance, Problem> {
        let before = processor_time();
        let instance = Instance::new(recipe)?;
        let took = processor_time().zip(before).map(|(after, before)| after.saturating_sub(before));
        let took = took.map_or(0, |took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.0.store(took.max(1), Ordering::Relaxed);
        Ok(instance)
    }

    fn forget(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn last(&self) -> Option<Duration> {
        let took = self.0.load(Ordering::Relaxed);
        (took > 0).then(|| Duration::from_micros(took))
    }
}

fn keep(jobs: &Receiver<Job>, name: &str, recipe: &Recipe, effort: &Effort) {
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
        match effort.measure(recipe) {
            Ok(instance) => spare.put(State::Ready(instance)),
            Err(Problem::NoRoom { .. }) => postponed.push_back(order),
            Err(problem) => {
                spare.put(State::Empty);
                plugin::record(name, &order.health, fault_of(problem), Duration::ZERO, None);
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

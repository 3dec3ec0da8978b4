//! Keepers: one thread for each plugin that creates instances ahead of time and drops used ones, so
//! that neither happens on the packet path. Each plugin has its own thread, so that a plugin that
//! is slow to configure delays no other. The thread survives reloads that do not change the plugin.

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
    error::PluginProblem,
    fault::Fault,
    health::Health,
    instance::{Instance, Recipe},
    limits::INSTANCE_ON_DEMAND_MS_MAX,
    stopwatch::processor_time,
};

/// How long to wait before room for an instance is checked again.
const ROOM_RETRY: Duration = Duration::from_millis(200);

/// A handle to a plugin's thread, which ends when this is dropped.
pub(crate) struct Keeper {
    jobs: Sender<Job>,
    effort: Arc<Effort>,
}

/// The processor time that creating the last instance of a plugin took, in microseconds.
#[derive(Default)]
pub(crate) struct Effort(AtomicU64);

enum Job {
    Prepare(Order),
    Discard(Instance),
}

/// An order for an instance in a place. Faults during its creation are recorded in `health`.
struct Order {
    spare: Weak<Spare>,
    health: Arc<Health>,
}

/// The place for the instance that takes over when another faults.
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

    /// The processor time that creating an instance takes; `None` before one was created.
    pub(crate) fn effort(&self) -> Option<Duration> {
        self.effort.last()
    }

    /// Creates an instance on the calling thread if the last one was cheap. If creation takes long
    /// after all, it is abandoned, and not retried until the plugin's thread has created an
    /// instance.
    pub(crate) fn make_now(&self, recipe: &Recipe) -> Option<Instance> {
        let is_little = |effort| effort <= Duration::from_millis(INSTANCE_ON_DEMAND_MS_MAX);
        self.effort.last().filter(|effort| is_little(*effort))?;
        let made = Instance::made_within(recipe, 2 * INSTANCE_ON_DEMAND_MS_MAX);
        made.inspect_err(|_| self.effort.forget()).ok()
    }

    /// Orders an instance, unless one is ready or ordered.
    pub(crate) fn prepare(&self, spare: &Arc<Spare>, health: &Arc<Health>) {
        let mut state = spare.state();
        let order = || Order { spare: Arc::downgrade(spare), health: Arc::clone(health) };
        if matches!(*state, State::Empty) && self.jobs.send(Job::Prepare(order())).is_ok() {
            *state = State::Ordered;
        }
    }

    /// Takes the prepared instance, if it is ready, and orders another one.
    pub(crate) fn exchange(&self, spare: &Arc<Spare>, health: &Arc<Health>) -> Option<Instance> {
        let taken = spare.take();
        self.prepare(spare, health);
        taken
    }

    /// Drops an instance on the plugin's thread.
    pub(crate) fn discard(&self, instance: Instance) {
        // If the thread has ended, the send fails and the instance is dropped here.
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
    /// Creates an instance and measures the processor time.
    fn measure(&self, recipe: &Recipe) -> Result<Instance, PluginProblem> {
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
    // Orders for which there was no room. This is not a fault: a chain that replaces another needs
    // twice as many instances for a moment.
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
            Err(PluginProblem::NoRoom { .. }) => postponed.push_back(order),
            Err(problem) => {
                spare.put(State::Empty);
                order.health.report(name, fault_of(problem), Duration::ZERO, None);
            }
        }
    }
}

/// A plugin that cannot be instantiated again counts as one whose call failed.
fn fault_of(problem: PluginProblem) -> Fault {
    match problem {
        PluginProblem::Failed { doing, kind, message } => {
            Fault::new(kind, format!("while it was {doing}: {message}"))
        }
        other => Fault::new(FaultKind::BadAnswer, other.to_string()),
    }
}

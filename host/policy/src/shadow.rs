//! Shadows: plugins that run on live traffic and decide nothing.
//!
//! After an exchange, the inputs and results of the live plugins go into a bounded queue
//! ([`Shadows::offer`]). A low-priority thread calls the shadows with the same inputs and compares
//! what would have been decided with the shadow in its place of the chain with what was decided.
//!
//! **A shadow affects no packet.** It has its own queue, thread, instances and results. If it is
//! too slow, samples are dropped and counted.

mod compare;
mod difference;
mod results;
mod runner;
mod understudy;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crossbeam_channel::{Receiver, Sender, TrySendError};
use lessor_core::{Reply, RequestKind};

use crate::{
    LeaseEvent, PolicyOutcome, TraceEntry, View,
    hook::{Hook, HookSet},
    limits::WAITING_SAMPLES_MAX,
    plugin::Plugin,
};

pub use difference::{Difference, DifferenceKind};
pub use results::{ShadowDifference, ShadowStatus, ShadowsStatus};
pub use runner::{Rehearse, ShadowRunner, ShadowThread};
pub use understudy::{SampledAnswers, Understudy};

use results::Shadow;

/// The shadows of a chain, the queue to them, and their findings.
pub struct Shadows {
    hooks: HookSet,
    shadows: Vec<Arc<Shadow>>,
    samples: Sender<Sample>,
    waiting: Receiver<Sample>,
    lost: AtomicU64,
}

/// A finished exchange, as the live plugins saw and decided it.
#[derive(Clone, Debug)]
pub struct ShadowSample {
    /// The inputs of the plugins.
    pub view: View,
    /// The terms that they set; the default if none was called.
    pub outcome: PolicyOutcome,
    /// The OFFER or ACK that they could edit; `None` if there was none, or if it was dropped.
    pub reply: Option<SampledReply>,
}

/// A reply as the live plugins edited it.
#[derive(Clone, Debug)]
pub struct SampledReply {
    /// The reply before their edits.
    pub unedited: Reply,
    /// The changes of each plugin.
    pub edits: Vec<TraceEntry>,
}

/// A sample in the queue.
enum Sample {
    Exchange(Box<ShadowSample>),
    Lease(Box<LeaseEvent>),
}

impl fmt::Debug for Shadows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.shadows.iter().map(|shadow| &shadow.plugin.name);
        f.debug_list().entries(names).finish()
    }
}

impl Shadows {
    /// The shadows among `plugins`; `None` if there are none.
    pub(crate) fn of<'a>(plugins: impl Iterator<Item = &'a Arc<Plugin>>) -> Option<Arc<Self>> {
        let shadows: Vec<_> = plugins.map(|plugin| Arc::new(Shadow::new(plugin))).collect();
        if shadows.is_empty() {
            return None;
        }
        let none = HookSet::default();
        let hooks = shadows.iter().fold(none, |hooks, shadow| hooks.union(shadow.plugin.hooks));
        let (samples, waiting) = crossbeam_channel::bounded(WAITING_SAMPLES_MAX);
        Some(Arc::new(Self { hooks, shadows, samples, waiting, lost: AtomicU64::new(0) }))
    }

    /// Whether a shadow has a hook for messages of this kind, or for replies to them.
    pub fn want(&self, kind: RequestKind) -> bool {
        self.hooks.contains(Hook::for_request(kind)) || self.want_replies()
    }

    /// Whether a shadow would edit replies.
    pub fn want_replies(&self) -> bool {
        self.hooks.contains(Hook::ReplyOptions)
    }

    /// Queues a finished exchange. Never blocks: if there is no room, the sample is dropped and
    /// counted.
    pub fn offer(&self, sample: ShadowSample) {
        self.put(Sample::Exchange(Box::new(sample)));
    }

    /// Whether a shadow receives lease events.
    pub(crate) fn want_lease_events(&self) -> bool {
        self.hooks.contains(Hook::OnLease)
    }

    /// Queues a lease event, as [`Shadows::offer`] does.
    pub(crate) fn offer_lease_event(&self, event: &LeaseEvent) {
        if self.want_lease_events() {
            self.put(Sample::Lease(Box::new(event.clone())));
        }
    }

    /// The findings so far.
    pub fn status(&self) -> ShadowsStatus {
        ShadowsStatus {
            waiting: self.waiting.len(),
            lost: self.lost.load(Ordering::Relaxed),
            shadows: self.shadows.iter().map(|shadow| shadow.status()).collect(),
        }
    }

    fn put(&self, sample: Sample) {
        // The queue cannot be closed, because both ends are in `self`.
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.samples.try_send(sample)
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

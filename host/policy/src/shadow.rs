//! Shadows: plugins that run on live traffic and decide nothing.
//!
//! What live plugins were asked, and what came of it, is put into a bounded queue once the exchange
//! is over ([`Shadows::offer`]). A thread of low priority asks the shadows the same and compares:
//! what would have been decided if the shadow had stood in its place of the chain, with what was.
//!
//! **A shadow touches no packet.** It has a queue, a thread, instances and a record of its own; if
//! it cannot follow, samples are lost and counted.

mod compare;
mod difference;
mod record;
mod runner;

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
pub use record::{ShadowDifference, ShadowStatus, ShadowsStatus};
pub use runner::{ShadowRunner, ShadowThread};

use record::Shadow;

/// The shadows of a chain: the way to them, and what they found.
pub struct Shadows {
    hooks: HookSet,
    shadows: Vec<Arc<Shadow>>,
    samples: Sender<Sample>,
    waiting: Receiver<Sample>,
    lost: AtomicU64,
}

/// An exchange that is over, as the live plugins saw and decided it.
#[derive(Clone, Debug)]
pub struct ShadowSample {
    /// What they saw.
    pub view: View,
    /// What they wanted; the default if none was asked.
    pub outcome: PolicyOutcome,
    /// The OFFER or ACK that was shown to them; none if there was none, or if it was dropped.
    pub reply: Option<SampledReply>,
}

/// A reply as the live plugins edited it.
#[derive(Clone, Debug)]
pub struct SampledReply {
    /// As it was before.
    pub unedited: Reply,
    /// What each of them changed.
    pub edits: Vec<TraceEntry>,
}

/// What waits for the thread.
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
    /// Those of `plugins`; none if there are none.
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

    /// Whether a shadow would be asked about messages of this kind, or about replies to them.
    pub fn want(&self, kind: RequestKind) -> bool {
        self.hooks.contains(Hook::for_request(kind)) || self.want_replies()
    }

    /// Whether a shadow would edit replies.
    pub fn want_replies(&self) -> bool {
        self.hooks.contains(Hook::ReplyOptions)
    }

    /// Hands over an exchange that is over. Never waits: what finds no room is lost and counted.
    pub fn offer(&self, sample: ShadowSample) {
        self.put(Sample::Exchange(Box::new(sample)));
    }

    /// Whether a shadow follows what happens to leases.
    pub(crate) fn want_lease_events(&self) -> bool {
        self.hooks.contains(Hook::OnLease)
    }

    /// Hands over something that happened to a lease, as [`Shadows::offer`] does.
    pub(crate) fn offer_lease_event(&self, event: &LeaseEvent) {
        if self.want_lease_events() {
            self.put(Sample::Lease(Box::new(event.clone())));
        }
    }

    /// What they found so far.
    pub fn status(&self) -> ShadowsStatus {
        ShadowsStatus {
            waiting: self.waiting.len(),
            lost: self.lost.load(Ordering::Relaxed),
            shadows: self.shadows.iter().map(|shadow| shadow.status()).collect(),
        }
    }

    fn put(&self, sample: Sample) {
        // The queue cannot be closed: both of its ends are here.
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.samples.try_send(sample)
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

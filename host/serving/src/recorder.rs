//! Where the workers leave what is recorded.
//!
//! Workers put their decisions in a bounded queue and never wait; what does not fit is lost,
//! counted and reported. While nothing is recorded, an input costs one relaxed load. Does not write
//! the file, which belongs to the command (`lessor record`); lines are sent over the control
//! socket.

mod session;

use std::{
    net::Ipv4Addr,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwapOption;
use crossbeam_channel::Sender;
use lessor_core::{Network, ProbeResult, Timestamp};
use lessor_recording::{ByHand, Drained, Reclaim, RecordedInput, RecordedProbe, RecordingLine};
use serde::{Deserialize, Serialize};

pub use self::session::record;

/// The longest duration of a recording, in seconds.
pub const RECORDING_SECS_MAX: u64 = 86_400;

/// What is to be recorded, with its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecordRequest {
    /// The number of inputs.
    pub count_max: u64,
    /// The duration, in seconds.
    pub secs_max: u64,
    /// The size of the file, in octets.
    pub octets_max: u64,
    /// Whether to begin with all leases and open offers.
    pub with_leases: bool,
    /// The text that clients or lines must contain to be recorded.
    pub find: Option<String>,
}

/// Numbers decisions while they are recorded.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    is_on: AtomicBool,
    next: AtomicU64,
}

impl Sequence {
    /// Creates a sequence that is on.
    pub(crate) fn running() -> Self {
        Self { is_on: AtomicBool::new(true), next: AtomicU64::new(0) }
    }

    /// Returns the next number, or `None` if nothing is recorded.
    pub(crate) fn take(&self) -> Option<u64> {
        self.is_on.load(Ordering::Relaxed).then(|| self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// Receives the lines of a recording from the workers.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    sequence: Sequence,
    session: ArcSwapOption<Session>,
    /// Held during a recording.
    taken: Mutex<()>,
}

/// A recording that runs.
#[derive(Debug)]
struct Session {
    queue: Sender<RecordingLine>,
    lost: AtomicU64,
}

impl Recorder {
    /// Returns the sequence that numbers decisions.
    pub(crate) fn sequence(&self) -> &Sequence {
        &self.sequence
    }

    /// Records an input that was decided during a recording.
    pub(crate) fn input(&self, input: RecordedInput) {
        self.tell(RecordingLine::Input(Box::new(input)));
    }

    /// Records that ended leases of a network are about to be reclaimed. Must be called under its
    /// lock.
    pub(crate) fn reclaim(&self, now: Timestamp, network: &Network, limit: usize) {
        if let Some(sequence) = self.sequence.take() {
            let network = network.name.to_string();
            self.tell(RecordingLine::Reclaim(Reclaim { sequence, at_ms: now, network, limit }));
        }
    }

    /// Records the result of a probe. Must be called under the lock of its network.
    pub(crate) fn probe(
        &self,
        now: Timestamp,
        network: &Network,
        address: Ipv4Addr,
        result: ProbeResult,
    ) {
        if let Some(sequence) = self.sequence.take() {
            let network = network.name.to_string();
            self.tell(RecordingLine::Probed(RecordedProbe {
                sequence,
                at_ms: now,
                network,
                address,
                result,
            }));
        }
    }

    /// Records a change by hand that was decided during a recording.
    pub(crate) fn by_hand(&self, change: ByHand) {
        self.tell(RecordingLine::ByHand(change));
    }

    /// Records which pools are drained from now on.
    pub(crate) fn drained(&self, drained: Drained) {
        self.tell(RecordingLine::Drained(drained));
    }

    fn tell(&self, line: RecordingLine) {
        if let Some(session) = &*self.session.load()
            && session.queue.try_send(line).is_err()
        {
            session.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Stops recording.
    fn stop(&self) {
        self.sequence.is_on.store(false, Ordering::Relaxed);
    }
}

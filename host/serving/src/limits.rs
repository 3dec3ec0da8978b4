//! Limits at which packets are dropped: how often each was reached, and what the operator can do.
//!
//! Every drop also has its own reason; this module says which setting was too small for the load.
//! Drops nothing itself. Invariant: the log names a limit that is reached, at most once in ten
//! seconds.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

/// The shortest time between two log lines about one limit.
const WARN_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// What had no room or no time for a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// The system's receive buffer of a socket.
    ReceiveBuffer,
    /// What can be answered of the DISCOVERs that the system drops a share of.
    Capacity,
    /// The messages of one worker that wait to be decided.
    WaitingMessages,
    /// The time that a client waits for an answer.
    WaitingTime,
    /// The changes of leases that wait for the store.
    WaitingChanges,
    /// The messages of one worker that wait for lookups.
    WaitingForLookups,
    /// The messages that wait for an answer of storage: of one worker, or about one address.
    WaitingForStorage,
}

/// How often each limit was reached.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    counts: [Count; Limit::ALL.len()],
}

#[derive(Debug, Default)]
struct Count {
    reached: AtomicU64,
    warned: Mutex<Option<Warned>>,
}

#[derive(Debug)]
struct Warned {
    at: Instant,
    reached: u64,
}

impl Limit {
    /// Every limit.
    pub(crate) const ALL: [Self; 7] = [
        Self::ReceiveBuffer,
        Self::Capacity,
        Self::WaitingMessages,
        Self::WaitingTime,
        Self::WaitingChanges,
        Self::WaitingForLookups,
        Self::WaitingForStorage,
    ];

    /// Returns its name in the log, the status and the metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReceiveBuffer => "receive-buffer",
            Self::Capacity => "capacity",
            Self::WaitingMessages => "waiting-messages",
            Self::WaitingTime => "waiting-time",
            Self::WaitingChanges => "waiting-changes",
            Self::WaitingForLookups => "waiting-for-lookups",
            Self::WaitingForStorage => "waiting-for-storage",
        }
    }

    /// Returns what to do about it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::ReceiveBuffer => {
                "messages arrived faster than they were read, and the system dropped them: raise \
                 net.core.rmem_max, or give the server the capability CAP_NET_ADMIN"
            }
            Self::Capacity => {
                "many more DISCOVERs arrived than can be answered, from no line in particular, so \
                 the system drops a share of them: the server needs more workers, a \
                 faster disk or faster policies"
            }
            Self::WaitingMessages => {
                "more messages waited than server.waiting-messages-max allows: raise it for \
                 bursts; if it lasts, the server needs more workers, a faster disk or faster \
                 policies"
            }
            Self::WaitingTime => {
                "messages waited longer than their clients do: the server needs more workers, a \
                 faster disk or faster policies"
            }
            Self::WaitingChanges => {
                "more changes of leases waited than store.waiting-changes-max allows: raise it for \
                 bursts; if it lasts, the disk is too slow"
            }
            Self::WaitingForLookups => {
                "more messages waited for lookups than a worker allows: their sources are too slow"
            }
            Self::WaitingForStorage => {
                "more messages waited for changes of one address, or of one subscriber's leases, \
                 than the server allows: a client sends too many, or the disk is too slow"
            }
        }
    }
}

impl Limits {
    /// Counts `packets` that were dropped at a limit, and logs that from time to time.
    pub(crate) fn reached(&self, limit: Limit, packets: u64) {
        let Some(count) = self.counts.get(limit as usize) else { return };
        count.reached.fetch_add(packets, Ordering::Relaxed);
        // If it is locked, another thread is reporting the limit.
        let Ok(mut warned) = count.warned.try_lock() else { return };
        let now = Instant::now();
        let before = match &*warned {
            Some(warned) if now.duration_since(warned.at) < WARN_AGAIN_AFTER => return,
            Some(warned) => warned.reached,
            None => 0,
        };
        let reached = count.reached.load(Ordering::Relaxed);
        *warned = Some(Warned { at: now, reached });
        drop(warned);
        let dropped = reached.saturating_sub(before);
        tracing::warn!(
            limit = limit.name(),
            dropped,
            dropped_so_far = reached,
            "{}",
            limit.advice()
        );
    }

    /// Returns how many packets were dropped at each limit.
    pub(crate) fn counts(&self) -> Vec<(Limit, u64)> {
        let counts = self.counts.iter().map(|count| count.reached.load(Ordering::Relaxed));
        Limit::ALL.into_iter().zip(counts).collect()
    }

    /// Returns the count with which a limit was last named in the log.
    #[cfg(test)]
    fn warned_with(&self, limit: Limit) -> Option<u64> {
        let warned = self.counts.get(limit as usize)?.warned.try_lock().ok()?;
        warned.as_ref().map(|warned| warned.reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_counted_each_time_and_named_now_and_then() {
        let limits = Limits::default();
        assert_eq!(limits.warned_with(Limit::WaitingChanges), None);
        for _ in 0..5 {
            limits.reached(Limit::WaitingChanges, 2);
        }
        assert_eq!(limits.warned_with(Limit::WaitingChanges), Some(2));
        for (limit, count) in limits.counts() {
            assert_eq!(count, if limit == Limit::WaitingChanges { 10 } else { 0 }, "{limit:?}");
        }
    }

    #[test]
    fn a_limit_stands_at_its_own_place() {
        for (place, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, place);
            assert_eq!(serde_json::to_string(&limit).unwrap(), format!("{:?}", limit.name()));
        }
    }
}

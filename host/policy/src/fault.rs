//! Faults: how a call of a plugin failed, or why the plugin was not called.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use wasmtime::Trap;

use crate::limits::ANSWER_OCTETS_MAX;

/// How a call of a plugin failed, or why the plugin was not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The call ended abnormally: a panic, an access out of bounds, or a call of something not
    /// granted.
    Trap,
    /// The call computed longer than its deadline.
    DeadlineExceeded,
    /// The call requested more memory or table elements than its limits allow, and then failed.
    MemoryExceeded,
    /// The calls in the plugin were nested too deeply.
    StackExhausted,
    /// The answer is not valid by the contract, or is too long.
    BadAnswer,
    /// The plugin reported that it cannot continue, and why: a script has an error, for example.
    Failed,
    /// The plugin was not called, because no instance was ready to replace one that faulted.
    NotReady,
    /// The plugin was not called, because it is suspended for all packets: its faults cost too
    /// much.
    Suspended,
    /// The plugin was not called for this client, line or link, whose faults cost too much.
    ShutOut,
}

impl FaultKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Trap,
        Self::DeadlineExceeded,
        Self::MemoryExceeded,
        Self::StackExhausted,
        Self::BadAnswer,
        Self::Failed,
        Self::NotReady,
        Self::Suspended,
        Self::ShutOut,
    ];

    /// The name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::MemoryExceeded => "memory-exceeded",
            Self::StackExhausted => "stack-exhausted",
            Self::BadAnswer => "bad-answer",
            Self::Failed => "failed",
            Self::NotReady => "not-ready",
            Self::Suspended => "suspended",
            Self::ShutOut => "shut-out",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why an answer of a guest is not valid.
#[derive(Debug, Error)]
pub(crate) enum BadAnswer {
    #[error(
        "the name of a pool has {octets} octets; at most {} are allowed",
        crate::limits::POOL_NAME_OCTETS_MAX
    )]
    PoolName { octets: usize },
    #[error(
        "{found} pools are named in order of preference; wanted 1 to {}",
        lessor_core::PoolChoice::NAMES_MAX
    )]
    Pools { found: usize },
    #[error(
        "it was not known that the policy reads how full pools are; a script has to write \
         pool_usage or pool_names out"
    )]
    PoolsNotCounted,
    #[error(
        "the name of a subscriber has {octets} octets and its limit is {leases_max}; a name has 1 to \
         {} octets, and the limit is at least 1",
        crate::limits::SUBSCRIBER_NAME_OCTETS_MAX
    )]
    Subscriber { octets: usize, leases_max: u32 },
    #[error("the {what} cannot be sent: {error}")]
    HeaderText { what: &'static str, error: lessor_core::HeaderTextError },
    #[error("{found} is no part of the lease time; wanted a number between 0 and 1, such as 0.5")]
    Fraction { found: f64 },
    #[error("a handle was used outside of the call that it was passed to")]
    NoSubject,
}

/// The reason of a guest that ended its call itself.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct GaveUp(pub(crate) String);

/// A fault with its details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The kind of fault.
    pub(crate) kind: FaultKind,
    /// A description for the operator.
    pub(crate) message: String,
    /// The processor time of the call; `None` if the call ended before it was measured.
    pub(crate) computed: Option<Duration>,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), computed: None }
    }

    /// Determines the fault from the error that ended a guest call, and from the limit that the
    /// call reached, if it reached one.
    pub(crate) fn of(error: &wasmtime::Error, denied: Option<String>) -> Self {
        if let Some(answer) = error.downcast_ref::<BadAnswer>() {
            return Self::new(FaultKind::BadAnswer, answer.to_string());
        }
        if let Some(GaveUp(reason)) = error.downcast_ref::<GaveUp>() {
            return Self::new(FaultKind::Failed, reason.clone());
        }
        let (kind, story) = match (error.downcast_ref::<Trap>(), denied) {
            (Some(Trap::Interrupt), _) => {
                (FaultKind::DeadlineExceeded, "it computed longer than its deadline".to_owned())
            }
            (Some(Trap::StackOverflow), _) => {
                (FaultKind::StackExhausted, "its calls were nested too deeply".to_owned())
            }
            (_, Some(denied)) => (FaultKind::MemoryExceeded, denied),
            (Some(trap), None) => (FaultKind::Trap, trap.to_string()),
            (None, None) => return Self::untyped(error),
        };
        Self::new(kind, story)
    }

    /// Handles a runtime error without a specific type: a stub was called, or an answer could not
    /// be read.
    fn untyped(error: &wasmtime::Error) -> Self {
        let text = format!("{error:#}");
        match text.split_once("unknown import: `").and_then(|(_, rest)| rest.split_once('`')) {
            Some((import, _)) => Self::new(
                FaultKind::Trap,
                format!("called {import}, which is not granted: policies have no WASI"),
            ),
            None if text.contains("fuel allocated for hostcalls") => Self::new(
                FaultKind::BadAnswer,
                format!(
                    "it passed more than {ANSWER_OCTETS_MAX} octets at once; names have at most a \
                     few hundred"
                ),
            ),
            // The backtrace is left out, because it does not help operators.
            None => Self::new(FaultKind::BadAnswer, error.root_cause().to_string()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

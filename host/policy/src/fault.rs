//! Faults: what a plugin did wrong in a call, or why it could not be asked.

use std::fmt;

use serde::{Deserialize, Serialize};
use wasmtime::Trap;

use crate::{
    Hook, Limits,
    host::{BadAnswer, GaveUp, Guest},
    limits::ANSWER_OCTETS_MAX,
    script::Script,
};

/// What a plugin did wrong in a call, or why it could not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// It ended abnormally: a panic, an access out of bounds, a call of something not granted.
    Trap,
    /// It computed longer than its deadline.
    DeadlineExceeded,
    /// It wanted more memory or table elements than its limits allow, and ended over it.
    MemoryExceeded,
    /// Its calls were nested too deep.
    StackExhausted,
    /// What it said is none of the answers that the contract knows, or is too long.
    BadAnswer,
    /// It said that it cannot go on, and why: a script with an error in it, for example.
    Failed,
    /// It was not asked, because no instance stood ready in the place of one that faulted.
    NotReady,
    /// It was not asked, because it is suspended after too many faults.
    Suspended,
}

impl FaultKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Trap,
        Self::DeadlineExceeded,
        Self::MemoryExceeded,
        Self::StackExhausted,
        Self::BadAnswer,
        Self::Failed,
        Self::NotReady,
        Self::Suspended,
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
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One fault with its story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What it was.
    pub(crate) kind: FaultKind,
    /// What happened, for the operator.
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Reads a fault out of an error with which a guest call ended.
    pub(crate) fn of(error: &wasmtime::Error, guest: &Guest) -> Self {
        if let Some(answer) = error.downcast_ref::<BadAnswer>() {
            return Self::new(FaultKind::BadAnswer, answer.to_string());
        }
        if let Some(GaveUp(reason)) = error.downcast_ref::<GaveUp>() {
            return Self::new(FaultKind::Failed, reason.clone());
        }
        let denied = guest.limiter.denied();
        let (kind, story) = match (error.downcast_ref::<Trap>(), denied) {
            (Some(Trap::Interrupt), _) => {
                (FaultKind::DeadlineExceeded, "it computed longer than its deadline".to_owned())
            }
            (Some(Trap::StackOverflow), _) => {
                (FaultKind::StackExhausted, "its calls were nested too deep".to_owned())
            }
            (_, Some(denied)) => (FaultKind::MemoryExceeded, denied),
            (Some(trap), None) => (FaultKind::Trap, trap.to_string()),
            (None, None) => return Self::untyped(error),
        };
        Self::new(kind, story)
    }

    /// The same, with what the author of the plugin has to know: in which hook, and what to do.
    pub(crate) fn during(self, hook: Hook, limits: &Limits, script: Option<&Script>) -> Self {
        let Self { kind, message } = self;
        let message = match kind {
            FaultKind::DeadlineExceeded => format!(
                "{hook} computed longer than its deadline, {} ms. {} Large tables belong into a source for \
                 lookups; deadline-ms under [limits] in the file beside the plugin allows up to {} ms",
                limits.deadline_ms,
                script
                    .map_or_else(|| "Is there a loop that does not end?".to_owned(), Script::loops),
                Limits::DEADLINE_MS_LIMIT
            ),
            FaultKind::StackExhausted => {
                format!("{hook}: {message}. Do its functions call each other without end?")
            }
            FaultKind::MemoryExceeded => format!(
                "{hook}: {message}. Keep less in memory, or raise memory-mib under [limits] in the file \
                 beside the plugin"
            ),
            FaultKind::Trap => format!("{hook}: {message}"),
            // A bad answer names what it is about, and a reason is the plugin's own words.
            _ => return Self { kind, message },
        };
        match script {
            Some(script) => Self { kind, message: format!("{}: {message}", script.file_name) },
            None => Self { kind, message },
        }
    }

    /// An error of the runtime that has no type of its own: a stub was called, or an answer could
    /// not be read.
    fn untyped(error: &wasmtime::Error) -> Self {
        let text = format!("{error:#}");
        match text.split_once("unknown import: `").and_then(|(_, rest)| rest.split_once('`')) {
            Some((import, _)) => Self::new(
                FaultKind::Trap,
                format!("called {import}, which is not granted: policies get no WASI"),
            ),
            None if text.contains("fuel allocated for hostcalls") => Self::new(
                FaultKind::BadAnswer,
                format!(
                    "it handed over more than {ANSWER_OCTETS_MAX} octets at once; names have at most a \
                     few hundred"
                ),
            ),
            // Without the calls that led there, which say nothing to people.
            None => Self::new(FaultKind::BadAnswer, error.root_cause().to_string()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

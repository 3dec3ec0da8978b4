//! The keeper: detects that the clock was set, logs it, and keeps the note in the store's folder up
//! to date.
//!
//! Does not know what a step means for leases; see [`super`]. Invariant: a note that cannot be
//! written is reported once and tried again.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{ClockStep, Note, Verdict, for_people};

/// The interval at which the note is written if nothing happens.
const NOTE_EVERY: Duration = Duration::from_secs(15 * 60);
/// How soon a failed write of the note is tried again.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Watches the clock and writes the note.
#[derive(Debug)]
pub(crate) struct Keeper {
    /// `None` if leases are kept in memory only.
    folder: Option<PathBuf>,
    next_note: Instant,
    is_failing: bool,
}

impl Keeper {
    /// Creates a keeper for the store in `folder`; the first look writes the note.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, next_note: Instant::now(), is_failing: false }
    }

    /// Compares the clock with server time. Must be called a few times a second.
    pub(crate) fn look(&mut self) {
        let step = super::look();
        if let Some(ClockStep { by_ms }) = step {
            let direction = if by_ms < 0 { "back" } else { "forward" };
            tracing::warn!(
                by = for_people(by_ms.unsigned_abs()),
                clock = super::written(super::of_machine()),
                "the clock was set {direction}; every lease keeps its remaining time"
            );
        }
        if step.is_some() || Instant::now() >= self.next_note {
            self.write_note();
        }
    }

    pub(crate) fn write_note(&mut self) {
        let Some(folder) = &self.folder else {
            self.next_note = Instant::now() + NOTE_EVERY;
            return;
        };
        let written = Note::now().write(folder);
        let wait = if written.is_ok() { NOTE_EVERY } else { TRY_AGAIN_AFTER };
        self.next_note = Instant::now() + wait;
        match written {
            Ok(()) => self.is_failing = false,
            Err(_) if self.is_failing => {}
            Err(error) => {
                self.is_failing = true;
                let folder = folder.display();
                tracing::warn!(%error, %folder, "cannot write the time to the store's folder");
            }
        }
    }
}

/// Logs what was found out about the clock at the start, unless there was no problem.
pub(crate) fn say(verdict: Verdict) {
    match verdict {
        Verdict::Believed => {}
        Verdict::Behind { by_ms } => tracing::warn!(
            by = for_people(by_ms),
            clock = super::written(super::of_machine()),
            "the clock is behind the newest record in the store, so leases keep the time that \
             remained at that record; set the clock, preferably with NTP"
        ),
        Verdict::TooFarAhead { by_ms, believed_max_ms } => tracing::warn!(
            by = for_people(by_ms),
            believed_max = for_people(believed_max_ms),
            clock = super::written(super::of_machine()),
            "the clock is further ahead of the newest record in the store than is plausible, so \
             leases keep the time that remained at that record"
        ),
    }
}

//! Determines where server time continues when the process starts. Reads no clock.
//!
//! The store knows the latest moment that the server saw, that of its newest record or of its
//! [`Note`]. Server time continues from there by the time that has passed according to the clock of
//! the machine, if that is plausible: not negative, and not longer than a limit. Otherwise no time
//! counts as passed, so that a lease may last longer than it was granted for, by at most the time
//! that the server was stopped. Invariant: a lease ends early by at most the limit, and only if the
//! clock is wrong by less than that.

use std::sync::Arc;

use lessor_core::{Binding, Change, Timestamp};

use super::Note;

/// The longest plausible stop according to a clock that the kernel considers synchronised.
const SYNCHRONISED_GAP_MAX_MS: u64 = 24 * 60 * 60 * 1000;
/// As above, for any other clock. A clock that is kept in local time is wrong by an hour or more.
const UNSYNCHRONISED_GAP_MAX_MS: u64 = 60 * 60 * 1000;
/// A clock that is behind by less than this was slowed down or corrected slightly in the meantime.
const BEHIND_MIN_MS: u64 = 1_000;

/// The latest moment that a store knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Past {
    /// Its server time.
    pub(crate) server: Timestamp,
    /// Clock time minus server time at that moment.
    pub(crate) offset_ms: i64,
}

/// Where server time continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resumed {
    pub(crate) now: Timestamp,
    /// Clock time minus server time.
    pub(crate) offset_ms: i64,
    pub(crate) verdict: Verdict,
}

/// What was found out about the clock at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is plausible, or the store knows no moment.
    Believed,
    /// It is behind the latest moment that the store knows, by this many milliseconds.
    Behind { by_ms: u64 },
    /// It is ahead of that moment by this many milliseconds, more than is plausible.
    TooFarAhead { by_ms: u64, believed_max_ms: u64 },
}

impl Past {
    /// Returns the latest moment of the records and the note of a store, if it has any.
    pub(crate) fn of(newest_record: Option<Timestamp>, note: Option<Note>) -> Option<Self> {
        let noted = note.map(|note| note.server_time_ms);
        let server = newest_record.into_iter().chain(noted).max()?;
        Some(Self { server, offset_ms: note.map_or(0, Note::offset_ms) })
    }
}

/// Returns where server time continues if the clock of the machine says `clock`.
pub(crate) fn resume(clock: Timestamp, is_synchronised: bool, past: Option<Past>) -> Resumed {
    let Some(Past { server, offset_ms }) = past else {
        return Resumed { now: clock, offset_ms: 0, verdict: Verdict::Believed };
    };
    let passed_ms = server.moved_by_ms(offset_ms).ms_until(clock);
    let by_ms = passed_ms.unsigned_abs();
    let believed_max_ms = match is_synchronised {
        true => SYNCHRONISED_GAP_MAX_MS,
        false => UNSYNCHRONISED_GAP_MAX_MS,
    };
    let is_behind = passed_ms < 0;
    if !is_behind && by_ms <= believed_max_ms {
        let now = server.moved_by_ms(passed_ms);
        return Resumed { now, offset_ms, verdict: Verdict::Believed };
    }
    let verdict = match is_behind {
        true if by_ms < BEHIND_MIN_MS => Verdict::Believed,
        true => Verdict::Behind { by_ms },
        false => Verdict::TooFarAhead { by_ms, believed_max_ms },
    };
    Resumed { now: server, offset_ms: server.ms_until(clock), verdict }
}

/// Handles a store without a note, written by a release that had none. If a clock that was ahead
/// wrote some of its records, while others are active by the current clock, time cannot continue
/// from the newest record, because that would end the others. The records from the future are moved
/// back instead, and keep the time that remained when the newest was written. Returns the changes
/// that this takes; `bindings` already contains them.
pub(crate) fn move_from_the_future(clock: Timestamp, bindings: &mut [Arc<Binding>]) -> Vec<Change> {
    let soon = clock.moved_by_ms(BEHIND_MIN_MS.cast_signed());
    let is_future = |binding: &Binding| binding.changed_at > soon;
    let others_run = bindings.iter().any(|binding| !is_future(binding) && binding.is_active(clock));
    let newest = bindings.iter().map(|binding| binding.changed_at).max();
    let Some(newest) = newest.filter(|_| others_run) else { return Vec::new() };
    let ms = newest.ms_until(clock);
    let moved = bindings.iter_mut().filter(|binding| is_future(binding)).map(|binding| {
        let revision = binding.revision.saturating_add(1);
        let moved = Arc::new(Binding { revision, ..binding.moved_by_ms(ms) });
        let previous = Some(std::mem::replace(binding, Arc::clone(&moved)));
        Change { binding: moved, previous }
    });
    moved.collect()
}

#[cfg(test)]
mod tests;

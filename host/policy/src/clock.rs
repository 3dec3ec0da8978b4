//! The clock that stops guests: a thread that lets the engine's epoch tick once in a millisecond.
//! Compiled code looks at the epoch at every loop and function; one that is past its deadline traps.
//!
//! It measures time that passes, not time that a guest computes: on a machine that is busy with
//! something else, deadlines come early in a guest's life.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

use wasmtime::EngineWeak;

/// How often it ticks, in milliseconds.
const TICK_MS: u64 = 1;
/// A deadline is at least this many ticks away: the next tick can be due at once.
const TICKS_MIN: u64 = 2;

/// The handle of the thread; it ends when this is dropped.
pub(crate) struct Clock {
    thread: Thread,
    state: Arc<AtomicU8>,
}

/// Nobody needs a clock yet: it sleeps.
const RESTING: u8 = 0;
const TICKING: u8 = 1;
const ENDED: u8 = 2;

/// How many ticks away a deadline must be, so that a call may take `deadline_ms` milliseconds.
pub(crate) const fn ticks(deadline_ms: u64) -> u64 {
    let ticks = deadline_ms / TICK_MS + 1;
    if ticks < TICKS_MIN { TICKS_MIN } else { ticks }
}

impl Clock {
    /// Makes the thread, which rests until [`Clock::start`].
    pub(crate) fn new(engine: EngineWeak) -> io::Result<Self> {
        let state = Arc::new(AtomicU8::new(RESTING));
        let shared = Arc::clone(&state);
        let thread = thread::Builder::new()
            .name("policy-clock".to_owned())
            .spawn(move || run(&engine, &shared))?;
        Ok(Self { thread: thread.thread().clone(), state })
    }

    /// Lets it tick.
    pub(crate) fn start(&self) {
        self.state.store(TICKING, Ordering::Release);
        self.thread.unpark();
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.state.store(ENDED, Ordering::Release);
        self.thread.unpark();
    }
}

fn run(engine: &EngineWeak, state: &AtomicU8) {
    loop {
        match state.load(Ordering::Acquire) {
            RESTING => thread::park(),
            TICKING => {
                let Some(engine) = engine.upgrade() else { return };
                engine.increment_epoch();
                drop(engine);
                thread::sleep(Duration::from_millis(TICK_MS));
            }
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_never_less_than_two_ticks_away() {
        assert_eq!([0, 1, 2, 10].map(ticks), [2, 2, 3, 11]);
    }
}

//! The clock that interrupts guests: a thread that increments the engine's epoch every millisecond.
//! Compiled code checks the epoch at every loop and function. When the epoch has passed the next
//! check, the [`crate::stopwatch`] of the call decides whether the guest is stopped.

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

/// The interval of the ticks, in milliseconds.
const TICK_MS: u64 = 1;
/// A handle to the thread, which ends when this is dropped.
pub(crate) struct Clock {
    thread: Thread,
    state: Arc<AtomicU8>,
}

/// The clock is not needed yet, and the thread sleeps.
const RESTING: u8 = 0;
const TICKING: u8 = 1;
const ENDED: u8 = 2;

/// The number of ticks after which `time` has passed; the last tick may come slightly late.
pub(crate) fn ticks(time: Duration) -> u64 {
    let ticks = time.as_micros().div_ceil(u128::from(TICK_MS) * 1_000);
    u64::try_from(ticks).unwrap_or(u64::MAX).max(1)
}

impl Clock {
    /// Starts the thread, which sleeps until [`Clock::start`].
    pub(crate) fn new(engine: EngineWeak) -> io::Result<Self> {
        let state = Arc::new(AtomicU8::new(RESTING));
        let shared = Arc::clone(&state);
        let thread = thread::Builder::new()
            .name("policy-clock".to_owned())
            .spawn(move || run(&engine, &shared))?;
        Ok(Self { thread: thread.thread().clone(), state })
    }

    /// Starts the ticks.
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
    fn what_is_waited_for_has_passed_when_the_ticks_are_over() {
        let ticks = |us| ticks(Duration::from_micros(us));
        assert_eq!(
            [ticks(0), ticks(1), ticks(1_000), ticks(1_001), ticks(10_000)],
            [1, 1, 1, 2, 10]
        );
    }
}

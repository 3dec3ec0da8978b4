//! Threads that must not delay packets: they compile plugins, link them and prepare instances. Each
//! runs at low priority and does its work sequentially.

use std::{io, thread};

use lessor_aside::thread_name;
pub(crate) use lessor_aside::{lower_priority, spawn};

/// Runs `work` on a low-priority thread and waits for it. Returns `None` if it panicked.
pub(crate) fn run<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> io::Result<Option<T>> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(thread_name(name)).spawn_scoped(scope, || {
            lower_priority();
            work()
        })?;
        Ok(thread.join().ok())
    })
}

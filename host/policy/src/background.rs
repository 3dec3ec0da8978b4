//! Threads that must not be in the way of packets: they have plugins compiled, link them and prepare
//! instances. Each runs at low priority, and does its work one thing after another.

use std::{io, thread};

use lessor_aside::thread_name;
pub(crate) use lessor_aside::{lower_priority, spawn};

/// Does something on a thread at low priority and waits for it; none if it panicked.
pub(crate) fn run<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> io::Result<Option<T>> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(thread_name(name)).spawn_scoped(scope, || {
            lower_priority();
            work()
        })?;
        Ok(thread.join().ok())
    })
}

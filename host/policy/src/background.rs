//! Threads that must not be in the way of packets: they compile plugins and prepare instances. Each
//! runs at low priority, and does its work one thing after another: compiling on all cores at once
//! was seen to hold a packet up for 90 ms.

use std::{io, thread};

pub(crate) use lessor_aside::spawn;
use lessor_aside::{lower_priority, thread_name};

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

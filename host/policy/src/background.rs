//! Threads that must not be in the way of packets: they compile plugins and prepare instances. Each
//! runs at low priority, and does its work one thing after another: compiling on all cores at once
//! was seen to hold a packet up for 90 ms.

use std::{io, thread};

/// What a thread of this kind adds to its nice value.
const NICENESS: libc::c_int = 10;

/// Starts a thread at low priority.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(thread_name(name)).spawn(move || {
        lower_priority();
        work();
    })?;
    Ok(())
}

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

/// The kernel keeps 15 octets of a thread's name.
fn thread_name(name: &str) -> String {
    name.chars().filter(char::is_ascii).take(15).collect()
}

#[allow(unsafe_code, reason = "no safe interface to setpriority(2) is at hand")]
fn lower_priority() {
    // On Linux this concerns the calling thread only (setpriority(2), "C library/kernel
    // differences"). If it fails, the thread runs at normal priority.
    // SAFETY: the call takes three integers and touches no memory.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) };
}

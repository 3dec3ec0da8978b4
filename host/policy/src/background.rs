//! Threads that must not be in the way of packets: they have plugins compiled, link them and prepare
//! instances. Each runs at low priority, and does its work one thing after another.

use std::{io, thread};

/// What a thread of this kind adds to its nice value.
const NICENESS: libc::c_int = 10;
/// The largest nice value that there is.
const NICENESS_MAX: libc::c_int = 19;

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

/// Lowers the priority of the calling thread, below that which the process was started with.
#[allow(unsafe_code, reason = "no safe interface to getpriority(2) and setpriority(2) is at hand")]
pub(crate) fn lower_priority() {
    // On Linux this concerns the calling thread, and those that it starts later (setpriority(2), "C
    // library/kernel differences"); the id of a process is that of its first thread. If it fails, the
    // thread runs at the priority that it has.
    // SAFETY: the calls take integers and touch no memory.
    unsafe {
        let started_with = libc::getpriority(libc::PRIO_PROCESS, std::process::id());
        let lowered = started_with.saturating_add(NICENESS).min(NICENESS_MAX);
        let _ = libc::setpriority(libc::PRIO_PROCESS, 0, lowered);
    }
}

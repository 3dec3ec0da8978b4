//! Threads that leave the processor to those that serve packets.
//!
//! Does not limit their number; the code that starts them does. Invariant: a thread that [`spawn`]
//! starts has low priority unless the system refuses.

use std::{io, thread};

/// The amount that a thread of low priority adds to its nice value.
const NICENESS: libc::c_int = 10;
/// The highest nice value.
const NICENESS_MAX: libc::c_int = 19;
/// The maximum length of a thread's name in the kernel, in octets.
const NAME_OCTETS_MAX: usize = 15;

/// Starts a thread with low priority.
///
/// # Errors
/// Fails if the system cannot start another thread.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(thread_name(name)).spawn(move || {
        lower_priority();
        work();
    })?;
    Ok(())
}

/// A thread's name, limited to what the kernel can keep.
pub fn thread_name(name: &str) -> String {
    name.chars().filter(char::is_ascii).take(NAME_OCTETS_MAX).collect()
}

/// Lowers the priority of the calling thread below that with which the process was started. If the
/// system refuses, the thread keeps its priority.
#[allow(unsafe_code, reason = "no safe interface to getpriority(2) and setpriority(2) is at hand")]
pub fn lower_priority() {
    // On Linux this affects the calling thread and the threads that it starts later
    // (setpriority(2), "C library/kernel differences"); the id of a process is that of its first
    // thread.
    // SAFETY: the calls take integers and touch no memory.
    unsafe {
        let started_with = libc::getpriority(libc::PRIO_PROCESS, std::process::id());
        let lowered = started_with.saturating_add(NICENESS).min(NICENESS_MAX);
        let _ = libc::setpriority(libc::PRIO_PROCESS, 0, lowered);
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::mpsc};

    use super::*;

    /// The nice value of the calling thread, according to the kernel.
    fn niceness() -> i64 {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        let after_name = stat.rsplit(") ").next().unwrap();
        after_name.split(' ').nth(16).unwrap().parse().unwrap()
    }

    #[test]
    fn a_thread_has_low_priority_and_its_starter_has_not() {
        let before = niceness();
        let (sender, receiver) = mpsc::channel();
        spawn("a thread with a long name", move || sender.send(niceness()).unwrap()).unwrap();
        let lowered = receiver.recv().unwrap();
        assert_eq!(lowered, (before + i64::from(NICENESS)).min(19));
        assert_eq!(niceness(), before);
    }
}

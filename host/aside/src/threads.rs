//! Threads that leave the processor to those that serve packets.
//!
//! Not here: how many there are; the code that starts them has a limit.

use std::{io, thread};

/// What a thread of low priority adds to its nice value.
const NICENESS: libc::c_int = 10;
/// The largest nice value that there is.
const NICENESS_MAX: libc::c_int = 19;
/// The kernel keeps so many octets of a thread's name.
const NAME_OCTETS_MAX: usize = 15;

/// Starts a thread at low priority.
///
/// # Errors
/// If the system starts no more threads.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(thread_name(name)).spawn(move || {
        lower_priority();
        work();
    })?;
    Ok(())
}

/// What the kernel can keep of a thread's name.
pub fn thread_name(name: &str) -> String {
    name.chars().filter(char::is_ascii).take(NAME_OCTETS_MAX).collect()
}

/// Lowers the priority of the calling thread below that which the process was started with. If the
/// system refuses, the thread runs at the priority that it has.
#[allow(unsafe_code, reason = "no safe interface to getpriority(2) and setpriority(2) is at hand")]
pub fn lower_priority() {
    // On Linux this concerns the calling thread, and those that it starts later (setpriority(2), "C
    // library/kernel differences"); the id of a process is that of its first thread.
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

    /// The nice value of the calling thread, as the kernel tells it.
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

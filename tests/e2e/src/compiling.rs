//! The processes that compile policies, as anybody on the machine sees them.

use std::{fs, time::Duration};

use crate::wait;

/// How long a process takes at most to begin to compile, on a busy machine.
const BEGINS_WITHIN: Duration = Duration::from_secs(30);
/// Processor time that nothing but a long compilation takes, in ticks of 10 ms.
const COMPUTED: u64 = 50;

/// Waits until a child of `parent` has compiled for a while, and returns its process id.
#[track_caller]
pub fn compiles(parent: u32) -> u32 {
    wait::within(BEGINS_WITHIN, "a child to compile", || {
        children(parent).into_iter().find(|child| processor_ticks(*child) > COMPUTED)
    })
}

/// The children of a process.
pub fn children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc can be read").flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| stat(*id, 1) == Some(u64::from(parent))).collect()
}

/// Waits until a process is gone.
///
/// # Panics
/// If it is still there after `patience`.
#[track_caller]
pub fn is_gone(process: u32, patience: Duration) {
    wait::within(patience, "the compiling child to be gone", || {
        // A zombie is gone, but for whoever is to wait for it.
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        (status.is_empty() || status.contains("State:\tZ")).then_some(())
    });
}

/// Processor time of a process, in ticks.
fn processor_ticks(process: u32) -> u64 {
    stat(process, 11).unwrap_or(0) + stat(process, 12).unwrap_or(0)
}

/// A field of `/proc/…/stat`; 0 is the state.
fn stat(process: u32, field: usize) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit(") ").next()?.split(' ').nth(field)?.parse().ok()
}

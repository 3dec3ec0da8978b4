//! The processes that compile policies, as other processes see them.

use std::time::Duration;

use crate::{
    process_status::{children, processor_ticks, read},
    wait,
};

/// The timeout for a process to begin to compile, on a busy machine.
const BEGINS_WITHIN: Duration = Duration::from_secs(30);
/// A processor time that only a long compilation takes, in ticks of 10 ms.
const COMPUTED: u64 = 50;

/// Waits until a child of `parent` has compiled for a while, and returns its process id.
#[track_caller]
pub fn compiles(parent: u32) -> u32 {
    wait::within(BEGINS_WITHIN, "a child to compile", || {
        children(parent).into_iter().find(|child| processor_ticks(*child) > COMPUTED)
    })
}

/// Waits until a process has ended.
///
/// # Panics
/// Panics if it still exists after `patience`.
#[track_caller]
pub fn is_gone(process: u32, patience: Duration) {
    wait::within(patience, "the compiling child to be gone", || {
        // A zombie has ended, although its parent has not waited for it yet.
        let status = read(process, "status");
        (status.is_empty() || status.contains("State:\tZ")).then_some(())
    });
}

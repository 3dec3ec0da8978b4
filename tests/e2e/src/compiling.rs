//! The processes that compile policies, as anybody on the machine sees them.

use std::time::Duration;

use crate::{
    process_status::{children, processor_ticks, read},
    wait,
};

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

/// Waits until a process is gone.
///
/// # Panics
/// If it is still there after `patience`.
#[track_caller]
pub fn is_gone(process: u32, patience: Duration) {
    wait::within(patience, "the compiling child to be gone", || {
        // A zombie is gone, but for whoever is to wait for it.
        let status = read(process, "status");
        (status.is_empty() || status.contains("State:\tZ")).then_some(())
    });
}

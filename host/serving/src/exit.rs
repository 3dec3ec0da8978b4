//! Ends the process in the middle of its work, with its last log lines written.

use std::{process, thread, time::Duration};

/// How long a process that exits at once waits for the threads that write the log.
const LAST_WORDS_WITHIN: Duration = Duration::from_millis(200);

/// Ends the process at once, after a moment for the threads that write the log.
pub(crate) fn exit(code: i32) -> ! {
    thread::sleep(LAST_WORDS_WITHIN);
    process::exit(code);
}

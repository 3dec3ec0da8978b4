//! The compiler's child process as a separate program, for the tests of this crate, whose own
//! program is a test harness. In the server, it is part of the binary; this program is not
//! installed.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::process::ExitCode;

fn main() -> ExitCode {
    lessor_policy_host::compile_child()
}

//! The compiler's child alone, as the tests of this crate start it: the program of a test is none. In
//! the server it is a part of the binary, and this is not installed.

use std::process::ExitCode;

fn main() -> ExitCode {
    lessor_policy_host::compile_child()
}

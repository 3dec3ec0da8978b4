//! Capability `log`: lines in the server's log, under the policy's name.
//!
//! The server keeps the first 1,024 octets of a line, and 20 lines per second and policy, unless
//! `log-lines-per-sec` in the file beside the policy says otherwise; what is beyond is counted and
//! left out.
//!
//! ```no_run
//! # let (line, plan) = ("olt1/3", "fast");
//! lessor_policy::log::info(format!("{line} is on plan {plan}"));
//! ```

use crate::__bindings::log::{Level, write};

/// Writes a line for who looks for a mistake.
pub fn debug(line: impl AsRef<str>) {
    write(Level::Debug, line.as_ref());
}

/// Writes a line about something worth one.
pub fn info(line: impl AsRef<str>) {
    write(Level::Info, line.as_ref());
}

/// Writes a line about something that the operator should look at.
pub fn warn(line: impl AsRef<str>) {
    write(Level::Warn, line.as_ref());
}

/// Writes a line about something that does not work.
pub fn error(line: impl AsRef<str>) {
    write(Level::Error, line.as_ref());
}

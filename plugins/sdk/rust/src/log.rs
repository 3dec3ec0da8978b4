//! Capability `log`: writes lines to the server's log under the policy's name.
//!
//! The server keeps the first 1,024 octets of a line, and 20 lines per second for each policy
//! unless `log-lines-per-sec` in its sidecar file sets another limit. Further lines are counted and
//! dropped.
//!
//! ```no_run
//! # let (line, plan) = ("olt1/3", "fast");
//! lessor_policy::log::info(format!("{line} is on plan {plan}"));
//! ```

use crate::__bindings::log::{Level, write};

/// Writes a line at level `debug`.
pub fn debug(line: impl AsRef<str>) {
    write(Level::Debug, line.as_ref());
}

/// Writes a line at level `info`.
pub fn info(line: impl AsRef<str>) {
    write(Level::Info, line.as_ref());
}

/// Writes a line at level `warn`, for conditions that the operator should look at.
pub fn warn(line: impl AsRef<str>) {
    write(Level::Warn, line.as_ref());
}

/// Writes a line at level `error`, for failures.
pub fn error(line: impl AsRef<str>) {
    write(Level::Error, line.as_ref());
}

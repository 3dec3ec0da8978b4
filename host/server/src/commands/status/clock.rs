//! The lines of `lessor status` about the clock.

use std::io::{self, Write};

use lessor_serving::clock::{ClockStatus, for_people};

/// Prints one line, and one more for each event that an operator should know.
pub(super) fn print(out: &mut impl Write, status: &ClockStatus) -> io::Result<()> {
    let synchronised = match status.is_synchronised {
        true => "synchronised",
        false => "not synchronised according to the kernel",
    };
    writeln!(out, "clock: {}, {synchronised}", status.time)?;
    let kept = "leases keep the time that remained";
    if let Some(by_ms) = status.was_behind_ms {
        let by = for_people(by_ms);
        writeln!(out, "clock: {by} behind the newest record in the store at the start; {kept}")?;
    }
    if let Some(by_ms) = status.was_ahead_ms {
        let by = for_people(by_ms);
        writeln!(
            out,
            "clock: {by} ahead of the newest record in the store at the start, which is not \
             plausible; {kept}"
        )?;
    }
    if status.steps > 0 {
        let times = if status.steps == 1 { "once" } else { &format!("{} times", status.steps) };
        let by = for_people(status.last_step_ms.unsigned_abs());
        let direction = if status.last_step_ms < 0 { "back" } else { "forward" };
        writeln!(
            out,
            "clock: set {times} since the start, last {by} {direction}; leases keep their \
             remaining time"
        )?;
    }
    Ok(())
}

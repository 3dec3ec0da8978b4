//! The lines of `lessor status` about a generation that serves until policies are compiled.

use std::io::{self, Write};

use lessor_generation::StandIn;
use lessor_serving::Meanwhile;

/// Prints what serves, since when, and what is waited for.
pub(super) fn print(out: &mut impl Write, meanwhile: &Meanwhile) -> io::Result<()> {
    let Meanwhile { serves, accepted_at, since, waits_for, compiling, compiling_secs } = meanwhile;
    match (serves, accepted_at) {
        (StandIn::NoPolicies, _) => {
            write!(out, "NO POLICIES DECIDE since {since}, until these are compiled")?;
        }
        (StandIn::LastAccepted, Some(accepted_at)) => write!(
            out,
            "THE GENERATION ACCEPTED AT {accepted_at} SERVES since {since}, until these policies are \
             compiled"
        )?,
        (StandIn::LastAccepted, None) => write!(
            out,
            "THE LAST ACCEPTED GENERATION SERVES since {since}, until these policies are compiled"
        )?,
    }
    match (compiling, compiling_secs) {
        (Some(file), Some(secs)) => writeln!(out, " (now {file}, for {secs} s so far):")?,
        _ => writeln!(out, ":")?,
    }
    waits_for.iter().try_for_each(|policy| writeln!(out, "{policy}"))
}

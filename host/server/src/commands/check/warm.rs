//! `lessor check --warm`: checks, and leaves the compiled policies where the next start of the
//! server finds them.
//!
//! Invariant: the folder stays one that the server trusts and can read, because what is written
//! there belongs to the user of the server.

use std::{path::Path, process::ExitCode};

use lessor_generation::last_accepted;
use lessor_policy_host::{Runtime, RuntimeSettings};

use super::{check, print, report};
use crate::colour_on_stderr;

/// Compiles what the configuration and the last accepted generation need, and prints the result of
/// the check.
pub(super) fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let read = lessor_generation::load_configuration(path, colour_on_stderr());
    let last = last_accepted::configuration(path, read.as_ref().ok()).ok();
    // A start with a broken configuration serves the last accepted generation.
    let known = read.as_ref().ok().or(last.as_ref());
    // The check reports the mistakes of policies, too.
    let Some(known) = known else { return Ok(report(path)) };
    let cache = known.plugins.as_ref().and_then(|plugins| plugins.cache.as_deref());
    let Some(cache) = cache else {
        eprintln!("note: this server compiles nothing that it could keep");
        return Ok(report(path));
    };
    if let Some(user) = lessor_serving::become_owner(known, cache)? {
        eprintln!("note: continues as the user {user}, to whom {} belongs", cache.display());
    }
    let settings = RuntimeSettings {
        cache: Some(cache.to_owned()),
        compiled: lessor_generation::compiled_folders(known),
        ..RuntimeSettings::default()
    };
    let runtime = Runtime::new(settings)?;
    let code = print(check(path, &runtime));
    if let Some(last) = &last {
        // Whether it can serve is not what is checked.
        let _ = lessor_generation::build(&runtime, last, false, None);
    }
    Ok(code)
}

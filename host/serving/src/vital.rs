//! Threads that the server cannot work without.
//!
//! Does not know what they do. Invariant: if one panics or returns an error, the process ends with
//! it. Leases are on storage, and a service manager starts the process again; a server that runs
//! but does not receive on one interface would be worse.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread::{Builder, JoinHandle},
};

use crate::exit::exit;

/// The exit code of a server that lost a thread: an internal software error (sysexits.h).
const EXIT_CODE: i32 = 70;

/// Starts a thread that may end only when it is asked to.
///
/// # Errors
/// If the system provides no thread.
pub(crate) fn spawn(
    name: impl Into<String>,
    work: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let name = name.into();
    Builder::new().name(name.clone()).spawn(move || {
        let error = match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => "a panic, described above".to_owned(),
        };
        tracing::error!(thread = name, error, "the server cannot continue without this thread");
        exit(EXIT_CODE);
    })
}

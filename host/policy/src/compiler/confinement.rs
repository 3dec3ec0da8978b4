//! Confines the compiling child, irrevocably, before it reads an untrusted file.
//!
//! Invariant: after [`enter`] the process has no capability, cannot open a file or a socket, cannot
//! start another process unless it is root, and ends at its limits of memory and processor time.

use std::{fs, io};

use caps::{CapSet, CapsHashSet};
use nix::{
    sys::{
        prctl,
        resource::{Resource, getrlimit, setrlimit},
        signal::Signal,
    },
    unistd::getppid,
};

use super::CompileLimits;
use crate::background;

/// Standard input, output and error.
const PIPES: u32 = 3;

/// Makes the process end when the server does, lowers its priority for processors, makes it the
/// first choice when the system runs out of memory, and closes all inherited descriptors but the
/// pipes.
pub(super) fn begin() {
    // Each of these is an additional precaution, which an old kernel or a container may not
    // support.
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    let _ = prctl::set_name(c"lessor-compile");
    close_all_but_pipes();
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    background::lower_priority();
}

/// Gives up everything that is not needed for computing.
///
/// # Errors
/// If the system does not allow this, or the server has already ended.
pub(super) fn enter(limits: &CompileLimits, parent: u32) -> io::Result<()> {
    // The server may have ended before the death signal was set.
    if getppid().as_raw() as u32 != parent {
        return Err(io::Error::other("the server has ended"));
    }
    prctl::set_no_new_privs()?;
    drop_capabilities().map_err(io::Error::other)?;
    // With a limit of 0, the kernel would still pipe a core dump to a handler program (core(5)).
    limit(Resource::RLIMIT_CORE, 1)?;
    limit(Resource::RLIMIT_FSIZE, 0)?;
    limit(Resource::RLIMIT_NPROC, 0)?;
    limit(Resource::RLIMIT_NOFILE, u64::from(PIPES))?;
    limit(Resource::RLIMIT_AS, limits.memory_octets)?;
    // The soft limit ends the process with a signal that identifies the cause, the hard limit kills
    // it.
    limit_in_steps(Resource::RLIMIT_CPU, limits.processor_secs, limits.processor_secs + 1)
}

fn limit(resource: Resource, value: u64) -> io::Result<()> {
    limit_in_steps(resource, value, value)
}

/// A limit that is already lower is kept.
fn limit_in_steps(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let (_, before) = getrlimit(resource)?;
    Ok(setrlimit(resource, soft.min(before), hard.min(before))?)
}

fn drop_capabilities() -> Result<(), caps::errors::CapsError> {
    for one in caps::all() {
        // A process that may not drop one of these cannot use it either.
        let _ = caps::drop(None, CapSet::Bounding, one);
    }
    // Kernels without ambient capabilities have none to clear.
    let _ = caps::clear(None, CapSet::Ambient);
    caps::clear(None, CapSet::Inheritable)?;
    let none = CapsHashSet::default();
    caps::set(None, CapSet::Effective, &none)?;
    caps::set(None, CapSet::Permitted, &none)
}

#[allow(unsafe_code, reason = "no safe interface to close_range(2) is at hand")]
fn close_all_but_pipes() {
    // Kernels before 5.9 lack this call. The server's own descriptors are closed on exec, so this
    // is about descriptors that the server inherited.
    // SAFETY: the call takes three integers. The process has just begun and runs one thread;
    // nothing in it owns a descriptor beyond those of the pipes.
    let _ = unsafe { libc::syscall(libc::SYS_close_range, PIPES, u32::MAX, 0_u32) };
}

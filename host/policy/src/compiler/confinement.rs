//! What the compiling child gives up, for good, before it reads a file that others wrote.
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

/// Input, output and complaints.
const PIPES: u32 = 3;

/// Ends when the server does, and takes second place in everything: for processors, and for memory
/// when the system runs out of it. Nothing of what the server has open is left but the pipes.
pub(super) fn begin() {
    // Each of these is a precaution more; the kernel, or a container, may lack one.
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    let _ = prctl::set_name(c"lessor-compile");
    close_all_but_pipes();
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    background::lower_priority();
}

/// Gives everything up that is not needed to compute.
///
/// # Errors
/// If the system does not allow that, or the server is gone already.
pub(super) fn enter(limits: &CompileLimits, parent: u32) -> io::Result<()> {
    // It may have ended before its end would have been told.
    if getppid().as_raw() as u32 != parent {
        return Err(io::Error::other("the server is gone"));
    }
    prctl::set_no_new_privs()?;
    drop_capabilities().map_err(io::Error::other)?;
    // At 0, the system would still hand a core to a program that collects them (core(5)).
    limit(Resource::RLIMIT_CORE, 1)?;
    limit(Resource::RLIMIT_FSIZE, 0)?;
    limit(Resource::RLIMIT_NPROC, 0)?;
    limit(Resource::RLIMIT_NOFILE, u64::from(PIPES))?;
    limit(Resource::RLIMIT_AS, limits.memory_octets)?;
    // At the first limit the process ends with a signal that tells why, at the second one anyway.
    limit_in_steps(Resource::RLIMIT_CPU, limits.processor_secs, limits.processor_secs + 1)
}

fn limit(resource: Resource, value: u64) -> io::Result<()> {
    limit_in_steps(resource, value, value)
}

/// A limit that is lower already stays.
fn limit_in_steps(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let (_, before) = getrlimit(resource)?;
    Ok(setrlimit(resource, soft.min(before), hard.min(before))?)
}

fn drop_capabilities() -> Result<(), caps::errors::CapsError> {
    for one in caps::all() {
        // Who has no right to drop one of these cannot use it either: there is nothing to gain.
        let _ = caps::drop(None, CapSet::Bounding, one);
    }
    // A kernel without these has nothing to give up.
    let _ = caps::clear(None, CapSet::Ambient);
    caps::clear(None, CapSet::Inheritable)?;
    let none = CapsHashSet::default();
    caps::set(None, CapSet::Effective, &none)?;
    caps::set(None, CapSet::Permitted, &none)
}

#[allow(unsafe_code, reason = "no safe interface to close_range(2) is at hand")]
fn close_all_but_pipes() {
    // Kernels before 5.9 do not know this call. What the server opens itself is closed when a program
    // is started, so that this is about what it was started with.
    // SAFETY: the call takes three integers. The process has just begun and runs one thread; nothing
    // in it owns a descriptor beyond those of the pipes.
    let _ = unsafe { libc::syscall(libc::SYS_close_range, PIPES, u32::MAX, 0_u32) };
}

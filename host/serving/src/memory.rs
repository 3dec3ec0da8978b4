//! Limits how many arenas the C library's allocator keeps, and makes it return memory to the
//! system.
//!
//! The allocator creates an arena for each thread that allocates while others do, up to eight for
//! each processor, and never frees one. Threads that live for one reload leave fragmented arenas
//! behind. With one arena for each processor, workers still seldom wait for each other, and a
//! reload finds the memory that the one before has freed.
//!
//! The memory in which a large configuration was read lies between what is kept of it, so the
//! allocator does not return it by itself.
//!
//! Does not choose the allocator; see docs/architecture.md.

use std::thread::available_parallelism;

/// The variable with which an operator sets the limit instead; see mallopt(3).
const VARIABLE: &str = "MALLOC_ARENA_MAX";
/// With two arenas, the thread that reads does not share one with the threads that do everything
/// else.
const ARENAS_MIN: usize = 2;

/// Limits the arenas of this process. Must be called before there is another thread.
pub fn limit_arenas() {
    if std::env::var_os(VARIABLE).is_none() {
        let processors = available_parallelism().map_or(ARENAS_MIN, usize::from);
        set(i32::try_from(processors.max(ARENAS_MIN)).unwrap_or(i32::MAX));
    }
}

/// Returns free memory to the system. Threads that allocate meanwhile wait for it.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code, reason = "there is no safe form of malloc_trim(3)")]
pub(crate) fn give_back() {
    // SAFETY: the call takes a number, and threads that allocate wait for it.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other C libraries return memory by themselves.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn give_back() {}

#[cfg(target_env = "gnu")]
#[allow(unsafe_code, reason = "there is no safe form of mallopt(3)")]
fn set(arenas: i32) {
    // SAFETY: the call takes two numbers, and no other thread allocates.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, arenas);
    }
}

/// Other C libraries have no arenas.
#[cfg(not(target_env = "gnu"))]
fn set(_arenas: i32) {}

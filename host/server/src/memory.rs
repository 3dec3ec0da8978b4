//! How many arenas the C library's allocator keeps, and when it gives memory back.
//!
//! It makes one for each thread that allocates while others do, up to eight for each processor, and gives
//! none of them back. Threads that live for one reload leave their arenas behind full of holes. With one
//! for each processor, workers still seldom wait for each other, and a reload finds the memory that the
//! one before has freed.
//!
//! What a large configuration was read with lies between what is kept of it, so the allocator does not give
//! it back by itself.
//!
//! Not here: which allocator is used, and why; see docs/architecture.md.

use std::thread::available_parallelism;

/// The variable with which an operator decides instead; see mallopt(3).
const VARIABLE: &str = "MALLOC_ARENA_MAX";
/// So that the thread that reads, and those that do everything else, do not share one.
const ARENAS_MIN: usize = 2;

/// Limits the arenas of this process, before it has another thread.
pub(crate) fn limit_arenas() {
    if std::env::var_os(VARIABLE).is_none() {
        let processors = available_parallelism().map_or(ARENAS_MIN, usize::from);
        set(i32::try_from(processors.max(ARENAS_MIN)).unwrap_or(i32::MAX));
    }
}

/// Gives memory that is free back to the system. Threads that allocate meanwhile wait for it.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code, reason = "there is no safe form of malloc_trim(3)")]
pub(crate) fn give_back() {
    // SAFETY: it takes a number, and threads that allocate wait for it.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other C libraries do so by themselves.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn give_back() {}

#[cfg(target_env = "gnu")]
#[allow(unsafe_code, reason = "there is no safe form of mallopt(3)")]
fn set(arenas: i32) {
    // SAFETY: it takes two numbers, and there is no other thread that allocates.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, arenas);
    }
}

/// Other C libraries have no arenas.
#[cfg(not(target_env = "gnu"))]
fn set(_arenas: i32) {}

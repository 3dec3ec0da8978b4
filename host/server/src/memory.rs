//! How many arenas the C library's allocator keeps.
//!
//! It makes one for each thread that allocates while others do, up to eight for each processor, and gives
//! none of them back. Threads that live for one reload leave their arenas behind full of holes. With one
//! for each processor, workers still seldom wait for each other, and a reload finds the memory that the
//! one before has freed.
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

//! The allocator of the process.
//!
//! Code in Rust allocates with mimalloc, which makes an exchange a tenth cheaper than the allocator
//! of the C library does; see docs/architecture.md. Libraries in C keep the latter.

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Returns free memory to the system. Memory in which a large configuration or a log was read lies
/// between what is kept of it, and the allocator would return it only later.
#[allow(unsafe_code, reason = "there is no safe form of mi_collect")]
pub(crate) fn give_back() {
    // SAFETY: the call takes no pointers, and works on the heap of this thread and on memory that
    // other threads have freed or left behind.
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}

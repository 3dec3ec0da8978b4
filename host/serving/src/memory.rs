//! Returns free memory to the system.
//!
//! Does not choose the allocator; the binary does, see docs/decisions.md.

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

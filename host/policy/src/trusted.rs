//! The one place where compiled code is loaded from a file or from the compiler's child.
//!
//! Invariant: code that reaches [`load`] was compiled by a child of this server, or of an earlier
//! run of it.

use wasmtime::{Engine, component::Component};

use crate::cache::Sealed;

/// Loads compiled code.
///
/// # Errors
/// If the engine finds that the code was compiled for another version or with other settings.
#[allow(unsafe_code, reason = "the reason stands below")]
pub(crate) fn load(engine: &Engine, sealed: &Sealed) -> wasmtime::Result<Component> {
    // SAFETY: `Component::deserialize` needs bytes from wasmtime's own serialization; any others
    // would run as native code. A `Sealed` comes from two sources. One is a child that this process
    // started from its own program, which wrote wasmtime's serialization into a pipe that no other
    // process has. An attacker who could make the compiler write something else could as well make
    // it compile something else. The other is `crate::cache`, after it has checked that the file
    // and its folder belong to the server's user (or root) and are not writable by others, that the
    // file is not a link, and that its contents have the digest that was written with them. An
    // attacker who can put another file there can also replace the server's executable or memory.
    // Accidental damage fails the digest. The bytes were read before they were checked, so that
    // they cannot change in between.
    unsafe { Component::deserialize(engine, sealed.octets()) }
}

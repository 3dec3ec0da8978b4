//! The one place where compiled code is taken from a file or from the compiler's child.
//!
//! Invariant: what reaches [`load`] is what a child of this server, or of an earlier run of it, compiled.

use wasmtime::{Engine, component::Component};

use crate::cache::Sealed;

/// Loads compiled code.
///
/// # Errors
/// If the engine finds that the code was compiled for another version or with other settings.
#[allow(unsafe_code, reason = "the reason stands below")]
pub(crate) fn load(engine: &Engine, sealed: &Sealed) -> wasmtime::Result<Component> {
    // SAFETY: `Component::deserialize` needs bytes that wasmtime's own serialization made; others
    // would run as native code. A `Sealed` is made in two ways. One is of what a child that this
    // process started, of its own program, wrote into a pipe that nobody else has: wasmtime's own
    // serialization. Who could make the compiler write something else could as well make it compile
    // something else. The other is by `crate::cache`, after it has checked that the file and its
    // folder belong to the server's user (or root) and can be written by nobody else, that the file
    // was no link, and that its contents have the digest that was written with them. Whoever can put a file of another kind there can replace the server's executable or
    // memory as well. Damage by accident fails the digest. The bytes were read before they were
    // checked, so that they cannot change in between.
    unsafe { Component::deserialize(engine, sealed.octets()) }
}

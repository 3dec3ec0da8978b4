//! What a compiled component is found by.

use std::env::consts::{ARCH, OS};

use sha2::{Digest, Sha256};

use super::DIGEST_OCTETS;
use crate::{Allocation, allocation::CODE_SETTINGS, processor};

/// The version of wasmtime, which compiles other code in each version.
const WASMTIME: &str = "48.0.8";

/// What identifies a compiled component: the component that it was compiled from, and everything
/// that its code depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(super) [u8; DIGEST_OCTETS]);

impl Key {
    /// The key of the component with this SHA-256, compiled for engines with this allocation on a
    /// processor like this one. It does not depend on the features of this program, because one
    /// without a compiler loads what another has compiled.
    pub(crate) fn new(allocation: Allocation, component_digest: &[u8; DIGEST_OCTETS]) -> Self {
        let mut hasher = Sha256::new_with_prefix(component_digest);
        let environment = [WASMTIME, CODE_SETTINGS, allocation.name(), ARCH, OS];
        for part in environment.into_iter().chain(processor::features()) {
            // No part contains this separator.
            hasher.update(part);
            hasher.update([0]);
        }
        Self(hasher.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_differently_has_another_key() {
        let pooled = Key::new(Allocation::Pooled, &[7; DIGEST_OCTETS]);
        assert_eq!(pooled, Key::new(Allocation::Pooled, &[7; DIGEST_OCTETS]));
        assert_ne!(pooled, Key::new(Allocation::OnDemand, &[7; DIGEST_OCTETS]));
        assert_ne!(pooled, Key::new(Allocation::Pooled, &[8; DIGEST_OCTETS]));
    }

    #[test]
    fn the_version_of_wasmtime_is_the_one_that_is_used() {
        let lock = include_str!("../../../../Cargo.lock");
        let (_, package) = lock.split_once("name = \"wasmtime\"\n").unwrap();
        let version = package.lines().next().unwrap();
        assert_eq!(version, format!("version = {WASMTIME:?}"), "set WASMTIME to this version");
    }
}

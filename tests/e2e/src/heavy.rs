//! Tests that would disturb each other's timing take turns.

use std::fs::File;

/// Held by a test that puts the machine under load, until it ends.
#[derive(Debug)]
pub struct HeavyTest {
    _lock: File,
}

/// Waits until no other heavy test runs, in this process or another one.
pub fn heavy() -> HeavyTest {
    // Root may not be let into another user's file below /tmp, nor the other way round.
    let user = nix::unistd::geteuid();
    let path = std::env::temp_dir().join(format!("lessor-e2e-{user}.lock"));
    let lock = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    lock.lock().unwrap_or_else(|error| panic!("cannot lock {}: {error}", path.display()));
    HeavyTest { _lock: lock }
}

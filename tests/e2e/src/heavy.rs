//! Serialises tests that would disturb each other's timing.

use std::fs::File;

/// A lock that a test holds while it puts the machine under load.
#[derive(Debug)]
pub struct HeavyTest {
    _lock: File,
}

/// Waits until no other heavy test runs, in this process or in another one.
pub fn heavy() -> HeavyTest {
    // Root may not be allowed to open another user's file below /tmp, and the reverse.
    let user = nix::unistd::geteuid();
    let path = std::env::temp_dir().join(format!("lessor-e2e-{user}.lock"));
    let lock = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    lock.lock().unwrap_or_else(|error| panic!("cannot lock {}: {error}", path.display()));
    HeavyTest { _lock: lock }
}

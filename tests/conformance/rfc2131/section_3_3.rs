//! RFC 2131 section 3.3: the interpretation of time.

use lessor_conformance::{INFINITE_SECS, Service, world};

#[test]
fn an_infinite_lease_has_the_time_ffffffff() {
    let world = world!(Service { lease_secs: INFINITE_SECS, ..Service::default() };);
    assert_eq!(world.acquire(1).said.lease_time_secs(), Some(INFINITE_SECS));
}

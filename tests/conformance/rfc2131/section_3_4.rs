//! RFC 2131 section 3.4: parameters for a client with an address of its own.

use lessor_conformance::{Expected, NAME_SERVER, messages::inform, world};

const OUTSIDE_OF_POOLS: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 77, 0, 150);

#[test]
fn an_inform_is_answered_with_parameters_and_without_a_lease() {
    let world = world!();
    world.site.client_host_uses(OUTSIDE_OF_POOLS);
    let ack = world.site.broadcast(&inform(1, OUTSIDE_OF_POOLS)).ack();
    assert_eq!(ack.said.options.addresses(6), [NAME_SERVER]);
    for of_leases in [51, 58, 59] {
        assert!(!ack.has(of_leases), "{:?}", ack.said.options.codes());
    }
}

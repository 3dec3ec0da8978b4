//! RFC 5859: TFTP servers.

use lessor_conformance::{Expected, features::TFTP_SERVERS, messages::discover_asking, world};

#[test]
fn option_150_has_the_addresses_of_tftp_servers() {
    let world = world!(TFTP_SERVERS);
    let offer = world.site.broadcast(&discover_asking(1, &[1, 3, 150])).offer();
    assert_eq!(offer.option(150), [192, 0, 2, 10, 192, 0, 2, 11]);
}

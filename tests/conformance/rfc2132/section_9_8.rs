//! RFC 2132 section 9.8: the list of parameters.

use lessor_conformance::{Expected, messages::discover_asking, world};

#[test]
fn parameters_come_in_the_order_that_the_client_asked_in() {
    let world = world!();
    for asked in [[1, 42, 15, 6, 3], [1, 3, 6, 15, 42], [1, 15, 3, 42, 6]] {
        let offer = world.site.broadcast(&discover_asking(1, &asked)).offer();
        let mut parameters = offer.parameters();
        parameters.retain(|code| asked.contains(code));
        assert_eq!(parameters, asked);
    }
}

//! RFC 3442: classless static routes.

use lessor_conformance::{Expected, features::ROUTES, messages::discover_asking, world};

#[test]
fn a_route_has_its_length_the_significant_octets_and_its_router() {
    let world = world!(ROUTES);
    let offer = world.site.broadcast(&discover_asking(1, &[1, 121, 3])).offer();
    let default_route = [0, 10, 77, 0, 1];
    let network_route = [24, 198, 51, 100, 10, 77, 0, 2];
    assert_eq!(offer.option(121), [&default_route[..], &network_route].concat());
}

#[test]
fn a_client_that_does_not_ask_for_routes_gets_its_router() {
    let world = world!(ROUTES);
    let offer = world.site.broadcast(&discover_asking(1, &[1, 3])).offer();
    assert!(offer.has(3) && !offer.has(121), "{:?}", offer.parameters());
}

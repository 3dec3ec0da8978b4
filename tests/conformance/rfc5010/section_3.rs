//! RFC 5010: the relay agent flags sub-option.

use lessor_conformance::{Expected, GIADDR, messages::extending, world};

/// Sub-option 10 with the flag UNICAST.
const UNICAST: &[u8] = &[10, 1, 0x80];
const BROADCAST: &[u8] = &[10, 1, 0];

#[test]
fn a_relayed_renewal_is_answered_whichever_way_the_client_sent_it() {
    let world = world!();
    let address = world.acquire_behind(GIADDR, 1).said.your_address;
    for flags in [UNICAST, BROADCAST] {
        let asked = extending(1, address).relayed_by(GIADDR).option(82, flags);
        let ack = world.site.relay(&asked).ack();
        assert_eq!(ack.said.your_address, address);
        assert_eq!(ack.said.relay_information(), Some(flags));
    }
}

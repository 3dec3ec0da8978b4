//! Clients that misuse the protocol: floods of DECLINE and of DISCOVER.

use std::time::Duration;

use lessor_load::{Answer, Relay, Subscriber};

/// The time that a client of a flood waits for an offer. On loopback the server answers within a
/// millisecond; a lost datagram must not delay the flood.
const PATIENCE: Duration = Duration::from_millis(200);

/// Returns the number of messages of a flood: `LESSOR_FLOOD`, which long runs set, or `default`.
pub fn flood_size(default: u32) -> u32 {
    let set = std::env::var("LESSOR_FLOOD").ok();
    set.map_or(default, |size| size.parse().expect("LESSOR_FLOOD is a number"))
}

/// Declines addresses `count` times; `subscriber` returns the client of each time. Every tenth
/// client accepts its lease before it declines. Returns the number of addresses that were offered
/// and declined.
pub fn decline_flood(relay: &mut Relay, count: u32, subscriber: impl Fn(u32) -> Subscriber) -> u32 {
    let mut declined = 0;
    for number in 0..count {
        let subscriber = subscriber(number);
        let offer = relay.discover(&subscriber, PATIENCE).expect("loopback takes datagrams");
        let Answer::Offer(offer) = offer else { continue };
        let (address, server) = (offer.address, offer.server_identifier);
        if number % 10 == 0 {
            let ack = relay.request_selecting(&subscriber, address, server, PATIENCE);
            ack.expect("loopback takes datagrams");
        }
        let silence = relay.decline(&subscriber, address, server, Duration::ZERO);
        silence.expect("loopback takes datagrams");
        declined += 1;
    }
    declined
}

/// Sends `count` DISCOVERs, each from another client, and accepts no offer.
pub fn offer_flood(relay: &mut Relay, count: u32, subscriber: impl Fn(u32) -> Subscriber) {
    for number in 0..count {
        // Waits for an answer from time to time, so that the server's socket does not overflow.
        let patience = if number % 32 == 0 { PATIENCE } else { Duration::ZERO };
        relay.discover(&subscriber(number), patience).expect("loopback takes datagrams");
    }
}

/// Returns a made-up hardware address.
pub fn made_up(number: u32) -> [u8; 6] {
    let [a, b, c, d] = number.to_be_bytes();
    [0x06, 0xbd, a, b, c, d]
}

//! Options: RFC 2132 and later documents.

use std::net::{Ipv4Addr, SocketAddrV4};

use lessor_core::{Destination, OptionValue, RelayInformation, Terms};

use crate::support::*;

/// RFC 2132 section 3.3.
#[test]
fn the_mask_comes_before_the_routers() {
    for list in [&[3, 1][..], &[6, 3, 15, 1], &[1, 3]] {
        let request = with(discover(1), |r| r.parameter_request_list = list.into());
        let codes = codes(reply(&Server::plain().ask(&request)));
        let position = |wanted| codes.iter().position(|code| *code == wanted).unwrap();
        assert!(position(1) < position(3), "{codes:?}");
    }
}

/// RFC 2132 section 3.3.
#[test]
fn the_mask_is_sent_whether_or_not_the_client_asks_for_it() {
    let asking = |request, list: &[u8]| {
        with(request, |r: &mut lessor_core::Request| r.parameter_request_list = list.into())
    };
    let mask = OptionValue::Address(Ipv4Addr::new(255, 255, 255, 0));
    for list in [&[3, 6][..], &[6], &[3, 1], &[28, 1, 3], &[]] {
        let mut server = Server::plain();
        let requests = [discover(1), selecting(1, ip(10)), inform(1, ip(200))];
        for request in requests {
            let decision = server.ask(&asking(request, list));
            assert_eq!(option(reply(&decision), 1), Some(&mask), "{list:?}");
            let codes = codes(reply(&decision));
            let position = |wanted| codes.iter().position(|code| *code == wanted);
            assert!(position(3).is_none_or(|routers| position(1).unwrap() < routers), "{codes:?}");
        }
        let nak = server.ask(&asking(selecting(1, ip(200)), list));
        assert_eq!(option(reply(&nak), 1), None);
    }
    // A policy may remove it.
    let terms = Terms { options: vec![(1, None)], ..Terms::default() };
    let decision = Server::plain().ask_under(&asking(discover(1), &[3]), &terms);
    assert_eq!(option(reply(&decision), 1), None);
}

/// RFC 6842 section 3.
#[test]
fn option_61_is_returned_unaltered_and_never_invented() {
    for octets in [&b""[..], b"\x00", b"\x01\x02\x00\x5e\x00\x53\x01", b"\xff\x00\x00"] {
        let identified = |request| {
            with(request, |r: &mut lessor_core::Request| r.client_identifier = Some(octets.into()))
        };
        let expected = OptionValue::Octets(octets.into());
        let mut server = Server::plain();
        let decision = server.ask(&identified(discover(1)));
        assert_eq!(option(reply(&decision), 61), Some(&expected));
        let nak = server.ask(&identified(selecting(1, ip(200))));
        assert_eq!(option(reply(&nak), 61), Some(&expected));
        assert_eq!(option(reply(&server.ask(&discover(2))), 61), None);
    }
}

/// RFC 2132 section 9.8.
#[test]
fn parameters_come_in_the_order_that_the_client_asked_in() {
    let mut server = Server::plain();
    let request = with(discover(1), |r| {
        r.parameter_request_list = [28, 6, 54, 6, 1, 51, 3, 58].into_iter().collect();
    });
    assert_eq!(codes(reply(&server.ask(&request))), [54, 51, 58, 59, 28, 6, 1, 3]);
}

/// RFC 3011 section 2.
#[test]
fn option_118_is_returned_if_it_was_used() {
    let selected =
        |request| with(request, |r: &mut lessor_core::Request| r.subnet_selection = Some(ip(0)));
    let mut server = Server::plain();
    let decision = server.ask(&selected(relayed(discover(1))));
    assert_eq!(option(reply(&decision), 118), Some(&OptionValue::Address(ip(0))));
    let overruled = with(selected(relayed(discover(2))), |r| {
        r.relay_information = Some(RelayInformation::from_octets(*b"\x05\x04\x0a\x00\x00\x00"));
    });
    assert_eq!(option(reply(&server.ask(&overruled)), 118), None);
}

/// RFC 8925 section 3.3.
#[test]
fn option_108_is_sent_only_to_who_asks_for_it() {
    let terms =
        Terms { options: vec![(108, Some(OptionValue::U32(1800).into()))], ..Terms::default() };
    let mut network = network();
    network.subnets[0].options = options([(108, OptionValue::U32(900))]);
    let mut server = Server::new(network);
    for (list, configured, by_policy) in
        [(&[1][..], None, None), (&[], None, None), (&[108], Some(900), Some(1800))]
    {
        let request = with(discover(1), |r| r.parameter_request_list = list.into());
        let decision = server.ask(&request);
        assert_eq!(option(reply(&decision), 108), configured.map(OptionValue::U32).as_ref());
        let decision = server.ask_under(&request, &terms);
        assert_eq!(option(reply(&decision), 108), by_policy.map(OptionValue::U32).as_ref());
    }
}

/// RFC 8357.
#[test]
fn a_relay_that_asks_for_its_source_port_is_answered_there() {
    let from_port = |request| {
        with(relayed(request), |r: &mut lessor_core::Request| {
            r.relay_information = Some(RelayInformation::from_octets(*b"\x13\x00"));
            r.arrival.source = SocketAddrV4::new(ip(99), 50_067);
        })
    };
    let relay = Destination::Relay(SocketAddrV4::new(RELAY, 50_067));
    let mut server = Server::plain();
    assert_eq!(reply(&server.ask(&from_port(discover(1)))).destination, relay);
    assert_eq!(reply(&server.ask(&from_port(selecting(1, ip(200))))).destination, relay);
}

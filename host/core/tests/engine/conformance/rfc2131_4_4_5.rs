//! RFC 2131 section 4.4.5: times.

use lessor_core::{BindingState, Fraction, LeasePart, OptionValue};

use crate::support::*;

/// RFC 2131 section 4.4.5.
#[test]
fn renewal_before_rebinding_before_the_end() {
    for (asked_secs, expected) in [(3600, Some((1800, 3150))), (60, Some((30, 52)))] {
        let request = with(discover(1), |r| r.lease_time_secs = Some(asked_secs));
        let decision = Server::plain().ask(&request);
        let (renewal, rebinding) = (option(reply(&decision), 58), option(reply(&decision), 59));
        let expected = expected.map(|(a, b)| (OptionValue::U32(a), OptionValue::U32(b)));
        assert_eq!(renewal.cloned().zip(rebinding.cloned()), expected);
    }
}

/// RFC 2131 section 4.4.5.
#[test]
fn times_are_computed_again_at_each_extension() {
    let mut server = Server::plain();
    let address = server.lease(1);
    for request in [renewing(1, address), rebinding(1, address)] {
        server.pass_secs(1800);
        assert_eq!(lease_time_secs(&server.ask(&request)), 3600);
        assert_eq!(server.record(1).expires_at, server.now.after_secs(3600));
        assert_eq!(server.record(1).state, BindingState::Leased);
    }
}

/// RFC 2131 section 4.4.5.
#[test]
fn configured_times_are_sent_only_where_they_are_before_the_end_and_in_order() {
    let mut network = network();
    network.subnets[0].settings = settings(|scope| {
        scope.times.renewal = Some(LeasePart::Fraction(Fraction::from_number(0.25).unwrap()));
        scope.times.rebinding = Some(LeasePart::Secs(1200));
    });
    let mut server = Server::new(network);
    for (asked_secs, expected) in [(3600, (900, 1200)), (7200, (685, 1200)), (600, (150, 525))] {
        let request = with(discover(1), |r| r.lease_time_secs = Some(asked_secs));
        let decision = server.ask(&request);
        let secs = [58, 59].map(|code| option(reply(&decision), code).cloned());
        let (renewal_secs, rebinding_secs) = expected;
        let expected = [renewal_secs, rebinding_secs].map(|secs| Some(OptionValue::U32(secs)));
        assert_eq!(secs, expected, "{asked_secs}");
    }
}

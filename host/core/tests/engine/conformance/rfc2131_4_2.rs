//! RFC 2131 section 4.2: the identity of clients, and which ones are served.

use lessor_core::{ClientKey, ClientKeyKind, Reason, Verdict};

use crate::support::*;

/// RFC 2131 section 4.2.
#[test]
fn the_client_key_is_option_61_or_else_the_hardware_address() {
    let as_identified = |client, octets: &[u8]| {
        with(discover(client), |r| r.client_identifier = Some(octets.into()))
    };
    let mut server = Server::plain();
    let first = offered(&server.ask(&as_identified(1, b"\xffab")));
    assert_eq!(offer(&server.ask(&as_identified(2, b"\xffab"))), (first, Reason::OfferedAgain));
    assert_ne!(offered(&server.ask(&discover(1))), first);
    let nobody = as_identified(1, b"");
    assert_eq!(
        ClientKeyKind::default().key_of(&nobody, None).unwrap(),
        ClientKey::Hardware(hardware(1))
    );
}

/// RFC 2131 section 4.2.
#[test]
fn silence_towards_unknown_clients_is_legal() {
    let terms = lessor_core::Terms {
        verdict: Verdict::Ignore("not a customer".into()),
        ..lessor_core::Terms::default()
    };
    let decision = Server::plain().ask_under(&discover(1), &terms);
    assert_eq!((decision.reason, decision.reply), (Reason::IgnoredByPolicy, None));
}

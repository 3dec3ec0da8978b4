//! RFC 4702 section 4: the client FQDN option in replies.

use lessor_conformance::{
    Expected, Heard, World, device,
    features::CLIENT_FQDN,
    messages::{discover, selecting},
    world,
};

/// Flags: the server updates the A record (S), it overrides the client (O), the name is in the
/// encoding of DNS (E), and there is no update (N).
const S: u8 = 1;
const O: u8 = 2;
const E: u8 = 4;
const N: u8 = 8;

const ENCODED: &[u8] = b"\x04host\x07example\x03org\x00";
const ASCII: &[u8] = b"host.example.org";

#[track_caller]
fn ack(world: &World, flags: u8, name: &[u8]) -> Heard {
    let fqdn = [&[flags, 0, 0], name].concat();
    let offer = world.site.broadcast(&discover(1).option(81, &fqdn)).offer();
    world.site.broadcast(&selecting(device(1), &offer).option(81, &fqdn)).ack()
}

#[test]
fn a_client_that_sends_the_option_gets_it_back() {
    let world = world!(CLIENT_FQDN);
    assert!(ack(&world, S | E, ENCODED).option(81).len() > 3);
}

#[test]
fn a_client_that_does_not_send_the_option_does_not_get_it() {
    let world = world!(CLIENT_FQDN);
    assert!(!world.acquire(1).has(81));
}

#[test]
fn the_name_is_encoded_as_the_client_has_encoded_it() {
    let world = world!(CLIENT_FQDN);
    let encoded = ack(&world, S | E, ENCODED);
    assert_eq!(encoded.option(81)[0] & E, E);
    assert_eq!(&encoded.option(81)[3..], ENCODED);
    let ascii = ack(&world, S, ASCII);
    assert_eq!(ascii.option(81)[0] & E, 0);
    let name = String::from_utf8_lossy(&ascii.option(81)[3..]).to_lowercase();
    assert_eq!(name.trim_end_matches(['.', '\0']), "host.example.org");
}

#[test]
fn the_flag_o_says_that_s_is_not_as_the_client_wants_it() {
    let world = world!(CLIENT_FQDN);
    for wanted in [0, S] {
        let flags = ack(&world, wanted | E, ENCODED).option(81)[0];
        let is_overridden = flags & S != wanted;
        assert_eq!(flags & O != 0, is_overridden, "asked for {wanted}; got {flags:#x}");
    }
}

#[test]
fn no_update_means_that_the_server_does_not_update_either() {
    let world = world!(CLIENT_FQDN);
    let flags = ack(&world, N | E, ENCODED).option(81)[0];
    assert!(flags & N == 0 || flags & S == 0, "{flags:#x}");
}

#[test]
fn reserved_flags_are_zero() {
    let world = world!(CLIENT_FQDN);
    assert_eq!(ack(&world, 0xf0 | S | E, ENCODED).option(81)[0] & 0xf0, 0);
}

#[test]
fn both_codes_of_results_are_255() {
    let world = world!(CLIENT_FQDN);
    assert_eq!(ack(&world, S | E, ENCODED).option(81)[1..3], [255, 255]);
}

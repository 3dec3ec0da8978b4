//! RFC 3396 sections 5 to 8: options that are longer than one part.

use lessor_conformance::{
    Expected, GIADDR,
    features::LONG_OPTION,
    messages::{discover, discover_asking},
    world,
};

#[test]
fn parts_of_an_option_are_joined_wherever_they_are() {
    let world = world!();
    // The parts are in the options field, not adjacent, and in the fields file and sname.
    let split = discover(1)
        .option(61, b"\x00a")
        .option(12, b"host")
        .option(61, b"b")
        .option(52, &[3])
        .boot_file(b"\x3d\x01c\xff")
        .server_name(b"\x3d\x01d\xff");
    let whole = discover(1).option(61, b"\x00abcd");
    let first = world.site.broadcast(&split).offer();
    let second = world.site.broadcast(&whole).offer();
    assert_eq!(first.said.your_address, second.said.your_address, "it is the same client");
    let another = world.site.broadcast(&discover(1).option(61, b"\x00a")).offer();
    assert_ne!(another.said.your_address, first.said.your_address);
}

#[test]
fn an_option_that_decides_the_answer_can_be_split() {
    let world = world!();
    let asked = discover(1).option(50, &[10, 77]).option(12, b"host").option(50, &[0, 14]);
    let offer = world.site.broadcast(&asked).offer();
    assert_eq!(offer.said.your_address.octets(), [10, 77, 0, 14]);
}

#[test]
fn a_list_of_parameters_can_be_split() {
    let world = world!();
    let asked = discover_asking(1, &[1, 3]).option(55, &[42]);
    assert!(world.site.broadcast(&asked).offer().has(42));
}

#[test]
fn a_long_option_is_sent_in_parts() {
    let world = world!(LONG_OPTION);
    let asked = discover_asking(1, &[1, 3, 224]).option(57, &1_400_u16.to_be_bytes());
    let offer = world.site.broadcast(&asked).offer();
    assert_eq!(offer.option(224), "0123456789".repeat(30).as_bytes());
    let parts = offer.datagram.options().into_iter().filter(|(code, _)| *code == 224).count();
    assert_eq!(parts, 2);
}

#[test]
fn a_long_option_that_does_not_fit_is_left_out_whole() {
    let world = world!(LONG_OPTION);
    let asked = discover_asking(1, &[1, 3, 224]).option(57, &576_u16.to_be_bytes());
    let information = [&[1, 150][..], &[b'c'; 150]].concat();
    let offer = world.site.relay(&asked.relayed_by(GIADDR).option(82, &information)).offer();
    if let Some(found) = offer.said.options.get(224) {
        assert_eq!(found, "0123456789".repeat(30).as_bytes());
    }
}

//! RFC 3397 section 2: the domain search option.

use lessor_conformance::{Expected, features::DOMAIN_SEARCH, messages::discover_asking, world};

/// Reads domain names with pointers (RFC 1035 section 4.1.4), which count from the option's start.
fn names(octets: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = 0;
    while at < octets.len() {
        let (mut labels, mut place, mut jumped) = (Vec::new(), at, false);
        loop {
            match octets[place] {
                0 => {
                    at = if jumped { at } else { place + 1 };
                    break;
                }
                pointer if pointer >= 0xc0 => {
                    let target = usize::from(pointer & 0x3f) << 8 | usize::from(octets[place + 1]);
                    assert!(target < place, "a pointer points backwards");
                    at = if jumped { at } else { place + 2 };
                    (place, jumped) = (target, true);
                }
                length => {
                    let end = place + 1 + usize::from(length);
                    labels.push(String::from_utf8_lossy(&octets[place + 1..end]).into_owned());
                    place = end;
                }
            }
        }
        names.push(labels.join("."));
    }
    names
}

#[test]
fn domain_names_are_encoded_as_in_dns() {
    let world = world!(DOMAIN_SEARCH);
    let offer = world.site.broadcast(&discover_asking(1, &[1, 3, 119])).offer();
    assert_eq!(names(offer.option(119)), ["example.org", "lab.example.org"]);
}

#[test]
fn the_common_end_of_names_is_compressed() {
    let world = world!(DOMAIN_SEARCH);
    let offer = world.site.broadcast(&discover_asking(1, &[1, 3, 119])).offer();
    assert_eq!(offer.option(119), b"\x07example\x03org\x00\x03lab\xc0\x00");
}

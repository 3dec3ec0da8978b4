//! What an RFC demands of the value of an option beyond its type.
//!
//! Applies to the configuration only: a policy can set any value. A value that is written as octets
//! is what the operator means, and is not checked either.

use lessor_core::{OptionValue, option::code};

use crate::reader::Value;

/// The shortest time for which a client does without IPv4, in seconds (RFC 8925 section 3.4).
const IPV6_ONLY_WAIT_SECS_MIN: u32 = 300;

/// Reports the value of an option that no client would take as it is meant.
pub(crate) fn check(value: &Value, code: u8, read: &OptionValue) {
    match (code, read) {
        (code::IPV6_ONLY_PREFERRED, OptionValue::U32(1..IPV6_ONLY_WAIT_SECS_MIN)) => {
            let help =
                "clients wait at least 300 seconds (RFC 8925 section 3.4), also if they get 0";
            value.refuse_with_help("at least 300 seconds, or 0 for no certain time", help);
        }
        (code::CAPTIVE_PORTAL, OptionValue::Text(text)) if !is_uri(text) => {
            let help = "where there is no portal, it is \"urn:ietf:params:capport:unrestricted\"";
            value.refuse_with_help("a URI, such as \"https://portal.example.net/api\"", help);
        }
        (code::ENCRYPTED_RESOLVERS, OptionValue::Octets(octets)) if has_priority_0(octets) => {
            let help = "clients ignore resolvers with priority 0 (RFC 9463); the lowest \
                        number is preferred";
            value.refuse_with_help("a priority from 1 to 65535 for every resolver", help);
        }
        (code::STATIC_ROUTES, OptionValue::Octets(octets)) if has_default_route(octets) => {
            let help = "a default route belongs into `routers`, or into \
                        `classless-static-routes` as \"0.0.0.0/0\" (RFC 2132 section 5.8)";
            value.refuse_with_help("destinations other than 0.0.0.0", help);
        }
        _ => {}
    }
}

/// Returns whether a text has the form of a URI (RFC 3986 section 3): a scheme, a colon, and
/// characters that a URI can have.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|found| found.is_ascii_alphanumeric() || "+-.".contains(found));
    let is_plain = |found: char| found.is_ascii_graphic() && !"\"<>\\^`{|}".contains(found);
    is_scheme && !rest.is_empty() && rest.chars().all(is_plain)
}

/// Returns whether a resolver of option 162 has the priority 0: each is a length of two octets,
/// followed by the priority (RFC 9463 section 5.1).
fn has_priority_0(octets: &[u8]) -> bool {
    let mut rest = octets;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let Some((resolver, after)) = after.split_at_checked(length) else { return false };
        if resolver.starts_with(&[0, 0]) {
            return true;
        }
        rest = after;
    }
    false
}

/// Returns whether option 33, pairs of a destination and a router, has the destination 0.0.0.0.
fn has_default_route(octets: &[u8]) -> bool {
    octets.chunks(8).any(|pair| pair.starts_with(&[0; 4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_has_a_scheme_and_no_spaces() {
        for uri in [
            "https://portal.example.net/",
            "http://192.0.2.1",
            "urn:ietf:params:capport:unrestricted",
            "https://[2001:db8::1]/api?x=%20",
        ] {
            assert!(is_uri(uri), "{uri}");
        }
        for other in ["portal.example.net", "https:", "://x", "1a:b", "a b:c", "a:b c", "a:\u{e9}"]
        {
            assert!(!is_uri(other), "{other}");
        }
    }

    #[test]
    fn resolvers_are_looked_through_as_far_as_they_can_be_read() {
        assert!(has_priority_0(&[0, 3, 0, 0, 1]));
        assert!(has_priority_0(&[0, 2, 0, 1, 0, 2, 0, 0]));
        for octets in [&[0, 2, 0, 1][..], &[0, 9, 0, 0], &[0], &[], &[0, 1, 0], &[255; 9]] {
            assert!(!has_priority_0(octets), "{octets:?}");
        }
    }
}

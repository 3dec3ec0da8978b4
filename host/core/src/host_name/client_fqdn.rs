//! The client FQDN option (option 81, RFC 4702): what a client says, and what the server answers.
//!
//! Does not choose the name of the answer. Invariant: an answer is in the encoding that its client
//! used, and promises nothing that this server does not do.

use super::{HostName, NameFault};

/// The client asks the server to update the address record.
const S: u8 = 1;
/// The server does something else than the client asked for with S.
const O: u8 = 2;
/// The name is in canonical wire format; otherwise it is text, which is deprecated.
const E: u8 = 4;
/// The server makes no updates.
const N: u8 = 8;
/// Both fields RCODE in answers (RFC 4702 section 2.2).
const RCODE: u8 = 255;
/// Flags and the two fields RCODE.
const HEADER_OCTETS: usize = 3;

/// What a client says about its name in option 81.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientFqdn<'o> {
    flags: u8,
    name: &'o [u8],
}

impl<'o> ClientFqdn<'o> {
    /// Reads the octets of the option; `None` if they are too few.
    pub fn read(octets: &'o [u8]) -> Option<Self> {
        let (header, name) = octets.split_at_checked(HEADER_OCTETS)?;
        Some(Self { flags: *header.first()?, name })
    }

    /// Returns whether the name is in canonical wire format rather than text.
    pub fn is_wire_format(&self) -> bool {
        self.flags & E != 0
    }

    /// Returns whether the client asks the server to update its address record.
    pub fn wants_update(&self) -> bool {
        self.flags & S != 0
    }

    /// The name that the client states, sanitised; `None` if it leaves the name to the server.
    ///
    /// # Errors
    /// If the name is not one that a client may have.
    pub fn name(&self) -> Result<Option<HostName>, NameFault> {
        let is_absent = self.name.iter().all(|octet| *octet == 0);
        if is_absent {
            return Ok(None);
        }
        if self.is_wire_format() {
            return HostName::sanitised(&text_of(self.name)?).map(Some);
        }
        HostName::sanitised(self.name).map(Some)
    }

    /// The octets of the answer for a client that has `name`. A name without a domain is a partial
    /// one, which has no root label.
    ///
    /// The server makes no updates of a DNS server: N is set and S is not. O is set if the client
    /// asked for an update.
    pub fn answer(&self, name: &HostName) -> Vec<u8> {
        let mut octets = Vec::with_capacity(HEADER_OCTETS + name.len() + 2);
        let overrides = if self.wants_update() { O } else { 0 };
        octets.extend([N | overrides | self.flags & E, RCODE, RCODE]);
        if !self.is_wire_format() {
            octets.extend_from_slice(name.as_bytes());
            return octets;
        }
        for label in name.split('.') {
            octets.push(label.len() as u8);
            octets.extend_from_slice(label.as_bytes());
        }
        if name.has_domain() {
            octets.push(0);
        }
        octets
    }
}

/// Joins labels in wire format, which a root label may end (RFC 4702 section 2.3). Compressed
/// names are not allowed there.
fn text_of(mut octets: &[u8]) -> Result<Vec<u8>, NameFault> {
    let mut text = Vec::with_capacity(octets.len());
    loop {
        match octets {
            [] | [0] => return Ok(text),
            [0, ..] => return Err(NameFault::Trailing),
            [64..=u8::MAX, ..] => return Err(NameFault::LongLabel),
            [length, rest @ ..] => {
                let (label, after) =
                    rest.split_at_checked(usize::from(*length)).ok_or(NameFault::Truncated)?;
                if label.contains(&b'.') || label.contains(&0) {
                    return Err(NameFault::Character);
                }
                if !text.is_empty() {
                    text.push(b'.');
                }
                text.extend_from_slice(label);
                octets = after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> HostName {
        HostName::read(text).unwrap()
    }

    #[test]
    fn rfc4702_2_1_the_answer_says_that_the_server_makes_no_updates() {
        for (asked, answered) in [
            (0, N),
            (S, N | O),
            (E, N | E),
            (S | E, N | O | E),
            (N | E, N | E),
            // Reserved bits, and those that only servers set, are ignored.
            (0xf0 | O | E, N | E),
        ] {
            let fqdn = ClientFqdn { flags: asked, name: b"" };
            assert_eq!(fqdn.answer(&name("pc"))[..3], [answered, 255, 255], "{asked}");
        }
    }

    #[test]
    fn rfc4702_2_3_the_answer_has_the_encoding_of_its_client() {
        let text = ClientFqdn::read(b"\x01\0\0PC.Example.").unwrap();
        assert_eq!(text.name(), Ok(Some(name("pc.example"))));
        assert_eq!(text.answer(&name("pc.example")), b"\x0a\xff\xffpc.example");
        let wire = ClientFqdn::read(b"\x05\0\0\x02PC\x07Example\0").unwrap();
        assert_eq!(wire.name(), Ok(Some(name("pc.example"))));
        assert_eq!(wire.answer(&name("pc.example")), b"\x0e\xff\xff\x02pc\x07example\0");
        let partial = ClientFqdn::read(b"\x04\0\0\x02pc").unwrap();
        assert_eq!(partial.name(), Ok(Some(name("pc"))));
        assert_eq!(partial.answer(&name("pc")), b"\x0c\xff\xff\x02pc");
    }

    #[test]
    fn a_client_may_leave_its_name_to_the_server() {
        for octets in [&b"\x00\0\0"[..], b"\x04\0\0", b"\x04\0\0\0", b"\x00\0\0\0"] {
            assert_eq!(ClientFqdn::read(octets).unwrap().name(), Ok(None), "{octets:?}");
        }
        for octets in [&b""[..], b"\x04", b"\x04\0"] {
            assert_eq!(ClientFqdn::read(octets), None);
        }
    }

    #[test]
    fn names_that_are_cut_off_compressed_or_hide_dots_are_refused() {
        for (octets, fault) in [
            (&b"\x04\0\0\x05pc"[..], NameFault::Truncated),
            (b"\x04\0\0\x02pc\xc0\x03", NameFault::LongLabel),
            (b"\x04\0\0\x02pc\0\x02pc\0", NameFault::Trailing),
            (b"\x04\0\0\x05pc.ab\0", NameFault::Character),
            (b"\x04\0\0\x03pc\0\0", NameFault::Character),
            (b"\x04\0\0\x03p\nc\0", NameFault::ControlCharacter),
            (b"\x00\0\0pc\0evil", NameFault::ControlCharacter),
        ] {
            assert_eq!(ClientFqdn::read(octets).unwrap().name(), Err(fault), "{octets:?}");
        }
    }

    fn names() -> impl Strategy<Value = HostName> {
        let label = "[a-z]([a-z0-9-]{0,20}[a-z0-9])?";
        let labels = proptest::collection::vec(label, 1..6);
        labels.prop_filter_map("reserved", |labels| {
            HostName::sanitised(labels.join(".").as_bytes()).ok()
        })
    }

    proptest! {
        #[test]
        fn an_answer_reads_as_the_name_that_was_written(name in names(), flags: u8) {
            let octets = ClientFqdn { flags, name: b"" }.answer(&name);
            let read = ClientFqdn::read(&octets).unwrap();
            prop_assert_eq!(read.is_wire_format(), flags & E != 0);
            prop_assert!(!read.wants_update());
            prop_assert_eq!(read.name(), Ok(Some(name)));
        }

        #[test]
        fn any_octets_make_a_name_or_a_fault(octets: Vec<u8>) {
            if let Some(fqdn) = ClientFqdn::read(&octets)
                && let Ok(Some(name)) = fqdn.name()
            {
                prop_assert_eq!(HostName::read(&name), Ok(name.clone()));
                prop_assert_eq!(fqdn.name(), Ok(Some(name)));
            }
        }
    }
}

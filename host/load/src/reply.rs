//! Reads the messages of a server.
//!
//! An independent implementation of RFC 2131 on top of dhcproto, not that of the server under test,
//! so it does not hide mistakes there. Nothing is repaired; a malformed message is an error.

use std::net::Ipv4Addr;

use dhcproto::{
    Decoder,
    v4::{Flags, MAGIC, MessageType, Opcode, borrowed},
};
use thiserror::Error;

use crate::code;

/// A message from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Option 53.
    pub message_type: MessageType,
    /// The transaction that it answers.
    pub xid: u32,
    /// The hardware type (htype).
    pub hardware_type: u8,
    /// The hardware address, of as many octets as hlen says.
    pub hardware_address: Vec<u8>,
    /// The flags; only the highest bit, BROADCAST, has a meaning.
    pub flags: u16,
    /// The client's address (ciaddr).
    pub client_address: Ipv4Addr,
    /// The address that the client is given or offered (yiaddr).
    pub your_address: Ipv4Addr,
    /// The next server of a network boot (siaddr).
    pub next_server: Ipv4Addr,
    /// The relay's address (giaddr).
    pub relay_address: Ipv4Addr,
    /// The server's name (sname) up to its zero octet; empty if the field holds options.
    pub server_name: Vec<u8>,
    /// The boot file's name (file) up to its zero octet; empty if the field holds options.
    pub boot_file: Vec<u8>,
    /// All options, including those in overloaded fields.
    pub options: ReplyOptions,
}

/// The options of a reply: octets by code, split options joined (RFC 3396), in the order of the
/// message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyOptions {
    entries: Vec<(u8, Vec<u8>)>,
}

/// Why a datagram is not a message of a server.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReplyError {
    /// It is shorter than header and magic cookie.
    #[error("{found} octets are too few for a reply; wanted at least 240")]
    TooShort {
        /// The length of the datagram.
        found: usize,
    },
    /// The op field is not BOOTREPLY.
    #[error("op is {found}; wanted 2, BOOTREPLY")]
    NotBootReply {
        /// The op field.
        found: u8,
    },
    /// The hardware address is longer than its field.
    #[error("hlen is {found}; chaddr has room for 16 octets")]
    HardwareLength {
        /// The hlen field.
        found: u8,
    },
    /// The options do not begin as RFC 2131 section 3 requires.
    #[error("the options begin with {}; wanted the magic cookie 63825363", hex::encode(found))]
    NoMagicCookie {
        /// The first octets of the options.
        found: Vec<u8>,
    },
    /// An option extends beyond the end of its field.
    #[error("option {code} extends past the end of the {field} field")]
    OptionTruncated {
        /// The code of the option.
        code: u8,
        /// `options`, `file` or `sname`.
        field: &'static str,
    },
    /// There is no option 255 (RFC 2131 section 4.1: it must be the last option).
    #[error("the {field} field has no end option (255)")]
    NoEnd {
        /// `options`, `file` or `sname`.
        field: &'static str,
    },
    /// There is no option 53, or its value is not a single octet.
    #[error("there is no message type (option 53) of one octet")]
    NoMessageType,
}

impl Reply {
    /// Reads a datagram.
    pub fn read(octets: &[u8]) -> Result<Self, ReplyError> {
        let message = borrowed::Message::new(octets)
            .map_err(|_| ReplyError::TooShort { found: octets.len() })?;
        if message.opcode() != Opcode::BootReply {
            return Err(ReplyError::NotBootReply { found: message.opcode().into() });
        }
        if message.hlen() > 16 {
            return Err(ReplyError::HardwareLength { found: message.hlen() });
        }
        let cookie = octets.get(236..240).unwrap_or_default();
        if cookie != MAGIC {
            return Err(ReplyError::NoMagicCookie { found: cookie.to_owned() });
        }
        let mut options = ReplyOptions::default();
        options.join_field(octets.get(240..).unwrap_or_default(), "options")?;
        // RFC 2131 section 4.1: 1 means that file contains options, 2 that sname does, 3 that both
        // do.
        let overload = options.octet(code::OVERLOAD).unwrap_or_default();
        let (file_holds_options, sname_holds_options) = (overload & 1 != 0, overload & 2 != 0);
        if file_holds_options {
            options.join_field(octets.get(108..236).unwrap_or_default(), "file")?;
        }
        if sname_holds_options {
            options.join_field(octets.get(44..108).unwrap_or_default(), "sname")?;
        }
        let message_type = options.octet(code::MESSAGE_TYPE).ok_or(ReplyError::NoMessageType)?;
        let text = |holds_options: bool, text: &[u8]| match holds_options {
            true => Vec::new(),
            false => text.to_owned(),
        };
        Ok(Self {
            message_type: MessageType::from(message_type),
            xid: message.xid(),
            hardware_type: message.htype().into(),
            hardware_address: message.chaddr().to_owned(),
            flags: message.flags().into(),
            client_address: message.ciaddr(),
            your_address: message.yiaddr(),
            next_server: message.siaddr(),
            relay_address: message.giaddr(),
            server_name: text(sname_holds_options, message.sname()),
            boot_file: text(file_holds_options, message.fname()),
            options,
        })
    }

    /// Returns whether the BROADCAST bit is set.
    pub fn is_broadcast(&self) -> bool {
        Flags::from(self.flags).broadcast()
    }

    /// Returns option 54.
    pub fn server_identifier(&self) -> Option<Ipv4Addr> {
        self.options.address(code::SERVER_IDENTIFIER)
    }

    /// Returns option 51, in seconds.
    pub fn lease_time_secs(&self) -> Option<u32> {
        self.options.number(code::LEASE_TIME)
    }

    /// Returns option 56, the reason of a NAK.
    pub fn message(&self) -> Option<String> {
        self.options.text(code::MESSAGE)
    }

    /// Returns option 82 as it was echoed, without code and length.
    pub fn relay_information(&self) -> Option<&[u8]> {
        self.options.get(code::RELAY_AGENT_INFORMATION)
    }
}

impl ReplyOptions {
    /// Returns the octets of option `code`, with all of its parts.
    pub fn get(&self, code: u8) -> Option<&[u8]> {
        self.iter().find(|(found, _)| *found == code).map(|(_, octets)| octets)
    }

    /// Returns codes and octets in the order of the message, without padding and end.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.entries.iter().map(|(code, octets)| (*code, octets.as_slice()))
    }

    /// Returns the codes in the order of the message.
    pub fn codes(&self) -> Vec<u8> {
        self.iter().map(|(code, _)| code).collect()
    }

    /// Returns an option of one octet, or `None` if it is absent or has another length.
    pub fn octet(&self, code: u8) -> Option<u8> {
        match self.get(code)? {
            [octet] => Some(*octet),
            _ => None,
        }
    }

    /// Returns an option that is a number of 32 bits, or `None` if it is absent or has another
    /// length.
    pub fn number(&self, code: u8) -> Option<u32> {
        Some(u32::from_be_bytes(self.get(code)?.try_into().ok()?))
    }

    /// Returns an option that is one address, or `None` if it is absent or has another length.
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        self.number(code).map(Ipv4Addr::from)
    }

    /// Returns an option that is a list of addresses, which is empty if the option is absent or not
    /// a multiple of 4 octets.
    pub fn addresses(&self, code: u8) -> Vec<Ipv4Addr> {
        match self.get(code).unwrap_or_default().as_chunks() {
            (addresses, []) => addresses.iter().copied().map(Ipv4Addr::from).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns an option that is text; octets that are not UTF-8 are replaced.
    pub fn text(&self, code: u8) -> Option<String> {
        self.get(code).map(|octets| String::from_utf8_lossy(octets).into_owned())
    }

    /// Replaces or adds an option.
    #[cfg(test)]
    pub(crate) fn set(&mut self, code: u8, octets: &[u8]) {
        match self.entries.iter_mut().find(|(found, _)| *found == code) {
            Some((_, value)) => *value = octets.to_owned(),
            None => self.entries.push((code, octets.to_owned())),
        }
    }

    /// Removes an option.
    #[cfg(test)]
    pub(crate) fn remove(&mut self, code: u8) {
        self.entries.retain(|(found, _)| *found != code);
    }

    /// Adds the options of one field. Parts of an earlier option are joined to it, wherever they
    /// are (RFC 3396 section 7).
    fn join_field(&mut self, octets: &[u8], field: &'static str) -> Result<(), ReplyError> {
        let mut decoder = Decoder::new(octets);
        loop {
            let code = match decoder.read_u8() {
                Ok(code::PAD) => continue,
                Ok(code::END) => return Ok(()),
                Ok(code) => code,
                Err(_) => return Err(ReplyError::NoEnd { field }),
            };
            let part = decoder
                .read_u8()
                .and_then(|length| decoder.read_slice(usize::from(length)))
                .map_err(|_| ReplyError::OptionTruncated { code, field })?;
            match self.entries.iter_mut().find(|(found, _)| *found == code) {
                Some((_, joined)) => joined.extend_from_slice(part),
                None => self.entries.push((code, part.to_owned())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a reply with the given octets in its options, file and sname fields.
    fn reply(options: &[u8], file: &[u8], sname: &[u8]) -> Vec<u8> {
        let mut octets = vec![0; 236];
        octets[..8].copy_from_slice(&[2, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef]);
        octets[10] = 0x80;
        octets[16..20].copy_from_slice(&[100, 64, 0, 7]);
        octets[28..34].copy_from_slice(&[2, 0x4c, 0, 0, 0, 7]);
        octets[44..44 + sname.len()].copy_from_slice(sname);
        octets[108..108 + file.len()].copy_from_slice(file);
        octets.extend(MAGIC);
        octets.extend(options);
        octets
    }

    #[test]
    fn header_and_options_are_read_from_raw_octets() {
        let options = b"\x35\x01\x05\x36\x04\xc0\x00\x02\x01\x33\x04\x00\x00\x0e\x10\
                        \x06\x08\x01\x01\x01\x01\x02\x02\x02\x02\x38\x02no\x52\x03\x01\x01\x00\xff";
        let read = Reply::read(&reply(options, b"boot", b"server")).unwrap();
        assert_eq!(read.message_type, MessageType::Ack);
        assert_eq!(read.xid, 0xdead_beef);
        assert_eq!(read.hardware_address, [2, 0x4c, 0, 0, 0, 7]);
        assert_eq!(read.your_address, Ipv4Addr::new(100, 64, 0, 7));
        assert!(read.is_broadcast());
        assert_eq!(read.server_identifier(), Some(Ipv4Addr::new(192, 0, 2, 1)));
        assert_eq!(read.lease_time_secs(), Some(3600));
        assert_eq!(read.options.addresses(6), [[1, 1, 1, 1], [2, 2, 2, 2]].map(Ipv4Addr::from));
        assert_eq!(read.message().as_deref(), Some("no"));
        assert_eq!(read.relay_information(), Some(&b"\x01\x01\x00"[..]));
        assert_eq!(read.options.codes(), [53, 54, 51, 6, 56, 82]);
        assert_eq!((&read.boot_file[..], &read.server_name[..]), (&b"boot"[..], &b"server"[..]));
    }

    #[test]
    fn parts_are_joined_over_options_then_file_then_sname() {
        let options = b"\x35\x01\x02\x2b\x01a\x34\x01\x03\x2b\x01b\xff";
        let read = Reply::read(&reply(options, b"\x2b\x01c\xff", b"\x2b\x01d\xff")).unwrap();
        assert_eq!(read.options.get(43), Some(&b"abcd"[..]));
        assert_eq!((read.boot_file, read.server_name), (vec![], vec![]));
    }

    #[test]
    fn a_field_without_overload_is_not_read_as_options() {
        let read = Reply::read(&reply(b"\x35\x01\x02\x34\x01\x02\xff", b"x", b"\xff")).unwrap();
        assert_eq!(read.boot_file, b"x");
        assert_eq!(read.options.codes(), [53, 52]);
    }

    #[test]
    fn every_kind_of_damage_has_its_error() {
        let good = reply(b"\x35\x01\x02\xff", b"", b"");
        assert!(Reply::read(&good).is_ok());
        let damaged = |at: usize, octet: u8| {
            let mut octets = good.clone();
            octets[at] = octet;
            Reply::read(&octets).unwrap_err()
        };
        assert_eq!(Reply::read(&good[..239]), Err(ReplyError::TooShort { found: 239 }));
        assert_eq!(damaged(0, 1), ReplyError::NotBootReply { found: 1 });
        assert_eq!(damaged(2, 17), ReplyError::HardwareLength { found: 17 });
        assert_eq!(damaged(236, 0), ReplyError::NoMagicCookie { found: vec![0, 130, 83, 99] });
        assert_eq!(damaged(241, 9), ReplyError::OptionTruncated { code: 53, field: "options" });
        assert_eq!(damaged(243, 0), ReplyError::NoEnd { field: "options" });
        assert_eq!(damaged(240, 54), ReplyError::NoMessageType);
        let overloaded = reply(b"\x35\x01\x02\x34\x01\x01\xff", &[0; 128], b"");
        let error = Reply::read(&overloaded).unwrap_err();
        assert_eq!(error, ReplyError::NoEnd { field: "file" });
    }

    #[test]
    fn values_of_the_wrong_length_are_absent() {
        let read =
            Reply::read(&reply(b"\x35\x01\x02\x33\x03\x00\x00\x01\x06\x05abcde\xff", b"", b""))
                .unwrap();
        assert_eq!(read.lease_time_secs(), None);
        assert!(read.options.addresses(6).is_empty());
    }
}

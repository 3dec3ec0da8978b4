//! A message of the attack: its octets, and how they are sent.

/// How a datagram reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the relay, by unicast.
    Relay,
    /// Broadcast on the link.
    Broadcast,
    /// From a client on the link, by unicast.
    Unicast,
}

/// A datagram to send.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    pub(crate) way: Way,
    pub(crate) octets: Vec<u8>,
}

/// The positions of the fields of a message (RFC 2131 section 2).
pub(crate) mod at {
    use std::ops::Range;

    pub(crate) const HTYPE: usize = 1;
    pub(crate) const HLEN: usize = 2;
    pub(crate) const HOPS: usize = 3;
    pub(crate) const XID: Range<usize> = 4..8;
    pub(crate) const SECS: Range<usize> = 8..10;
    pub(crate) const FLAGS: Range<usize> = 10..12;
    pub(crate) const CIADDR: Range<usize> = 12..16;
    pub(crate) const YIADDR: Range<usize> = 16..20;
    pub(crate) const GIADDR: Range<usize> = 24..28;
    pub(crate) const CHADDR: Range<usize> = 28..44;
    pub(crate) const COOKIE: Range<usize> = 236..240;
    pub(crate) const OPTIONS: usize = 240;
}

impl Datagram {
    /// Returns the transaction id.
    pub(crate) fn xid(&self) -> u32 {
        let field = self.octets.get(at::XID).and_then(|octets| <[u8; 4]>::try_from(octets).ok());
        u32::from_be_bytes(field.unwrap_or_default())
    }

    /// Sets the transaction id, if the datagram is long enough to have one.
    pub(crate) fn set_xid(&mut self, xid: u32) {
        if let Some(field) = self.octets.get_mut(at::XID) {
            field.copy_from_slice(&xid.to_be_bytes());
        }
    }
}

/// Returns the codes and octets of the options of a field, or `None` if an option extends beyond
/// the end of the field.
pub(crate) fn options(mut field: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut found = Vec::new();
    loop {
        field = match field {
            [] | [255, ..] => return Some(found),
            [0, rest @ ..] => rest,
            [code, length, rest @ ..] => {
                let (octets, rest) = rest.split_at_checked(usize::from(*length))?;
                found.push((*code, octets));
                rest
            }
            [_] => return None,
        };
    }
}

//! The encoding of records: lengths, and parts preceded by their length.
//!
//! A length has seven bits in each octet, the lowest first, and a bit that says whether more
//! follow. Invariant: what is written is read back as the same octets.

use smallvec::SmallVec;

/// Octets that are assembled or compared temporarily.
pub(crate) type Octets = SmallVec<[u8; 96]>;

/// Reads octets from the front. At the end it returns zeros and empty slices.
pub(crate) struct OctetReader<'o>(pub(crate) &'o [u8]);

impl<'o> OctetReader<'o> {
    /// Reads one octet.
    pub(crate) fn octet(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    /// Reads a length.
    pub(crate) fn length(&mut self) -> usize {
        let mut length = 0;
        for shift in (0..usize::BITS).step_by(7) {
            let octet = self.octet();
            length |= usize::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                break;
            }
        }
        length
    }

    /// Reads a length and that many octets.
    pub(crate) fn part(&mut self) -> &'o [u8] {
        let length = self.length();
        self.take(length)
    }

    /// Reads `length` octets, or skips everything and returns an empty slice if fewer are left.
    pub(crate) fn take(&mut self, length: usize) -> &'o [u8] {
        let (taken, rest) = self.0.split_at_checked(length).unwrap_or((&[], &[]));
        self.0 = rest;
        taken
    }
}

/// Writes a length.
pub(crate) fn put_length(octets: &mut Octets, mut length: usize) {
    while length > 0x7f {
        octets.push(length as u8 | 0x80);
        length >>= 7;
    }
    octets.push(length as u8);
}

/// Writes a part, preceded by its length.
pub(crate) fn put_part(octets: &mut Octets, part: &[u8]) {
    put_length(octets, part.len());
    octets.extend_from_slice(part);
}

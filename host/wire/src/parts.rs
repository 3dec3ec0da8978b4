//! Parts: an option longer than 255 octets is written in several (RFC 3396).
//!
//! Does not know what an option contains. Invariant: the parts of an option follow each other.

/// The longest part of an option.
const PART_OCTETS_MAX: usize = 255;

/// Writes an option, in parts if it is too long for one.
pub(crate) fn write_parts(code: u8, octets: &[u8], packet: &mut Vec<u8>) {
    if octets.is_empty() {
        packet.extend_from_slice(&[code, 0]);
    }
    for part in octets.chunks(PART_OCTETS_MAX) {
        packet.extend_from_slice(&[code, part.len() as u8]);
        packet.extend_from_slice(part);
    }
}

/// The size of an option of `octets` octets, including the code and length of each part.
pub(crate) const fn framed_octets(octets: usize) -> usize {
    let parts = if octets == 0 { 1 } else { octets.div_ceil(PART_OCTETS_MAX) };
    octets + 2 * parts
}

//! The layout of a log on disk: the headers of segments, the frames in them, the entries in a
//! frame, and the mark. Integers are in network order.
//!
//! Does not read files or judge a wrong checksum (see [`super::survey`]). Invariant: everything
//! that `decode` accepts was written by this server, for this store; checksums cover every octet.
//!
//! ```text
//! segment  header (64) frame frame frame …
//! frame    magic 4 · payload length 4 · sequence 8 · checksum of the frame before 4 ·
//!          first segment needed 4 · kind 1 · zeros 3 · checksum 4 · payload
//! payload  entry entry entry …
//! entry    key length 4 · value length 4, all bits set if the key is removed · key · value
//! ```
//!
//! Checksums are CRC-32 (IEEE 802.3). Those of frames start with the random number of the store, so
//! that a client cannot forge a frame in an identifier that is written to disk.

mod frame;
mod header;

pub(super) use self::{
    frame::{FRAME_OCTETS, Frame, FrameBuffer, FrameKind, LogEntry, NoFrame, PAYLOAD_OCTETS_MAX},
    header::{HEADER_OCTETS, MARK_OCTETS, Mark, SegmentHeader, Unreadable},
};

pub(crate) use self::header::{Contents, Position};

/// Raised when a server of another release must not open the log at all. Format 1 was that of the
/// database before this log.
pub(crate) const FORMAT: u32 = 2;

/// The integer at an offset that the caller knows to be within `octets`.
fn u32_at(octets: &[u8], at: usize) -> u32 {
    let field = octets.get(at..at + 4).and_then(|field| field.try_into().ok());
    u32::from_be_bytes(field.unwrap_or_default())
}

fn u64_at(octets: &[u8], at: usize) -> u64 {
    let field = octets.get(at..at + 8).and_then(|field| field.try_into().ok());
    u64::from_be_bytes(field.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: Position = Position { segment: 3, offset: 70_000, sequence: 1 << 40, crc: 77 };

    fn header() -> SegmentHeader {
        SegmentHeader {
            contents: Contents::Bindings,
            store: 9,
            segment: 4,
            continues: END,
            first: 2,
        }
    }

    fn frame() -> Vec<u8> {
        let mut buffer = FrameBuffer::new();
        buffer.push(b"key", Some(b"value"));
        buffer.push(b"gone", None);
        buffer.push(b"", Some(b""));
        buffer.seal(9, FrameKind::Batch, &END, 2).0.to_vec()
    }

    #[test]
    fn what_is_written_reads_the_same() {
        assert_eq!(SegmentHeader::decode(&header().encode()), Ok(header()));
        let mark = Mark { store: 9, end: END };
        assert_eq!(Mark::decode(&mark.encode()), Ok(mark));
        let octets = frame();
        let frame = Frame::decode(&octets, 9).unwrap();
        assert_eq!((frame.sequence, frame.previous, frame.first), (END.sequence + 1, 77, 2));
        assert_eq!(frame.octets(), octets.len());
        let entries: Vec<_> =
            frame.entries().map(Result::unwrap).map(|entry| (entry.key, entry.value)).collect();
        let expected: [(&[u8], Option<&[u8]>); 3] =
            [(b"key", Some(b"value")), (b"gone", None), (b"", Some(b""))];
        assert_eq!(entries, expected);
    }

    #[test]
    fn no_flipped_bit_and_no_cut_passes() {
        let mark = Mark { store: 9, end: END }.encode();
        for (octets, reads) in [
            (
                header().encode().to_vec(),
                (|octets| SegmentHeader::decode(octets).is_ok()) as fn(&[u8]) -> bool,
            ),
            (mark.to_vec(), |octets| Mark::decode(octets).is_ok()),
            (frame(), |octets| Frame::decode(octets, 9).is_ok()),
        ] {
            assert!(reads(&octets));
            for bit in 0..octets.len() * 8 {
                let mut flipped = octets.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(!reads(&flipped), "bit {bit} of {octets:x?}");
            }
            for length in 0..octets.len() {
                assert!(!reads(&octets[..length]), "{length} octets of {octets:x?}");
            }
        }
    }

    #[test]
    fn another_format_is_distinguished_from_damage() {
        let mut octets = header().encode();
        octets[11] = 7;
        let crc = crc32fast::hash(&octets[..60]);
        octets[60..].copy_from_slice(&crc.to_be_bytes());
        assert_eq!(SegmentHeader::decode(&octets), Err(Unreadable::Format(7)));
    }

    #[test]
    fn a_frame_is_found_behind_octets_that_are_none() {
        let mut octets = b"\xf5LSF, or so it seems".to_vec();
        let at = octets.len();
        octets.extend(frame());
        assert_eq!(Frame::find(&octets, 0, 9, END.sequence), Some(at));
        assert_eq!(Frame::find(&octets, 0, 9, END.sequence + 1), None, "it is an older one");
        assert_eq!(Frame::find(&octets, at + 1, 9, 0), None);
        assert_eq!(Frame::find(&octets, 0, 10, 0), None, "it belongs to another store");
    }
}

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

use std::fmt;

/// Raised when a server of another release must not open the log at all. Format 1 was that of the
/// database before this log.
pub(crate) const FORMAT: u32 = 2;

pub(super) const HEADER_OCTETS: usize = 64;
pub(super) const FRAME_OCTETS: usize = 32;
pub(super) const MARK_OCTETS: usize = 48;
/// The largest payload of a frame, in octets. A batch of 1,024 bindings has about 100,000.
pub(super) const PAYLOAD_OCTETS_MAX: usize = 256 << 20;

const HEADER_MAGIC: &[u8; 8] = b"LESSORLG";
const MARK_MAGIC: &[u8; 8] = b"LESSORMK";
const FRAME_MAGIC: [u8; 4] = [0xf5, b'L', b'S', b'F'];
/// The value length of an entry that removes its key.
const REMOVED: u32 = u32::MAX;

/// What a log contains, so that one folder is not mistaken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    Bindings = 1,
    PluginState = 2,
}

/// A position after a frame, or after the header of a segment without frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) segment: u32,
    /// In octets from the beginning of the segment's file.
    pub(crate) offset: u32,
    /// The number of the latest frame; frames are counted from 1 through all segments.
    pub(crate) sequence: u64,
    /// The checksum of the latest frame.
    pub(crate) crc: u32,
}

/// The beginning of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) contents: Contents,
    /// A random number that all files of one log share.
    pub(super) store: u64,
    pub(super) segment: u32,
    /// The end of the previous segment; data after it does not count. All zeros in the first
    /// segment.
    pub(super) continues: Position,
    /// The oldest segment that is still needed.
    pub(super) first: u32,
}

/// How much of the log is known to be on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) store: u64,
    pub(super) end: Position,
}

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Entries that belong together.
    Batch = 1,
    /// The log was closed properly here.
    Closed = 2,
}

/// A frame with a correct checksum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    pub(super) sequence: u64,
    /// The checksum of the previous frame.
    pub(super) previous: u32,
    pub(super) first: u32,
    pub(super) crc: u32,
    pub(super) payload: &'a [u8],
}

/// A frame that is being built.
pub(super) struct FrameBuffer {
    octets: Vec<u8>,
}

/// One key and its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) key: &'a [u8],
    /// `None` if the key is removed.
    pub(crate) value: Option<&'a [u8]>,
    /// The entry in its written form.
    pub(super) octets: &'a [u8],
}

/// The error for a header or a mark that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is intact and has another format.
    Format(u32),
    Damaged(String),
}

/// The error for octets that are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoFrame {
    /// Fewer octets are left than the frame has.
    Cut {
        left: usize,
        wanted: usize,
    },
    /// They do not begin like a frame.
    Magic,
    /// The length is impossible.
    Length(u32),
    Checksum,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_OCTETS] {
        let mut octets = Vec::with_capacity(HEADER_OCTETS);
        octets.extend(HEADER_MAGIC);
        octets.extend(FORMAT.to_be_bytes());
        octets.extend(self.segment.to_be_bytes());
        octets.extend(self.store.to_be_bytes());
        octets.extend(self.continues.segment.to_be_bytes());
        octets.extend(self.continues.offset.to_be_bytes());
        octets.extend(self.continues.sequence.to_be_bytes());
        octets.extend(self.continues.crc.to_be_bytes());
        octets.extend(self.first.to_be_bytes());
        octets.extend((self.contents as u32).to_be_bytes());
        octets.resize(HEADER_OCTETS - 4, 0);
        octets.extend(crc32fast::hash(&octets).to_be_bytes());
        octets.try_into().unwrap_or([0; HEADER_OCTETS])
    }

    /// Reads the header at the beginning of `octets`, and describes what it finds if there is none.
    pub(super) fn decode(octets: &[u8]) -> Result<Self, Unreadable> {
        let fields = checked(octets, HEADER_MAGIC, HEADER_OCTETS, "the header")?;
        let contents = match u32_at(fields, 48) {
            1 => Contents::Bindings,
            2 => Contents::PluginState,
            found => {
                return Err(Unreadable::Damaged(format!(
                    "the header names unknown contents {found}"
                )));
            }
        };
        Ok(Self {
            contents,
            store: u64_at(fields, 16),
            segment: u32_at(fields, 12),
            continues: Position {
                segment: u32_at(fields, 24),
                offset: u32_at(fields, 28),
                sequence: u64_at(fields, 32),
                crc: u32_at(fields, 40),
            },
            first: u32_at(fields, 44),
        })
    }
}

impl Mark {
    pub(super) fn encode(&self) -> [u8; MARK_OCTETS] {
        let mut octets = Vec::with_capacity(MARK_OCTETS);
        octets.extend(MARK_MAGIC);
        octets.extend(FORMAT.to_be_bytes());
        octets.extend(self.end.segment.to_be_bytes());
        octets.extend(self.store.to_be_bytes());
        octets.extend(self.end.sequence.to_be_bytes());
        octets.extend(self.end.offset.to_be_bytes());
        octets.extend(self.end.crc.to_be_bytes());
        octets.resize(MARK_OCTETS - 4, 0);
        octets.extend(crc32fast::hash(&octets).to_be_bytes());
        octets.try_into().unwrap_or([0; MARK_OCTETS])
    }

    pub(super) fn decode(octets: &[u8]) -> Result<Self, Unreadable> {
        let fields = checked(octets, MARK_MAGIC, MARK_OCTETS, "the mark")?;
        if octets.len() > MARK_OCTETS {
            let found = format!("it has {} octets instead of {MARK_OCTETS}", octets.len());
            return Err(Unreadable::Damaged(found));
        }
        Ok(Self {
            store: u64_at(fields, 16),
            end: Position {
                segment: u32_at(fields, 12),
                offset: u32_at(fields, 32),
                sequence: u64_at(fields, 24),
                crc: u32_at(fields, 36),
            },
        })
    }
}

impl<'a> Frame<'a> {
    /// Reads the frame at the beginning of `octets`.
    pub(super) fn decode(octets: &'a [u8], store: u64) -> Result<Self, NoFrame> {
        let cut = |wanted| NoFrame::Cut { left: octets.len(), wanted };
        let header = octets.get(..FRAME_OCTETS).ok_or(cut(FRAME_OCTETS))?;
        if !header.starts_with(&FRAME_MAGIC) {
            return Err(NoFrame::Magic);
        }
        let length = u32_at(header, 4);
        if length as usize > PAYLOAD_OCTETS_MAX {
            return Err(NoFrame::Length(length));
        }
        let end = FRAME_OCTETS + length as usize;
        let payload = octets.get(FRAME_OCTETS..end).ok_or(cut(end))?;
        let crc = u32_at(header, FRAME_OCTETS - 4);
        let kind = match header.get(24) {
            Some(1) => Kind::Batch,
            Some(2) => Kind::Closed,
            _ => return Err(NoFrame::Checksum),
        };
        if crc != frame_crc(store, header, payload) {
            return Err(NoFrame::Checksum);
        }
        Ok(Self {
            kind,
            sequence: u64_at(header, 8),
            previous: u32_at(header, 16),
            first: u32_at(header, 20),
            crc,
            payload,
        })
    }

    /// The size of the frame in octets.
    pub(super) fn octets(&self) -> usize {
        FRAME_OCTETS + self.payload.len()
    }

    /// The size in octets of the frame that begins with `header`, or `None` if that does not begin
    /// like a frame.
    pub(super) fn octets_of(header: &[u8]) -> Option<usize> {
        let length = u32_at(header, 4) as usize;
        let plausible = header.starts_with(&FRAME_MAGIC) && length <= PAYLOAD_OCTETS_MAX;
        plausible.then_some(FRAME_OCTETS + length)
    }

    /// Returns where in `octets` the next frame with a higher number than `sequence` begins,
    /// searching from `from`.
    pub(super) fn find(octets: &'a [u8], from: usize, store: u64, sequence: u64) -> Option<usize> {
        let mut at = from;
        loop {
            let rest = octets.get(at..)?;
            at += rest.windows(FRAME_MAGIC.len()).position(|window| window == FRAME_MAGIC)?;
            let frame = Self::decode(octets.get(at..)?, store);
            if frame.is_ok_and(|frame| frame.sequence > sequence) {
                return Some(at);
            }
            at += 1;
        }
    }

    /// The entries of the frame. They end with the first error.
    pub(super) fn entries(&self) -> Entries<'a> {
        Entries { rest: self.payload }
    }
}

/// Consecutive entries.
pub(super) struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = Entry::decode(self.rest);
        self.rest = match &entry {
            Some(entry) => self.rest.get(entry.octets.len()..).unwrap_or_default(),
            None => &[],
        };
        Some(entry.ok_or_else(|| "an entry extends beyond the end of its batch".to_owned()))
    }
}

impl<'a> Entry<'a> {
    /// Reads the entry at the beginning of `octets`.
    pub(super) fn decode(octets: &'a [u8]) -> Option<Self> {
        let lengths = octets.get(..8)?;
        let key_end = 8_usize.checked_add(u32_at(lengths, 0) as usize)?;
        let key = octets.get(8..key_end)?;
        let (value, end) = match u32_at(lengths, 4) {
            REMOVED => (None, key_end),
            length => {
                let end = key_end.checked_add(length as usize)?;
                (Some(octets.get(key_end..end)?), end)
            }
        };
        Some(Self { key, value, octets: octets.get(..end)? })
    }
}

impl FrameBuffer {
    pub(super) fn new() -> Self {
        Self { octets: vec![0; FRAME_OCTETS] }
    }

    /// Removes all entries.
    pub(super) fn clear(&mut self) {
        self.octets.truncate(FRAME_OCTETS);
    }

    /// Adds an entry and returns its size in octets.
    pub(super) fn push(&mut self, key: &[u8], value: Option<&[u8]>) -> usize {
        let before = self.octets.len();
        self.octets.extend((key.len() as u32).to_be_bytes());
        let value_octets = value.map_or(REMOVED, |value| value.len() as u32);
        self.octets.extend(value_octets.to_be_bytes());
        self.octets.extend(key);
        self.octets.extend(value.unwrap_or_default());
        self.octets.len() - before
    }

    /// Adds an entry that was written before.
    pub(super) fn push_written(&mut self, entry: &Entry<'_>) {
        self.octets.extend(entry.octets);
    }

    pub(super) fn payload_octets(&self) -> usize {
        self.octets.len() - FRAME_OCTETS
    }

    /// Writes the fields before the payload. Returns the frame and its checksum.
    pub(super) fn seal(
        &mut self,
        store: u64,
        kind: Kind,
        after: &Position,
        first: u32,
    ) -> (&[u8], u32) {
        let payload_octets = self.payload_octets() as u32;
        let mut header = Vec::with_capacity(FRAME_OCTETS);
        header.extend(FRAME_MAGIC);
        header.extend(payload_octets.to_be_bytes());
        header.extend((after.sequence + 1).to_be_bytes());
        header.extend(after.crc.to_be_bytes());
        header.extend(first.to_be_bytes());
        header.extend([kind as u8, 0, 0, 0]);
        let (place, payload) = self.octets.split_at_mut(FRAME_OCTETS);
        let crc = frame_crc(store, &header, payload);
        header.extend(crc.to_be_bytes());
        place.copy_from_slice(&header);
        (&self.octets, crc)
    }
}

impl fmt::Display for NoFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { left, wanted } => {
                write!(f, "a batch of {wanted} octets is cut off after {left}")
            }
            Self::Magic => f.write_str("octets that are not a batch"),
            Self::Length(found) => write!(f, "a batch with an impossible length of {found} octets"),
            Self::Checksum => f.write_str("a batch whose checksum is wrong"),
        }
    }
}

fn frame_crc(store: u64, header: &[u8], payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&store.to_be_bytes());
    crc.update(header.get(..FRAME_OCTETS - 4).unwrap_or_default());
    crc.update(payload);
    crc.finalize()
}

/// The fields of a header or a mark, if magic number, checksum and format are correct.
fn checked<'a>(
    octets: &'a [u8],
    magic: &[u8; 8],
    wanted: usize,
    what: &str,
) -> Result<&'a [u8], Unreadable> {
    let damaged = |found: String| Err(Unreadable::Damaged(found));
    let Some(fields) = octets.get(..wanted) else {
        return damaged(match octets.len() {
            0 => "it is empty".to_owned(),
            found => format!("it has {found} octets, fewer than the {wanted} of {what}"),
        });
    };
    if !fields.starts_with(magic) {
        return damaged(format!("it does not begin with {what}"));
    }
    let (before, crc) = fields.split_at(wanted - 4);
    if crc32fast::hash(before) != u32_at(crc, 0) {
        return damaged(format!("the checksum of {what} is wrong"));
    }
    match u32_at(fields, 8) {
        FORMAT => Ok(fields),
        found => Err(Unreadable::Format(found)),
    }
}

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

    fn header() -> Header {
        Header { contents: Contents::Bindings, store: 9, segment: 4, continues: END, first: 2 }
    }

    fn frame() -> Vec<u8> {
        let mut buffer = FrameBuffer::new();
        buffer.push(b"key", Some(b"value"));
        buffer.push(b"gone", None);
        buffer.push(b"", Some(b""));
        buffer.seal(9, Kind::Batch, &END, 2).0.to_vec()
    }

    #[test]
    fn what_is_written_reads_the_same() {
        assert_eq!(Header::decode(&header().encode()), Ok(header()));
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
                (|octets| Header::decode(octets).is_ok()) as fn(&[u8]) -> bool,
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
    fn another_format_is_told_from_damage() {
        let mut octets = header().encode();
        octets[11] = 7;
        let crc = crc32fast::hash(&octets[..60]);
        octets[60..].copy_from_slice(&crc.to_be_bytes());
        assert_eq!(Header::decode(&octets), Err(Unreadable::Format(7)));
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

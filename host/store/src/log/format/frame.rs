//! The frames of a segment, and the entries in them.

use std::fmt;

use super::{header::Position, u32_at, u64_at};

pub(crate) const FRAME_OCTETS: usize = 32;
/// The largest payload of a frame, in octets. A batch of 1,024 bindings has about 100,000.
pub(crate) const PAYLOAD_OCTETS_MAX: usize = 256 << 20;

const FRAME_MAGIC: [u8; 4] = [0xf5, b'L', b'S', b'F'];
/// The value length of an entry that removes its key.
const REMOVED: u32 = u32::MAX;

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// Entries that belong together.
    Batch = 1,
    /// The log was closed properly here.
    Closed = 2,
}

/// A frame with a correct checksum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: FrameKind,
    pub(crate) sequence: u64,
    /// The checksum of the previous frame.
    pub(crate) previous: u32,
    pub(crate) first: u32,
    pub(crate) crc: u32,
    pub(crate) payload: &'a [u8],
}

/// A frame that is being built.
pub(crate) struct FrameBuffer {
    octets: Vec<u8>,
}

/// One key and its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogEntry<'a> {
    pub(crate) key: &'a [u8],
    /// `None` if the key is removed.
    pub(crate) value: Option<&'a [u8]>,
    /// The entry in its written form.
    pub(crate) octets: &'a [u8],
}

/// The error for octets that are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoFrame {
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

impl<'a> Frame<'a> {
    /// Reads the frame at the beginning of `octets`.
    pub(crate) fn decode(octets: &'a [u8], store: u64) -> Result<Self, NoFrame> {
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
            Some(1) => FrameKind::Batch,
            Some(2) => FrameKind::Closed,
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
    pub(crate) fn octets(&self) -> usize {
        FRAME_OCTETS + self.payload.len()
    }

    /// The size in octets of the frame that begins with `header`, or `None` if that does not begin
    /// like a frame.
    pub(crate) fn octets_of(header: &[u8]) -> Option<usize> {
        let length = u32_at(header, 4) as usize;
        let plausible = header.starts_with(&FRAME_MAGIC) && length <= PAYLOAD_OCTETS_MAX;
        plausible.then_some(FRAME_OCTETS + length)
    }

    /// Returns where in `octets` the next frame with a higher number than `sequence` begins,
    /// searching from `from`.
    pub(crate) fn find(octets: &'a [u8], from: usize, store: u64, sequence: u64) -> Option<usize> {
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
    pub(crate) fn entries(&self) -> Entries<'a> {
        Entries { rest: self.payload }
    }
}

/// Consecutive entries.
pub(crate) struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<LogEntry<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = LogEntry::decode(self.rest);
        self.rest = match &entry {
            Some(entry) => self.rest.get(entry.octets.len()..).unwrap_or_default(),
            None => &[],
        };
        Some(entry.ok_or_else(|| "an entry extends beyond the end of its batch".to_owned()))
    }
}

impl<'a> LogEntry<'a> {
    /// Reads the entry at the beginning of `octets`.
    pub(crate) fn decode(octets: &'a [u8]) -> Option<Self> {
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
    pub(crate) fn new() -> Self {
        Self { octets: vec![0; FRAME_OCTETS] }
    }

    /// Removes all entries.
    pub(crate) fn clear(&mut self) {
        self.octets.truncate(FRAME_OCTETS);
    }

    /// Adds an entry and returns its size in octets.
    pub(crate) fn push(&mut self, key: &[u8], value: Option<&[u8]>) -> usize {
        let before = self.octets.len();
        self.octets.extend((key.len() as u32).to_be_bytes());
        let value_octets = value.map_or(REMOVED, |value| value.len() as u32);
        self.octets.extend(value_octets.to_be_bytes());
        self.octets.extend(key);
        self.octets.extend(value.unwrap_or_default());
        self.octets.len() - before
    }

    /// Adds an entry that was written before.
    pub(crate) fn push_written(&mut self, entry: &LogEntry<'_>) {
        self.octets.extend(entry.octets);
    }

    pub(crate) fn payload_octets(&self) -> usize {
        self.octets.len() - FRAME_OCTETS
    }

    /// Writes the fields before the payload. Returns the frame and its checksum.
    pub(crate) fn seal(
        &mut self,
        store: u64,
        kind: FrameKind,
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

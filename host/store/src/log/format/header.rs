//! The headers of segments, and the mark.

use super::{FORMAT, u32_at, u64_at};

pub(crate) const HEADER_OCTETS: usize = 64;
pub(crate) const MARK_OCTETS: usize = 48;

const HEADER_MAGIC: &[u8; 8] = b"LESSORLG";
const MARK_MAGIC: &[u8; 8] = b"LESSORMK";

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
pub(crate) struct SegmentHeader {
    pub(crate) contents: Contents,
    /// A random number that all files of one log share.
    pub(crate) store: u64,
    pub(crate) segment: u32,
    /// The end of the previous segment; data after it does not count. All zeros in the first
    /// segment.
    pub(crate) continues: Position,
    /// The oldest segment that is still needed.
    pub(crate) first: u32,
}

/// How much of the log is known to be on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) store: u64,
    pub(crate) end: Position,
}

/// The error for a header or a mark that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is intact and has another format.
    Format(u32),
    Damaged(String),
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; HEADER_OCTETS] {
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
    pub(crate) fn decode(octets: &[u8]) -> Result<Self, Unreadable> {
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
    pub(crate) fn encode(&self) -> [u8; MARK_OCTETS] {
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

    pub(crate) fn decode(octets: &[u8]) -> Result<Self, Unreadable> {
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

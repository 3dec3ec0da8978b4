//! Reads an old segment entry by entry, within a budget of octets.
//!
//! Does not know which entries are current. Invariant: every entry of the segment is returned once,
//! in order.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
};

use super::{
    FramePosition, Log,
    format::{FRAME_OCTETS, Frame, HEADER_OCTETS, LogEntry},
};

/// The number of octets to read at a time.
const READ_OCTETS: usize = 64 << 10;

/// A reader of one old segment.
pub(super) struct Cleaner {
    segment: u32,
    file: BufReader<File>,
    /// The offset of the next frame.
    offset: u32,
    end: u32,
    /// The current frame, its offset, and how much of it was returned.
    frame: Vec<u8>,
    frame_offset: u32,
    taken: usize,
}

impl Cleaner {
    pub(super) fn new(segment: u32, file: File, end: u32) -> Self {
        let file = BufReader::with_capacity(READ_OCTETS, file);
        Self { segment, file, offset: 0, end, frame: Vec::new(), frame_offset: 0, taken: 0 }
    }

    /// The offset at which the segment ends.
    pub(super) fn end(&self) -> u32 {
        self.end
    }

    /// Passes the next entries, of about `budget` octets, to `each` and reduces `budget`
    /// accordingly. Returns whether it reached the end of the segment.
    pub(super) fn read(
        &mut self,
        log: &Log,
        budget: &mut usize,
        each: &mut dyn FnMut(FramePosition, &LogEntry<'_>),
    ) -> Result<bool, String> {
        while *budget > 0 {
            let rest = self.frame.get(self.taken..).unwrap_or_default();
            if rest.is_empty() {
                if !self.next_frame(log)? {
                    return Ok(true);
                }
                *budget = budget.saturating_sub(FRAME_OCTETS);
                continue;
            }
            let entry = LogEntry::decode(rest)
                .ok_or_else(|| at(self.frame_offset, "an entry extends beyond its batch"))?;
            each(FramePosition { segment: self.segment, offset: self.frame_offset }, &entry);
            *budget = budget.saturating_sub(entry.octets.len());
            self.taken += entry.octets.len();
        }
        Ok(false)
    }

    /// Reads the next frame. Returns `false` at the end of the segment.
    fn next_frame(&mut self, log: &Log) -> Result<bool, String> {
        if self.offset == 0 {
            self.file
                .seek(SeekFrom::Start(HEADER_OCTETS as u64))
                .map_err(|e| at(0, &e.to_string()))?;
            self.offset = HEADER_OCTETS as u32;
        }
        if self.offset >= self.end {
            return Ok(false);
        }
        self.frame_offset = self.offset;
        let failed = |error: std::io::Error| at(self.frame_offset, &error.to_string());
        self.frame.clear();
        self.frame.resize(FRAME_OCTETS, 0);
        self.file.read_exact(&mut self.frame).map_err(failed)?;
        let octets = Frame::octets_of(&self.frame)
            .ok_or_else(|| at(self.frame_offset, "octets that are not a batch"))?;
        self.frame.resize(octets, 0);
        let payload = self.frame.get_mut(FRAME_OCTETS..).unwrap_or_default();
        self.file.read_exact(payload).map_err(failed)?;
        log.decode(&self.frame).map_err(|found| at(self.frame_offset, &found.to_string()))?;
        self.offset += octets as u32;
        self.taken = FRAME_OCTETS;
        Ok(true)
    }
}

fn at(offset: u32, found: &str) -> String {
    format!("octet {offset}: {found}")
}

//! Reads the frames of a log that is open.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
};

use super::{
    FramePosition, Log,
    format::{FRAME_OCTETS, Frame, HEADER_OCTETS, NoFrame},
};

impl Log {
    /// Reads every frame of a segment that is part of the log.
    pub(super) fn read_segment(
        &self,
        number: u32,
        each: &mut dyn FnMut(FramePosition, &Frame<'_>),
    ) -> io::Result<()> {
        let octets = fs::read(self.folder.segment(number))?;
        let end = self.end_of(number).unwrap_or(0) as usize;
        let mut offset = HEADER_OCTETS;
        while offset < end {
            let rest = octets.get(offset..end).unwrap_or_default();
            let frame = Frame::decode(rest, self.store).map_err(|found| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{}, octet {offset}: {found}", self.folder.segment(number).display()),
                )
            })?;
            each(FramePosition { segment: number, offset: offset as u32 }, &frame);
            offset += frame.octets();
        }
        Ok(())
    }

    /// The octets of the frame at `place`.
    pub(super) fn read_frame(&self, place: FramePosition) -> io::Result<Vec<u8>> {
        let path = self.folder.segment(place.segment);
        let file = File::open(&path)?;
        let mut octets = vec![0; FRAME_OCTETS];
        file.read_exact_at(&mut octets, place.offset.into())?;
        octets.resize(Frame::octets_of(&octets).unwrap_or(FRAME_OCTETS), 0);
        file.read_exact_at(&mut octets, place.offset.into())?;
        match Frame::decode(&octets, self.store) {
            Ok(_) => Ok(octets),
            Err(found) => {
                let found = format!("{}, octet {}: {found}", path.display(), place.offset);
                Err(io::Error::new(io::ErrorKind::InvalidData, found))
            }
        }
    }

    /// The frame at the beginning of `octets`.
    pub(super) fn decode<'a>(&self, octets: &'a [u8]) -> Result<Frame<'a>, NoFrame> {
        Frame::decode(octets, self.store)
    }

    /// Opens segment `number` if it is no longer written to, and returns the file and the offset of
    /// its end.
    pub(super) fn open_sealed(&self, number: u32) -> Option<io::Result<(File, u32)>> {
        let sealed = self.sealed.iter().find(|sealed| sealed.number == number)?;
        Some(File::open(self.folder.segment(number)).map(|file| (file, sealed.end)))
    }

    fn end_of(&self, number: u32) -> Option<u32> {
        if number == self.end.segment {
            return Some(self.end.offset);
        }
        self.sealed.iter().find(|sealed| sealed.number == number).map(|sealed| sealed.end)
    }
}

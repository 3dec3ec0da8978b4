//! Appends frames to a log, in as many segments as that takes.
//!
//! Invariant: a segment to which a write failed is abandoned; the next one continues the log.

use std::{
    fmt, fs, io,
    os::unix::fs::FileExt,
    time::{Duration, Instant},
};

use super::{
    FramePosition, Log, Newest, Sealed,
    format::{
        FrameBuffer, FrameKind, HEADER_OCTETS, Mark, PAYLOAD_OCTETS_MAX, Position, SegmentHeader,
    },
};

/// The delay before the next segment is begun after a first failure, and the longest delay between
/// two attempts, in milliseconds.
pub(crate) const RETRY_DELAY_MIN_MS: u64 = 100;
pub(crate) const RETRY_DELAY_MAX_MS: u64 = 5_000;

/// The error for a frame that was not appended.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// The system returned an error; the next attempt is made after this time at the earliest.
    Failed { error: io::Error, retry_in: Duration },
    /// An earlier write failed, and the next attempt is not due yet.
    Waiting,
    /// The batch exceeds the maximum size of a batch.
    TooLarge,
}

impl Log {
    /// Appends a frame, after which segments before `first` are no longer needed. If it fails, the
    /// frame is not part of the log, now or later.
    pub(super) fn append(
        &mut self,
        frame: &mut FrameBuffer,
        first: u32,
    ) -> Result<FramePosition, AppendError> {
        if frame.payload_octets() > PAYLOAD_OCTETS_MAX {
            return Err(AppendError::TooLarge);
        }
        if let Newest::Abandoned { retry_at } = self.newest
            && Instant::now() < retry_at
        {
            return Err(AppendError::Waiting);
        }
        let place = self.try_append(frame, FrameKind::Batch, first).map_err(|error| {
            let delay_ms = self.abandon();
            AppendError::Failed { error, retry_in: Duration::from_millis(delay_ms) }
        })?;
        self.failures_in_a_row = 0;
        self.remove_before(first);
        Ok(place)
    }

    /// Makes the next attempt due now, for a caller that controls the delay between its attempts.
    pub(super) fn retry_now(&mut self) {
        if let Newest::Abandoned { retry_at } = &mut self.newest {
            *retry_at = Instant::now();
        }
    }

    /// Abandons the segment to which a write failed. Returns the delay before the next attempt in
    /// milliseconds.
    pub(crate) fn abandon(&mut self) -> u64 {
        if let Newest::Open(file) = &self.newest {
            // The failed frame must not be readable if the process ends before the next segment can
            // be begun. A failure of this attempt loses nothing.
            let _ = file.set_len(self.end.offset.into());
        }
        let delay_ms = RETRY_DELAY_MIN_MS
            .saturating_mul(1 << self.failures_in_a_row.min(16))
            .min(RETRY_DELAY_MAX_MS);
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        let retry_at = Instant::now() + Duration::from_millis(delay_ms);
        self.newest = Newest::Abandoned { retry_at };
        delay_ms
    }

    /// The frame that would be appended after `end`.
    #[cfg(test)]
    pub(crate) fn frame_behind(&self, end: &Position, key: &[u8], value: &[u8]) -> Vec<u8> {
        let mut frame = FrameBuffer::new();
        frame.push(key, Some(value));
        frame.seal(self.store, FrameKind::Batch, end, self.first).0.to_vec()
    }

    fn try_append(
        &mut self,
        frame: &mut FrameBuffer,
        kind: FrameKind,
        first: u32,
    ) -> io::Result<FramePosition> {
        let is_full = self.end.offset >= self.settings.segment_octets;
        if is_full || matches!(self.newest, Newest::Abandoned { .. }) {
            self.begin_segment()?;
        }
        let Newest::Open(file) = &self.newest else { return Err(io::ErrorKind::Other.into()) };
        let (octets, crc) = frame.seal(self.store, kind, &self.end, first);
        file.write_all_at(octets, self.end.offset.into())?;
        file.sync_data()?;
        let place = FramePosition { segment: self.end.segment, offset: self.end.offset };
        self.end.offset += octets.len() as u32;
        self.end.sequence += 1;
        self.end.crc = crc;
        self.is_closed = kind == FrameKind::Closed;
        let mark = Mark { store: self.store, end: self.end }.encode();
        self.complaint = self.mark.write_all_at(&mark, 0).err().map(|error| {
            format!(
                "the log is on disk, but {} cannot be written: {error}. Until it can, a loss of \
                 the end of the log would not be detected. Check the disk",
                self.folder.mark().display()
            )
        });
        Ok(place)
    }

    /// Begins the segment that continues the log at its end. After a failure it may be called again
    /// and begins the same segment again, because nothing was appended in between.
    fn begin_segment(&mut self) -> io::Result<()> {
        let before = Sealed { number: self.end.segment, end: self.end.offset };
        let segment = self.end.segment.checked_add(1).ok_or(io::ErrorKind::FileTooLarge)?;
        let header = SegmentHeader {
            contents: self.settings.contents,
            store: self.store,
            segment,
            continues: self.end,
            first: self.first,
        };
        let end = Position { segment, offset: HEADER_OCTETS as u32, ..self.end };
        // From here on, the new segment may be on disk and record where the old one ends.
        self.newest = Newest::Abandoned { retry_at: Instant::now() };
        let file = self.folder.create(&self.folder.segment(segment), &header.encode())?;
        self.mark.write_all_at(&Mark { store: self.store, end }.encode(), 0)?;
        self.mark.sync_data()?;
        self.end = end;
        self.sealed.push_back(before);
        self.sealed_octets += u64::from(before.end);
        self.newest = Newest::Open(file);
        Ok(())
    }

    /// Removes segments that the frames on disk no longer need.
    fn remove_before(&mut self, first: u32) {
        while let Some(oldest) = self.sealed.front().copied().filter(|seg| seg.number < first) {
            self.sealed.pop_front();
            self.sealed_octets -= u64::from(oldest.end);
            // A file that cannot be removed is removed at the next start.
            let _ = fs::remove_file(self.folder.segment(oldest.number));
        }
        self.first = self.first.max(first);
    }
}

impl Drop for Log {
    /// Appends a frame which marks that the log was closed properly.
    fn drop(&mut self) {
        if matches!(self.newest, Newest::Open(_)) && !self.is_closed {
            let first = self.first;
            if self.try_append(&mut FrameBuffer::new(), FrameKind::Closed, first).is_ok() {
                let _ = self.mark.sync_data();
            }
        }
    }
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { error, retry_in } => {
                write!(f, "{error}; trying again in {} ms", retry_in.as_millis())
            }
            Self::Waiting => {
                f.write_str("an earlier write failed, and the next attempt is due soon")
            }
            Self::TooLarge => write!(
                f,
                "the batch is larger than {PAYLOAD_OCTETS_MAX} octets, the maximum size of a batch"
            ),
        }
    }
}

//! An append-only log in a folder: appended data is on disk when the call returns, completely or
//! not at all, and damage to it is detected.
//!
//! Does not know what the entries mean, which of them are current, and when old ones are rewritten
//! so that their segments can be removed (see [`table`]). Invariants:
//!
//! - **A frame is appended only after one that is on disk.** So there is at most one torn frame, at
//!   the very end.
//! - **A segment to which a write failed is never written to again.** The next segment records
//!   where it ended; a failed batch is not part of the log, whatever the disk contains of it. (When
//!   a flush fails, the system reports it once and then treats the pages as written: after that,
//!   the contents of the file and of the disk may differ. See Rebello et al., "Can Applications
//!   Recover from fsync Failures?", USENIX ATC 2020.)
//! - **The mark is never ahead of the data on disk,** and as long as the machine runs it is at most
//!   a moment behind. A log that does not reach its mark has lost data.
//!
//! ```text
//! <folder>/0000000001.log  segments, each of which continues the one before; see `format`
//! <folder>/mark            how far the log was known to be on disk
//! <folder>/*.new           a file that was being created when the process ended; removed
//! ```

mod cleaner;
pub(crate) mod folder;
pub(crate) mod format;
pub(crate) mod slots;
pub(crate) mod snapshot;
pub(crate) mod survey;
pub(crate) mod table;

use std::{
    collections::VecDeque,
    fmt,
    fs::{self, File, OpenOptions},
    hash::{BuildHasher, Hasher, RandomState},
    io,
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};

use folder::Folder;
use format::{
    Contents, FRAME_OCTETS, Frame, FrameBuffer, HEADER_OCTETS, Header, Kind, Mark, NoFrame,
    PAYLOAD_OCTETS_MAX, Position,
};
use survey::{Found, NoSurvey, Survey, Visit};

/// The delay before the next segment is begun after a first failure, and the longest delay between
/// two attempts, in milliseconds.
pub(crate) const RETRY_DELAY_MIN_MS: u64 = 100;
pub(crate) const RETRY_DELAY_MAX_MS: u64 = 5_000;

/// The settings of a log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) contents: Contents,
    /// The size at which a segment ends and the next one begins.
    pub(crate) segment_octets: u32,
}

/// A log that is open for writing.
pub(crate) struct Log {
    folder: Folder,
    settings: Settings,
    store: u64,
    mark: File,
    pub(crate) newest: Newest,
    /// The position after the last frame that is on disk.
    pub(crate) end: Position,
    /// The oldest segment that is needed.
    first: u32,
    /// The segments before the newest, starting with `first`.
    sealed: VecDeque<Sealed>,
    /// The total size of the sealed segments in octets.
    sealed_octets: u64,
    failures_in_a_row: u32,
    complaint: Option<String>,
    /// Whether the latest frame marks that the log was closed.
    is_closed: bool,
}

/// A segment that has a successor.
#[derive(Clone, Copy, Debug)]
struct Sealed {
    number: u32,
    end: u32,
}

/// The segment that is written to.
pub(crate) enum Newest {
    Open(File),
    /// A write to it failed. The next segment is begun after the delay.
    Abandoned {
        retry_at: Instant,
    },
}

/// The position of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FramePosition {
    segment: u32,
    offset: u32,
}

/// The error for a log that cannot be opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    Former,
    Format(u32),
    Damaged(Box<Survey>),
    Unusable(io::Error),
}

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
    /// Creates an empty log in `path`. It first has another name, so that a folder with this name
    /// is complete.
    pub(crate) fn create(path: &Path, settings: Settings) -> io::Result<()> {
        let incomplete = path.with_extension("incomplete");
        if incomplete.try_exists()? {
            fs::remove_dir_all(&incomplete)?;
        }
        let create = || {
            create_in(&incomplete, settings)?;
            fs::rename(&incomplete, path)?;
            folder::sync_folder(path.parent().unwrap_or(path))
        };
        create().inspect_err(|_| {
            let _ = fs::remove_dir_all(&incomplete);
        })
    }

    /// Opens the existing log in `path` and passes every entry to `each` in the order of writing. A
    /// torn tail is cut off, and its length is logged.
    pub(crate) fn open(
        path: &Path,
        settings: Settings,
        each: &mut dyn FnMut(Visit<'_>),
    ) -> Result<Self, OpenError> {
        let folder = Folder::new(path);
        let found = match survey::survey(&folder, settings.contents, false, each) {
            Ok(found) => found,
            Err(NoSurvey::Former) => return Err(OpenError::Former),
            Err(NoSurvey::Format(format)) => return Err(OpenError::Format(format)),
            Err(NoSurvey::Unusable(error)) => return Err(OpenError::Unusable(error)),
        };
        if !found.survey.damage.is_empty() {
            return Err(OpenError::Damaged(Box::new(found.survey)));
        }
        Self::go_on(folder, settings, &found).map_err(OpenError::Unusable)
    }

    /// Appends a frame, after which segments before `first` are no longer needed. If it fails, the
    /// frame is not part of the log, now or later.
    fn append(
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
        let place = self.try_append(frame, Kind::Batch, first).map_err(|error| {
            let delay_ms = self.abandon();
            AppendError::Failed { error, retry_in: Duration::from_millis(delay_ms) }
        })?;
        self.failures_in_a_row = 0;
        self.remove_before(first);
        Ok(place)
    }

    /// Makes the next attempt due now, for a caller that controls the delay between its attempts.
    fn retry_now(&mut self) {
        if let Newest::Abandoned { retry_at } = &mut self.newest {
            *retry_at = Instant::now();
        }
    }

    /// A problem that exists although batches are written, as a sentence.
    pub(crate) fn complaint(&self) -> Option<&str> {
        self.complaint.as_deref()
    }

    /// The total size of all segments in octets.
    fn octets(&self) -> u64 {
        self.sealed_octets + u64::from(self.end.offset)
    }

    /// The number of segments.
    fn segments(&self) -> usize {
        self.sealed.len() + 1
    }

    fn segment_octets(&self) -> u32 {
        self.settings.segment_octets
    }

    fn first(&self) -> u32 {
        self.first
    }

    /// Reads every frame of a segment that is part of the log.
    fn read_segment(
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
    fn read_frame(&self, place: FramePosition) -> io::Result<Vec<u8>> {
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
    fn decode<'a>(&self, octets: &'a [u8]) -> Result<Frame<'a>, NoFrame> {
        Frame::decode(octets, self.store)
    }

    /// Opens segment `number` if it is no longer written to, and returns the file and the offset of
    /// its end.
    fn open_sealed(&self, number: u32) -> Option<io::Result<(File, u32)>> {
        let sealed = self.sealed.iter().find(|sealed| sealed.number == number)?;
        Some(File::open(self.folder.segment(number)).map(|file| (file, sealed.end)))
    }

    fn path_of(&self, number: u32) -> std::path::PathBuf {
        self.folder.segment(number)
    }

    /// The numbers of all segments, in order.
    fn numbers(&self) -> impl Iterator<Item = u32> {
        self.first..=self.end.segment
    }

    /// The frame that would be appended after `end`.
    #[cfg(test)]
    pub(crate) fn frame_behind(&self, end: &Position, key: &[u8], value: &[u8]) -> Vec<u8> {
        let mut frame = FrameBuffer::new();
        frame.push(key, Some(value));
        frame.seal(self.store, Kind::Batch, end, self.first).0.to_vec()
    }

    fn end_of(&self, number: u32) -> Option<u32> {
        if number == self.end.segment {
            return Some(self.end.offset);
        }
        self.sealed.iter().find(|sealed| sealed.number == number).map(|sealed| sealed.end)
    }

    /// Continues a log in which no damage was found.
    fn go_on(folder: Folder, settings: Settings, found: &Found) -> io::Result<Self> {
        folder.tidy(found.first)?;
        folder.restrict()?;
        let end = found.end;
        let newest = OpenOptions::new().read(true).write(true).open(folder.segment(end.segment))?;
        if let Some(torn) = &found.survey.torn {
            tracing::warn!(
                file = %torn.file.display(),
                offset = torn.offset,
                octets = torn.octets,
                "the server or the machine stopped while a batch was being written: the batch had \
                 not been acknowledged, and its octets are cut off"
            );
            newest.set_len(torn.offset)?;
        }
        settle(&newest, found)?;
        let mark = OpenOptions::new().write(true).open(folder.mark())?;
        mark.write_all_at(&Mark { store: found.store, end }.encode(), 0)?;
        mark.sync_data()?;
        let sealed: VecDeque<Sealed> = (found.first..end.segment)
            .filter_map(|number| Some(Sealed { number, end: *found.ends.get(&number)? }))
            .collect();
        Ok(Self {
            folder,
            settings,
            store: found.store,
            mark,
            newest: Newest::Open(newest),
            end,
            first: found.first,
            sealed_octets: sealed.iter().map(|sealed| u64::from(sealed.end)).sum(),
            sealed,
            failures_in_a_row: 0,
            complaint: None,
            is_closed: found.survey.closed,
        })
    }

    fn try_append(
        &mut self,
        frame: &mut FrameBuffer,
        kind: Kind,
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
        self.is_closed = kind == Kind::Closed;
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
        let header = Header {
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

impl Drop for Log {
    /// Appends a frame which marks that the log was closed properly.
    fn drop(&mut self) {
        if matches!(self.newest, Newest::Open(_)) && !self.is_closed {
            let first = self.first;
            if self.try_append(&mut FrameBuffer::new(), Kind::Closed, first).is_ok() {
                let _ = self.mark.sync_data();
            }
        }
    }
}

/// Creates a log in a folder that does not exist yet.
fn create_in(path: &Path, settings: Settings) -> io::Result<()> {
    folder::create_folder(path)?;
    let folder = Folder::new(path);
    let store = random();
    let (contents, continues) = (settings.contents, Position::default());
    let header = Header { contents, store, segment: 1, continues, first: 1 };
    folder.create(&folder.segment(1), &header.encode())?;
    let end = Position { segment: 1, offset: HEADER_OCTETS as u32, ..continues };
    folder.create(&folder.mark(), &Mark { store, end }.encode())?;
    Ok(())
}

/// Makes the contents of the newest segment durable. If the process ended after a failed flush,
/// frames after the mark may exist only in the system's memory. A flush alone would not write them,
/// so they are written again.
fn settle(newest: &File, found: &Found) -> io::Result<()> {
    let from = match found.mark {
        Some(mark) if mark.end.segment == found.end.segment => mark.end.offset,
        _ => HEADER_OCTETS as u32,
    };
    let behind = found.end.offset.saturating_sub(from);
    if behind > 0 {
        let mut octets = vec![0; behind as usize];
        newest.read_exact_at(&mut octets, from.into())?;
        newest.write_all_at(&octets, from.into())?;
    }
    if behind > 0 || found.survey.torn.is_some() {
        newest.sync_all()?;
    }
    Ok(())
}

/// A nonzero number that the sender of a packet cannot know.
fn random() -> u64 {
    RandomState::new().build_hasher().finish().max(1)
}

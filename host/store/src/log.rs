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

mod append;
mod cleaner;
pub(crate) mod folder;
pub(crate) mod format;
mod reading;
pub(crate) mod slots;
pub(crate) mod snapshot;
pub(crate) mod survey;
pub(crate) mod table;

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    hash::{BuildHasher, Hasher, RandomState},
    io,
    os::unix::fs::FileExt,
    path::Path,
    time::Instant,
};

use self::{
    folder::Folder,
    format::{Contents, HEADER_OCTETS, Mark, Position, SegmentHeader},
    survey::{NoSurvey, Survey, SurveyedLog, Visit},
};

pub(crate) use self::append::{AppendError, RETRY_DELAY_MAX_MS, RETRY_DELAY_MIN_MS};

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

    fn path_of(&self, number: u32) -> std::path::PathBuf {
        self.folder.segment(number)
    }

    /// The numbers of all segments, in order.
    fn numbers(&self) -> impl Iterator<Item = u32> {
        self.first..=self.end.segment
    }

    /// Continues a log in which no damage was found.
    fn go_on(folder: Folder, settings: Settings, found: &SurveyedLog) -> io::Result<Self> {
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
}

/// Creates a log in a folder that does not exist yet.
fn create_in(path: &Path, settings: Settings) -> io::Result<()> {
    folder::create_folder(path)?;
    let folder = Folder::new(path);
    let store = random();
    let (contents, continues) = (settings.contents, Position::default());
    let header = SegmentHeader { contents, store, segment: 1, continues, first: 1 };
    folder.create(&folder.segment(1), &header.encode())?;
    let end = Position { segment: 1, offset: HEADER_OCTETS as u32, ..continues };
    folder.create(&folder.mark(), &Mark { store, end }.encode())?;
    Ok(())
}

/// Makes the contents of the newest segment durable. If the process ended after a failed flush,
/// frames after the mark may exist only in the system's memory. A flush alone would not write them,
/// so they are written again.
fn settle(newest: &File, found: &SurveyedLog) -> io::Result<()> {
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

//! The files of a log at one moment, also while a server writes to it.
//!
//! Does not judge what is in them (see [`super::survey`]). Invariant: what was on disk when a
//! snapshot was taken can be read from it as often as needed, although the server removes segments
//! meanwhile.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek},
    path::Path,
};

use super::{
    folder::Folder,
    format::{MARK_OCTETS, Mark},
};

/// How often the segments are listed until each of them could be opened. A server removes one at a
/// time, and writes at least four of its batches in between.
const LISTINGS_MAX: usize = 100;
/// How often the mark is read until its checksum is correct: the server may be writing it.
const MARK_READS_MAX: usize = 10;

/// The contents of a file, or a description of the damage if it is missing or the disk cannot read
/// it.
pub(super) type Contents<'a> = Result<Cow<'a, [u8]>, String>;

/// The files of a log at one moment.
pub(crate) struct Snapshot {
    pub(super) folder: Folder,
    /// Whether a server had the log open.
    pub(super) in_use: bool,
    mark: Contents<'static>,
    /// The segments. A file that is open stays readable after its removal.
    segments: BTreeMap<u32, Option<File>>,
    /// The newest segment, which may grow.
    newest: Option<(u32, Contents<'static>)>,
}

impl Snapshot {
    /// Takes a snapshot. With `in_use`, a server may be writing to the log; with `is_kept_open`, it
    /// may also begin to after the snapshot was taken, so that its files are opened at once.
    ///
    /// # Errors
    /// If the folder or a file cannot be read.
    pub(super) fn take(folder: &Folder, in_use: bool, is_kept_open: bool) -> io::Result<Self> {
        // The mark is read first: a server that is writing moves it only after the data.
        let mark = read_mark(folder)?;
        let segments = segments(folder, is_kept_open)?;
        let mut snapshot = Self { folder: folder.clone(), in_use, mark, segments, newest: None };
        let newest = snapshot.segments.keys().next_back().copied();
        let read = newest.map(|number| {
            let contents = snapshot.read(number)?.map(Cow::into_owned).map(Cow::Owned);
            Ok::<_, io::Error>((number, contents))
        });
        snapshot.newest = read.transpose()?;
        Ok(snapshot)
    }

    /// The numbers of its segments, in order.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.segments.keys().copied()
    }

    /// The newest segment.
    pub(super) fn newest(&self) -> Option<u32> {
        self.newest.as_ref().map(|(number, _)| *number)
    }

    /// The contents of the mark.
    pub(super) fn mark(&self) -> &Contents<'static> {
        &self.mark
    }

    /// The contents of a segment.
    ///
    /// # Errors
    /// If the file cannot be read for another reason than damage.
    pub(super) fn read(&self, number: u32) -> io::Result<Contents<'_>> {
        self.read_start(number, u64::MAX)
    }

    /// The contents of a segment, but at most the first `octets_max` octets of one that is not the
    /// newest.
    pub(super) fn read_start(&self, number: u32, octets_max: u64) -> io::Result<Contents<'_>> {
        if let Some((_, found)) = self.newest.as_ref().filter(|(newest, _)| *newest == number) {
            return Ok(found.as_deref().map(Cow::Borrowed).map_err(Clone::clone));
        }
        let read = match self.segments.get(&number) {
            Some(Some(file)) => read_open(file, octets_max),
            _ => read_file(&self.folder.segment(number), octets_max),
        };
        contents(read)
    }
}

fn segments(folder: &Folder, is_kept_open: bool) -> io::Result<BTreeMap<u32, Option<File>>> {
    for _ in 0..LISTINGS_MAX {
        let numbers = folder.segments()?.into_iter();
        if !is_kept_open {
            return Ok(numbers.map(|number| (number, None)).collect());
        }
        let open = numbers.map(|number| Ok((number, Some(File::open(folder.segment(number))?))));
        match open.collect() {
            Err(error) if io::Error::kind(&error) == io::ErrorKind::NotFound => {}
            result => return result,
        }
    }
    let what = format!("files were removed during each of {LISTINGS_MAX} attempts to open all");
    Err(io::Error::other(what))
}

fn read_mark(folder: &Folder) -> io::Result<Contents<'static>> {
    let mut mark = Err(String::new());
    for _ in 0..MARK_READS_MAX {
        // One octet more shows whether the file is too long.
        mark = contents(read_file(&folder.mark(), MARK_OCTETS as u64 + 1))?;
        if mark.as_ref().is_ok_and(|octets| Mark::decode(octets).is_ok()) {
            break;
        }
    }
    Ok(mark)
}

fn read_file(path: &Path, octets_max: u64) -> io::Result<Vec<u8>> {
    read_open(&File::open(path)?, octets_max)
}

fn read_open(mut file: &File, octets_max: u64) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    file.rewind()?;
    file.take(octets_max).read_to_end(&mut octets)?;
    Ok(octets)
}

fn contents(read: io::Result<Vec<u8>>) -> io::Result<Contents<'static>> {
    match read {
        Ok(octets) => Ok(Ok(Cow::Owned(octets))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(Err("it is missing".to_owned()))
        }
        Err(error) if error.raw_os_error() == Some(libc::EIO) => {
            Ok(Err(format!("it cannot be read: {error}")))
        }
        Err(error) => Err(error),
    }
}

//! The file of the journal: lines are appended to it, and its size is bounded.
//!
//! Does not format the lines. Invariants: the file system that holds the leases keeps room for
//! them; no file, and not all files together, are larger than configured; a file contains complete
//! lines only, unless the disk itself truncated one. A line that cannot be written is lost and
//! counted, and the log has a line when that begins and another when it is over.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::Context;
use nix::sys::statvfs::statvfs;

use crate::counters::Counters;

/// The path of the journal, and how much of the disk it may take.
#[derive(Clone, Debug)]
pub(crate) struct JournalBounds {
    pub(crate) path: PathBuf,
    /// The size at which a file is rotated.
    pub(crate) file_octets_max: u64,
    /// How many files are kept, including the one that is written; a rotation removes the oldest.
    pub(crate) files_max: usize,
    /// The number of octets that must stay free on the file system if it also holds the store.
    pub(crate) free_octets_min: Option<u64>,
}

/// The open file, or the wait until the disk is writable.
#[derive(Debug)]
pub(super) struct JournalFile {
    bounds: JournalBounds,
    counters: Arc<Counters>,
    state: State,
    /// Whether the log says that lines are being lost.
    has_complained: bool,
    lost_in_outage: u64,
    flushed_at: Instant,
}

#[derive(Debug)]
enum State {
    Open(Open),
    /// The file cannot be written to. The next attempt is made later.
    Closed {
        tried_at: Instant,
    },
}

#[derive(Debug)]
struct Open {
    /// Receives complete lines only, so that a kill between two writes truncates none.
    file: BufWriter<File>,
    octets: u64,
    /// A pipe or a device has no size and cannot be rotated.
    is_regular: bool,
    /// The number of lines since the last flush, which may not have reached the file.
    unflushed: u64,
    /// The number of octets written since the free space was checked.
    unchecked: u64,
    checked_at: Instant,
}

/// The interval at which a journal that cannot be written is tried again. Each attempt may lose two
/// lines of the log.
const RETRY_EVERY: Duration = Duration::from_secs(2);
/// The free space is checked after this many octets or this much time.
const CHECK_EVERY_OCTETS: u64 = 64 << 10;
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// Writing resumes when the free space exceeds the minimum by this part of it, so that the journal
/// does not stop and resume with every line.
const FREE_AGAIN_PART: u64 = 8;

impl JournalFile {
    /// Opens the file for appending. Too little space is no error: lines are lost until there is
    /// more.
    ///
    /// # Errors
    /// If it cannot be created or written to.
    pub(super) fn open(bounds: JournalBounds, counters: Arc<Counters>) -> anyhow::Result<Self> {
        let open = Open::append_to(&bounds.path)
            .with_context(|| format!("cannot open the journal {}", bounds.path.display()))?;
        let mut file = Self {
            bounds,
            counters,
            state: State::Open(open),
            has_complained: false,
            lost_in_outage: 0,
            flushed_at: Instant::now(),
        };
        if let Err(error) = file.check_space() {
            file.close(&error);
        }
        Ok(file)
    }

    /// Appends one line, which ends in a line feed.
    pub(super) fn append(&mut self, line: &[u8]) {
        if let State::Closed { tried_at } = self.state
            && (tried_at.elapsed() < RETRY_EVERY || !self.try_again())
        {
            self.lose(1);
            return;
        }
        let appended = self.try_append(line);
        // Only a flush shows whether the disk can be written to again.
        let done =
            appended.and_then(|()| if self.has_complained { self.try_flush() } else { Ok(()) });
        match done {
            Ok(()) if self.has_complained => self.recover(),
            Ok(()) => {}
            Err(error) => self.close(&error),
        }
    }

    /// Writes all buffered lines to the operating system.
    pub(super) fn flush(&mut self) {
        self.flushed_at = Instant::now();
        if let Err(error) = self.try_flush() {
            self.close(&error);
        }
    }

    /// As [`Self::flush`], if the last flush is longer ago than `age`.
    pub(super) fn flush_if_older_than(&mut self, age: Duration) {
        if self.flushed_at.elapsed() > age {
            self.flush();
        }
    }

    /// Reopens the file after another program rotated it.
    pub(super) fn reopen(&mut self) {
        // A flush that fails must not keep the new file from being opened.
        if let Err(error) = self.try_flush() {
            self.close(&error);
        }
        match Open::append_to(&self.bounds.path) {
            Ok(open) if !self.has_complained => self.state = State::Open(open),
            // The next line shows whether the file can be written to.
            Ok(_) => self.state = State::Closed { tried_at: long_ago() },
            Err(error) => self.close(&error),
        }
    }

    fn try_append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_full(line.len()) {
            self.put_aside()?;
        }
        self.check_space_sometimes(line.len())?;
        let State::Open(open) = &mut self.state else { return Ok(()) };
        open.unflushed += 1;
        open.octets += line.len() as u64;
        open.file.write_all(line)
    }

    fn is_full(&self, more: usize) -> bool {
        let State::Open(open) = &self.state else { return false };
        let limit = self.bounds.file_octets_max;
        open.is_regular && open.octets > 0 && open.octets + more as u64 > limit
    }

    /// Rotates the files: `journal.jsonl` is renamed to `journal.jsonl.1`, and so on.
    fn put_aside(&mut self) -> io::Result<()> {
        self.try_flush()?;
        let path = &self.bounds.path;
        for number in (0..self.bounds.files_max.saturating_sub(1)).rev() {
            match std::fs::rename(numbered(path, number), numbered(path, number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io::Error::other(format!(
                        "it has reached file-mib-max and cannot be rotated: {error}; let the user \
                         that the server runs as write to its folder"
                    )));
                }
                _ => {}
            }
        }
        let open = Open::append_to(path)?;
        self.state = State::Open(open);
        tracing::info!(
            journal = %path.display(),
            "the journal was full and continues in a new file"
        );
        Ok(())
    }

    fn try_flush(&mut self) -> io::Result<()> {
        let State::Open(open) = &mut self.state else { return Ok(()) };
        open.file.flush()?;
        open.unflushed = 0;
        Ok(())
    }

    fn check_space_sometimes(&mut self, more: usize) -> io::Result<()> {
        let State::Open(open) = &mut self.state else { return Ok(()) };
        open.unchecked += more as u64;
        if open.unchecked < CHECK_EVERY_OCTETS && open.checked_at.elapsed() < CHECK_EVERY {
            return Ok(());
        }
        open.unchecked = 0;
        open.checked_at = Instant::now();
        self.check_space()
    }

    /// Checks that the file system has enough free space.
    ///
    /// # Errors
    /// If the disk that also holds the store has too little space left.
    fn check_space(&self) -> io::Result<()> {
        let Some(min) = self.bounds.free_octets_min else { return Ok(()) };
        let wanted = if self.has_complained { min + min / FREE_AGAIN_PART } else { min };
        let free = free_octets(&self.bounds.path)?;
        if free >= wanted {
            return Ok(());
        }
        let error = format!(
            "the disk that also holds the leases has {} MiB left; wanted {} MiB \
             (journal.free-mib-min)",
            free >> 20,
            wanted >> 20
        );
        Err(io::Error::new(io::ErrorKind::StorageFull, error))
    }

    /// Opens a file that could not be written to. Returns whether that succeeded.
    fn try_again(&mut self) -> bool {
        let opened = self.check_space().and_then(|()| Open::append_to(&self.bounds.path));
        match opened {
            Ok(open) => {
                self.state = State::Open(open);
                true
            }
            Err(error) => {
                self.close(&error);
                false
            }
        }
    }

    fn close(&mut self, error: &io::Error) {
        let state = std::mem::replace(&mut self.state, State::Closed { tried_at: Instant::now() });
        if let State::Open(open) = state {
            self.lose(open.unflushed);
            // The buffered lines are lost, and must not be written now.
            drop(open.file.into_parts());
        }
        self.say_problem(Some(error.to_string()));
        if !std::mem::replace(&mut self.has_complained, true) {
            tracing::error!(
                journal = %self.bounds.path.display(),
                %error,
                "cannot write the journal; lines are lost and counted until it can be written"
            );
        }
    }

    fn recover(&mut self) {
        self.has_complained = false;
        self.say_problem(None);
        tracing::info!(
            journal = %self.bounds.path.display(),
            lost = std::mem::take(&mut self.lost_in_outage),
            "the journal can be written again"
        );
    }

    fn lose(&mut self, lines: u64) {
        self.lost_in_outage += lines;
        self.counters.events_lost.fetch_add(lines, Ordering::Relaxed);
    }

    fn say_problem(&self, problem: Option<String>) {
        let place = &self.counters.journal_problem;
        *place.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

impl Open {
    /// Opens a file for appending. A line that was truncated by a full disk or a crash is
    /// terminated first, so that it does not swallow the next one.
    fn append_to(path: &Path) -> io::Result<Self> {
        let mut file = lessor_files::append(path, 0o640)?;
        let metadata = file.metadata()?;
        let is_regular = metadata.is_file();
        let mut octets = metadata.len();
        let mut last = [b'\n'];
        if is_regular && octets > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last != *b"\n" {
            file.write_all(b"\n")?;
            octets += 1;
        }
        Ok(Self {
            file: BufWriter::new(file),
            octets,
            is_regular,
            unflushed: 0,
            unchecked: 0,
            checked_at: Instant::now(),
        })
    }
}

/// Returns whether a file is on the file system of `folder`. Neither needs to exist yet.
pub(crate) fn is_on_file_system_of(file: &Path, folder: &Path) -> bool {
    let device = |path: &Path| {
        let there = path.ancestors().find_map(|ancestor| {
            let ancestor = if ancestor.as_os_str().is_empty() { Path::new(".") } else { ancestor };
            std::fs::metadata(ancestor).ok()
        });
        there.map(|metadata| metadata.dev())
    };
    device(file) == device(folder)
}

/// Returns how many octets this user may still write to the file system of a file.
fn free_octets(path: &Path) -> io::Result<u64> {
    let found = statvfs(path)?;
    Ok(found.blocks_available().saturating_mul(found.fragment_size()))
}

/// Returns the path of the file itself, or of the `number`th file before it.
fn numbered(path: &Path, number: usize) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn long_ago() -> Instant {
    let now = Instant::now();
    now.checked_sub(RETRY_EVERY).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(path: PathBuf) -> JournalBounds {
        JournalBounds { path, file_octets_max: 1 << 20, files_max: 3, free_octets_min: None }
    }

    fn open(bounds: JournalBounds) -> (JournalFile, Arc<Counters>) {
        let counters = Arc::new(Counters::new());
        (JournalFile::open(bounds, Arc::clone(&counters)).unwrap(), counters)
    }

    fn lost(counters: &Counters) -> u64 {
        counters.events_lost.load(Ordering::Relaxed)
    }

    const LINE: &[u8] = b"{\"reason\":\"offer-new\"}\n";

    #[test]
    fn lines_that_a_full_disk_takes_are_counted() {
        let (mut file, counters) = open(bounds("/dev/full".into()));
        file.append(LINE);
        file.append(LINE);
        assert_eq!(lost(&counters), 0);
        file.flush();
        assert_eq!(lost(&counters), 2);
        file.append(LINE);
        assert_eq!(lost(&counters), 3);
        assert!(counters.journal_problem.lock().unwrap().is_some());
    }

    #[test]
    fn a_journal_is_written_again_as_soon_as_it_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let (mut file, counters) = open(bounds(path.clone()));
        file.append(LINE);
        file.flush();
        assert_eq!(lost(&counters), 1);
        std::fs::remove_file(&path).unwrap();
        file.state = State::Closed { tried_at: long_ago() };
        file.append(LINE);
        assert_eq!(lost(&counters), 1);
        assert_eq!(*counters.journal_problem.lock().unwrap(), None);
        assert_eq!(std::fs::read(&path).unwrap(), LINE);
    }

    #[test]
    fn what_reaches_the_file_before_a_flush_are_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let (mut file, _) = open(bounds(path.clone()));
        let text = || std::fs::read_to_string(&path).unwrap();
        while text().is_empty() {
            file.append(LINE);
        }
        assert!(text().lines().count() > 1 && text().ends_with('\n'), "{}", text());
    }

    #[test]
    fn a_line_that_was_cut_short_does_not_swallow_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        std::fs::write(&path, "{\"time\":").unwrap();
        let (mut file, _) = open(bounds(path.clone()));
        file.append(LINE);
        file.flush();
        assert_eq!(std::fs::read(&path).unwrap(), [b"{\"time\":\n", LINE].concat());
    }

    #[test]
    fn files_do_not_grow_beyond_their_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let octets_max = 10 * LINE.len() as u64;
        let (mut file, counters) =
            open(JournalBounds { file_octets_max: octets_max, ..bounds(path.clone()) });
        for _ in 0..95 {
            file.append(LINE);
        }
        file.flush();
        let length = |number: usize| std::fs::metadata(numbered(&path, number)).unwrap().len();
        let lengths = [length(0), length(1), length(2)];
        assert_eq!(lengths, [5 * LINE.len() as u64, octets_max, octets_max]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
        assert_eq!(lost(&counters), 0);
    }

    #[test]
    fn the_last_space_of_the_disk_is_left_to_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let free = free_octets(folder.path()).unwrap();
        let bounds = JournalBounds { free_octets_min: Some(free * 2), ..bounds(path.clone()) };
        let (mut file, counters) = open(bounds);
        file.append(LINE);
        file.flush();
        assert_eq!(lost(&counters), 1);
        let problem = counters.journal_problem.lock().unwrap().clone().unwrap();
        assert!(problem.contains("also holds the leases"), "{problem}");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
        // Writing resumes when there is room.
        file.bounds.free_octets_min = Some(1);
        file.state = State::Closed { tried_at: long_ago() };
        file.append(LINE);
        assert_eq!(std::fs::read(&path).unwrap(), LINE);
    }

    #[test]
    fn a_file_that_is_not_there_yet_is_on_the_disk_of_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        assert!(is_on_file_system_of(&place("a/b/journal.jsonl"), &place("store/leases")));
        assert!(!is_on_file_system_of(Path::new("/proc/none"), &place("store")));
    }
}

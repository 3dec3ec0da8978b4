//! Files of tables: opened with a size limit, read a second time only to find the first place of a
//! repeated key, and distinguished from their later versions.

use std::{
    fs::{File, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, SystemTime},
};

use super::{Builder, LookupTable, Parsed, Sink, input::TableFile};
use crate::{SourceProblem, limits::FILE_OCTETS_MAX};

/// A file that changed this recently before it was read may change again within the same tick of
/// the file system's clock, without a visible difference.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// Identifies a version of a file.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    identity: (u64, u64, u64, i64, i64, i64, i64),
    is_settled: bool,
}

/// A mistake found by a reader, with its line; 0 if the file could not be read further.
pub(super) struct TableMistake {
    pub(super) line: u64,
    pub(super) message: String,
}

/// Reads one format and passes each row to the sink.
type Reader<'a> = &'a dyn Fn(TableFile<File>, &mut Sink<'_>) -> Result<(), TableMistake>;

impl Stamp {
    /// Whether the file at the path is still the version that was read.
    pub(crate) fn still_holds(&self, path: &Path) -> bool {
        let now = std::fs::metadata(path);
        self.is_settled && now.is_ok_and(|metadata| identity(&metadata) == self.identity)
    }

    /// Whether the same file is still at the path, whatever its content.
    pub(crate) fn is_of_same_file(&self, path: &Path) -> bool {
        let now = std::fs::metadata(path);
        now.is_ok_and(|now| (now.dev(), now.ino()) == (self.identity.0, self.identity.1))
    }

    pub(crate) fn of(metadata: &Metadata) -> Self {
        let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let age = SystemTime::now().duration_since(changed).unwrap_or_default();
        Self { identity: identity(metadata), is_settled: age > SETTLED_AFTER }
    }
}

/// Reads a file into a table.
pub(super) fn read(
    path: &Path,
    format: impl Fn(TableFile<File>, &mut Sink<'_>) -> Result<(), TableMistake>,
) -> Result<(LookupTable, Stamp), SourceProblem> {
    let (file, metadata) = open(path)?;
    let mut builder = Builder::of_file(metadata.len());
    let mut repeated = None;
    let input = TableFile::new(file);
    let progress = input.progress();
    let outcome = format(input, &mut |row| {
        progress.has_row();
        if builder.add(&row)? {
            return builder.check_memory(progress.octets());
        }
        repeated = row.values.get(row.key_at).map(|key| (*key).to_owned());
        Err("the key occurs here again".to_owned())
    });
    let Err(mut mistake) = outcome else { return Ok((builder.finish(), Stamp::of(&metadata))) };
    if mistake.line == 0 {
        mistake.line = progress.line();
    }
    if let Some(key) = repeated {
        let first = first_line_of(path, &key, &format);
        let first =
            first.map_or_else(|| "an earlier line".to_owned(), |line| format!("line {line}"));
        mistake.message =
            format!("the key {key:?} already occurs on {first}; remove one of the rows");
    }
    let TableMistake { line, message } = mistake;
    Err(SourceProblem::Content { path: path.to_owned(), line, message })
}

fn first_line_of(path: &Path, key: &str, format: Reader<'_>) -> Option<u64> {
    let (file, _) = open(path).ok()?;
    let input = TableFile::new(file);
    let progress = input.progress();
    let found = format(input, &mut |row: Parsed<'_>| {
        progress.has_row();
        let is_it = row.values.get(row.key_at) == Some(&key);
        if is_it { Err("here".to_owned()) } else { Ok(()) }
    });
    found.err().map(|mistake| mistake.line)
}

fn open(path: &Path) -> Result<(File, Metadata), SourceProblem> {
    let file = lessor_files::open(path).map_err(SourceProblem::unreadable(path))?;
    let metadata = file.metadata().map_err(SourceProblem::unreadable(path))?;
    let octets = metadata.len();
    if octets > FILE_OCTETS_MAX {
        let (path, octets_max) = (path.to_owned(), FILE_OCTETS_MAX);
        return Err(SourceProblem::TooLong { path, octets, octets_max });
    }
    Ok((file, metadata))
}

fn identity(metadata: &Metadata) -> (u64, u64, u64, i64, i64, i64, i64) {
    let changed =
        (metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec());
    let (mtime, mtime_nsec, ctime, ctime_nsec) = changed;
    (metadata.dev(), metadata.ino(), metadata.len(), mtime, mtime_nsec, ctime, ctime_nsec)
}

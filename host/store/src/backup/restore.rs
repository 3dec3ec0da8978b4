//! Reads a backup, and makes a store of it.
//!
//! Does not set the time at which server time continues; the caller does. Invariant: **a backup is
//! restored completely, or nothing is changed.** It is read to its end before the first record is
//! written, and the existing log is moved aside only once the new one is complete.

use std::{
    fs::File,
    io::{self, BufReader, Seek},
    path::{Path, PathBuf},
};

use lessor_core::Timestamp;
use thiserror::Error;

use crate::{
    StoreError,
    disk_store::{FOLDER, REPLACEMENT_FOLDER, survey},
    log::{
        folder,
        slots::{Slot, Slots},
    },
    record,
    record_key::{RecordKey, SpacedSlots},
    replacing::Replacement,
};

use super::{
    BackupLine, EndLine, FORMAT, Heading, RECORDS_MAX, RecordLine,
    lines::{BackupReader, COPY_AGAIN, NoLine, RefusedLine},
};

/// A backup that was read to its end and can be restored.
#[derive(Debug)]
pub struct Backup {
    file: File,
    heading: Heading,
    newest_change: Timestamp,
}

/// What happens to the leases that a store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// They are in the way: the backup is not restored.
    Refuse,
    /// Their log is moved aside.
    MoveAside,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// The new place of the log that was there.
    pub put_aside: Option<PathBuf>,
}

/// The error for a backup that was not restored.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The backup is not one that this release reads.
    #[error(transparent)]
    Refused(#[from] RefusedLine),
    /// The backup cannot be read.
    #[error("the backup cannot be read: {0}")]
    Read(io::Error),
    /// The store is not empty.
    #[error(
        "the lease store at {} has {found}; restore into an empty store, or move that one aside \
         with --replace",
        path.display()
    )]
    NotEmpty {
        /// The folder of the store.
        path: PathBuf,
        /// What it has.
        found: String,
    },
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Backup {
    /// Reads a backup to its end.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, is cut off, contradicts itself, or has a record that this
    /// release cannot read.
    pub fn read(file: File) -> Result<Self, RestoreError> {
        let mut newest_change = Timestamp::default();
        let heading = read(&file, &mut |_, _, _, changed_at| {
            newest_change = newest_change.max(changed_at);
            Ok(())
        })?;
        Ok(Self { file, heading, newest_change })
    }

    /// What the backup says about itself.
    pub const fn heading(&self) -> &Heading {
        &self.heading
    }

    /// When its newest record changed, in the time that records are written in.
    pub const fn newest_change(&self) -> Timestamp {
        self.newest_change
    }

    /// Makes the store in the folder `path` one with the records of the backup.
    ///
    /// # Errors
    ///
    /// Fails if a server uses the store, if it has leases and they may not be moved aside, or if
    /// the new one cannot be written. Nothing is changed then.
    pub fn restore(&self, path: &Path, existing: Existing) -> Result<Restored, RestoreError> {
        let cannot = |error: io::Error| StoreError::open(path, error);
        let Some(_lock) = folder::lock(path).map_err(cannot)? else {
            return Err(StoreError::InUse { path: path.to_owned() }.into());
        };
        if let Some(found) = contents(path)?.filter(|_| existing == Existing::Refuse) {
            return Err(RestoreError::NotEmpty { path: path.to_owned(), found });
        }
        let mut replacement = Replacement::begin(path)?;
        let heading = read(&self.file, &mut |key, value, revision, _| {
            Ok(replacement.put(key, value, revision)?)
        })?;
        if heading != self.heading {
            let help = "copy the backup to a place where nothing changes it";
            let found = "the file was replaced while it was restored".to_owned();
            return Err(RefusedLine { line: 1, found, help: help.to_owned() }.into());
        }
        let put_aside = replacement.finish("replaced")?;
        Ok(Restored { put_aside })
    }
}

/// What the log of a store has, in words; `None` if nothing would be lost with it.
fn contents(path: &Path) -> Result<Option<String>, StoreError> {
    let exists = |name| path.join(name).try_exists().map_err(|error| StoreError::open(path, error));
    if !exists(FOLDER)? {
        let found = "leases of an import or a salvage that was interrupted";
        return Ok(exists(REPLACEMENT_FOLDER)?.then(|| found.to_owned()));
    }
    let mut records = 0_u64;
    let surveyed = survey(path, &mut |_| records += 1);
    Ok(match surveyed {
        Ok(found) if !found.survey.damage.is_empty() => Some("damage".to_owned()),
        Ok(_) if records == 0 => None,
        Ok(_) => Some("leases".to_owned()),
        // A store of another release, or a folder that cannot be read.
        Err(error) => Some(format!("contents that cannot be read ({error})")),
    })
}

/// Receives a record: its key, its octets, its revision and when it changed.
type Each<'e> = dyn FnMut(RecordKey, &[u8], u64, Timestamp) -> Result<(), RestoreError> + 'e;

/// Reads a backup to its end and passes each record to `each`.
fn read(mut file: &File, each: &mut Each<'_>) -> Result<Heading, RestoreError> {
    file.rewind().map_err(RestoreError::Read)?;
    let mut lines = BackupReader::new(BufReader::with_capacity(1 << 16, file));
    let heading = heading(&mut lines)?;
    let mut first_lines = SpacedSlots::default();
    loop {
        let Some(object) = next(&mut lines)? else {
            let found =
                format!("the file ends before its last line, {{\"end\":{}}}", heading.records);
            return Err(lines.refusal(found, COPY_AGAIN).into());
        };
        let count = first_lines.len() as u64;
        match serde_json::from_slice(object) {
            Ok(BackupLine::Record(record)) => {
                let key = RecordKey { vpn: record.vpn.clone(), address: record.address };
                if count >= heading.records {
                    let found = format!(
                        "there are more records than the {} of the heading",
                        heading.records
                    );
                    return Err(lines.refusal(found, COPY_AGAIN).into());
                }
                let slot =
                    Slot { segment: 0, offset: lines.line() as u32, octets: 0, revision: [0; 2] };
                if let Some(first) = first_lines.insert(key.clone(), slot) {
                    let found = format!(
                        "{key} has a second record here; line {} has the first one",
                        first.offset
                    );
                    return Err(lines.refusal(found, CONTRADICTS).into());
                }
                take(&lines, key, &record, &heading, each)?;
            }
            Ok(BackupLine::End(EndLine { end })) if end == count && count == heading.records => {
                break;
            }
            Ok(BackupLine::End(EndLine { end })) => {
                let found = format!(
                    "the file has {count} records, its last line says {end} and its heading {}",
                    heading.records
                );
                return Err(lines.refusal(found, COPY_AGAIN).into());
            }
            Err(_) => {
                let found = "the line is neither a record nor the last line of a backup";
                return Err(lines.refusal(found, CONTRADICTS).into());
            }
        }
    }
    if next(&mut lines)?.is_some() {
        return Err(lines.refusal("a line stands behind the last one", CONTRADICTS).into());
    }
    Ok(heading)
}

/// What to do about a file that no release writes.
const CONTRADICTS: &str = "`lessor store export` does not write this; use another backup";

fn heading<R: io::BufRead>(lines: &mut BackupReader<R>) -> Result<Heading, RestoreError> {
    let wanted = "name a file that `lessor store export` wrote";
    let Some(object) = next(lines)? else {
        return Err(lines.refusal("the file is empty", wanted).into());
    };
    let object = object.to_vec();
    let format: Option<Format> = serde_json::from_slice(&object).ok();
    let refused = match format {
        Some(Format { format: FORMAT }) => match serde_json::from_slice::<Heading>(&object) {
            Ok(heading) if !is_shown(&heading.program) || !is_shown(&heading.made_at) => {
                lines.refusal("the heading has texts that cannot be shown", CONTRADICTS)
            }
            Ok(heading) if heading.records <= RECORDS_MAX => return Ok(heading),
            Ok(heading) => lines.refusal(
                format!("the backup has {} records; {RECORDS_MAX} are possible", heading.records),
                wanted,
            ),
            Err(error) => lines.refusal(format!("the heading is not complete: {error}"), wanted),
        },
        Some(Format { format }) => lines.refusal(
            format!("the backup has form {format}; this release reads form {FORMAT}"),
            "restore it with the release that made it, or a newer one",
        ),
        None => lines.refusal("the line is not the heading of a backup", wanted),
    };
    Err(refused.into())
}

/// Whether a text can be printed to a terminal.
fn is_shown(text: &str) -> bool {
    text.len() <= 100 && text.bytes().all(|octet| (0x20..=0x7e).contains(&octet))
}

/// The part of a heading that every form has.
#[derive(serde::Deserialize)]
struct Format {
    #[serde(rename = "lessor-store-backup")]
    format: u32,
}

/// Checks a record and passes it on.
fn take<R: io::BufRead>(
    lines: &BackupReader<R>,
    key: RecordKey,
    record: &RecordLine,
    heading: &Heading,
    each: &mut Each<'_>,
) -> Result<(), RestoreError> {
    let refuse = |found: String, help: &str| Err(lines.refusal(found, help).into());
    match record::decode(&key.octets(), &record.record) {
        Ok(binding) => each(key, &record.record, binding.revision, binding.changed_at),
        Err(StoreError::RecordVersion { found, known, .. }) => refuse(
            format!("the record of {key} has version {found}; this release reads version {known}"),
            &format!("restore it with {} or a newer release", heading.program),
        ),
        Err(StoreError::DamagedRecord { found, .. }) => {
            refuse(format!("the record of {key} is no record: {found}"), CONTRADICTS)
        }
        Err(error) => refuse(error.to_string(), CONTRADICTS),
    }
}

fn next<R: io::BufRead>(lines: &mut BackupReader<R>) -> Result<Option<&[u8]>, RestoreError> {
    lines.next().map_err(|error| match error {
        NoLine::Refused(refused) => refused.into(),
        NoLine::Io(error) => RestoreError::Read(error),
    })
}

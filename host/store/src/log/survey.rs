//! Reads a whole log and reports what is wrong with it.
//!
//! Changes nothing and repairs nothing. Invariant: **a log in which no damage is found ends with
//! the last batch that was made durable**, as far as files can show. The data that was being
//! written when the process or the machine stopped is a torn tail: octets that are not a batch, at
//! the end of the newest segment, not before the mark, and with no batch after them. Everything
//! else that cannot be read is damage.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use super::{
    folder::Folder,
    format::{
        Contents, Frame, FrameKind, HEADER_OCTETS, LogEntry, Mark, Position, SegmentHeader,
        Unreadable,
    },
    snapshot::Snapshot,
};

/// The maximum number of damaged places that are described. A file of random octets has any number
/// of them.
const DAMAGE_MAX: usize = 100;

/// The state of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Survey {
    /// The segments, oldest first.
    pub segments: Vec<SegmentSurvey>,
    /// All damage, in the order in which it was found; at most 100 places.
    pub damage: Vec<Damage>,
    /// The octets at the end that were being written when the process or the machine stopped.
    pub torn: Option<TornTail>,
    /// The number of the last readable batch.
    pub last_sequence: u64,
    /// The number of the last batch that is known to have been on disk; `None` if the mark is
    /// damaged.
    pub marked_sequence: Option<u64>,
    /// Whether the log was closed properly.
    pub closed: bool,
    /// Whether a server has the log open. Batches after the mark may then still be in the course of
    /// being written, and were not read.
    pub in_use: bool,
}

/// One segment of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentSurvey {
    /// The segment's file.
    pub file: PathBuf,
    /// The size of the file.
    pub octets: u64,
    /// The number of readable batches.
    pub batches: u64,
    /// The number of records in those batches, including records that later ones replace.
    pub records: u64,
}

/// A place where a log differs from what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// The file that is damaged, or missing.
    pub file: PathBuf,
    /// The place in the file, in octets from its beginning.
    pub offset: u64,
    /// What was found at this place.
    pub found: String,
}

/// The data that was being written when the process or the machine stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TornTail {
    /// The newest segment.
    pub file: PathBuf,
    /// The end of the last batch, in octets from the beginning of the file.
    pub offset: u64,
    /// The number of octets that follow.
    pub octets: u64,
}

/// The error for a log that cannot be surveyed.
#[derive(Debug)]
pub(crate) enum NoSurvey {
    /// The log belongs to another engine.
    Former,
    /// The log has another format.
    Format(u32),
    /// A file or the folder cannot be read.
    Unusable(io::Error),
}

/// One entry that a survey finds.
pub(crate) struct Visit<'a> {
    pub(crate) entry: LogEntry<'a>,
    pub(crate) file: &'a Path,
    pub(crate) segment: u32,
    /// The offset of its frame in the file.
    pub(crate) offset: u32,
    /// Whether damage was found before this entry.
    pub(crate) is_behind_damage: bool,
}

/// The result of a survey, with the data needed to continue the log.
#[derive(Clone, Debug)]
pub(crate) struct SurveyedLog {
    pub(crate) survey: Survey,
    pub(super) store: u64,
    /// The oldest segment that is needed, and the ends of all segments but the newest.
    pub(super) first: u32,
    pub(super) ends: BTreeMap<u32, u32>,
    /// The end of the log.
    pub(super) end: Position,
    pub(super) mark: Option<Mark>,
}

/// Surveys the log in `folder` and passes every readable entry to `each`, in the order of writing.
/// With `in_use`, a server may be writing to the log.
pub(crate) fn survey(
    folder: &Folder,
    contents: Contents,
    in_use: bool,
    each: &mut dyn FnMut(Visit<'_>),
) -> Result<SurveyedLog, NoSurvey> {
    survey_of(&snapshot(folder, in_use, in_use)?, contents, each)
}

/// Takes a snapshot of the log in `folder` for [`survey_of`], as [`Snapshot::take`] does.
pub(crate) fn snapshot(
    folder: &Folder,
    in_use: bool,
    is_kept_open: bool,
) -> Result<Snapshot, NoSurvey> {
    if folder.is_former() {
        return Err(NoSurvey::Former);
    }
    Snapshot::take(folder, in_use, is_kept_open).map_err(NoSurvey::Unusable)
}

/// As [`survey`], for a snapshot. Each survey of it finds the same.
pub(crate) fn survey_of(
    snapshot: &Snapshot,
    contents: Contents,
    each: &mut dyn FnMut(Visit<'_>),
) -> Result<SurveyedLog, NoSurvey> {
    let mut surveyor = Surveyor {
        snapshot,
        contents,
        found: SurveyedLog {
            survey: Survey { in_use: snapshot.in_use, ..Survey::default() },
            store: 0,
            first: 0,
            ends: BTreeMap::new(),
            end: Position::default(),
            mark: None,
        },
        at: None,
        each,
    };
    surveyor.read_mark()?;
    surveyor.read_headers()?;
    surveyor.read_segments()?;
    surveyor.compare_with_mark();
    Ok(surveyor.found)
}

struct Surveyor<'a> {
    snapshot: &'a Snapshot,
    contents: Contents,
    found: SurveyedLog,
    /// The current position; `None` before anything has been read, and after damage.
    at: Option<Position>,
    each: &'a mut dyn FnMut(Visit<'_>),
}

impl Surveyor<'_> {
    fn damage(&mut self, file: PathBuf, offset: usize, found: String) {
        if self.found.survey.damage.len() < DAMAGE_MAX {
            self.found.survey.damage.push(Damage { file, offset: offset as u64, found });
        }
    }

    fn read_mark(&mut self) -> Result<(), NoSurvey> {
        let said = match self.snapshot.mark() {
            Ok(octets) => match Mark::decode(octets) {
                Ok(mark) => {
                    self.found.store = mark.store;
                    self.found.survey.marked_sequence = Some(mark.end.sequence);
                    self.found.mark = Some(mark);
                    return Ok(());
                }
                Err(Unreadable::Format(format)) => return Err(NoSurvey::Format(format)),
                Err(Unreadable::Damaged(said)) => said,
            },
            Err(said) => said.clone(),
        };
        self.damage(self.snapshot.folder.mark(), 0, said);
        Ok(())
    }

    /// Reads from the headers which segments should exist and where they end.
    fn read_headers(&mut self) -> Result<(), NoSurvey> {
        let snapshot = self.snapshot;
        for number in snapshot.numbers() {
            let is_newest = Some(number) == snapshot.newest();
            let start = snapshot.read_start(number, HEADER_OCTETS as u64);
            let Ok(octets) = start.map_err(NoSurvey::Unusable)? else { continue };
            let header = match SegmentHeader::decode(&octets) {
                Ok(header) => header,
                Err(Unreadable::Format(format)) => return Err(NoSurvey::Format(format)),
                Err(Unreadable::Damaged(_)) => continue,
            };
            if self.found.store == 0 {
                self.found.store = header.store;
            }
            if header.store != self.found.store || header.segment != number {
                continue;
            }
            self.found.ends.insert(header.continues.segment, header.continues.offset);
            self.found.first = self.found.first.max(header.first);
            if is_newest {
                self.found.first = self.found.first.max(first_needed(&octets, header.store));
            }
        }
        Ok(())
    }

    fn read_segments(&mut self) -> Result<(), NoSurvey> {
        let snapshot = self.snapshot;
        let marked = self.found.mark.map_or(0, |mark| mark.end.segment);
        let newest = snapshot.newest().unwrap_or(0);
        let oldest = match self.found.first {
            0 => snapshot.numbers().next().unwrap_or(1),
            first => first,
        };
        self.found.first = oldest;
        // A number in a damaged file may be far from the others.
        let limit = snapshot.numbers().count() + DAMAGE_MAX;
        for number in (oldest..=newest.max(marked)).take(limit) {
            match snapshot.read(number).map_err(NoSurvey::Unusable)? {
                Ok(octets) => self.read_segment(number, number == newest, &octets),
                Err(said) => {
                    self.damage(snapshot.folder.segment(number), 0, said);
                    self.at = None;
                }
            }
        }
        if snapshot.newest().is_none() && marked < oldest {
            self.damage(snapshot.folder.segment(oldest), 0, "it is missing".to_owned());
        }
        Ok(())
    }

    fn read_segment(&mut self, number: u32, is_newest: bool, octets: &[u8]) {
        let file = self.snapshot.folder.segment(number);
        self.found.survey.segments.push(SegmentSurvey {
            file: file.clone(),
            octets: octets.len() as u64,
            batches: 0,
            records: 0,
        });
        self.read_header(number, octets);
        let end = match self.found.ends.get(&number) {
            Some(end) if !is_newest => *end as usize,
            _ => octets.len(),
        };
        let within = octets.get(..end).unwrap_or(octets);
        let mut offset = HEADER_OCTETS;
        while offset < within.len() {
            let rest = within.get(offset..).unwrap_or_default();
            match Frame::decode(rest, self.found.store) {
                Ok(frame) => {
                    self.read_frame(number, offset, &frame);
                    offset += frame.octets();
                    continue;
                }
                Err(said) => {
                    let after = self.at.map_or(0, |at| at.sequence);
                    let store = self.found.store;
                    match Frame::find(within, offset + 1, store, after) {
                        Some(next) => {
                            let said =
                                format!("{said}; the next whole batch begins at octet {next}");
                            self.damage(file.clone(), offset, said);
                            self.at = None;
                            offset = next;
                            continue;
                        }
                        None if is_newest => {
                            let octets = (within.len() - offset) as u64;
                            let offset = offset as u64;
                            self.found.survey.torn = Some(TornTail { file, offset, octets });
                        }
                        None => {
                            self.damage(file, offset, said.to_string());
                            self.at = None;
                        }
                    }
                    return;
                }
            }
        }
        if end > octets.len() {
            let said = format!("it ends here; wanted {end} octets, according to the next segment");
            self.damage(file, octets.len(), said);
            self.at = None;
        }
    }

    fn read_header(&mut self, number: u32, octets: &[u8]) {
        let said = match SegmentHeader::decode(octets) {
            Err(Unreadable::Format(format)) => format!("it has format {format}"),
            Err(Unreadable::Damaged(said)) => said,
            Ok(header) if header.contents != self.contents => {
                format!("it contains {:?}, not {:?}", header.contents, self.contents)
            }
            Ok(header) if header.store != self.found.store => {
                "it belongs to another store".to_owned()
            }
            Ok(header) if header.segment != number => {
                format!("it is segment {} under another name", header.segment)
            }
            Ok(header) => {
                let continues = header.continues;
                let begin = Position { segment: number, offset: HEADER_OCTETS as u32, ..continues };
                let before = self.at.replace(begin);
                match before {
                    Some(at) if (at.sequence, at.crc) != (continues.sequence, continues.crc) => {
                        format!(
                            "it continues after batch {}, but the previous segment ends with batch \
                             {}",
                            continues.sequence, at.sequence
                        )
                    }
                    _ => return,
                }
            }
        };
        self.damage(self.snapshot.folder.segment(number), 0, said);
    }

    fn read_frame(&mut self, segment: u32, offset: usize, frame: &Frame<'_>) {
        let file = self.snapshot.folder.segment(segment);
        if let Some(at) = self.at {
            let wanted = at.sequence + 1;
            if frame.sequence != wanted {
                let said = format!("found batch {}; wanted batch {wanted}", frame.sequence);
                self.damage(file.clone(), offset, said);
            } else if frame.previous != at.crc {
                let said = format!("batch {wanted} does not continue the batch before it");
                self.damage(file.clone(), offset, said);
            }
        }
        if let Some(mark) = self.found.mark
            && mark.end.sequence == frame.sequence
            && mark.end.crc != frame.crc
        {
            let said = format!("batch {} is not the one that the mark names", frame.sequence);
            self.damage(file.clone(), offset, said);
        }
        let offset = offset as u32;
        let mut records = 0;
        let is_behind_damage = !self.found.survey.damage.is_empty();
        for entry in frame.entries() {
            match entry {
                Ok(entry) => {
                    records += 1;
                    (self.each)(Visit { entry, file: &file, segment, offset, is_behind_damage });
                }
                Err(said) => self.damage(file.clone(), offset as usize, said),
            }
        }
        if let Some(survey) = self.found.survey.segments.last_mut() {
            survey.batches += 1;
            survey.records += records;
        }
        self.found.survey.closed = frame.kind == FrameKind::Closed;
        let end = offset + frame.octets() as u32;
        let crc = frame.crc;
        self.at = Some(Position { segment, offset: end, sequence: frame.sequence, crc });
    }

    /// Checks that the log reaches the mark. Data after the mark of a log in use is being written.
    fn compare_with_mark(&mut self) {
        if let Some(at) = self.at {
            self.found.end = at;
            self.found.survey.last_sequence = at.sequence;
        }
        let torn = self.found.survey.torn.take();
        self.found.survey.closed &= torn.is_none();
        match (self.found.mark, self.at) {
            (Some(mark), Some(at)) if at.sequence < mark.end.sequence => {
                let missing = mark.end.sequence - at.sequence;
                let said = format!(
                    "the log ends here, after batch {}; the {missing} batch(es) up to {} had been \
                     on disk",
                    at.sequence, mark.end.sequence
                );
                self.damage(self.snapshot.folder.segment(at.segment), at.offset as usize, said);
            }
            (Some(_), Some(_)) if !self.found.survey.in_use => self.found.survey.torn = torn,
            _ => {}
        }
    }
}

/// The oldest segment that the frames of a segment still need.
fn first_needed(octets: &[u8], store: u64) -> u32 {
    let mut rest = octets.get(HEADER_OCTETS..).unwrap_or_default();
    let mut first = 0;
    while let Ok(frame) = Frame::decode(rest, store) {
        first = first.max(frame.first);
        rest = rest.get(frame.octets()..).unwrap_or_default();
    }
    first
}

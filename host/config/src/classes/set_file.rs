//! Reads a file of values, one on each line, so that a class can have a million of them.
//!
//! Empty lines, and lines that begin with `#`, are skipped. No line is kept: the values are packed
//! as soon as they are read. Invariant: a file that changes while it is read is refused.

use std::{
    io,
    path::{Path, PathBuf},
};

use lessor_core::{OctetSet, Test};
use lessor_files::Stamp;

use crate::{
    Surroundings,
    collector::Collector,
    identifiers::plain_hardware_address,
    mistake::Draft,
    reader::Value,
    reservation_files::{
        Line, Lines, RESERVATION_ROW_OCTETS_MAX, Unreadable, open, report_unreadable,
    },
    settings::ClassFile,
    source::SourceFile,
    values,
};

/// What the lines of a file are.
pub(super) struct SetFileKind {
    /// What a line should be.
    wanted: &'static str,
    /// The octets of a line; `None` if it is not valid.
    read: fn(&str) -> Option<Vec<u8>>,
}

/// Texts, or octets in hexadecimal.
pub(super) static IDENTIFIERS: SetFileKind = SetFileKind {
    wanted: "a text of 1 to 255 octets, or octets such as hex:0a0b",
    read: |text| values::identifier(text).map(Vec::from),
};

/// Hardware addresses, or their first octets.
pub(super) static HARDWARE_ADDRESSES: SetFileKind = SetFileKind {
    wanted: "a hardware address such as 02:00:5e:00:53:01, or its first octets",
    read: |text| {
        let address = plain_hardware_address(text)?;
        Some(Test::hardware_octets(address.kind(), address.octets()))
    },
};

/// Values of each length, packed behind each other.
#[derive(Default)]
struct Packed(Vec<(usize, Vec<u8>)>);

/// Reads the file that `value` names, and adds it to `files`. Returns `None` if there are mistakes,
/// which are reported.
pub(super) fn read(
    value: &Value,
    surroundings: &Surroundings,
    files: &mut Vec<ClassFile>,
    kind: &SetFileKind,
) -> Option<OctetSet> {
    let path = value.path(surroundings.base)?;
    let place = (surroundings.stand_in)(&path);
    let name = place.display().to_string();
    match read_file(value, path, &place, &name, kind) {
        Ok(None) => None,
        Ok(Some((set, file))) => {
            if !files.iter().any(|known| known.path == file.path) {
                files.push(file);
            }
            Some(set)
        }
        Err(unreadable) => {
            report_unreadable(value, &name, &unreadable);
            None
        }
    }
}

fn read_file(
    value: &Value,
    path: PathBuf,
    place: &Path,
    name: &str,
    kind: &SetFileKind,
) -> Result<Option<(OctetSet, ClassFile)>, Unreadable> {
    let (file, stamp) = open(place)?;
    let mistakes = Collector::new(SourceFile::new(name, ""));
    let packed = read_lines(&mut Lines::new(&file), kind, &mistakes).map_err(Unreadable::Failed)?;
    let is_whole = mistakes.is_empty();
    value.collector().adopt(mistakes);
    if !is_whole {
        return Ok(None);
    }
    let after = file.metadata().map_err(Unreadable::Failed)?;
    if Stamp::from(&after) != stamp {
        return Err(Unreadable::Changed);
    }
    let set = OctetSet::of_packed(packed.0);
    let values = set.len() as u64;
    Ok(Some((set, ClassFile { path, stamp, values })))
}

fn read_lines(lines: &mut Lines, kind: &SetFileKind, mistakes: &Collector) -> io::Result<Packed> {
    let mut packed = Packed::default();
    while let Some(line) = lines.next()? {
        let (number, text) = match line {
            Line::Text(number, text) => (number, text),
            other => match refuse(mistakes, other) {
                true => continue,
                false => break,
            },
        };
        let line = text.trim();
        if line.starts_with('#') {
            continue;
        }
        match (kind.read)(line) {
            Some(octets) => packed.add(&octets),
            None => {
                let excerpt =
                    Collector::new(SourceFile::excerpt(mistakes.source().name(), text, number));
                let draft = Draft::found("the line is not what this class compares")
                    .wanted(format!("wanted {}", kind.wanted))
                    .help("write one value on each line; a line that begins with # is a comment");
                excerpt.report(&(0..text.len()), draft);
                mistakes.adopt(excerpt);
            }
        }
    }
    Ok(packed)
}

/// Reports a line that is not UTF-8 or too long. Returns whether the rest of the file can be read.
fn refuse(mistakes: &Collector, line: Line) -> bool {
    let (number, text, span, draft, goes_on) = match line {
        Line::Text(..) => return true,
        Line::NotText(number, text, offset) => {
            let draft = Draft::found("the line is not UTF-8 from here on")
                .wanted("wanted text in UTF-8")
                .help("write octets that are not text as hex:0a0b");
            (number, text, offset..offset + 1, draft, true)
        }
        Line::TooLong(number) => {
            let found = format!("a line has more than {RESERVATION_ROW_OCTETS_MAX} octets");
            let help = "write one value on each line; the rest of the file was not checked";
            let draft = Draft::found(found).wanted("this line").help(help);
            (number, String::new(), 0..0, draft, false)
        }
    };
    let excerpt = Collector::new(SourceFile::excerpt(mistakes.source().name(), text, number));
    excerpt.report(&span, draft);
    mistakes.adopt(excerpt);
    goes_on
}

impl Packed {
    fn add(&mut self, octets: &[u8]) {
        match self.0.iter_mut().find(|(length, _)| *length == octets.len()) {
            Some((_, packed)) => packed.extend_from_slice(octets),
            None => self.0.push((octets.len(), octets.to_vec())),
        }
    }
}

//! `reservations`: files that contain only reservations, one per line, which are assigned to
//! subnets by their addresses; those without an address apply in all networks. A million of them
//! are as much a part of the configuration as those that are written in it.
//!
//! A file is read line by line and no line is kept, so the file may be larger than the
//! configuration. A line that is unambiguously valid is used as it is; any other is converted to a
//! table and read like one of the configuration, so that mistakes have the same messages.

mod cells;
mod csv;
mod json_lines;
mod layout;
mod lines;
mod rows;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use lessor_core::{OptionSet, ScopeSettings};
use lessor_files::Stamp;
use lessor_settings::SourceSettings;
use toml::de::DeValue;

use crate::{
    Surroundings, collector::Collector, mistake::Draft, reader::Value, reserved::Reserved,
    roster::Roster, settings::ReservationFile, source::SourceFile, vpns::Vpns,
};

pub(crate) use self::lines::{Line, Lines};
use self::{layout::Layout, rows::Rows};

/// The maximum size of a file of reservations, in octets: some ten million lines.
pub const RESERVATION_FILE_OCTETS_MAX: u64 = 512 << 20;
/// The maximum length of a line in such a file, in octets.
pub const RESERVATION_ROW_OCTETS_MAX: usize = 64 << 10;

/// The format of the lines.
enum Form {
    /// Comma-separated values, below a line that names the columns.
    Csv(Layout),
    /// A JSON object with the keys of `[[reservation]]`.
    JsonLines,
}

/// A file to be read.
struct Wanted<'v> {
    value: Value<'v>,
    /// The path in the configuration.
    path: PathBuf,
    /// The path to read from.
    place: PathBuf,
    form: Form,
}

/// Reads every file that `value` names, and adds its reservations. Mistakes are reported.
pub(crate) fn read(
    value: &Value,
    lookups: &[SourceSettings],
    surroundings: &Surroundings,
    (classes, vpns): (&Roster, &Vpns),
    reserved: &mut Reserved,
) -> Vec<ReservationFile> {
    let wanted = wanted(value, lookups, surroundings);
    let names: Vec<String> = wanted.iter().map(|file| file.place.display().to_string()).collect();
    let mut files = Vec::new();
    for (number, (file, name)) in (1..).zip(wanted.iter().zip(&names)) {
        let opened = match open(&file.place) {
            Ok(opened) => opened,
            Err(unreadable) => {
                report_unreadable(&file.value, name, &unreadable);
                continue;
            }
        };
        let (opened, stamp) = opened;
        reserved.expect(rows_expected(stamp.octets()));
        let catalogue = Arc::clone(value.collector().catalogue());
        let collector = Collector::with_catalogue(SourceFile::new(name, ""), catalogue);
        let document = value.collector().source();
        let mut rows = Rows {
            number,
            names: &names,
            document,
            reserved,
            classes,
            vpns,
            collector,
            count: 0,
            last_options: OptionSet::default(),
            last_settings: ScopeSettings::default(),
        };
        let mut lines = Lines::new(&opened);
        let read = match &file.form {
            Form::Csv(layout) => csv::read(&mut lines, layout, &mut rows),
            Form::JsonLines => json_lines::read(&mut lines, &mut rows),
        };
        let Rows { collector, count, .. } = rows;
        let is_whole = collector.is_empty();
        value.collector().adopt(collector);
        let after = opened.metadata().map(|found| Stamp::from(&found));
        match (read, after) {
            (Err(error), _) | (_, Err(error)) => {
                report_unreadable(&file.value, name, &Unreadable::Failed(error));
            }
            (Ok(()), Ok(after)) if after != stamp && is_whole => {
                report_unreadable(&file.value, name, &Unreadable::Changed);
            }
            _ => {
                files.push(ReservationFile { path: file.path.clone(), stamp, reservations: count })
            }
        }
    }
    files
}

fn wanted<'v>(
    value: &Value<'v>,
    lookups: &[SourceSettings],
    surroundings: &Surroundings,
) -> Vec<Wanted<'v>> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for value in value.items() {
        let found = match value.raw() {
            DeValue::Table(_) => layout::of_source(&value, lookups)
                .map(|(path, layout)| (path.to_owned(), Some(Form::Csv(layout)))),
            _ => value.path(surroundings.base).map(|path| (path.clone(), Form::of(&path))),
        };
        let Some((path, form)) = found else { continue };
        let Some(form) = form else {
            value.refuse_with_help(
                "a file whose name ends in .csv or .jsonl",
                "the extension selects the format: CSV below a line that names the columns, or a \
                 JSON object on each line",
            );
            continue;
        };
        if let Some(first) = wanted.iter().find(|first| first.path == path) {
            let draft = Draft::found(format!("{} is named twice", path.display()))
                .wanted("the second time")
                .related(first.value.span(), "the first time")
                .help("remove one of them");
            value.report(draft);
            continue;
        }
        let place = (surroundings.stand_in)(&path);
        wanted.push(Wanted { value, path, place, form });
    }
    wanted
}

impl Form {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv(Layout::OF_RESERVATIONS)),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            _ => None,
        }
    }
}

/// Why a file cannot be read.
pub(crate) enum Unreadable {
    Failed(io::Error),
    TooLarge,
    Changed,
}

/// Opens a file that is part of a configuration, and returns its state.
pub(crate) fn open(path: &Path) -> Result<(File, Stamp), Unreadable> {
    let file = lessor_files::open(path).map_err(Unreadable::Failed)?;
    let found = file.metadata().map_err(Unreadable::Failed)?;
    match found.len() > RESERVATION_FILE_OCTETS_MAX {
        true => Err(Unreadable::TooLarge),
        false => Ok((file, Stamp::from(&found))),
    }
}

pub(crate) fn report_unreadable(value: &Value, name: &str, why: &Unreadable) {
    let draft = match why {
        Unreadable::Failed(error) => {
            let help = match error.kind() {
                io::ErrorKind::NotFound => "check the path, and whether the file exists",
                io::ErrorKind::PermissionDenied => "allow the server's user to read the file",
                _ => "name a file that can be read",
            };
            let found = format!("{name} cannot be read: {error}");
            Draft::found(found).wanted("named here").help(help)
        }
        Unreadable::TooLarge => {
            let mib = RESERVATION_FILE_OCTETS_MAX >> 20;
            Draft::found(format!("{name} is larger than {mib} MiB"))
                .wanted("named here")
                .help("split it into several files, and list all of them")
        }
        Unreadable::Changed => Draft::found(format!("{name} changed while it was read"))
            .wanted("named here")
            .help("write a new file and rename it to this name, so that it is always complete"),
    };
    value.report(draft);
}

/// Estimates the number of reservations in a file of this size, limited to a number that is worth
/// allocating in advance.
fn rows_expected(octets: u64) -> usize {
    const ROW_OCTETS: u64 = 24;
    const EXPECTED_MAX: u64 = 1 << 20;
    usize::try_from((octets / ROW_OCTETS).min(EXPECTED_MAX)).unwrap_or_default()
}

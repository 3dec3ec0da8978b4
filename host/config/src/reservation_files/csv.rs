//! Comma-separated values (RFC 4180), below a line that names the columns. A row is one line: an
//! identifier with a line break in it is written in hexadecimal.

use std::{borrow::Cow, io, ops::Range, str};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};
use lessor_core::OptionKind;
use lessor_vocabulary::hexadecimal::HEX;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    collector::Collector,
    mistake::Draft,
    options,
    reservation::OWNERS,
    shapes::RESERVATION_ROW,
    suggest::{closest, joined},
};

use super::{
    lines::{Line, Lines},
    rows::{Plain, Rows},
};

/// The settings of a reservation that a cell has room for.
const TEXTS: [&str; 3] = ["next-server", "server-name", "boot-file"];
const TIMES: [&str; 5] =
    ["lease-time", "min-lease-time", "max-lease-time", "renewal-time", "rebinding-time"];

/// The prefix of an option's name in the name of its column.
const OPTION: &str = "options.";

/// The content of a column.
enum Column {
    /// One of [`OWNERS`].
    Owner(&'static str),
    Address,
    /// One of [`TEXTS`].
    Text(&'static str),
    /// One of [`TIMES`].
    Time(&'static str),
    /// A value of an option; the type is `None` if the option has no name.
    Option(String, Form),
}

/// Reads the line that names the columns, and all rows.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn read(lines: &mut Lines, rows: &mut Rows) -> io::Result<()> {
    let mut cells = Cells::default();
    let Some(columns) = columns(lines, rows, &mut cells)? else { return Ok(()) };
    while let Some(line) = lines.next()? {
        match line {
            Line::Text(number, text) => take(number, text, &columns, &mut cells, rows),
            other => {
                if !rows.refuse(other) {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Reads the columns. Returns `None` if the line that names them has a mistake.
fn columns(
    lines: &mut Lines,
    rows: &mut Rows,
    cells: &mut Cells,
) -> io::Result<Option<Vec<Column>>> {
    let (number, text) = match lines.next()? {
        Some(Line::Text(number, text)) => (number, text),
        Some(other) => {
            rows.refuse(other);
            return Ok(None);
        }
        None => {
            let collector = rows.collector_of(1, "");
            let draft = Draft::found("the file does not name its columns")
                .wanted("wanted the names in the first line");
            collector.report(
                &(0..0),
                draft.help("write circuit-id,address above the rows, for example"),
            );
            rows.collector.adopt(collector);
            return Ok(None);
        }
    };
    let collector = rows.collector_of(number, text);
    let columns = match cells.split(text) {
        true => named_columns(&collector, text, cells),
        false => {
            report_open_quote(&collector, text);
            Vec::new()
        }
    };
    let is_right = collector.is_empty();
    rows.collector.adopt(collector);
    Ok(is_right.then_some(columns))
}

fn named_columns(collector: &Collector, text: &str, cells: &Cells) -> Vec<Column> {
    let names: Vec<(String, Range<usize>)> =
        cells.iter().map(|cell| cell.trim().to_owned()).zip(places(text)).collect();
    if let [(name, span)] = names.as_slice()
        && name.contains([';', '\t'])
    {
        let draft = Draft::found("the columns are not separated by commas").wanted("wanted commas");
        collector.report(
            span,
            draft.help("write circuit-id,address; separate the values by commas, too"),
        );
        return Vec::new();
    }
    let mut columns = Vec::new();
    for (position, (name, span)) in names.iter().enumerate() {
        if let Some((_, first)) = names.iter().take(position).find(|(other, _)| other == name) {
            let draft = Draft::found(format!("two columns are named {name:?}"))
                .wanted("the second one")
                .related(first, "the first one")
                .help("remove one of them, with its values");
            collector.report(span, draft);
        } else if let Some(column) = Column::named(collector, name, span) {
            columns.push(column);
        }
    }
    if !collector.is_empty() {
        return columns;
    }
    let whole = 0..text.len();
    if !columns.iter().any(|column| matches!(column, Column::Address)) {
        let draft = Draft::found("no column is named `address`").wanted("wanted one in this line");
        collector
            .report(&whole, draft.help("write circuit-id,address above the rows, for example"));
    }
    if !columns.iter().any(|column| matches!(column, Column::Owner(_))) {
        let draft = Draft::found("no column identifies the owners of the reservations")
            .wanted(format!("wanted one of {}", joined(OWNERS)))
            .help("circuit-id is for lines, hardware-address for devices");
        collector.report(&whole, draft);
    }
    columns
}

impl Column {
    fn named(collector: &Collector, name: &str, span: &Range<usize>) -> Option<Self> {
        if let Some(owner) = OWNERS.into_iter().find(|owner| *owner == name) {
            return Some(Self::Owner(owner));
        }
        if name == "address" {
            return Some(Self::Address);
        }
        if let Some(text) = TEXTS.into_iter().find(|text| *text == name) {
            return Some(Self::Text(text));
        }
        if let Some(time) = TIMES.into_iter().find(|time| *time == name) {
            return Some(Self::Time(time));
        }
        if let Some(option) = name.strip_prefix(OPTION) {
            return Self::of_option(collector, option, &(span.start + OPTION.len()..span.end));
        }
        let names = OWNERS.into_iter().chain(["address"]).chain(TEXTS).chain(TIMES);
        let synonym = RESERVATION_ROW.synonyms.iter().find(|(synonym, _)| *synonym == name);
        let meant = synonym.map(|(_, meant)| *meant).or_else(|| closest(name, names.clone()));
        let help = format!(
            "the columns are {}, and `{OPTION}` followed by the name of an option",
            joined(names)
        );
        let draft = Draft::found(format!("unknown column `{name}`")).help(help);
        let draft = match (collector.catalogue().recognise(name).is_ok(), meant) {
            (true, _) => draft.wanted(format!("did you mean `{OPTION}{name}`?")),
            (false, Some(meant)) => draft.wanted(format!("did you mean `{meant}`?")),
            (false, None) => draft.wanted("unknown"),
        };
        collector.report(span, draft);
        None
    }

    fn of_option(collector: &Collector, name: &str, span: &Range<usize>) -> Option<Self> {
        match options::recognise_configured(collector, name, span)? {
            Some(kind) if matches!(Form::of(&kind), Form::Table) => {
                let draft = Draft::found(format!("`{name}` cannot be written in a CSV file"))
                    .wanted("its values are not plain text")
                    .help("use a file in .jsonl, with a JSON object on each line");
                collector.report(span, draft);
                None
            }
            kind => {
                let form = kind.as_ref().map_or(Form::Text, Form::of);
                Some(Self::Option(name.to_owned(), form))
            }
        }
    }
}

fn take(number: usize, text: &str, columns: &[Column], cells: &mut Cells, rows: &mut Rows) {
    let is_split = cells.split(text);
    if !is_split || cells.count != columns.len() {
        let collector = rows.collector_of(number, text);
        match is_split {
            true => report_count(&collector, text, cells.count, columns.len()),
            false => report_open_quote(&collector, text),
        }
        rows.collector.adopt(collector);
        return;
    }
    let plain = match plain(columns, cells) {
        Some((owner, address)) => rows.take_plain(number, owner, address),
        None => Plain::Unclear,
    };
    if !matches!(plain, Plain::Taken) {
        let entries = entries(text, columns, cells);
        rows.take_table(rows.collector_of(number, text), number, &entries, plain);
    }
}

/// The key and text of the owner, and the address, if the row has these and no more.
fn plain<'c>(columns: &[Column], cells: &'c Cells) -> Option<((&'static str, &'c str), &'c str)> {
    let (mut owner, mut address) = (None, None);
    for (column, cell) in columns.iter().zip(cells.iter()).filter(|(_, cell)| !cell.is_empty()) {
        match column {
            Column::Owner(key) if owner.is_none() => owner = Some((*key, cell)),
            Column::Address => address = Some(cell),
            _ => return None,
        }
    }
    Some((owner?, address?))
}

/// Converts the row to a table. Empty cells are omitted.
fn entries<'c>(text: &str, columns: &'c [Column], cells: &'c Cells) -> DeTable<'c> {
    let (mut entries, mut options) = (DeTable::new(), DeTable::new());
    for ((column, cell), span) in columns.iter().zip(cells.iter()).zip(places(text)) {
        if cell.is_empty() {
            continue;
        }
        let key = |name: &'c str| Spanned::new(span.clone(), Cow::Borrowed(name));
        let text = || DeValue::String(Cow::Borrowed(cell));
        let (table, name, value) = match column {
            Column::Owner(name) | Column::Text(name) => (&mut entries, *name, text()),
            Column::Address => (&mut entries, "address", text()),
            Column::Time(name) => (&mut entries, *name, number(cell).unwrap_or_else(text)),
            Column::Option(name, form) => (&mut options, name.as_str(), value(cell, *form, &span)),
        };
        table.insert(key(name), Spanned::new(span.clone(), value));
    }
    if !options.is_empty() {
        let whole = 0..text.len();
        let key = Spanned::new(whole.clone(), Cow::Borrowed("options"));
        entries.insert(key, Spanned::new(whole, DeValue::Table(options)));
    }
    entries
}

/// How a cell is written.
#[derive(Clone, Copy)]
enum Form {
    Flag,
    Number,
    Text,
    Numbers,
    Texts,
    /// It cannot be written in a cell.
    Table,
}

impl Form {
    fn of(kind: &OptionKind) -> Self {
        match kind {
            OptionKind::Flag | OptionKind::Empty => Self::Flag,
            OptionKind::U16s => Self::Numbers,
            OptionKind::Addresses | OptionKind::DomainNames | OptionKind::Servers => Self::Texts,
            OptionKind::Routes
            | OptionKind::Record(_)
            | OptionKind::ServiceParameters
            | OptionKind::SubOptions(_) => Self::Table,
            OptionKind::Counted(_, kind) => Self::of(kind),
            OptionKind::List(item) => match Self::of(item) {
                Self::Number => Self::Numbers,
                Self::Text => Self::Texts,
                _ => Self::Table,
            },
            kind if kind.takes_numbers() => Self::Number,
            _ => Self::Text,
        }
    }
}

/// The cell as the configuration would write it; the items of a list are separated by spaces.
fn value<'c>(cell: &'c str, form: Form, span: &Range<usize>) -> DeValue<'c> {
    let text = || DeValue::String(Cow::Borrowed(cell));
    let items = |value: fn(&'c str) -> DeValue<'c>| {
        let item = |item| Spanned::new(span.clone(), value(item));
        DeValue::Array(cell.split_whitespace().map(item).collect())
    };
    match form {
        _ if cell.starts_with(HEX) => text(),
        Form::Flag => match cell {
            "true" => DeValue::Boolean(true),
            "false" => DeValue::Boolean(false),
            _ => text(),
        },
        Form::Number => number(cell).unwrap_or_else(text),
        Form::Texts => items(|item| DeValue::String(Cow::Borrowed(item))),
        Form::Numbers => items(|item| number(item).unwrap_or(DeValue::String(Cow::Borrowed(item)))),
        Form::Text | Form::Table => text(),
    }
}

fn number(text: &str) -> Option<DeValue<'_>> {
    let value = DeValue::parse(text).ok()?.into_inner();
    (value.is_integer() || value.is_float()).then_some(value)
}

fn report_count(collector: &Collector, text: &str, found: usize, wanted: usize) {
    let draft = Draft::found(format!("the line has {found} values for {wanted} columns"))
        .wanted(format!("wanted {wanted} values"))
        .help("write a value with a comma in double quotes; for an absent value, keep its comma");
    collector.report(&(0..text.len()), draft);
}

fn report_open_quote(collector: &Collector, text: &str) {
    let draft = Draft::found("a value has no closing quote")
        .wanted("wanted a closing quote in this line")
        .help("write a quote in a quoted value twice, and octets that are not text as hex:0a0b");
    collector.report(&(text.rfind('"').unwrap_or(0)..text.len()), draft);
}

/// The places of the values in a line, including their quotes.
fn places(text: &str) -> Vec<Range<usize>> {
    let (mut places, mut start, mut is_quoted) = (Vec::new(), 0, false);
    for (offset, octet) in text.bytes().enumerate() {
        match octet {
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => {
                places.push(start..offset);
                start = offset + 1;
            }
            _ => {}
        }
    }
    places.push(start..text.len());
    places
}

/// The values of one line.
struct Cells {
    reader: Reader,
    /// The line with its line ending.
    line: Vec<u8>,
    octets: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
}

impl Default for Cells {
    fn default() -> Self {
        let reader = ReaderBuilder::new().terminator(Terminator::Any(b'\n')).build();
        Self { reader, line: Vec::new(), octets: Vec::new(), ends: vec![0; 16], count: 0 }
    }
}

impl Cells {
    /// Splits a line. Returns whether every quote in it is closed.
    fn split(&mut self, text: &str) -> bool {
        self.reader.reset();
        self.line.clear();
        self.line.extend_from_slice(text.as_bytes());
        self.line.push(b'\n');
        // All values together are no longer than the line.
        self.octets.resize(self.line.len(), 0);
        self.count = 0;
        let mut written = 0;
        let mut rest = self.line.as_slice();
        loop {
            let octets = self.octets.get_mut(written..).unwrap_or_default();
            let ends = self.ends.get_mut(self.count..).unwrap_or_default();
            let (result, read, wrote, ended) = self.reader.read_record(rest, octets, ends);
            rest = rest.get(read..).unwrap_or_default();
            written += wrote;
            self.count += ended;
            match result {
                ReadRecordResult::Record => return true,
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return false,
                ReadRecordResult::OutputFull => self.octets.push(0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let ends = self.ends.get(..self.count).unwrap_or_default();
        let starts = std::iter::once(&0).chain(ends);
        starts.zip(ends).map(|(start, end)| {
            let octets = self.octets.get(*start..*end).unwrap_or_default();
            str::from_utf8(octets).unwrap_or_default()
        })
    }
}

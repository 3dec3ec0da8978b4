//! Comma-separated values (RFC 4180), below a line that names the columns. A row is one line: an
//! identifier with a line break in it is written in hexadecimal.

use std::{borrow::Cow, io, ops::Range};

use lessor_core::{IdentifierKind, OptionKind};
use lessor_vocabulary::hexadecimal::HEX;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    collector::Collector,
    identifiers::{
        self, PLAIN, RELAY_SUB_OPTIONS, VENDOR_SUB_OPTIONS, kind_named, plain_hardware_address,
    },
    mistake::Draft,
    options,
    shapes::RESERVATION_ROW,
    suggest::{closest, joined},
};

use super::{
    cells::Cells,
    layout::{Layout, Mapped},
    lines::{Line, Lines},
    rows::{Plain, PlainRow, Rows},
};

/// The settings of a reservation that a cell has room for.
const TEXTS: [&str; 5] = ["address", "pool", "next-server", "server-name", "boot-file"];
const TIMES: [&str; 5] =
    ["lease-time", "min-lease-time", "max-lease-time", "renewal-time", "rebinding-time"];

/// The column that says whose address it is.
const VPN: &str = "vpn";

/// The lists of names that a cell has room for, separated by spaces.
const LISTS: [&str; 1] = ["classes"];

/// The prefix of an option's name in the name of its column.
const OPTION: &str = "options.";

/// The content of a column.
enum Column {
    /// Identifiers of the owner, under this name.
    Owner(IdentifierKind, String),
    /// The name of a VPN.
    Vpn,
    /// One of [`TEXTS`].
    Text(&'static str),
    /// One of [`TIMES`].
    Time(&'static str),
    /// One of [`LISTS`].
    List(&'static str),
    /// A value of an option, under this name.
    Option(String, Form),
    /// A column of a table that is not asked for it.
    Ignored,
}

/// Reads the line that names the columns, and all rows.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn read(lines: &mut Lines, layout: &Layout, rows: &mut Rows) -> io::Result<()> {
    let mut cells = Cells::new(layout.delimiter);
    let Some(columns) = columns(lines, layout, rows, &mut cells)? else { return Ok(()) };
    // The rows of a table that has other purposes need not all reserve something.
    let is_table = layout.columns.is_some();
    while let Some(line) = lines.next()? {
        match line {
            Line::Text(number, text) => take(number, text, (&columns, is_table), &mut cells, rows),
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
    layout: &Layout,
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
        true => match &layout.columns {
            None => named_columns(&collector, text, cells),
            Some(mapped) => mapped_columns(&collector, text, cells, mapped),
        },
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
        cells.iter().map(|cell| cell.trim().to_owned()).zip(cells.places(text)).collect();
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
    if collector.is_empty() {
        report_missing(collector, text, &columns);
    }
    columns
}

/// The columns of a table of which only some are wanted.
fn mapped_columns(
    collector: &Collector,
    text: &str,
    cells: &Cells,
    mapped: &[Mapped],
) -> Vec<Column> {
    let names: Vec<&str> = cells.iter().map(str::trim).collect();
    let is_missing = |wanted: &&Mapped| !names.contains(&wanted.column.as_str());
    for missing in mapped.iter().filter(is_missing) {
        let draft = Draft::found(format!("no column is named {:?}", missing.column))
            .wanted(format!("wanted the column for `{}`", missing.meaning.value))
            .help("`columns` of the source of reservations names it");
        collector.report(&(0..text.len()), draft);
    }
    let mut columns = Vec::new();
    for (name, span) in names.iter().zip(cells.places(text)) {
        let found = mapped.iter().find(|wanted| wanted.column == *name);
        let column = match found {
            Some(found) => Column::named(collector, &found.meaning.value, &span),
            None => Some(Column::Ignored),
        };
        columns.extend(column);
    }
    if collector.is_empty() {
        report_missing(collector, text, &columns);
    }
    columns
}

/// Reports that the columns do not say who gets what.
fn report_missing(collector: &Collector, text: &str, columns: &[Column]) {
    let whole = 0..text.len();
    let is_owner = |column: &Column| matches!(column, Column::Owner(..));
    if !columns.iter().any(Column::reserves) {
        let draft = Draft::found("no column says what is reserved")
            .wanted("wanted one in this line, such as `address`");
        collector
            .report(&whole, draft.help("write circuit-id,address above the rows, for example"));
    }
    if !columns.iter().any(is_owner) {
        let draft = Draft::found("no column identifies the owners of the reservations")
            .wanted(format!("wanted one of {}", joined(identifiers::keys())))
            .help("circuit-id is for lines, hardware-address for devices");
        collector.report(&whole, draft);
    }
}

impl Column {
    /// Returns whether it says what an owner gets.
    const fn reserves(&self) -> bool {
        !matches!(self, Self::Owner(..) | Self::Vpn | Self::Ignored)
    }

    fn named(collector: &Collector, name: &str, span: &Range<usize>) -> Option<Self> {
        if let Some(kind) = kind_named(name) {
            return Some(Self::Owner(kind, name.to_owned()));
        }
        if name == VPN {
            return Some(Self::Vpn);
        }
        if let Some(text) = TEXTS.into_iter().find(|text| *text == name) {
            return Some(Self::Text(text));
        }
        if let Some(time) = TIMES.into_iter().find(|time| *time == name) {
            return Some(Self::Time(time));
        }
        if let Some(list) = LISTS.into_iter().find(|list| *list == name) {
            return Some(Self::List(list));
        }
        if let Some(option) = name.strip_prefix(OPTION) {
            return Self::of_option(collector, option, &(span.start + OPTION.len()..span.end));
        }
        let names = PLAIN.into_iter().chain([VPN]).chain(TEXTS).chain(TIMES).chain(LISTS);
        let meant = RESERVATION_ROW.meant_by(name).or_else(|| closest(name, names.clone()));
        let help = format!(
            "the columns are {}, `{RELAY_SUB_OPTIONS}.` followed by a sub-option, \
             `{VENDOR_SUB_OPTIONS}.` followed by an enterprise number and a sub-option, and \
             `{OPTION}` followed by the name of an option",
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
                Some(Self::Option(format!("{OPTION}{name}"), form))
            }
        }
    }
}

fn take(
    number: usize,
    text: &str,
    (columns, is_table): (&[Column], bool),
    cells: &mut Cells,
    rows: &mut Rows,
) {
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
    if is_table && !reserves_something(columns, cells) {
        return;
    }
    let plain = match plain(columns, cells) {
        Some(row) => rows.take_plain(number, row),
        None => Plain::Unclear,
    };
    if !matches!(plain, Plain::Taken) {
        let entries = entries(text, columns, cells);
        rows.take_table(rows.collector_of(number, text), number, &entries, plain);
    }
}

/// Whether a row names an owner and what is reserved for it.
fn reserves_something(columns: &[Column], cells: &Cells) -> bool {
    let filled = || columns.iter().zip(cells.iter()).filter(|(_, cell)| !cell.is_empty());
    let has = |is_it: fn(&Column) -> bool| filled().any(|(column, _)| is_it(column));
    has(|column| matches!(column, Column::Owner(..))) && has(Column::reserves)
}

/// The row if it has one owner, an address and perhaps a VPN, and no more.
fn plain<'c>(columns: &[Column], cells: &'c Cells) -> Option<PlainRow<'c>> {
    let (mut owner, mut address, mut vpn) = (None, None, None);
    for (column, cell) in columns.iter().zip(cells.iter()).filter(|(_, cell)| !cell.is_empty()) {
        match column {
            Column::Owner(kind, _) if owner.is_none() => owner = Some((*kind, cell)),
            Column::Text("address") => address = Some(cell),
            Column::Vpn => vpn = Some(cell),
            Column::Ignored => {}
            _ => return None,
        }
    }
    Some(PlainRow { owner: owner?, address: address?, vpn })
}

/// Converts the row to a table. Empty cells are omitted.
fn entries<'c>(text: &str, columns: &'c [Column], cells: &'c Cells) -> DeTable<'c> {
    let mut row = RowTable { entries: DeTable::new(), whole: 0..text.len() };
    for ((column, cell), span) in columns.iter().zip(cells.iter()).zip(cells.places(text)) {
        if cell.is_empty() {
            continue;
        }
        let text = || DeValue::String(Cow::Borrowed(cell));
        let (path, value) = match column {
            Column::Owner(kind, name) => (name.as_str(), identifier_cell(*kind, cell, &span)),
            Column::Vpn => (VPN, text()),
            Column::Text(name) => (*name, text()),
            Column::Time(name) => (*name, number(cell).unwrap_or_else(text)),
            Column::List(name) => (*name, value(cell, Form::Texts, &span)),
            Column::Option(path, form) => (path.as_str(), value(cell, *form, &span)),
            Column::Ignored => continue,
        };
        row.put(path, &span, value);
    }
    row.entries
}

/// A cell with identifiers: hardware addresses may be several, separated by spaces.
fn identifier_cell<'c>(kind: IdentifierKind, cell: &'c str, span: &Range<usize>) -> DeValue<'c> {
    let text = |item: &'c str| DeValue::String(Cow::Borrowed(item));
    let several = || cell.split_whitespace();
    let is_list = kind == IdentifierKind::HardwareAddress
        && several().count() > 1
        && several().all(|item| plain_hardware_address(item).is_some());
    match is_list {
        true => DeValue::Array(several().map(|it| Spanned::new(span.clone(), text(it))).collect()),
        false => text(cell),
    }
}

/// A row as a table.
struct RowTable<'c> {
    entries: DeTable<'c>,
    whole: Range<usize>,
}

impl<'c> RowTable<'c> {
    /// Adds a value under a name whose parts are separated by dots. A name of three parts at most
    /// is that of a sub-option; what follows the first dot of an option is its name.
    fn put(&mut self, path: &'c str, span: &Range<usize>, value: DeValue<'c>) {
        let parts = if path.starts_with(VENDOR_SUB_OPTIONS) { 3 } else { 2 };
        let mut names: Vec<&'c str> = path.splitn(parts, '.').collect();
        let Some(last) = names.pop() else { return };
        let mut table = &mut self.entries;
        for name in names {
            let key = Spanned::new(self.whole.clone(), Cow::Borrowed(name));
            let inner = || Spanned::new(self.whole.clone(), DeValue::Table(DeTable::new()));
            let found = table.entry(key).or_insert_with(inner);
            let DeValue::Table(inner) = found.get_mut() else { return };
            table = inner;
        }
        let key = Spanned::new(span.clone(), Cow::Borrowed(last));
        table.insert(key, Spanned::new(span.clone(), value));
    }
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
            // Records of addresses are written as addresses in turn.
            OptionKind::List(item) if item.fields_of_addresses().is_some() => Self::Texts,
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

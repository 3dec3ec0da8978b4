//! Tables and values of a file that is being read. Accessors return values and report those that
//! are not as wanted, so that reading continues and every mistake is found.
//!
//! If an accessor returns nothing, the reason was reported.

use std::ops::Range;

use lessor_vocabulary::{
    ValueRefusal, ValueSource,
    option::OPTION_OCTETS_MAX,
    read::{self, ValueForm},
};
use toml::de::{DeTable, DeValue};

use crate::{
    collector::Collector,
    mistake::Draft,
    shapes::{self, ROUTE, Shape},
    suggest::{closest, joined},
};

/// A value and its place in the file.
#[derive(Clone, Debug)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
}

/// A table with known keys. Unknown keys are reported when it is opened.
pub(crate) struct Table<'a> {
    collector: &'a Collector,
    shape: &'static Shape,
    entries: &'a DeTable<'a>,
    /// The place of the header.
    span: Range<usize>,
    /// The offset of the text that the table was parsed from.
    offset: usize,
}

/// The value of a key, or an item of a list that is such a value.
#[derive(Clone)]
pub(crate) struct Value<'a> {
    collector: &'a Collector,
    key: &'a str,
    is_item: bool,
    value: &'a DeValue<'a>,
    span: Range<usize>,
    /// The offset of the text that the value was parsed from.
    offset: usize,
}

/// A key as written in the file, with its value.
pub(crate) struct KeyValue<'a> {
    pub(crate) key: Placed<&'a str>,
    pub(crate) value: Value<'a>,
}

impl<'a> Table<'a> {
    pub(crate) fn open(
        collector: &'a Collector,
        shape: &'static Shape,
        entries: &'a DeTable<'a>,
        span: Range<usize>,
    ) -> Self {
        Self::open_part(collector, shape, entries, span, 0)
    }

    /// Does the same for a table that was parsed from the part of the text that starts at `offset`.
    /// `span` refers to the whole text.
    pub(crate) fn open_part(
        collector: &'a Collector,
        shape: &'static Shape,
        entries: &'a DeTable<'a>,
        span: Range<usize>,
        offset: usize,
    ) -> Self {
        let table = Self { collector, shape, entries, span, offset };
        for key in entries.keys() {
            if !shape.has(key.get_ref()) {
                table.report_unknown(key.get_ref(), &shifted(key.span(), offset));
            }
        }
        table
    }

    /// The place of the header.
    pub(crate) fn span(&self) -> &Range<usize> {
        &self.span
    }

    pub(crate) fn collector(&self) -> &'a Collector {
        self.collector
    }

    /// Whether a table of this kind can have `key`.
    pub(crate) fn allows(&self, key: &str) -> bool {
        self.shape.has(key)
    }

    /// The value of `key`, if the table has one.
    pub(crate) fn get(&self, key: &'static str) -> Option<Value<'a>> {
        debug_assert!(self.shape.has(key), "{key} is no key of {}", self.shape.name);
        let (_, value) = self.entries.get_key_value(key)?;
        Some(Value {
            collector: self.collector,
            key,
            is_item: false,
            value: value.get_ref(),
            span: shifted(value.span(), self.offset),
            offset: self.offset,
        })
    }

    /// The value of `key`, which the table must have. `example` completes `key = …`.
    pub(crate) fn require(&self, key: &'static str, example: &str) -> Option<Value<'a>> {
        let value = self.get(key);
        if value.is_none() && !self.misspells_any(&[key]) {
            let wanted = match std::ptr::eq(self.shape, &shapes::RESERVATION_ROW) {
                true => format!("wanted one, such as {example}"),
                false => format!("wanted a line such as {key} = {example}"),
            };
            let draft =
                Draft::found(format!("missing key `{key}` in {}", self.shape.name)).wanted(wanted);
            self.collector.report_missing(&self.span, draft);
        }
        value
    }

    /// Whether the table has a key that is not among `keys`.
    pub(crate) fn has_other_keys_than(&self, keys: impl Iterator<Item = &'static str>) -> bool {
        let keys: Vec<&str> = keys.collect();
        self.entries.keys().any(|found| !keys.contains(&found.get_ref().as_ref()))
    }

    /// Whether an unknown key is a misspelling of one of `keys`; then it has been reported already.
    pub(crate) fn misspells_any(&self, keys: &[&'static str]) -> bool {
        let found = self.entries.keys().map(|found| found.get_ref().as_ref());
        let unknown = found.filter(|found| !self.shape.has(found));
        unknown.filter_map(|found| self.meant(found)).any(|meant| keys.contains(&meant))
    }

    fn meant(&self, found: &str) -> Option<&'static str> {
        match self.shape.meant_by(found) {
            Some(meant) => Some(meant),
            // A key that belongs elsewhere is not treated as a misspelling of a similar one.
            None if self.shape.is_elsewhere(found) => None,
            None => closest(found, self.shape.keys()),
        }
    }

    fn report_unknown(&self, key: &str, span: &Range<usize>) {
        let draft = Draft::found(format!("unknown key `{key}` in {}", self.shape.name));
        let keys = format!("its keys are {}", joined(self.shape.keys()));
        let draft = match (self.meant(key), self.shape.advice_for(key)) {
            (Some(meant), _) => draft.wanted(format!("did you mean `{meant}`?")).help(keys),
            (None, Some(advice)) => draft.wanted("not allowed here").help(advice),
            (None, None) => draft.wanted("unknown").help(keys),
        };
        self.collector.report(span, draft);
    }
}

impl<'a> Value<'a> {
    pub(crate) fn span(&self) -> &Range<usize> {
        &self.span
    }

    pub(crate) fn collector(&self) -> &'a Collector {
        self.collector
    }

    /// The value as TOML.
    pub(crate) fn raw(&self) -> &'a DeValue<'a> {
        self.value
    }

    /// The text, if the value is one; nothing is reported otherwise.
    pub(crate) fn as_text(&self) -> Option<&'a str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// Adds the place of this value to a value that was read from it.
    pub(crate) fn place<T>(&self, value: T) -> Placed<T> {
        Placed { value, span: self.span.clone() }
    }

    /// Reports that the value is not what was wanted.
    pub(crate) fn refuse(&self, wanted: &str) {
        self.report(Draft::found(self.sentence()).wanted(format!("wanted {wanted}")));
    }

    /// Reports that the value is not what was wanted, with advice.
    pub(crate) fn refuse_with_help(&self, wanted: &str, help: impl Into<String>) {
        let draft = Draft::found(self.sentence()).wanted(format!("wanted {wanted}"));
        self.report(draft.help(help));
    }

    /// Reports a mistake at the place of the value.
    pub(crate) fn report(&self, draft: Draft) {
        self.collector.report(&self.span, draft);
    }

    fn sentence(&self) -> String {
        let verb = if self.is_item { "contains" } else { "is" };
        format!("`{}` {verb} {}", self.key, self.described())
    }

    /// Describes the value as a message quotes it.
    fn described(&self) -> String {
        match self.value {
            DeValue::String(_) if self.collector.source().has_secret_at(&self.span) => {
                "a text that is not shown here".to_owned()
            }
            DeValue::String(text) if text.chars().count() > QUOTED_CHARS_MAX => {
                let start: String = text.chars().take(QUOTED_CHARS_MAX).collect();
                format!("{:?}", format!("{start}…"))
            }
            DeValue::String(text) => format!("{text:?}"),
            DeValue::Integer(number) => format!("the number {number}"),
            DeValue::Float(number) => format!("the number {number}"),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Datetime(_) => "a date or time".to_owned(),
            DeValue::Array(items) if items.is_empty() => "an empty list".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        }
    }

    /// Reads a text; `wanted` describes its content.
    pub(crate) fn text(&self, wanted: &str) -> Option<&'a str> {
        let text = self.as_text();
        if text.is_none() {
            self.refuse(wanted);
        }
        text
    }

    /// Reads a flag.
    pub(crate) fn flag(&self) -> Option<bool> {
        read::flag(self)
    }

    /// A whole number from `min` to `max`.
    pub(crate) fn number<N>(&self, min: N, max: N) -> Option<N>
    where
        N: Copy + std::fmt::Display + PartialOrd + TryFrom<i128>,
    {
        read::number(self, min, max)
    }

    /// The whole number, if the value is one; nothing is reported otherwise.
    pub(crate) fn integer(&self) -> Option<i128> {
        match self.value {
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        }
    }

    /// The items of a list; a value that is not a list counts as a list with one item.
    pub(crate) fn items(&self) -> Vec<Self> {
        match self.value {
            DeValue::Array(items) => items
                .iter()
                .map(|item| Self {
                    is_item: true,
                    value: item.get_ref(),
                    span: shifted(item.span(), self.offset),
                    ..self.clone()
                })
                .collect(),
            _ => vec![self.clone()],
        }
    }

    /// Reads a table with known keys.
    pub(crate) fn table(&self, shape: &'static Shape) -> Option<Table<'a>> {
        match self.value {
            DeValue::Table(entries) => {
                let (collector, span) = (self.collector, self.span.clone());
                Some(Table::open_part(collector, shape, entries, span, self.offset))
            }
            _ => {
                let help = format!("write {} once and its keys below it", shape.name);
                self.refuse_with_help("a table", help);
                None
            }
        }
    }

    /// The tables of a list of tables.
    pub(crate) fn tables(&self, shape: &'static Shape) -> Vec<Table<'a>> {
        if let DeValue::Table(_) = self.value {
            let help = format!(
                "write {} with two brackets, because it may occur several times",
                shape.name
            );
            self.refuse_with_help("a list of tables", help);
        }
        self.items().iter().filter_map(|item| item.table(shape)).collect()
    }

    /// The entries of a table with arbitrary keys, in the order of the file.
    pub(crate) fn entries(&self, wanted: &str) -> Vec<KeyValue<'a>> {
        let DeValue::Table(entries) = self.value else {
            self.refuse(wanted);
            return Vec::new();
        };
        let mut entries: Vec<KeyValue<'a>> = entries
            .iter()
            .map(|(key, value)| KeyValue {
                key: Placed {
                    value: key.get_ref().as_ref(),
                    span: shifted(key.span(), self.offset),
                },
                value: Self {
                    collector: self.collector,
                    key: key.get_ref().as_ref(),
                    is_item: false,
                    value: value.get_ref(),
                    span: shifted(value.span(), self.offset),
                    offset: self.offset,
                },
            })
            .collect();
        entries.sort_by_key(|entry| entry.key.span.start);
        entries
    }
}

/// How the crate that knows the syntax of values reads one.
impl ValueSource for Value<'_> {
    fn form(&self) -> ValueForm<'_> {
        match self.value {
            DeValue::Boolean(flag) => ValueForm::Flag(*flag),
            DeValue::Integer(_) => self.integer().map_or(ValueForm::Other, ValueForm::Number),
            DeValue::String(text) => ValueForm::Text(text),
            _ => ValueForm::Other,
        }
    }

    fn items(&self) -> Vec<Self> {
        Value::items(self)
    }

    fn members(&self) -> Option<Vec<(String, Self)>> {
        let DeValue::Table(_) = self.value else { return None };
        let entries = self.entries("a table").into_iter();
        Some(entries.map(|entry| (entry.key.value.to_owned(), entry.value)).collect())
    }

    fn route(&self) -> (Option<Self>, Option<Self>) {
        let table = self.table(&ROUTE);
        let part = |key, example| table.as_ref().and_then(|table| table.require(key, example));
        (part("to", "\"0.0.0.0/0\""), part("via", "\"100.64.0.1\""))
    }

    fn refuse(&self, refusal: ValueRefusal) {
        match refusal {
            ValueRefusal::Wanted { wanted, help: None } => Value::refuse(self, &wanted),
            ValueRefusal::Wanted { wanted, help: Some(help) } => {
                self.refuse_with_help(&wanted, help)
            }
            ValueRefusal::TooLong { octets, octets_max: OPTION_OCTETS_MAX } => self.report(
                Draft::found(format!("the option takes {octets} octets"))
                    .wanted(format!("wanted at most {OPTION_OCTETS_MAX} octets"))
                    .help("a reply has no room for more; shorten the value"),
            ),
            ValueRefusal::TooLong { octets, octets_max } => self.report(
                Draft::found(format!("`{}` takes {octets} octets", self.key))
                    .wanted(format!("wanted at most {octets_max} octets"))
                    .help("its length is written before it; shorten the value"),
            ),
            ValueRefusal::Unknown { noun, found, meant, known } => {
                let draft = Draft::found(format!("`{found}` is not {noun}"));
                let known = match known.is_empty() {
                    true => "there is none".to_owned(),
                    false => {
                        format!("they are {}", joined(known.iter().map(String::as_str)))
                    }
                };
                let wanted = meant.map(|meant| format!("did you mean `{meant}`?"));
                let wanted = wanted.unwrap_or_else(|| "unknown".to_owned());
                self.report(draft.wanted(wanted).help(known));
            }
        }
    }
}

fn shifted(span: Range<usize>, offset: usize) -> Range<usize> {
    span.start + offset..span.end + offset
}

/// Texts longer than this are truncated when they are quoted.
const QUOTED_CHARS_MAX: usize = 60;

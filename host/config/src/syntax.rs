//! Reports syntax errors of TOML, with specific messages instead of the parser's for common slips.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{collector::Collector, mistake::Draft};

/// Parses as much of the text as possible. Syntax errors are reported, and reports about their
/// consequences suppressed.
pub(crate) fn parse(collector: &Collector) -> Spanned<DeTable<'_>> {
    parse_text(collector, collector.source().text())
}

/// Parses a text that is equivalent to the collector's source, with everything in the same places.
pub(crate) fn parse_text<'a>(collector: &Collector, text: &'a str) -> Spanned<DeTable<'a>> {
    let (table, mut errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return table;
    }
    errors.sort_by_key(|error| error.span().map(|span| span.start));
    let mut values = Values::default();
    values.note_all(table.get_ref());
    values.scalars.sort_by_key(|(span, _)| span.start);
    let mut last_scalar = None;
    for error in errors {
        let span = error.span().unwrap_or_default();
        if error.message() == "duplicate key" {
            collector.report_syntax(&span, duplicate_key(collector, &span));
            continue;
        }
        match values.scalar_at(&span, collector) {
            Some((scalar, _)) if last_scalar.as_ref() == Some(scalar) => {}
            Some((scalar, value)) => {
                collector.report_syntax(scalar, scalar_mistake(collector, scalar, value, &error));
                last_scalar = Some(scalar.clone());
            }
            None => {
                collector.report_syntax(&span, structural(collector, &span, &values, &error));
                collector.distrust_from(span.start);
                break;
            }
        }
    }
    table
}

/// The values of a document, by place.
#[derive(Default)]
struct Values {
    scalars: Vec<(Range<usize>, Scalar)>,
    containers: Vec<(Range<usize>, &'static str)>,
}

#[derive(Clone, Copy)]
enum Scalar {
    Number,
    Flag,
    Other,
}

impl Values {
    fn note_all(&mut self, table: &DeTable) {
        for value in table.values() {
            self.note(value);
        }
    }

    fn note(&mut self, value: &Spanned<DeValue>) {
        match value.get_ref() {
            DeValue::Table(table) => {
                self.containers.push((value.span(), "table"));
                self.note_all(table);
            }
            DeValue::Array(items) => {
                self.containers.push((value.span(), "list"));
                for item in items.iter() {
                    self.note(item);
                }
            }
            DeValue::Integer(_) => self.scalars.push((value.span(), Scalar::Number)),
            DeValue::Boolean(_) => self.scalars.push((value.span(), Scalar::Flag)),
            DeValue::String(_) | DeValue::Float(_) | DeValue::Datetime(_) => {
                self.scalars.push((value.span(), Scalar::Other));
            }
        }
    }

    /// The value that an error is about, if it is a single value on one line: then the lines after
    /// it can be trusted.
    fn scalar_at(
        &self,
        error: &Range<usize>,
        collector: &Collector,
    ) -> Option<(&Range<usize>, Scalar)> {
        let after = self.scalars.partition_point(|(span, _)| span.start <= error.start);
        let (span, scalar) = self.scalars.get(after.checked_sub(1)?)?;
        let is_before = error.is_empty() && error.start == span.start && !span.is_empty();
        let source = collector.source();
        let is_one_line = source.line_of(span.start) == source.line_of(span.end);
        (error.end <= span.end && !is_before && is_one_line).then_some((span, *scalar))
    }

    /// The innermost list or table around `offset` that starts on an earlier line.
    fn container_of(
        &self,
        offset: usize,
        collector: &Collector,
    ) -> Option<&(Range<usize>, &'static str)> {
        let source = collector.source();
        let around = self.containers.iter().filter(|(span, _)| {
            span.contains(&offset) && source.line_of(span.start) < source.line_of(offset)
        });
        around.max_by_key(|(span, _)| span.start)
    }
}

fn duplicate_key(collector: &Collector, span: &Range<usize>) -> Draft {
    let key = collector.source().text().get(span.clone()).unwrap_or_default();
    Draft::found(format!("`{key}` is set twice in one table"))
        .wanted("it is already set above")
        .help(
            "remove one of them; a table that may occur several times has two brackets: [[subnet]]",
        )
}

fn scalar_mistake(
    collector: &Collector,
    span: &Range<usize>,
    scalar: Scalar,
    error: &toml::de::Error,
) -> Draft {
    let text = collector.source().text().get(span.clone()).unwrap_or_default();
    let (what, wanted) = in_two(error.message());
    let is_secret = collector.source().has_secret_at(span);
    let has_quote = |quote: char| text.starts_with(quote);
    let is_closed = |quote: char| text.len() > 1 && text.ends_with(quote);
    match scalar {
        _ if text.is_empty() => {
            Draft::found("there is no value after `=`").wanted("wanted a value")
        }
        _ if ['"', '\''].into_iter().any(|quote| has_quote(quote) && !is_closed(quote)) => {
            Draft::found("the text has no closing quote").wanted("wanted a closing quote")
        }
        _ if has_quote('"') || has_quote('\'') => {
            let help = "write a backslash as \\\\, or the text in single quotes";
            Draft::found(what).wanted(wanted).help(help)
        }
        _ if is_secret => Draft::found("the value is not quoted, or is incomplete")
            .wanted("wanted a text in quotes")
            .help("write it in quotes; secrets are not shown here"),
        Scalar::Number => Draft::found(format!("`{text}` is not a number: {what}"))
            .wanted("wanted a number")
            .help(format!("write digits without a leading zero, or a text in quotes: \"{text}\"")),
        _ => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => flag(text, "true"),
            "false" | "no" | "off" => flag(text, "false"),
            _ if matches!(scalar, Scalar::Flag) => flag(text, "true or false"),
            _ => Draft::found(format!("`{text}` is not quoted"))
                .wanted("wanted a text in quotes")
                .help(format!("write {text:?}")),
        },
    }
}

fn flag(text: &str, meant: &str) -> Draft {
    Draft::found(format!("`{text}` is not a value")).wanted(format!("did you mean {meant}?"))
}

fn structural(
    collector: &Collector,
    span: &Range<usize>,
    values: &Values,
    error: &toml::de::Error,
) -> Draft {
    let rest = collector.source().text().get(span.start..).unwrap_or_default();
    if rest.starts_with(':') {
        return Draft::found("a colon follows a key")
            .wanted("wanted =")
            .help("write key = value; the rest of the file was not checked");
    }
    let (what, wanted) = in_two(error.message());
    let draft = Draft::found(what).wanted(wanted);
    let draft = match values.container_of(span.start, collector) {
        Some((container, noun)) => {
            let start = container.start..container.start + 1;
            draft.related(&start, format!("in the {noun} that starts here: is it closed?"))
        }
        None => draft,
    };
    draft.help("the rest of the file was not checked")
}

/// Splits the parser's message into what was found and what was wanted.
fn in_two(message: &str) -> (String, String) {
    match message.split_once(", expected ") {
        Some((what, "nothing")) => (what.to_owned(), "not allowed here".to_owned()),
        Some((what, wanted)) => (what.to_owned(), format!("wanted {wanted}")),
        None => (message.to_owned(), "here".to_owned()),
    }
}

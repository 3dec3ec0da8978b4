//! Splits a document into parts: each `[[subnet]]` with its sub-tables, and the rest. A document
//! that is parsed as a whole takes about six kilobytes per subnet, all at the same time; a part is
//! freed before the next one is parsed.
//!
//! The start of a part is recognized by lines alone. This can be wrong inside a list that spans
//! lines: then one of the parts is not TOML, and the document has to be parsed as a whole, which is
//! always correct.

use std::{iter, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The positions of a text's parts.
pub(crate) struct TextParts<'t> {
    text: &'t str,
    /// The text with spaces in place of the subnets; it has the same length.
    pub(crate) rest: String,
    subnets: Vec<Range<usize>>,
}

const HEADER: &str = "[[subnet]]";

impl<'t> TextParts<'t> {
    /// Splits a text. Returns `None` if it has multi-line strings, which may contain anything,
    /// including headers.
    pub(crate) fn of(text: &'t str) -> Option<Self> {
        if text.contains("\"\"\"") || text.contains("'''") {
            return None;
        }
        let mut subnets: Vec<Range<usize>> = Vec::new();
        let mut is_in_subnet = false;
        for (start, line) in lines(text) {
            let begins = begins_subnet(line);
            if begins || (is_in_subnet && leaves_subnet(line)) {
                is_in_subnet = begins;
                if begins {
                    subnets.push(start..start);
                }
            }
            if let Some(subnet) = subnets.last_mut().filter(|_| is_in_subnet) {
                subnet.end = start + line.len();
            }
        }
        let mut rest = String::with_capacity(text.len());
        for subnet in &subnets {
            rest.push_str(text.get(rest.len()..subnet.start)?);
            rest.extend(iter::repeat_n(' ', subnet.len()));
        }
        rest.push_str(text.get(rest.len()..)?);
        Some(Self { text, rest, subnets })
    }

    /// The number of subnets.
    pub(crate) fn subnets(&self) -> usize {
        self.subnets.len()
    }

    /// Calls `visit` for each subnet with its table, the place of its header in the text, and the
    /// offset of the part. Returns `None` if a part is not TOML.
    pub(crate) fn for_each(
        &self,
        mut visit: impl FnMut(&DeTable, Range<usize>, usize),
    ) -> Option<()> {
        for range in &self.subnets {
            let document = DeTable::parse(self.text.get(range.clone())?).ok()?;
            let subnets = document.get_ref().get("subnet").map(Spanned::get_ref)?;
            let DeValue::Array(subnets) = subnets else { return None };
            let mut subnets = subnets.iter();
            let (Some(subnet), None) = (subnets.next(), subnets.next()) else { return None };
            let DeValue::Table(table) = subnet.get_ref() else { return None };
            if document.get_ref().len() != 1 {
                return None;
            }
            let span = subnet.span();
            visit(table, span.start + range.start..span.end + range.start, range.start);
        }
        Some(())
    }
}

/// Every line with its line ending, and its offset.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    text.split_inclusive('\n').map(move |line| {
        let own = start;
        start += line.len();
        (own, line)
    })
}

fn begins_subnet(line: &str) -> bool {
    line.trim_start().strip_prefix(HEADER).is_some_and(|rest| {
        let rest = rest.trim_start();
        rest.is_empty() || rest.starts_with('#')
    })
}

/// Whether a line is the header of a table that is not below a subnet.
fn leaves_subnet(line: &str) -> bool {
    let line = line.trim_start();
    let is_below = ["[subnet.", "[[subnet."].iter().any(|header| line.starts_with(header));
    line.starts_with('[') && !is_below
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnets(text: &str) -> Option<Vec<String>> {
        let parts = TextParts::of(text)?;
        assert_eq!(parts.rest.len(), text.len());
        let mut found = Vec::new();
        parts.for_each(|table, span, _| {
            found.push(format!("{} {:?}", table.len(), &text[span]));
        })?;
        Some(found)
    }

    #[test]
    fn each_subnet_is_a_part_with_what_is_below_it() {
        let text = "[server]\na = 1\n[[subnet]] # one\nb = 2\n[[subnet.pool]]\nc = 3\n\
                    [options]\nd = 4\n [[subnet]]\nb = 5\noptions = { x = 1 }\n[subnet.limits]\n";
        assert_eq!(subnets(text).unwrap(), ["2 \"[[subnet]]\"", "3 \"[[subnet]]\""]);
        let rest: toml::Table = TextParts::of(text).unwrap().rest.parse().unwrap();
        assert_eq!(rest.keys().collect::<Vec<_>>(), ["options", "server"]);
    }

    #[test]
    fn what_lines_do_not_tell_is_noticed() {
        for text in [
            "[[subnet]]\na = \"\"\"\n[[subnet]]\n\"\"\"\n",
            "[[subnet]]\na = [\n[\"x\"]\n]\n",
            "[[subnet]]\na = [\n[[subnet]]\n]\n",
            "[[subnet]]\na = 1\na = 2\n",
        ] {
            assert_eq!(subnets(text), None, "{text}");
        }
    }
}

//! The statements of `dhcpd.conf` with those of the files that it includes.
//!
//! Invariant: the depth and the number of included files are limited by the [`Reader`].

use crate::{
    input::{Reader, Text, beside},
    place::Refusal,
    report::Report,
};

use super::grammar::{Parser, Statement};

/// The statements of a file, with those of the files that it includes in their places.
pub(super) fn statements(
    text: &Text,
    reader: &mut Reader,
    report: &mut Report,
) -> Result<Vec<Statement>, Refusal> {
    included(text, reader, 0, report)
}

fn included(
    text: &Text,
    reader: &mut Reader,
    depth: usize,
    report: &mut Report,
) -> Result<Vec<Statement>, Refusal> {
    let statements = Parser::new(text).all()?;
    insert_included(statements, text, reader, depth, report)
}

fn insert_included(
    statements: Vec<Statement>,
    text: &Text,
    reader: &mut Reader,
    depth: usize,
    report: &mut Report,
) -> Result<Vec<Statement>, Refusal> {
    let mut all = Vec::with_capacity(statements.len());
    for mut statement in statements {
        if let Some(block) = statement.block.take() {
            statement.block = Some(insert_included(block, text, reader, depth, report)?);
        }
        if statement.word(0) != Some("include") {
            all.push(statement);
            continue;
        }
        let [_, name] = statement.tokens.as_slice() else {
            let help = "write include \"file\";";
            return Err(statement.place.refuse("the include names no file", help));
        };
        let path = beside(text, &name.text().unwrap_or_default());
        let file = reader.include(&path, &statement.place, depth + 1)?;
        report.carried(&statement.place, &statement.shown());
        all.extend(included(&file, reader, depth + 1, report)?);
    }
    Ok(all)
}

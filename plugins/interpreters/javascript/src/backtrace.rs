//! Finds the place of an error in the script. The engine reports the place of the current call or
//! property, but not of a method lookup: for that it reports the place of the surrounding code,
//! which may be the whole function. The exact place follows from the order of the instructions,
//! which the engine shows only in its debug output. If the format of that output changes, places
//! become less exact but nothing else breaks; the tests of the catalogue of mistakes detect this.

use std::{
    fmt::{self, Write},
    str::FromStr,
};

use boa_engine::JsError;

/// A line and a column, from 1.
pub(crate) type LineAndColumn = (usize, usize);

/// The limit of the debug output that is read. Only a long script with deep calls exceeds it.
const TEXT_OCTETS_MAX: usize = 4 << 20;

/// The position in the innermost function of the script.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Innermost {
    /// The place of the preceding instructions.
    pub(crate) before: Option<LineAndColumn>,
    /// The place of the current instruction.
    pub(crate) at: Option<LineAndColumn>,
    /// The place of the following instructions.
    pub(crate) next: Option<LineAndColumn>,
}

/// Returns the position in the innermost function of the script at which an error occurred.
pub(crate) fn innermost(error: &JsError) -> Innermost {
    let mut text = Bounded(String::new());
    if write!(text, "{error:?}").is_err() {
        return Innermost::default();
    }
    read(&text.0).unwrap_or_default()
}

fn read(text: &str) -> Option<Innermost> {
    // The innermost frame is the last one; native functions have no instructions.
    let (_, frame) = text.rsplit_once("Bytecode { pc: ")?;
    let instruction: u32 = number(frame)?;
    let entries = frame.split("Entry { pc: ").skip(1).filter_map(|entry| {
        let place = entry.split_once("line_number: ").zip(entry.split_once("column_number: "));
        let place =
            place.and_then(|((_, line), (_, column))| Some((number(line)?, number(column)?)));
        Some((number::<u32>(entry)?, place))
    });
    let entries: Vec<(u32, Option<LineAndColumn>)> = entries.collect();
    let next = entries.iter().position(|(begin, _)| *begin > instruction);
    let place = |index: usize| entries.get(index).and_then(|(_, place)| *place);
    let at = next.unwrap_or(entries.len()).checked_sub(1);
    let before = at.and_then(|at| at.checked_sub(1)).and_then(place);
    Some(Innermost { before, at: at.and_then(place), next: next.and_then(place) })
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

/// A text with a maximum size.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if self.0.len() + more.len() > TEXT_OCTETS_MAX {
            return Err(fmt::Error);
        }
        self.0.push_str(more);
        Ok(())
    }
}

//! Where an error came from. The engine gives the place of the call or the property at hand, but not of
//! a method that is looked up: there it gives the place of what stands around it, which may be the whole
//! function. What is missing follows from the order of the instructions, and the engine shows that only in
//! the text that is meant for its developers. If that text changes, places are less exact and nothing else
//! is lost; the catalogue of mistakes notices.

use std::{
    fmt::{self, Write},
    str::FromStr,
};

use boa_engine::JsError;

/// A line and a column, from 1.
pub(crate) type Place = (usize, usize);

/// More than this is not looked at: a script would have to be long, and called deep.
const TEXT_OCTETS_MAX: usize = 4 << 20;

/// Where the innermost function of the script was.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Innermost {
    /// The place that belongs to the instructions before.
    pub(crate) before: Option<Place>,
    /// The place that belongs to the instruction.
    pub(crate) at: Option<Place>,
    /// The place that belongs to the instructions that come next.
    pub(crate) next: Option<Place>,
}

/// Where the innermost function of the script was when an error came up.
pub(crate) fn innermost(error: &JsError) -> Innermost {
    let mut text = Bounded(String::new());
    if write!(text, "{error:?}").is_err() {
        return Innermost::default();
    }
    read(&text.0).unwrap_or_default()
}

fn read(text: &str) -> Option<Innermost> {
    // The frames, the innermost last; natives have no instructions.
    let (_, frame) = text.rsplit_once("Bytecode { pc: ")?;
    let instruction: u32 = number(frame)?;
    let entries = frame.split("Entry { pc: ").skip(1).filter_map(|entry| {
        let place = entry.split_once("line_number: ").zip(entry.split_once("column_number: "));
        let place =
            place.and_then(|((_, line), (_, column))| Some((number(line)?, number(column)?)));
        Some((number::<u32>(entry)?, place))
    });
    let entries: Vec<(u32, Option<Place>)> = entries.collect();
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

/// A text of a limited size.
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

//! Messages: what went wrong in a script, the place first.

use boa_engine::JsError;
use lessor_script::place;

use crate::CALL_LEVELS_MAX;

/// An error of a script whose file has this name.
///
/// The engine tells places in the text of an error only: those of syntax as `at line 3, col 7`, and
/// the calls that an error came through as lines such as `at decide (20-garden.js:3:7)`, the
/// innermost first.
pub(crate) fn of(error: &JsError, file: &str) -> String {
    let text = error.to_string();
    let (what, calls) = text.split_once("\n    at ").unwrap_or((&text, ""));
    let what = without_place(what, file);
    if let Some((what, line, column)) = syntax_place(what) {
        return format!("{}{what}", place(Some(line), Some(column)));
    }
    let what = match what {
        limit if limit.contains("maximum number of recursive calls") => {
            format!("functions call each other more than {CALL_LEVELS_MAX} deep")
        }
        thrown => {
            let quoted = thrown.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            quoted.or(thrown.strip_prefix("Error: ")).unwrap_or(thrown).to_owned()
        }
    };
    let inner = calls.lines().find_map(|call| call_place(call, file));
    let (line, column) = inner.unzip();
    format!("{}{what}", place(line, column))
}

/// `x is not defined (20-garden.js:3:7)` without the place, which is told otherwise.
fn without_place<'a>(what: &'a str, file: &str) -> &'a str {
    let marks = [" (native", &format!(" ({file}:")];
    let found = marks.iter().filter_map(|mark| what.rfind(mark)).min();
    found.and_then(|at| what.get(..at)).unwrap_or(what)
}

fn syntax_place(what: &str) -> Option<(&str, usize, usize)> {
    let (what, place) = what.rsplit_once(" at line ")?;
    let (line, column) = place.split_once(", col ")?;
    let column: String = column.chars().take_while(char::is_ascii_digit).collect();
    Some((what, line.parse().ok()?, column.parse().ok()?))
}

fn call_place(call: &str, file: &str) -> Option<(usize, usize)> {
    let (_, place) = call.split_once(&format!("({file}:"))?;
    let (line, column) = place.strip_suffix(')')?.split_once(':')?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

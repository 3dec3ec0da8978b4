//! Messages: what went wrong in a script, the place first.

use lessor_script::place;
use rhai::{EvalAltResult, ParseError, Position};

use crate::CALL_LEVELS_MAX;

/// A script that is no Rhai.
pub(crate) fn of_syntax(error: ParseError) -> String {
    let ParseError(what, position) = error;
    format!("{}{what}", written(position))
}

/// A script that went wrong while it ran.
#[allow(clippy::boxed_local, reason = "this is how Rhai hands errors over")]
pub(crate) fn of(mut error: Box<EvalAltResult>) -> String {
    let outer = error.position();
    while let EvalAltResult::ErrorInFunctionCall(_, _, inner, _) = *error {
        error = inner;
    }
    let position = match error.take_position() {
        position if position.is_none() => outer,
        position => position,
    };
    let text = match *error {
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        EvalAltResult::ErrorStackOverflow(_) => {
            format!("functions call each other more than {CALL_LEVELS_MAX} deep")
        }
        other => other.to_string(),
    };
    format!("{}{text}", written(position))
}

fn written(position: Position) -> String {
    place(position.line(), position.position())
}

//! Messages about errors in scripts, which begin with the place.

use lessor_script::place;
use rhai::{EvalAltResult, ParseError, Position};

use crate::{explain, source::Source};

/// Returns the message about a syntax error.
pub(crate) fn of_syntax(error: ParseError, text: &str) -> String {
    let ParseError(what, position) = error;
    format!("{}{}", written(position), explain::syntax(&what, position, &Source(text)))
}

/// Returns the message about an error of a running script.
#[allow(clippy::boxed_local, reason = "this is how Rhai hands errors over")]
pub(crate) fn of(mut error: Box<EvalAltResult>, text: &str) -> String {
    let outer = error.position();
    while let EvalAltResult::ErrorInFunctionCall(_, _, inner, _) = *error {
        error = inner;
    }
    let position = match error.position() {
        position if position.is_none() => outer,
        position => position,
    };
    format!("{}{}", written(position), explain::running(&error, position, &Source(text)))
}

fn written(position: Position) -> String {
    place(position.line(), position.position())
}

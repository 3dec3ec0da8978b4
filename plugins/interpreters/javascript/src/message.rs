//! Messages about errors in scripts, which begin with the place.

use boa_engine::{
    JsError, JsNativeErrorKind,
    parser::{Error, lexer::error::Error as LexError},
};
use lessor_script::{
    FUNCTIONS, LetterCase, OBJECTS, Object, absent_function, nearest, place, place_of, unclosed,
    unclosed_text,
};

use crate::{
    CALL_LEVELS_MAX, backtrace,
    backtrace::LineAndColumn,
    names,
    tree::{Access, Step, Tree},
};

/// The engine's message about a missing value that is used as an object.
const MISSING: &str = "cannot convert 'null' or 'undefined' to object";
/// The beginning of the engine's message about a missing value that is destructured.
const TAKEN_APART: &str = "Cannot destructure";
const NOT_CALLABLE: &str = "not a callable function";
const NOT_WRITABLE: &str = "cannot set non-writable property: ";
const CONSTANT: &str = "cannot mutate an immutable binding ";
const TOO_DEEP: &str = "maximum number of recursive calls";
/// Methods of the language that scripts often use.
const METHODS: &str = "at charAt concat endsWith entries every filter find findIndex flat flatMap \
                       forEach from get has includes indexOf isArray join keys lastIndexOf map \
                       match matchAll padEnd padStart pop push reduce repeat replace replaceAll \
                       reverse search set shift slice some sort splice split startsWith substring \
                       test toFixed toLowerCase toString toUpperCase trim trimEnd trimStart \
                       unshift values";

/// Returns the message about a syntax error.
pub(crate) fn of_syntax(error: &Error, text: &str) -> String {
    let (at, what) = match error {
        Error::Expected { found, span, .. } | Error::Unexpected { found, span, .. } => {
            let start = span.start();
            let what = error.to_string();
            let what = what.rsplit_once(" at line ").map_or(&*what, |(what, _)| what);
            let what = what.replace(", primary expression", " where a value is expected");
            let line = text.lines().nth(start.line_number() as usize - 1).unwrap_or_default();
            let what = explained(line, found, what);
            (Some((start.line_number(), start.column_number())), what)
        }
        Error::AbruptEnd => {
            let open = unclosed(text).unwrap_or_else(|| "something is not closed".to_owned());
            let line = text.lines().count().max(1) as u32;
            (Some((line, 1)), format!("the script ends too early; {open}"))
        }
        Error::General { message, position } => {
            (Some((position.line_number(), position.column_number())), message.to_string())
        }
        Error::Lex { err: LexError::Syntax(message, position) } => {
            (Some((position.line_number(), position.column_number())), message.to_string())
        }
        other => (None, other.to_string()),
    };
    if what.contains("unterminated string") {
        let at = unclosed_text(text).or(at.map(|(line, column)| (line as usize, column as usize)));
        return written(
            at,
            "SyntaxError: the text that begins here does not end: a quotation mark is missing",
        );
    }
    let (line, column) = at.map(|(line, column)| (line as usize, column as usize)).unzip();
    format!("{}SyntaxError: {what}", place(line, column))
}

/// Returns the message about an error of a running script whose file has this name.
pub(crate) fn of(error: &JsError, file: &str, text: &str) -> String {
    let shown = error.to_string();
    let (what, calls) = shown.split_once("\n    at ").unwrap_or((&shown, ""));
    let what = without_place(what, file);
    let at = calls.lines().find_map(|call| call_place(call, file));
    if what.contains(TOO_DEEP) {
        let what = format!("calls are nested more than {CALL_LEVELS_MAX} deep");
        return written(at, &what);
    }
    let Some(native) = error.as_native() else {
        let quoted = what.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        return written(at, quoted.or(what.strip_prefix("Error: ")).unwrap_or(what));
    };
    let (tree, innermost) = (Tree::parse(text).ok(), backtrace::innermost(error));
    let step = tree.as_ref().and_then(|tree| tree.step(&innermost));
    let is_in_native = calls.lines().next().is_some_and(|call| call.contains(" (native"));
    let message = native.message();
    match step {
        // The lookup of a method of a missing value fails, so the method is never called.
        Some((Step::Call { method: Some(method), .. }, _))
            if message == MISSING && !is_in_native =>
        {
            return written(Some(method.place), &missing(&Step::Read(method)));
        }
        Some((step, at)) if message == MISSING && !is_in_native => {
            return written(Some(at), &missing(&step));
        }
        Some((Step::Call { callee, method }, at)) if message == NOT_CALLABLE => {
            return written(Some(at), &not_callable(&callee, method.as_ref()));
        }
        Some((Step::Read(access), at)) if is_about(message, &access) => {
            return written(Some(at), message);
        }
        _ => {}
    }
    if let Some(name) = unknown_name(message) {
        // The language read the property in another way, such as `const { circuit_id } = request`.
        let place = place_of(text, name);
        return if place.is_empty() { written(at, message) } else { format!("{place}{message}") };
    }
    if message == MISSING || message.starts_with(TAKEN_APART) {
        return match tree.and_then(|tree| tree.taken_apart(&innermost)) {
            Some((step, at)) if !is_in_native => written(Some(at), &missing(&step)),
            _ => written(at, "a value that is null or undefined is used as an object here"),
        };
    }
    match native.kind() {
        _ if message.starts_with(NOT_WRITABLE) => {
            let name = message.strip_prefix(NOT_WRITABLE).unwrap_or_default().trim_matches('"');
            written(
                at,
                &not_writable(name, at.map(|at| rest_of_line(text, at)).unwrap_or_default()),
            )
        }
        JsNativeErrorKind::Reference => written(at, &undefined(message, text)),
        JsNativeErrorKind::Error => written(at, message),
        _ if message.starts_with(CONSTANT) => {
            let name = message.strip_prefix(CONSTANT).unwrap_or_default().trim_matches('\'');
            written(at, &format!("{name} is a constant: define it with let to change it"))
        }
        _ => written(at, what),
    }
}

/// Returns whether an error of the script API names this property.
fn is_about(message: &str, access: &Access) -> bool {
    let Some(field) = &access.field else { return false };
    OBJECTS.iter().any(|object| message.starts_with(&format!("{} has no {field}", object.name)))
        || message.ends_with(&format!("(…).{field}"))
}

/// Returns the name in an error of the script API about an unknown property.
fn unknown_name(message: &str) -> Option<&str> {
    let (object, rest) = message.split_once(" has no ")?;
    object_named(object)?;
    rest.split([';', ',', ' ']).next()
}

/// Returns the message about using a value that is null or undefined.
fn missing(step: &Step) -> String {
    match step {
        Step::Read(Access { target, field: Some(field), .. }) => format!(
            "{target} is missing (null or undefined), so it has no {field}. Write \
             {target}?.{field}, or test it first: if ({target} != null) {{ … }}"
        ),
        Step::Read(Access { target, .. }) => format!(
            "{target} is missing (null or undefined), so it cannot be indexed. Test it first: if \
             ({target} != null) {{ … }}"
        ),
        Step::TakeApart(value) => format!(
            "{value} is missing (null or undefined), so it has no items or fields. Provide a \
             default: {value} ?? …"
        ),
        Step::Call { callee, .. } => {
            format!("{callee}(…) gets a value that is missing (null or undefined)")
        }
    }
}

fn not_callable(callee: &str, method: Option<&Access>) -> String {
    if callee == "Math.random" {
        return absent_function("random").unwrap_or_default();
    }
    let Some(Access { target, field: Some(field), .. }) = method else {
        return absent_function(callee).unwrap_or_else(|| format!("{callee} is not a function"));
    };
    if let Some(object) = object_named(target)
        && object.properties.iter().any(|property| LetterCase::Camel.spell(property.name) == *field)
    {
        return format!("{callee} is not a function: remove the parentheses");
    }
    match nearest(field, METHODS.split_whitespace()).filter(|near| near != field) {
        Some(near) => format!("{target} has no function {field}; did you mean {target}.{near}(…)?"),
        None => format!("{target} has no function {field}"),
    }
}

/// Returns the message about a property that cannot be set. `statement` is the assignment, from its
/// beginning.
fn not_writable(name: &str, statement: &str) -> String {
    let is_it = |spelt: &str| LetterCase::Camel.spell(spelt) == name;
    let has_it = |object: &&&Object| object.functions.iter().any(|found| is_it(found.name));
    let mut holders = OBJECTS.iter().filter(has_it);
    let is_meant = |object: &&&Object| statement.starts_with(&format!("{}.", object.name));
    let holder = holders.clone().find(is_meant).or_else(|| holders.next());
    match holder {
        Some(object) => object.cannot_set(LetterCase::Camel, name),
        None if FUNCTIONS.iter().any(|function| is_it(function.name)) => {
            format!("{name} is a function of the server: use another name")
        }
        None => format!("{name} cannot be set: it is read-only"),
    }
}

/// Returns the rest of a line from this place on.
fn rest_of_line(text: &str, (line, column): LineAndColumn) -> &str {
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let begin = line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
    line.get(begin..).unwrap_or_default()
}

/// Returns the message about `x is not defined`. Loading a script finds this mistake earlier unless
/// the script uses `globalThis`, `eval` or `Function`.
fn undefined(message: &str, text: &str) -> String {
    let Some(name) = message.strip_suffix(" is not defined") else { return message.to_owned() };
    if let Some(explained) = names::of_hook(name) {
        return explained;
    }
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    let words = text.split(|letter: char| !is_part(letter));
    let words: Vec<&str> = words.filter(|word| !word.is_empty() && *word != name).collect();
    match nearest(name, words.iter().copied()) {
        Some(near) => format!("{message}; did you mean {near}?"),
        None => message.to_owned(),
    }
}

fn object_named(name: &str) -> Option<&'static Object> {
    OBJECTS.into_iter().find(|object| object.name == name)
}

/// Returns the message of the parser, or a better one for syntax of modules and TypeScript.
fn explained(line: &str, found: &str, what: String) -> String {
    let begins = |word: &str| line.trim_start().starts_with(word);
    if begins("import ") || begins("export ") {
        return "a script is a single file, not a module: it has no import and no export"
            .to_owned();
    }
    if found == ":" && what.contains("parameter list") {
        return "types are TypeScript: remove them, or build the policy as a component".to_owned();
    }
    what
}

fn written(at: Option<LineAndColumn>, what: &str) -> String {
    let (line, column) = at.unzip();
    format!("{}{what}", place(line, column))
}

/// Removes the place from a message such as `x is not defined (20-garden.js:3:7)`; it is shown in
/// another form.
fn without_place<'a>(what: &'a str, file: &str) -> &'a str {
    let marks = [" (native", &format!(" ({file}:")];
    let found = marks.iter().filter_map(|mark| what.rfind(mark)).min();
    found.and_then(|at| what.get(..at)).unwrap_or(what)
}

/// Returns the place in a line of the engine's backtrace, such as `at decide (20-garden.js:3:7)`;
/// the innermost call comes first.
fn call_place(call: &str, file: &str) -> Option<LineAndColumn> {
    let (_, place) = call.split_once(&format!("({file}:"))?;
    let (line, column) = place.strip_suffix(')')?.split_once(':')?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

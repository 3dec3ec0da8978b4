//! Translates errors of the engine into messages that lead to the mistake: the engine reports
//! signatures and types, but the author of a script needs to know which value is missing or which
//! name is wrong.

use lessor_script::{
    FUNCTIONS, LetterCase, OBJECTS, Object, absent_function, nearest, signatures, unknown_function,
};
use rhai::{EvalAltResult, LexError, ParseErrorType, Position};

use crate::{CALL_LEVELS_MAX, EXPRESSION_DEPTH_MAX, source::Source};

/// The engine's name of the type of a missing value.
const MISSING: &str = "()";
/// Names of other languages, with the names in Rhai.
const ELSEWHERE: [(&str, &str); 12] = [
    ("None", "()"),
    ("NULL", "()"),
    ("nil", "()"),
    ("null", "()"),
    ("undefined", "()"),
    ("True", "true"),
    ("False", "false"),
    ("and", "&&"),
    ("elif", "else if"),
    ("elseif", "else if"),
    ("not", "!"),
    ("or", "||"),
];
const FUNCTION: &str = "a function begins with fn: fn decide(request, terms) { … }";
/// Functions of the language that scripts often use.
const LANGUAGE: &str = "abs all append bytes ceiling chars chop clear contains crop dedup drain \
                        ends_with extract fill_with filter find find_map floor for_each get \
                        index_of insert is_empty is_float is_string keys len make_lower make_upper \
                        map max min mixin pad parse_float parse_int parse_json pop print push \
                        range reduce remove replace retain reverse round set shift some sort \
                        splice split split_rev starts_with sub_string to_array to_blob to_float \
                        to_int to_json to_lower to_string to_upper trim truncate type_of values \
                        zip";

/// Returns the message about an error of a running script at `position`.
pub(crate) fn running(error: &EvalAltResult, position: Position, source: &Source) -> String {
    match error {
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        EvalAltResult::ErrorStackOverflow(_) => {
            let who = source
                .calls_itself()
                .map(|(name, line)| format!("; {name}, in line {line}, calls itself endlessly"));
            let who = who.unwrap_or_default();
            format!("calls are nested more than {CALL_LEVELS_MAX} deep{who}")
        }
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            function_not_found(signature, position, source)
        }
        EvalAltResult::ErrorDotExpr(said, _) => property(said, position, source),
        EvalAltResult::ErrorIndexingType(said, _) if said.starts_with(MISSING) => {
            let what = source.before(position, '[');
            let what = what.unwrap_or_else(|| "the value before [".to_owned());
            format!(
                "{what} is missing: it is (), so it cannot be indexed. Test it first: if {what} != \
                 () {{ … }}"
            )
        }
        EvalAltResult::ErrorMismatchDataType(wanted, found, _) => {
            mismatch(&type_name(wanted), &type_name(found))
        }
        EvalAltResult::ErrorFor(_) => {
            "for … in: wanted a list, a range or a text, found another value. If it may be \
             missing, write (value ?? [])"
                .to_owned()
        }
        EvalAltResult::Exit(..) => "there is no exit: a function ends with `return`".to_owned(),
        EvalAltResult::ErrorParsing(error, _) => syntax(error, position, source),
        other => without_place(&other.to_string()).to_owned(),
    }
}

/// Returns the message about a syntax error.
pub(crate) fn syntax(error: &ParseErrorType, position: Position, source: &Source) -> String {
    match error {
        ParseErrorType::MissingToken(token, _) if token == ";" => {
            let word = source.word_before(position);
            match ELSEWHERE.iter().find(|(elsewhere, _)| Some(*elsewhere) == word) {
                Some((elsewhere, here)) => {
                    format!("there is no {elsewhere}; in Rhai, write {here}")
                }
                None if word == Some("function") => FUNCTION.to_owned(),
                None => error.to_string(),
            }
        }
        ParseErrorType::Reserved(word) if ELSEWHERE.iter().any(|(other, _)| other == word) => {
            undefined(word, source)
        }
        ParseErrorType::Reserved(word) if absent_function(word).is_some() => {
            absent_function(word).unwrap_or_default()
        }
        ParseErrorType::BadInput(LexError::UnterminatedString) => {
            "the text that begins here does not end: a quotation mark is missing".to_owned()
        }
        ParseErrorType::ExprTooDeep => format!(
            "nested too deeply: blocks, conditions and parentheses can be nested {} deep, and each \
             `else if` counts as one level. Look values up in an object map or in [settings] \
             instead of comparing them one after the other",
            EXPRESSION_DEPTH_MAX
        ),
        ParseErrorType::VariableUndefined(name) => undefined(name, source),
        ParseErrorType::UnexpectedEOF => format!("the script ends too early{}", source.unclosed()),
        ParseErrorType::MissingToken(token, _) if ["}", ")", "]"].contains(&token.as_str()) => {
            format!("{error}{}", source.unclosed())
        }
        ParseErrorType::Reserved(word) if word == "function" => FUNCTION.to_owned(),
        ParseErrorType::Reserved(word) if word == "var" => {
            "a variable is defined with let, or with const if it does not change".to_owned()
        }
        other => other.to_string(),
    }
}

fn undefined(name: &str, source: &Source) -> String {
    if let Some((_, here)) = ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == name) {
        return format!("there is no {name}; in Rhai, write {here}");
    }
    if OBJECTS.iter().any(|object| !object.is_global && object.name == name) {
        return format!(
            "Undefined variable: {name}. It is a parameter of hooks: write {}, and pass it to the \
             functions that use it",
            signatures(LetterCase::Snake)
        );
    }
    let ours = ["settings", "metrics", "state", "tables", "this"];
    let known = source.words().filter(|word| *word != name).chain(ours);
    let known: Vec<&str> = known.collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("Undefined variable: {name}; did you mean {near}?"),
        None => format!("Undefined variable: {name}; define it with let, or correct the name"),
    }
}

/// Returns the message about a signature such as `split ((), &str)` for which there is no function.
fn function_not_found(signature: &str, position: Position, source: &Source) -> String {
    let (name, types) = signature.split_once(" (").unwrap_or((signature, ""));
    let types: Vec<&str> = match types.strip_suffix(')').unwrap_or(types) {
        "" => Vec::new(),
        types => types.split(", ").collect(),
    };
    let is_operator = !name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_');
    if is_operator {
        return operator(name, &types);
    }
    let receiver = source.before(position, '.');
    if let (Some(what), Some(&MISSING)) = (&receiver, types.first()) {
        return format!(
            "{what} is missing: it is (), so it has no {name}. Write ({what} ?? \"\").{name}(…), \
             or test it first: if {what} != () {{ … }}"
        );
    }
    if let Some(at) = types.iter().position(|found| *found == MISSING)
        && (is_known(name) || source.defines(name))
    {
        let at = if receiver.is_some() { at } else { at + 1 };
        return format!("{name}: argument {at} is missing: it is ()");
    }
    let object = types.first().and_then(|found| object(found));
    if let (Some(object), Some(_)) = (object, &receiver) {
        let own = object.functions.iter().find(|function| function.name == name);
        return match own {
            Some(function) => wrong_count(name, function.arguments, types.len() - 1),
            None => object.unknown_property(LetterCase::Snake, name),
        };
    }
    if let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) {
        return wrong_count(name, function.arguments, types.len());
    }
    if let Some(wanted) = source.parameters(name) {
        return wrong_count(name, (wanted, wanted), types.len());
    }
    let types: Vec<String> = types.iter().map(|found| type_name(found)).collect();
    if is_known(name) {
        return match (&receiver, &types[..]) {
            (Some(what), [first]) => format!("{what} is {first}, which has no {name}()"),
            (Some(what), [first, rest @ ..]) => {
                format!("{what} is {first}, which has no {name} that takes {}", rest.join(", "))
            }
            _ => format!("{name} does not accept {}", types.join(", ")),
        };
    }
    let functions: Vec<&str> = source.functions().chain(LANGUAGE.split_whitespace()).collect();
    unknown_function(LetterCase::Snake, name, functions)
}

fn operator(sign: &str, types: &[&str]) -> String {
    let names: Vec<String> = types.iter().map(|found| type_name(found)).collect();
    let sides = match types {
        [MISSING, MISSING] => Some("both sides are"),
        [MISSING, ..] => Some("the left side is"),
        [_, MISSING] => Some("the right side is"),
        _ => None,
    };
    match sides {
        Some(sides) => {
            format!("{sides} missing: () has no {sign}. Provide a default: (value ?? 0)")
        }
        None => format!("there is no {sign} for {}", names.join(" and ")),
    }
}

/// Returns the message about an unknown property. The engine says `Unknown property 'x' - a getter
/// is not registered for type 'request'`, or `No writable property 'x' - a setter is not …`.
fn property(said: &str, position: Position, source: &Source) -> String {
    let mut quoted = said.split('\'').skip(1).step_by(2);
    let (Some(name), Some(of)) = (quoted.next(), quoted.next()) else { return said.to_owned() };
    let is_write = said.starts_with("No writable");
    if of == MISSING {
        let what = source.before(position, '.');
        let what = what.unwrap_or_else(|| "the value before the dot".to_owned());
        return format!(
            "{what} is missing: it is (), so it has no {name}. Test it first: if {what} != () {{ \
             … }}"
        );
    }
    match object(of) {
        Some(object) if is_write => object.cannot_set(LetterCase::Snake, name),
        Some(object) => {
            let is_function = object.functions.iter().any(|function| function.name == name);
            let can_only_be_set = object.properties.iter().any(|property| property.name == name);
            match (is_function, can_only_be_set) {
                (true, _) => format!("{of}.{name} is a function: call it, {of}.{name}(…)"),
                (_, true) => object.cannot_read(LetterCase::Snake, name),
                _ => object.unknown_property(LetterCase::Snake, name),
            }
        }
        None => {
            let call =
                if is_known(name) { format!("; did you mean {name}(…)?") } else { String::new() };
            format!("{} has no property {name}{call}", type_name(of))
        }
    }
}

fn mismatch(wanted: &str, found: &str) -> String {
    let advice = match (wanted, found) {
        ("true or false", "a missing value, ()") => {
            ". Compare a value that may be missing: value != ()"
        }
        ("true or false", _) => ". Compare it: value == …, or value != ()",
        _ => "",
    };
    format!("wanted {wanted}, found {found}{advice}")
}

fn wrong_count(name: &str, (least, most): (usize, usize), found: usize) -> String {
    let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
    let arguments = if most == 1 { "argument" } else { "arguments" };
    format!("{name}: wanted {wanted} {arguments}, found {found}")
}

fn is_known(name: &str) -> bool {
    let of_objects = OBJECTS.iter().flat_map(|object| object.functions);
    FUNCTIONS.iter().chain(of_objects).any(|function| function.name == name)
        || LANGUAGE.split_whitespace().any(|known| known == name)
}

fn object(type_name: &str) -> Option<&'static Object> {
    OBJECTS.into_iter().find(|object| object.name == type_name)
}

/// Removes the place that the engine writes at the end of an error.
fn without_place(text: &str) -> &str {
    let end = text.rfind(" (line ").filter(|_| text.ends_with(')'));
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Describes a type in words.
fn type_name(of_engine: &str) -> String {
    let words = match of_engine {
        MISSING => "a missing value, ()",
        "i64" => "a number",
        "f64" => "a fraction",
        "bool" => "true or false",
        "char" => "a character",
        "array" | "Array" => "a list",
        "blob" | "Blob" => "octets",
        "map" | "Map" => "an object map",
        "Fn" => "a function",
        text if text.contains("String") || text == "string" => "a text",
        other => return other.to_owned(),
    };
    words.to_owned()
}

//! Regular expressions of Kea and of ISC dhcpd, as conditions.
//!
//! A condition compares the beginning or the whole of a value. An expression is one if what it
//! accepts can be listed: texts, of which each is the whole value or its beginning. Does not know
//! the syntax around an expression. Invariant: at most [`TEXTS_MAX`] texts are listed.

use regex_syntax::{
    ParserBuilder,
    hir::{Class, Hir, HirKind, Look, Repetition},
};

use crate::condition::{Condition, Data, NEVER};

/// How many texts may be listed.
const TEXTS_MAX: usize = 64;
/// How long one of them may be, in octets.
const OCTETS_MAX: usize = 255;
/// How deeply an expression may be nested.
const DEPTH_MAX: u32 = 32;

const ANYWHERE: &str = "the text may stand anywhere in the value, and conditions compare its \
                        beginning: write ^ before the expression if that is meant";
const NO_TEXTS: &str = "the regular expression accepts more than a list of beginnings";
const EVERYTHING: &str = "the regular expression accepts every value";

/// Which part of a value an expression has to accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The whole value, as in Kea.
    Whole,
    /// Some part of the value, as in dhcpd.
    Part,
}

/// Reads a regular expression that a value has to match.
///
/// # Errors
/// Returns why it is not carried.
pub(crate) fn read(
    value: &Data,
    pattern: &[u8],
    extent: Extent,
    ignores_case: bool,
) -> Result<Condition, String> {
    let pattern = std::str::from_utf8(pattern).map_err(|_| "the regular expression is no text")?;
    let mut parser = ParserBuilder::new();
    parser.unicode(false).utf8(false).nest_limit(DEPTH_MAX).case_insensitive(ignores_case);
    // A line feed in a value is a character like others.
    parser.dot_matches_new_line(true);
    let parsed = parser.build().parse(pattern).map_err(|error| match error {
        regex_syntax::Error::Parse(error) => format!("the regular expression: {}", error.kind()),
        regex_syntax::Error::Translate(error) => {
            format!("the regular expression: {}", error.kind())
        }
        _ => NO_TEXTS.to_owned(),
    })?;
    let begin = Text { octets: Vec::new(), begins: extent == Extent::Whole, end: End::Open };
    let texts = follow(&parsed, vec![begin])?;
    if texts.is_empty() {
        return Err("the regular expression accepts nothing".to_owned());
    }
    let conditions = texts.into_iter().map(|text| text.condition(value.clone(), extent));
    let is_possible =
        |found: &Result<_, String>| !matches!(found, Err(why) if why.starts_with(NEVER));
    let (possible, mut never): (Vec<_>, Vec<_>) = conditions.partition(is_possible);
    match never.pop() {
        Some(never) if possible.is_empty() => never,
        _ => Ok(Condition::any(possible.into_iter().collect::<Result<_, _>>()?)),
    }
}

/// What an expression accepts, as far as it was read.
#[derive(Clone, Debug)]
struct Text {
    octets: Vec<u8>,
    /// Whether it stands at the beginning of the value.
    begins: bool,
    end: End,
}

/// What follows a text in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// What the rest of the expression says.
    Open,
    /// Anything.
    Anything,
    /// Nothing.
    Nothing,
}

/// Continues each of the texts with what an expression accepts.
fn follow(expression: &Hir, texts: Vec<Text>) -> Result<Vec<Text>, String> {
    let followed = match expression.kind() {
        HirKind::Empty => texts,
        HirKind::Literal(literal) => each(texts, &[&literal.0])?,
        HirKind::Class(class) => {
            let all = texts_of(class).ok_or(NO_TEXTS)?;
            each(texts, &all.iter().map(Vec::as_slice).collect::<Vec<_>>())?
        }
        HirKind::Look(Look::Start) => at_beginning(texts)?,
        HirKind::Look(Look::End) => at_end(texts),
        HirKind::Look(_) => return Err(NO_TEXTS.to_owned()),
        HirKind::Capture(capture) => follow(&capture.sub, texts)?,
        HirKind::Concat(parts) => {
            parts.iter().try_fold(texts, |texts, part| follow(part, texts))?
        }
        HirKind::Alternation(choices) => {
            let mut all = Vec::new();
            for choice in choices {
                all.extend(follow(choice, texts.clone())?);
                limited(&all)?;
            }
            all
        }
        HirKind::Repetition(repetition) => repeated(repetition, texts)?,
    };
    limited(&followed)?;
    Ok(followed)
}

fn repeated(repetition: &Repetition, texts: Vec<Text>) -> Result<Vec<Text>, String> {
    let Repetition { min, max, sub, .. } = repetition;
    match (*min, *max) {
        (0, None) if is_any(sub) => {
            let open = |text: Text| match text.end {
                End::Open => Text { end: End::Anything, ..text },
                _ => text,
            };
            Ok(texts.into_iter().map(open).collect())
        }
        (0, Some(1)) => {
            let without = texts.clone();
            Ok([without, follow(sub, texts)?].concat())
        }
        (times, Some(same)) if times == same && times as usize <= OCTETS_MAX => {
            (0..times).try_fold(texts, |texts, _| follow(sub, texts))
        }
        _ => Err(NO_TEXTS.to_owned()),
    }
}

/// Continues each text with each of these octets.
fn each(texts: Vec<Text>, all: &[&[u8]]) -> Result<Vec<Text>, String> {
    if texts.len() * all.len() > TEXTS_MAX {
        return Err(too_many());
    }
    let mut followed = Vec::new();
    for text in texts {
        // After `$`, nothing can follow: such a text is in no value.
        if text.end == End::Nothing || text.end == End::Anything {
            return Err(NO_TEXTS.to_owned());
        }
        for octets in all {
            let octets = [&text.octets, *octets].concat();
            if octets.len() > OCTETS_MAX {
                return Err("a text of the regular expression is too long".to_owned());
            }
            followed.push(Text { octets, ..text });
        }
    }
    Ok(followed)
}

fn at_beginning(texts: Vec<Text>) -> Result<Vec<Text>, String> {
    let begins = |text: Text| match text.octets.is_empty() && text.end == End::Open {
        true => Ok(Text { begins: true, ..text }),
        false => Err(NO_TEXTS.to_owned()),
    };
    texts.into_iter().map(begins).collect()
}

fn at_end(texts: Vec<Text>) -> Vec<Text> {
    let ends = |text: Text| match text.end {
        End::Open => Text { end: End::Nothing, ..text },
        // Anything ends somewhere.
        End::Anything | End::Nothing => text,
    };
    texts.into_iter().map(ends).collect()
}

fn limited(texts: &[Text]) -> Result<(), String> {
    if texts.len() > TEXTS_MAX { Err(too_many()) } else { Ok(()) }
}

fn too_many() -> String {
    format!("the regular expression accepts more than {TEXTS_MAX} beginnings")
}

/// Whether an expression is `.`, which accepts every octet.
fn is_any(expression: &Hir) -> bool {
    let HirKind::Class(Class::Bytes(class)) = expression.kind() else { return false };
    class.ranges().iter().any(|range| (range.start(), range.end()) == (0, u8::MAX))
}

/// The texts of a class, of one character each; `None` if these are more than can be listed.
fn texts_of(class: &Class) -> Option<Vec<Vec<u8>>> {
    let limited = |length: usize| (length <= TEXTS_MAX).then_some(());
    match class {
        Class::Bytes(class) => {
            limited(class.ranges().iter().map(|range| range.len()).sum())?;
            let octets = class.ranges().iter().flat_map(|range| range.start()..=range.end());
            Some(octets.map(|octet| vec![octet]).collect())
        }
        // What alternatives of one character each come to.
        Class::Unicode(class) => {
            limited(class.ranges().iter().map(|range| range.len()).sum())?;
            let letters = class.ranges().iter().flat_map(|range| range.start()..=range.end());
            Some(letters.map(|letter| letter.to_string().into_bytes()).collect())
        }
    }
}

impl Text {
    fn condition(self, value: Data, extent: Extent) -> Result<Condition, String> {
        let is_whole = match (self.end, extent) {
            (End::Nothing, _) | (End::Open, Extent::Whole) => true,
            (End::Anything, _) | (End::Open, Extent::Part) => false,
        };
        match (self.begins, is_whole) {
            (false, _) => Err(ANYWHERE.to_owned()),
            (true, _) if self.octets.is_empty() && !is_whole => Err(EVERYTHING.to_owned()),
            (true, true) => value.equals(Data::Constant(self.octets)),
            (true, false) => value.starts_with(self.octets),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::{Comparison, Fact};

    fn of_vendor_class(pattern: &str, extent: Extent) -> Result<Condition, String> {
        read(&Data::Fact(Fact::Option(60)), pattern.as_bytes(), extent, false)
    }

    fn any(texts: &[&str], comparison: fn(Vec<u8>) -> Comparison) -> Condition {
        let test =
            |text: &&str| Condition::Test(Fact::Option(60), comparison(text.as_bytes().to_vec()));
        Condition::any(texts.iter().map(test).collect())
    }

    #[test]
    fn lists_of_beginnings_and_of_whole_values_are_conditions() {
        for (pattern, texts) in [
            ("^PXEClient", &["PXEClient"][..]),
            ("^PXE.*", &["PXE"]),
            ("^(stb|iptv)-", &["stb-", "iptv-"]),
            ("^stb|^iptv", &["stb", "iptv"]),
            ("^[Aa]astra", &["Aastra", "aastra"]),
            ("^docsis3\\.[01]", &["docsis3.0", "docsis3.1"]),
            ("^colou?r", &["color", "colour"]),
            ("^a{3}", &["aaa"]),
        ] {
            let wanted = any(texts, Comparison::StartsWith);
            assert_eq!(of_vendor_class(pattern, Extent::Part), Ok(wanted), "{pattern}");
        }
        for (pattern, extent, texts) in [
            ("^udhcp$", Extent::Part, &["udhcp"][..]),
            ("udhcp", Extent::Whole, &["udhcp"]),
            ("(a|b)c", Extent::Whole, &["ac", "bc"]),
        ] {
            let wanted = any(texts, Comparison::Equals);
            assert_eq!(of_vendor_class(pattern, extent), Ok(wanted), "{pattern}");
        }
        let wanted = any(&["stb"], Comparison::StartsWith);
        assert_eq!(of_vendor_class("stb.*", Extent::Whole), Ok(wanted));
    }

    #[test]
    fn case_is_ignored_by_listing_both() {
        let value = Data::Fact(Fact::Option(60));
        let wanted = any(&["AB", "Ab", "aB", "ab"], Comparison::StartsWith);
        assert_eq!(read(&value, b"^ab", Extent::Part, true), Ok(wanted));
        let error = read(&value, b"^abcdefg", Extent::Part, true).unwrap_err();
        assert!(error.contains("more than 64"), "{error}");
    }

    #[test]
    fn what_is_no_list_is_refused_with_the_reason() {
        for (pattern, extent, why) in [
            ("PXE", Extent::Part, "anywhere"),
            ("^a|b", Extent::Part, "anywhere"),
            ("PXE$", Extent::Part, "anywhere"),
            (".*PXE.*", Extent::Whole, "list"),
            ("^a.*b", Extent::Part, "list"),
            ("^a+", Extent::Part, "list"),
            ("^a.b", Extent::Part, "list"),
            ("^[^a]", Extent::Part, "list"),
            ("^[^,]*", Extent::Part, "list"),
            ("^[^\\x00-\\xff]", Extent::Part, "nothing"),
            ("a\\b", Extent::Whole, "list"),
            ("^", Extent::Part, "every value"),
            (".*", Extent::Whole, "every value"),
            ("^(a", Extent::Part, "unclosed group"),
            ("(a)\\1", Extent::Whole, "backreferences"),
            ("^[0-9][0-9]", Extent::Part, "more than 64"),
            ("^[0-9]{99}", Extent::Part, "more than 64"),
            ("^a{256}", Extent::Part, "list"),
            ("^(aaaaaaaaaaaaaaaa){20}", Extent::Part, "too long"),
        ] {
            let error = of_vendor_class(pattern, extent).unwrap_err();
            assert!(error.contains(why), "{pattern}: {error}");
        }
        let nested = format!("{}a{}", "(".repeat(100), ")".repeat(100));
        assert!(of_vendor_class(&nested, Extent::Whole).is_err());
        assert!(read(&Data::Address, b"^\xff", Extent::Part, false).is_err());
    }
}

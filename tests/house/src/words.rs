//! How comments, messages, documents and the names of functions are worded, as far as a program
//! can tell: see `docs/contributing.md`.

use syn::visit::Visit;

use crate::tokens::{Part, parts};

/// A line that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The number of the line; the first is 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// Columns of a line at most.
const COLUMNS_MAX: usize = 100;

/// The words that `docs/contributing.md` lists between its marks.
pub fn refused_words(contributing: &str) -> Vec<String> {
    let listed = contributing
        .split_once("<!-- begin refused words -->")
        .and_then(|(_, rest)| rest.split_once("<!-- end refused words -->"));
    let listed = listed.map_or("", |(listed, _)| listed);
    let words = listed.split([',', '\n']).map(str::trim).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// Returns the lines of a Rust file that are longer than allowed. A line may be longer because of a
/// string in it.
pub fn long_lines(text: &str) -> Vec<Refused> {
    let columns = (1..).zip(text.lines()).map(|(line, text)| (line, text, text.chars().count()));
    let long = columns.filter(|(_, text, count)| *count > COLUMNS_MAX && !is_of_a_string(text));
    long.map(|(line, _, count)| Refused { line, why: format!("it has {count} columns") }).collect()
}

/// Returns the comments in which one of `words` occurs, each of which takes a whole line and begins
/// with `mark`: `//` or `#`.
pub fn in_comments(text: &str, mark: &str, words: &[String]) -> Vec<Refused> {
    in_lines(text.lines().map(|line| comment(line, mark)), words)
}

/// Returns the lines of a page in Markdown in which one of `words` occurs: not in blocks of code,
/// nor below a heading "Words", where they are examples.
pub fn in_page(text: &str, words: &[String]) -> Vec<Refused> {
    let (mut is_code, mut is_about_words) = (false, false);
    let lines = text.lines().map(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        if line.starts_with("## ") && !is_code {
            is_about_words = line == "## Words";
        }
        (!is_code && !is_fence && !is_about_words).then_some(line)
    });
    in_lines(lines, words)
}

/// Returns the strings of a Rust file in which one of `words` occurs: messages, help and names.
/// Comments are left out, tests too.
///
/// # Errors
/// If the text is no Rust.
pub fn in_strings(text: &str, words: &[String]) -> syn::Result<Vec<Refused>> {
    let mut strings = Strings::default();
    strings.visit_file(&syn::parse_file(text)?);
    let refused = strings.0.iter().flat_map(|string| {
        let said = string.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let found = words.iter().filter(|word| has_word(&said, word)).collect::<Vec<_>>();
        let why = |word| format!("the string {string:?} says {word:?}");
        let line = line_of(text, string);
        found.into_iter().map(move |word| Refused { line, why: why(word) }).collect::<Vec<_>>()
    });
    Ok(refused.collect())
}

/// Returns the functions of a Rust file, and its tests, whose names say one of `words`.
///
/// # Errors
/// If the text is no Rust.
pub fn in_names(text: &str, words: &[String]) -> syn::Result<Vec<Refused>> {
    let mut names = Names::default();
    names.visit_file(&syn::parse_file(text)?);
    let refused = names.0.iter().flat_map(|name| {
        let said = name.replace('_', " ");
        let found = words.iter().filter(|word| has_word(&said, word)).collect::<Vec<_>>();
        let line = line_of(text, &format!("fn {name}"));
        let refused =
            |word| Refused { line, why: format!("the name of the function {name} says {word:?}") };
        found.into_iter().map(refused).collect::<Vec<_>>()
    });
    Ok(refused.collect())
}

/// The names of the functions of a file.
#[derive(Default)]
struct Names(Vec<String>);

impl<'ast> Visit<'ast> for Names {
    fn visit_signature(&mut self, function: &'ast syn::Signature) {
        self.0.push(function.ident.to_string());
        syn::visit::visit_signature(self, function);
    }
}

/// The strings of a file, without its documentation.
#[derive(Default)]
struct Strings(Vec<String>);

impl Strings {
    fn read(&mut self, arguments: proc_macro2::TokenStream) {
        self.0.extend(parts(arguments).into_iter().filter_map(|part| match part {
            Part::Text(text) => Some(text),
            Part::Path(_) => None,
        }));
    }
}

impl<'ast> Visit<'ast> for Strings {
    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.0.push(text.value());
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.read(called.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if !attribute.path().is_ident("doc") {
            syn::visit::visit_attribute(self, attribute);
        }
    }

    fn visit_meta_list(&mut self, attribute: &'ast syn::MetaList) {
        self.read(attribute.tokens.clone());
    }

    fn visit_item_mod(&mut self, part: &'ast syn::ItemMod) {
        if part.ident != "tests" {
            syn::visit::visit_item_mod(self, part);
        }
    }
}

/// The line where a string begins, or 1 if it is written with escapes.
fn line_of(text: &str, string: &str) -> usize {
    let first = string.lines().next().unwrap_or_default();
    let position = text.lines().position(|line| line.contains(first)).or_else(|| {
        let first: String = first.chars().take(20).collect();
        text.lines().position(|line| line.contains(&first))
    });
    position.map_or(1, |position| position + 1)
}

/// Returns the lines in which one of `words` occurs; `None` is a line of something else.
fn in_lines<'t>(lines: impl Iterator<Item = Option<&'t str>>, words: &[String]) -> Vec<Refused> {
    let mut refused = Vec::new();
    let mut before = String::new();
    for (number, line) in (1..).zip(lines) {
        let Some(line) = line else {
            before.clear();
            continue;
        };
        let line = line.trim().to_lowercase();
        // A phrase may begin on the previous line.
        let said = format!("{before} {line}");
        let found = words.iter().filter(|word| has_word(&said, word) && !has_word(&before, word));
        refused
            .extend(found.map(|word| Refused { line: number, why: format!("it says {word:?}") }));
        before = line;
    }
    refused
}

/// The text of a comment that takes a whole line.
fn comment<'l>(line: &'l str, mark: &str) -> Option<&'l str> {
    let rest = line.trim_start().strip_prefix(mark)?;
    Some(rest.trim_start_matches(['/', '!']).trim())
}

/// Returns whether a line is part of a string, or contains one.
fn is_of_a_string(line: &str) -> bool {
    let is_code = line.ends_with([';', ',', '{', '}', '(', ')']);
    comment(line, "//").is_none() && (line.contains('"') || !is_code)
}

fn has_word(text: &str, word: &str) -> bool {
    let is_letter = |letter: Option<char>| letter.is_some_and(char::is_alphabetic);
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (text.get(..at), text.get(at + word.len()..));
        !is_letter(before.and_then(|text| text.chars().next_back()))
            && !is_letter(after.and_then(|text| text.chars().next()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Vec<String> {
        refused_words("<!-- begin refused words -->\nanew, is told\n<!-- end refused words -->")
    }

    fn shown(refused: Vec<Refused>) -> Vec<(usize, String)> {
        refused.into_iter().map(|refused| (refused.line, refused.why)).collect()
    }

    #[test]
    fn a_word_is_found_in_a_comment_and_across_two_lines() {
        let found = |text| shown(in_comments(text, "//", &words()));
        assert_eq!(found("// Begins Anew."), [(1, "it says \"anew\"".into())]);
        assert_eq!(found("/// The client is\n/// told."), [(2, "it says \"is told\"".into())]);
        assert_eq!(found("let anew = \"anew\";\n// renewal, this told"), []);
        let found = shown(in_comments("# It is told.\n// anew", "#", &words()));
        assert_eq!(found, [(1, "it says \"is told\"".into())]);
    }

    #[test]
    fn a_word_is_found_in_a_page_but_not_in_its_code() {
        let page = "The client is\ntold.\n```text\nanew\n```\n## Words\nanew\n## More\nAnew";
        let wanted = [(2, "it says \"is told\"".into()), (9, "it says \"anew\"".into())];
        assert_eq!(shown(in_page(page, &words())), wanted);
    }

    #[test]
    fn a_word_is_found_in_strings_macros_and_attributes_but_not_in_names_and_tests() {
        let text = "//! anew\n#[error(\"is \\\n  told\")]\nfn anew() { say!(x, \"Anew\"); f(\"anew\") }\n\
                    mod tests { const A: &str = \"anew\"; }";
        let found = shown(in_strings(text, &words()).unwrap());
        let whys: Vec<&str> = found.iter().map(|(_, why)| why.as_str()).collect();
        let wanted = [
            "the string \"is told\" says \"is told\"",
            "the string \"Anew\" says \"anew\"",
            "the string \"anew\" says \"anew\"",
        ];
        assert_eq!(whys, wanted);
        assert_eq!(found[1].0, 4);
    }

    #[test]
    fn a_word_is_found_in_the_name_of_a_function() {
        let text = "fn told() {}\nimpl A { fn starts_anew(&self) {} }\n\
                    mod tests { #[test]\n fn the_client_is_told() {} fn renewal() {} }";
        let found = shown(in_names(text, &words()).unwrap());
        let wanted = [
            (2, "the name of the function starts_anew says \"anew\"".into()),
            (4, "the name of the function the_client_is_told says \"is told\"".into()),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_line_may_be_long_because_of_a_string() {
        let long = "x".repeat(101);
        let found = |text: &str| shown(long_lines(text));
        assert_eq!(found(&format!("// {long}")), [(1, "it has 104 columns".into())]);
        assert_eq!(found(&format!("say(\"{long}\");")), []);
    }
}

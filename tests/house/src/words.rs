//! How comments are worded, as far as a program can tell: see `docs/contributing.md`.

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

/// Returns the lines of a Rust file that are longer than allowed, and the comments in which one of
/// `words` occurs. A line may be longer because of a string in it.
pub fn check(text: &str, words: &[String]) -> Vec<Refused> {
    let mut refused = Vec::new();
    let mut before = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        let columns = line.chars().count();
        if columns > COLUMNS_MAX && !is_of_a_string(line) {
            refused.push(Refused { line: number, why: format!("it has {columns} columns") });
        }
        let Some(comment) = comment(line) else {
            before.clear();
            continue;
        };
        // A phrase may begin on the previous line.
        let said = format!("{before} {}", comment.to_lowercase());
        let found = words.iter().filter(|word| has_word(&said, word) && !has_word(&before, word));
        refused
            .extend(found.map(|word| Refused { line: number, why: format!("it says {word:?}") }));
        before = comment.to_lowercase();
    }
    refused
}

/// The text of a comment that takes a whole line.
fn comment(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("//")?;
    Some(rest.trim_start_matches(['/', '!']).trim())
}

/// Returns whether a line is part of a string, or contains one.
fn is_of_a_string(line: &str) -> bool {
    let is_code = line.ends_with([';', ',', '{', '}', '(', ')']);
    comment(line).is_none() && (line.contains('"') || !is_code)
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

    fn found(text: &str) -> Vec<(usize, String)> {
        let words = refused_words(
            "<!-- begin refused words -->\nanew, is told\n<!-- end refused words -->",
        );
        check(text, &words).into_iter().map(|refused| (refused.line, refused.why)).collect()
    }

    #[test]
    fn a_word_is_found_in_a_comment_and_across_two_lines() {
        assert_eq!(found("// Begins Anew."), [(1, "it says \"anew\"".into())]);
        assert_eq!(found("/// The client is\n/// told."), [(2, "it says \"is told\"".into())]);
        assert_eq!(found("let anew = \"anew\";\n// renewal, this told"), []);
    }

    #[test]
    fn a_line_may_be_long_because_of_a_string() {
        let long = "x".repeat(101);
        assert_eq!(found(&format!("// {long}")), [(1, "it has 104 columns".into())]);
        assert_eq!(found(&format!("say(\"{long}\");")), []);
    }
}

//! The loops of a script, for the error message after a call exceeded its deadline: the instruction
//! that was stopped belongs to the interpreter and says nothing about the script.

use super::tokens::{Token, TokenKind, tokens};

/// The number of loops that are listed.
const LISTED_MAX: usize = 5;

/// Returns `The script has a loop in line 3 (decide)`, with each loop and its function.
pub(super) fn described(text: &str, is_javascript: bool) -> String {
    let tokens = tokens(text, is_javascript);
    let mut function = None;
    let mut places = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        if before.is_some_and(|before| is_word(before, &["fn", "function"])) {
            function = (token.kind == TokenKind::Word).then_some(&token.text);
        }
        let is_loop = if is_javascript {
            is_word(token, &["while", "for", "do"])
        } else {
            is_word(token, &["while", "for", "do", "loop"])
        };
        if is_loop && before.is_none_or(|before| before.text != ".") {
            let name = function.map_or_else(String::new, |name| format!(" ({name})"));
            places.push(format!("line {}{name}", token.line));
        }
    }
    places.dedup();
    let left_out = places.len().saturating_sub(LISTED_MAX);
    places.truncate(LISTED_MAX);
    match &places[..] {
        [] => "The script has no loop; check whether one of its functions calls itself.".to_owned(),
        [place] => format!("The script has a loop in {place}; check that it ends."),
        places if left_out > 0 => {
            format!(
                "The script has loops in {} and {left_out} more; check that they end.",
                places.join(", ")
            )
        }
        [first @ .., last] => {
            format!("The script has loops in {} and {last}; check that they end.", first.join(", "))
        }
    }
}

fn is_word(token: &Token, words: &[&str]) -> bool {
    token.kind == TokenKind::Word && words.contains(&token.text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_are_listed_with_their_functions() {
        let rhai =
            "fn decide(r, t) {\n    // while\n    loop { }\n}\n\nfn find(n) {\n  for x in n {}\n}";
        assert_eq!(
            described(rhai, false),
            "The script has loops in line 3 (decide) and line 7 (find); check that they end."
        );
        let javascript = "function decide(r, t) {\n  while (true) {}\n  t.for;\n}";
        assert_eq!(
            described(javascript, true),
            "The script has a loop in line 2 (decide); check that it ends."
        );
        assert!(described("fn decide(r, t) {}", false).contains("has no loop"));
        assert!(described(&"while x {}\n".repeat(9), false).contains("line 5 and 4 more"));
    }
}

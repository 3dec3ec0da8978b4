//! The nesting depth of a script, for the error message if it is too deep for the interpreter.

use super::tokens::{Token, TokenKind, tokens};

/// The depth of the deepest place, counting brackets and `else if`, and its line, from 1.
pub(super) fn deepest(text: &str, is_javascript: bool) -> (usize, usize) {
    let tokens = tokens(text, is_javascript);
    // For each open bracket, the length of the current chain of `else if` in it.
    let mut chains = vec![0_usize];
    let mut deepest = (0, 1);
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        match (token.kind, token.text.as_str()) {
            (TokenKind::Sign, "{" | "(" | "[") => chains.push(0),
            (TokenKind::Sign, "}" | ")" | "]") if chains.len() > 1 => drop(chains.pop()),
            (TokenKind::Word, "if") => {
                let goes_on = before.is_some_and(|before: &Token| before.text == "else");
                if let Some(chain) = chains.last_mut() {
                    *chain = if goes_on { *chain + 1 } else { 0 };
                }
            }
            _ => {}
        }
        let depth = chains.len() - 1 + chains.iter().sum::<usize>();
        if depth > deepest.0 {
            deepest = (depth, token.line);
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_chains_of_conditions_count() {
        for (text, wanted) in [
            ("", (0, 1)),
            ("fn a() {\n  f((1))\n}", (3, 2)),
            ("fn a() {\n if x {\n } else if y {\n } else if z {\n }\n}", (4, 4)),
            ("if a {} else if b {}\nif c {}\nif d {} else if e {}", (2, 1)),
            ("}}) {", (1, 1)),
        ] {
            assert_eq!(deepest(text, false), wanted, "{text}");
        }
    }
}

//! The names that a script contains literally: pools, and sources of lookups. A check compares them
//! with the configuration before the first packet does.
//!
//! Reads tokens and does not understand the languages. It finds names in their usual forms,
//! `terms.pool = "garden"` or `plan.add("line", "subscribers", key)`, written as the name itself or
//! as a constant. Names that are composed while the script runs are not found.

use std::collections::HashMap;

use super::{
    Named, NamedKind,
    tokens::{Token, TokenKind, tokens},
};

/// All names that a script contains literally.
pub(crate) fn named(text: &str, is_javascript: bool) -> Vec<Named> {
    let tokens = tokens(text, is_javascript);
    let reader = Reader { tokens: &tokens, constants: constants(&tokens) };
    (0..tokens.len()).flat_map(|at| reader.names_at(at)).collect()
}

struct Reader<'a> {
    tokens: &'a [Token],
    constants: HashMap<&'a str, &'a str>,
}

impl Reader<'_> {
    /// The names in the expression that begins at this token.
    fn names_at(&self, at: usize) -> Vec<Named> {
        let word = |offset: usize| self.word(at + offset);
        if !self.is(at + 1, ".") || (at > 0 && self.is(at - 1, ".")) {
            return Vec::new();
        }
        match (word(0), word(2)) {
            (Some(_), Some("pool")) if self.is(at + 3, "=") => self.values(at + 4),
            (Some(_), Some("pools")) if self.is(at + 3, "=") && self.is(at + 4, "[") => {
                self.items(at + 5)
            }
            (Some(_), Some("pool_usage" | "poolUsage")) if self.is(at + 3, "(") => {
                self.name(at + 4, NamedKind::Pool).into_iter().collect()
            }
            (Some(object), Some("add")) if object.contains("plan") && self.is(at + 3, "(") => {
                let source = self.argument(at + 4, 1);
                source.and_then(|at| self.name(at, NamedKind::Source)).into_iter().collect()
            }
            (Some("tables"), Some("field" | "row")) if self.is(at + 3, "(") => {
                self.name(at + 4, NamedKind::Table).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// The pools in an expression: one name, or the two of a condition.
    fn values(&self, from: usize) -> Vec<Named> {
        let mut found = Vec::new();
        let mut depth = 0_usize;
        for at in from..self.tokens.len() {
            let Some(token) = self.tokens.get(at) else { break };
            match token.text.as_str() {
                "{" | "(" | "[" if token.kind == TokenKind::Sign => depth += 1,
                "}" | ")" | "]" if token.kind == TokenKind::Sign => {
                    let Some(less) = depth.checked_sub(1) else { break };
                    depth = less;
                }
                ";" if depth == 0 => break,
                _ => {}
            }
            // A name must be the whole value: no operator or comparison is applied to it.
            let begins =
                at == from || [":", "?", "{", "??", "||"].iter().any(|sign| self.is(at - 1, sign));
            let ends = [";", "}", ":", ")"].iter().any(|sign| self.is(at + 1, sign))
                || self.tokens.get(at + 1).is_none_or(|next| next.line > token.line);
            if begins && ends && depth < 2 {
                found.extend(self.name(at, NamedKind::Pool));
            }
            let next = self.tokens.get(at + 1);
            let goes_on =
                |next: &Token| next.line == token.line || depth > 0 || next.kind == TokenKind::Sign;
            if !next.is_some_and(goes_on) {
                break;
            }
        }
        found
    }

    /// The pools in a list whose first item is at this token.
    fn items(&self, from: usize) -> Vec<Named> {
        let mut found = Vec::new();
        for at in from..self.tokens.len() {
            let is_whole = self.is(at - 1, "[") || self.is(at - 1, ",");
            match self.sign(at) {
                Some("]") => break,
                Some(_) => {}
                None if is_whole => found.extend(self.name(at, NamedKind::Pool)),
                None => {}
            }
        }
        found
    }

    /// The position of an argument: the one at `position` in a list that begins at `from`.
    fn argument(&self, from: usize, position: usize) -> Option<usize> {
        let (mut depth, mut passed) = (0_usize, 0);
        for at in from..self.tokens.len() {
            if passed == position {
                return Some(at);
            }
            match self.sign(at) {
                Some("(" | "[" | "{") => depth += 1,
                Some(")" | "]" | "}") => depth = depth.checked_sub(1)?,
                Some(",") if depth == 0 => passed += 1,
                _ => {}
            }
        }
        None
    }

    /// The name at a token, as a literal or a constant.
    fn name(&self, at: usize, kind: NamedKind) -> Option<Named> {
        let token = self.tokens.get(at)?;
        let is_whole = [",", ")", "]", ";", "}", ":"].iter().any(|sign| self.is(at + 1, sign))
            || self.tokens.get(at + 1).is_none_or(|next| next.line > token.line);
        let name = match token.kind {
            TokenKind::Text => token.text.as_str(),
            TokenKind::Word => self.constants.get(token.text.as_str())?,
            TokenKind::Sign => return None,
        };
        let (name, line, column) = (name.to_owned(), token.line, token.column);
        is_whole.then_some(Named { kind, name, line, column })
    }

    fn word(&self, at: usize) -> Option<&str> {
        let token = self.tokens.get(at)?;
        (token.kind == TokenKind::Word).then_some(token.text.as_str())
    }

    fn sign(&self, at: usize) -> Option<&str> {
        let token = self.tokens.get(at)?;
        (token.kind == TokenKind::Sign).then_some(token.text.as_str())
    }

    fn is(&self, at: usize, sign: &str) -> bool {
        self.sign(at) == Some(sign)
    }
}

/// Finds `const NAME = "text";`, unless two constants have the same name.
fn constants(tokens: &[Token]) -> HashMap<&str, &str> {
    let mut found: HashMap<&str, Option<&str>> = HashMap::new();
    for window in tokens.windows(5) {
        let [keyword, name, is, value, end] = window else { continue };
        let is_constant = keyword.text == "const"
            && keyword.kind == TokenKind::Word
            && name.kind == TokenKind::Word
            && is.text == "="
            && value.kind == TokenKind::Text
            && (end.text == ";" || end.line > value.line);
        if is_constant {
            let known = found.entry(&name.text);
            known.and_modify(|value| *value = None).or_insert(Some(&value.text));
        }
    }
    found.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, is_javascript: bool) -> Vec<String> {
        let names = named(text, is_javascript).into_iter();
        names.map(|n| format!("{:?} {} {}:{}", n.kind, n.name, n.line, n.column)).collect()
    }

    #[test]
    fn pools_and_sources_are_found_where_they_stand_literally() {
        let rhai = r#"
            const GARDEN = "walled-garden";
            // terms.pool = "not-this"
            /* terms.pool = "nor this" */
            fn plan_lookups(request, plan) {
                if request.circuit_id != () { plan.add("port", "ports", request.circuit_id); }
                plan.add(name("a", 1), "crm", request.circuit_id);
            }
            fn decide(request, terms) {
                terms.pool = "residential";
                terms.pools = ["first", GARDEN, "put-" + "together", "last"];
                if request.pool_usage("counted").free < 9 { }
                terms.pool = GARDEN;
                terms.pool = if x { "fast" } else { "slow" };
                terms.pool = "put-" + "together";
                terms.pool = unknown;
                terms.pool = POOLS["basic"];
                if terms.pool == "compared" { }
                let row = tables.row("lines", "key");
                log("terms.pool = \"x\"");
            }
        "#;
        assert_eq!(
            found(rhai, false),
            [
                "Source ports 6:64",
                "Source crm 7:40",
                "Pool residential 10:30",
                "Pool first 11:32",
                "Pool walled-garden 11:41",
                "Pool last 11:70",
                "Pool counted 12:39",
                "Pool walled-garden 13:30",
                "Pool fast 14:37",
                "Pool slow 14:53",
                "Table lines 19:38",
            ]
        );
        let javascript = "const A = 'a'\nfunction decide(r, t) {\n  t.pool = A\n  t.pool = x ? 'b' : \"c\"\n  \
            if (/\"/.test(r.circuitId)) t.pool = `d`;\n  t.pool = x ?? 'e';\n}";
        assert_eq!(
            found(javascript, true),
            ["Pool a 3:12", "Pool b 4:16", "Pool c 4:22", "Pool d 5:39", "Pool e 6:17",]
        );
    }

    #[test]
    fn texts_that_are_no_programs_are_read_to_their_end() {
        for text in [
            "\"",
            "'",
            "`${",
            "/*",
            "/",
            "terms.pool =",
            "plan.add(",
            "\\",
            "terms.",
            "é.pool=\"ü\"",
        ] {
            named(text, true);
            named(text, false);
        }
    }
}

//! Lines and columns in scripts, with which messages begin.

/// Returns `line 3, column 7: `, or an empty text if the line is not known.
pub fn place(line: Option<usize>, column: Option<usize>) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!("line {line}, column {column}: "),
        (Some(line), None) => format!("line {line}: "),
        (None, _) => String::new(),
    }
}

/// Returns the place of the first occurrence of a name in a script, outside of lines that are
/// comments.
pub fn place_of(text: &str, name: &str) -> String {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    let column = |line: &str| {
        if line.trim_start().starts_with("//") {
            return None;
        }
        let is_whole = |at: &usize| {
            let (before, rest) = line.split_at_checked(*at).unwrap_or_default();
            let after = rest.strip_prefix(name).unwrap_or_default();
            !before.ends_with(is_part) && !after.starts_with(is_part)
        };
        let at = line.match_indices(name).map(|(at, _)| at).find(is_whole)?;
        Some(line.get(..at)?.chars().count() + 1)
    };
    let found = (1..).zip(text.lines()).find_map(|(number, line)| Some((number, column(line)?)));
    found.map_or_else(String::new, |(line, column)| place(Some(line), Some(column)))
}

/// Prefixes a message with the name of the script's file: `20-garden.js, line 3, column 7: …`.
pub fn in_file(file: &str, message: &str) -> String {
    let separator = if message.starts_with("line ") { "," } else { ":" };
    format!("{file}{separator} {message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_they_stand_by_themselves() {
        let text = "// decide\nfn undecided() { decided() }\n  fn decide(r, t) {}";
        assert_eq!(place_of(text, "decide"), "line 3, column 6: ");
        assert_eq!(place_of(text, "nothing"), "");
        assert_eq!(in_file("a.js", &place(Some(3), None)), "a.js, line 3: ");
        assert_eq!(in_file("a.js", "no place"), "a.js: no place");
    }
}

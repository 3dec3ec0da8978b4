//! The text of a script, to which the places of errors refer.

use rhai::Position;

/// The text of a script.
pub(crate) struct Source<'a>(pub(crate) &'a str);

impl<'a> Source<'a> {
    /// Returns the expression before the separator, `.` or `[`, that is before or at `position`:
    /// `request.circuit_id` in `request.circuit_id.split("/")`.
    pub(crate) fn before(&self, position: Position, separator: char) -> Option<String> {
        let line = self.0.lines().nth(position.line()?.checked_sub(1)?)?;
        let letters: Vec<char> = line.chars().collect();
        let mut at = position.position()?.checked_sub(1)?;
        // The position is that of the name, of the separator, or of the expression before it.
        if letters.get(at) != Some(&separator) {
            let back = letters.get(..at)?.iter().rposition(|letter| !letter.is_whitespace());
            if let Some(back) = back.filter(|back| letters.get(*back) == Some(&separator)) {
                at = back;
            } else {
                let rest = letters.get(at..)?;
                at += rest.iter().take_while(|letter| is_part_of_name(**letter)).count();
                if letters.get(at) != Some(&separator) {
                    return None;
                }
            }
        }
        if letters.get(at.checked_sub(1)?) == Some(&'?') {
            at -= 1;
        }
        let begin = beginning(letters.get(..at)?)?;
        let found: String = letters.get(begin..at)?.iter().collect();
        let found = found.trim();
        (!found.is_empty()).then(|| found.to_owned())
    }

    /// Returns the word before a place, on the same line.
    pub(crate) fn word_before(&self, position: Position) -> Option<&'a str> {
        let line = self.0.lines().nth(position.line()?.checked_sub(1)?)?;
        let column = position.position()?.checked_sub(1)?;
        let end = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
        let before = line.get(..end)?.trim_end();
        before.rsplit(|letter| !is_part_of_name(letter)).next().filter(|word| !word.is_empty())
    }

    /// Returns the number of parameters of a function of the script.
    pub(crate) fn parameters(&self, name: &str) -> Option<usize> {
        let (_, header) = self.headers().find(|(found, _)| *found == name)?;
        Some(header.split(',').filter(|parameter| !parameter.trim().is_empty()).count())
    }

    /// Returns the first function of the script that calls itself, and the line of that call,
    /// counted from 1.
    pub(crate) fn calls_itself(&self) -> Option<(&'a str, usize)> {
        let mut function = None;
        self.0.lines().zip(1..).find_map(|(line, number)| {
            let own = header(line).map(|(name, _)| name);
            function = own.or(function);
            let name = function?;
            // On the line on which the function begins, only the text after its name counts.
            let rest = if own.is_some() { line.split_once('(')?.1 } else { line };
            rest.match_indices(&format!("{name}("))
                .any(|(at, _)| !rest.get(..at).unwrap_or_default().ends_with(is_part_of_name))
                .then_some((name, number))
        })
    }

    /// Returns whether the script defines a function of this name.
    pub(crate) fn defines(&self, name: &str) -> bool {
        self.functions().any(|found| found == name)
    }

    /// Returns the functions of the script.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &'a str> + Clone {
        self.headers().map(|(name, _)| name)
    }

    /// Returns the names in the script, except in lines that are comments.
    pub(crate) fn words(&self) -> impl Iterator<Item = &'a str> + Clone {
        let lines = self.0.lines().filter(|line| !line.trim_start().starts_with("//"));
        let words = lines.flat_map(|line| line.split(|letter| !is_part_of_name(letter)));
        words
            .filter(|word| word.starts_with(|letter: char| letter.is_alphabetic() || letter == '_'))
    }

    /// Returns `; the { in line 3 is not closed` if a bracket is open at the end, or an empty text.
    pub(crate) fn unclosed(&self) -> String {
        lessor_script::unclosed(self.0).map(|found| format!("; {found}")).unwrap_or_default()
    }

    fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> + Clone {
        self.0.lines().filter_map(header)
    }
}

/// Returns the name and the parameters of the function that begins on a line.
fn header(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let rest = line.strip_prefix("private ").unwrap_or(line).strip_prefix("fn ")?;
    let (name, rest) = rest.split_once('(')?;
    Some((name.trim(), rest.split(')').next().unwrap_or_default()))
}

/// Returns the beginning of the expression that ends with these letters: names, dots, calls and
/// indices.
fn beginning(letters: &[char]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut begin = letters.len();
    for (at, letter) in letters.iter().enumerate().rev() {
        match letter {
            ')' | ']' => depth += 1,
            '(' | '[' if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            '.' | '?' => {}
            letter if is_part_of_name(*letter) || *letter == '"' => {}
            _ => break,
        }
        begin = at;
    }
    (depth == 0).then_some(begin)
}

fn is_part_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

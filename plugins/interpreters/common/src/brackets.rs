//! Finds brackets that are opened but not closed, for scripts that end too early.

/// Returns a message such as `the { in line 3 is not closed` about the innermost bracket, or the
/// quoted text, that is open at the end.
pub fn unclosed(text: &str) -> Option<String> {
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut line = 1;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\n' => line += 1,
            '/' if letters.peek() == Some(&'/') => {
                while letters.next_if(|letter| *letter != '\n').is_some() {}
            }
            '/' if letters.peek() == Some(&'*') => {
                let began = line;
                let mut before = ' ';
                letters.next();
                loop {
                    match letters.next() {
                        Some('/') if before == '*' => break,
                        Some(letter) => {
                            line += usize::from(letter == '\n');
                            before = letter;
                        }
                        None => {
                            return Some(format!(
                                "the comment that begins in line {began} is not closed"
                            ));
                        }
                    }
                }
            }
            '"' | '`' | '\'' => {
                let began = line;
                loop {
                    match letters.next() {
                        Some('\\') => drop(letters.next()),
                        Some('\n') if letter != '`' => {
                            line += 1;
                            break;
                        }
                        Some('\n') => line += 1,
                        Some(found) if found == letter => break,
                        Some(_) => {}
                        None => return Some(format!("the {letter} in line {began} is not closed")),
                    }
                }
            }
            '{' | '(' | '[' => open.push((letter, line)),
            '}' | ')' | ']' => drop(open.pop()),
            _ => {}
        }
    }
    let (bracket, line) = open.pop()?;
    Some(format!("the {bracket} in line {line} is not closed"))
}

/// Returns the line and column, from 1, at which a quoted text begins that does not end on its
/// line.
pub fn unclosed_text(text: &str) -> Option<(usize, usize)> {
    (1..).zip(text.lines()).find_map(|(number, line)| {
        let mut open: Option<(char, usize)> = None;
        let mut letters = line.chars().zip(1..);
        while let Some((letter, column)) = letters.next() {
            match (letter, open) {
                ('\\', Some(_)) => drop(letters.next()),
                (letter, Some((quote, _))) if letter == quote => open = None,
                (_, Some(_)) => {}
                ('/', None) if line.chars().nth(column) == Some('/') => break,
                ('"' | '\'', None) => open = Some((letter, column)),
                _ => {}
            }
        }
        open.map(|(_, column)| (number, column))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_open_bracket_is_found() {
        for (text, wanted) in [
            ("fn a() {\n  if x {\n}\n", Some("the { in line 1 is not closed")),
            ("f(\n  g(1)\n", Some("the ( in line 1 is not closed")),
            ("// {\nlet x = \"{\"; /* { */ let y = '(';", None),
            ("let x = `a\n", Some("the ` in line 1 is not closed")),
            ("a\n/* b\n", Some("the comment that begins in line 2 is not closed")),
            ("\"\\\"{\" {", Some("the { in line 1 is not closed")),
            ("", None),
        ] {
            assert_eq!(unclosed(text).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn texts_that_do_not_end_in_their_line_are_found() {
        for (text, wanted) in [
            ("x = \"a\";\ny = \"b;\nz = 1", Some((2, 5))),
            ("// it's\nx = 'a\\'b", Some((2, 5))),
            ("x = \"it's\";", None),
        ] {
            assert_eq!(unclosed_text(text), wanted, "{text}");
        }
    }
}

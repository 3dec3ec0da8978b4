//! Reads the progress bar of cargo, and the lines between.

/// Something that cargo printed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    /// So many crates are compiled, of so many.
    Progress { done: u32, total: u32 },
    /// Every crate by its name, and similar lines that a bar replaces.
    Routine,
    /// A warning, an error or a part of one, as cargo printed it.
    Line(&'a str),
}

/// What cargo prints for each crate, in its first word.
const ROUTINE: [&str; 8] = [
    "Blocking",
    "Compiling",
    "Downloaded",
    "Downloading",
    "Finished",
    "Fresh",
    "Locking",
    "Updating",
];

/// Returns what a line says. Cargo ends the states of its bar with carriage returns.
pub(crate) fn read(line: &str) -> Said<'_> {
    let plain = without_colours(line);
    let Some(first) = plain.split_whitespace().next() else { return Said::Routine };
    if first == "Building" {
        return bar(&plain).map_or(Said::Routine, |(done, total)| Said::Progress { done, total });
    }
    if ROUTINE.contains(&first) && line.starts_with([' ', '\x1b']) {
        return Said::Routine;
    }
    Said::Line(line)
}

/// Reads `Building [===>   ] 12/345: syn, serde`.
fn bar(plain: &str) -> Option<(u32, u32)> {
    let (_, behind) = plain.split_once("] ")?;
    let (counted, _) = behind.split_once(':').unwrap_or((behind, ""));
    let (done, total) = counted.trim().split_once('/')?;
    Some((done.parse().ok()?, total.parse().ok()?))
}

/// Removes the control sequences of terminals.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character != '\x1b' {
            plain.push(character);
            continue;
        }
        // A sequence ends with a letter.
        characters.by_ref().find(char::is_ascii_alphabetic);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_read_and_routine_lines_are_left_out() {
        let bar = "\x1b[K    Building [=====>                   ] 54/201: syn, serde(build)...";
        assert_eq!(read(bar), Said::Progress { done: 54, total: 201 });
        assert_eq!(read("    Building [>    ] 0/7"), Said::Progress { done: 0, total: 7 });
        let coloured = "\x1b[1m\x1b[32m   Compiling\x1b[0m syn v2.0.1";
        for line in [coloured, "    Finished `dev` profile in 1 s", "\x1b[K", "    Building x"] {
            assert_eq!(read(line), Said::Routine, "{line:?}");
        }
    }

    #[test]
    fn everything_else_is_passed_on() {
        for line in ["error[E0425]: cannot find value", "  --> src/main.rs:1:1", "Compiling x"] {
            assert_eq!(read(line), Said::Line(line));
        }
    }
}

//! Mistakes: what is wrong with a file, where, and what to do about it.

use std::{error::Error, fmt, ops::Range};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};

use crate::{source::SourceFile, suggest::listed};

/// The number of mistakes that are kept; further ones are only counted.
pub const MISTAKES_MAX: usize = 100;

/// All mistakes in one file and the files that it names, in the order of the files; at least one.
#[derive(Clone, Debug)]
pub struct Mistakes {
    file: String,
    pub(crate) kept: Vec<Mistake>,
    pub(crate) others: usize,
}

/// One mistake.
#[derive(Clone, Debug)]
pub struct Mistake {
    source: SourceFile,
    /// The place; `None` if the mistake is about the file as a whole.
    span: Option<Range<usize>>,
    message: String,
    wanted: Option<String>,
    help: Option<String>,
    related: Vec<(Range<usize>, String)>,
}

impl Mistakes {
    pub(crate) fn new(
        file: &str,
        mut kept: Vec<Mistake>,
        of_others: Vec<Mistake>,
        others: usize,
    ) -> Self {
        kept.sort_by_key(|mistake| mistake.span.as_ref().map(|span| span.start));
        kept.extend(of_others);
        Self { file: file.to_owned(), kept, others }
    }

    /// The name of the file as the caller passed it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The first [`MISTAKES_MAX`] mistakes.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.kept.iter()
    }

    /// The number of mistakes, including those that were not kept.
    pub fn count(&self) -> usize {
        self.kept.len() + self.others
    }

    /// Renders every mistake with its line, followed by the number of mistakes. Ends with a
    /// newline.
    pub fn render(&self, colour: bool) -> String {
        let mut theme = match colour {
            true => GraphicalTheme::unicode(),
            false => GraphicalTheme::unicode_nocolor(),
        };
        theme.characters.error = "error:".to_owned();
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(RENDERED_WIDTH)
            .with_links(false)
            .with_context_lines(1)
            .with_break_words(false);
        let mut text = String::new();
        for mistake in &self.kept {
            let mut rendered = String::new();
            // A mistake whose line cannot be shown is described in words.
            if mistake.is_unshown() || handler.render_report(&mut rendered, mistake).is_err() {
                rendered = mistake.in_words();
            }
            for line in rendered.lines() {
                text.push_str(line.trim_end());
                text.push('\n');
            }
            text.push('\n');
        }
        text.push_str(&self.summary());
        text.push('\n');
        text
    }

    fn summary(&self) -> String {
        let count = self.count();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        let mut files: Vec<String> = Vec::new();
        for mistake in &self.kept {
            if files.last().is_none_or(|last| last != mistake.file()) {
                files.push(mistake.file().to_owned());
            }
        }
        let files = listed(&files);
        match self.others {
            0 => format!("{count} {noun} in {files}"),
            others => format!("{count} {noun} in {files}; {others} are not shown"),
        }
    }
}

/// The width of a rendered mistake, in columns.
const RENDERED_WIDTH: usize = 100;

/// Every mistake, rendered without colour.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl Error for Mistakes {}

impl<'a> IntoIterator for &'a Mistakes {
    type Item = &'a Mistake;
    type IntoIter = std::slice::Iter<'a, Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.kept.iter()
    }
}

impl Mistake {
    pub(crate) fn new(source: &SourceFile, span: Option<&Range<usize>>, draft: Draft) -> Self {
        let Draft { message, wanted, help, related, secret: _ } = draft;
        let span = span.map(|span| source.first_line_of(span));
        let related =
            related.into_iter().map(|(span, role)| (source.first_line_of(&span), role)).collect();
        Self { source: source.clone(), span, message, wanted, help, related }
    }

    /// Makes the mistake refer to another text of the same length.
    pub(crate) fn show_in(&mut self, source: &SourceFile) {
        self.source = source.clone();
    }

    /// The name of the file as the caller passed it.
    pub fn file(&self) -> &str {
        self.source.name()
    }

    /// The line and column, both from 1, columns in characters; `None` if the mistake is about the
    /// file as a whole.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.span.as_ref().map(|span| self.source.position(span.start))
    }

    /// The line, from 1; `None` if the mistake is about the file as a whole.
    pub fn line(&self) -> Option<usize> {
        self.position().map(|(line, _)| line)
    }

    /// The column in characters, from 1; `None` if the mistake is about the file as a whole.
    pub fn column(&self) -> Option<usize> {
        self.position().map(|(_, column)| column)
    }

    /// The text of the line.
    pub fn source_line(&self) -> Option<&str> {
        self.line().map(|line| self.source.line(line))
    }

    /// What was found.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What was wanted in that place.
    pub fn wanted(&self) -> Option<&str> {
        self.wanted.as_deref()
    }

    /// What to do.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    fn is_unshown(&self) -> bool {
        self.span.is_some() && self.source.has_long_lines()
    }

    fn in_words(&self) -> String {
        let mut text = format!("  error: {}\n", self.message);
        if let Some((line, column)) = self.position() {
            let wanted = self.wanted.as_deref().unwrap_or("here");
            text.push_str(&format!("    at {}:{line}:{column}: {wanted}\n", self.file()));
        }
        for (span, role) in &self.related {
            let (line, column) = self.source.position(span.start);
            text.push_str(&format!("    at {}:{line}:{column}: {role}\n", self.file()));
        }
        if let Some(help) = &self.help {
            text.push_str(&format!("  help: {help}\n"));
        }
        text
    }
}

/// What was found, on one line.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Mistake {}

impl Diagnostic for Mistake {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.span.as_ref().map(|_| &self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.span.as_ref()?;
        let primary = LabeledSpan::new_primary_with_span(self.wanted.clone(), span.clone());
        let related = self
            .related
            .iter()
            .map(|(span, label)| LabeledSpan::new_with_span(Some(label.clone()), span.clone()));
        Some(Box::new(std::iter::once(primary).chain(related)))
    }
}

/// The parts of a mistake's message. The first says what was found; the others are optional.
pub(crate) struct Draft {
    pub(crate) message: String,
    pub(crate) wanted: Option<String>,
    pub(crate) help: Option<String>,
    pub(crate) related: Vec<(Range<usize>, String)>,
    /// A value that must not be shown.
    pub(crate) secret: Option<Range<usize>>,
}

impl Draft {
    /// Sets what was found.
    pub(crate) fn found(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { message, wanted: None, help: None, related: Vec::new(), secret: None }
    }

    /// Sets what was wanted instead.
    pub(crate) fn wanted(mut self, wanted: impl Into<String>) -> Self {
        self.wanted = Some(wanted.into());
        self
    }

    /// Sets what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Marks the value at this place as a secret, which must not appear in logs and on screens.
    pub(crate) fn secret(mut self, span: &Range<usize>) -> Self {
        self.secret = Some(span.clone());
        self
    }

    /// Adds a related place and its role.
    pub(crate) fn related(mut self, span: &Range<usize>, role: impl Into<String>) -> Self {
        self.related.push((span.clone(), role.into()));
        self
    }
}

//! Collects mistakes while a file is read, and knows the names of options in it.

use std::{
    cell::{OnceCell, RefCell},
    ops::Range,
    sync::Arc,
};

use lessor_vocabulary::Catalogue;

use crate::{
    mistake::{Draft, MISTAKES_MAX, Mistake, Mistakes},
    source::SourceFile,
};

/// Collects the mistakes of one file. All functions that read the file share it, so that none has
/// to return mistakes.
pub(crate) struct Collector {
    source: SourceFile,
    /// The options that the file can name. Set once, before the first option is read.
    catalogue: OnceCell<Arc<Catalogue>>,
    found: RefCell<Findings>,
    distrust: RefCell<Distrust>,
}

/// The places where the text is not TOML: values that seem to be there were not intended.
#[derive(Default)]
struct Distrust {
    /// Line numbers from 0, in ascending order.
    lines: Vec<usize>,
    /// The offset from which on nothing is trusted.
    from: Option<usize>,
}

#[derive(Default)]
struct Findings {
    kept: Vec<Mistake>,
    /// The mistakes in files that this one names, in the order in which they were read.
    kept_of_others: Vec<Mistake>,
    others: usize,
    /// Values that no mistake may show, neither its own nor that of a neighbour.
    secrets: Vec<Range<usize>>,
}

impl Collector {
    pub(crate) fn new(source: SourceFile) -> Self {
        Self {
            source,
            catalogue: OnceCell::new(),
            found: RefCell::default(),
            distrust: RefCell::default(),
        }
    }

    /// Creates the collector of a file whose options are those of another one.
    pub(crate) fn with_catalogue(source: SourceFile, catalogue: Arc<Catalogue>) -> Self {
        Self { catalogue: OnceCell::from(catalogue), ..Self::new(source) }
    }

    /// The options that the file can name: those that are registered, unless others are declared.
    pub(crate) fn catalogue(&self) -> &Arc<Catalogue> {
        self.catalogue.get_or_init(Arc::default)
    }

    /// Sets the options that the file can name.
    pub(crate) fn declare(&self, catalogue: Catalogue) {
        let is_first = self.catalogue.set(Arc::new(catalogue)).is_ok();
        debug_assert!(is_first, "an option was read before the declarations");
    }

    pub(crate) fn source(&self) -> &SourceFile {
        &self.source
    }

    /// Reports a mistake at `span`.
    pub(crate) fn report(&self, span: &Range<usize>, draft: Draft) {
        if self.is_trusted(span) {
            self.keep(Some(span), draft);
        }
    }

    /// Reports that something is missing in the table whose header is at `span`.
    pub(crate) fn report_missing(&self, span: &Range<usize>, draft: Draft) {
        if self.is_sound() {
            self.keep(Some(span), draft);
        }
    }

    /// Reports a mistake of the file as a whole.
    pub(crate) fn report_file(&self, draft: Draft) {
        self.keep(None, draft);
    }

    /// Reports that something is missing in the file.
    pub(crate) fn report_file_missing(&self, draft: Draft) {
        if self.is_sound() {
            self.keep(None, draft);
        }
    }

    /// Reports that the text at `span` is not TOML. Nothing else is reported for that line. Must be
    /// called in the order of the file.
    pub(crate) fn report_syntax(&self, span: &Range<usize>, draft: Draft) {
        self.keep(Some(span), draft);
        self.distrust.borrow_mut().lines.push(self.source.line_of(span.start));
    }

    /// Suppresses all further reports about the text after `offset`.
    pub(crate) fn distrust_from(&self, offset: usize) {
        self.distrust.borrow_mut().from = Some(offset);
    }

    /// Whether all of the text is TOML; otherwise a missing value may merely not have been parsed.
    fn is_sound(&self) -> bool {
        self.distrust.borrow().lines.is_empty()
    }

    fn is_trusted(&self, span: &Range<usize>) -> bool {
        let distrust = self.distrust.borrow();
        distrust.lines.binary_search(&self.source.line_of(span.start)).is_err()
            && distrust.from.is_none_or(|from| span.start < from)
    }

    fn keep(&self, span: Option<&Range<usize>>, mut draft: Draft) {
        let mut found = self.found.borrow_mut();
        found.secrets.extend(draft.secret.take());
        if found.has_room() {
            found.kept.push(Mistake::new(&self.source, span, draft));
        } else {
            found.others += 1;
        }
    }

    /// Takes over the mistakes of a file, or a part of one, that this file names.
    pub(crate) fn adopt(&self, other: Self) {
        let Mistakes { kept, others, .. } = other.into_mistakes();
        let mut found = self.found.borrow_mut();
        for mistake in kept {
            if found.has_room() {
                found.kept_of_others.push(mistake);
            } else {
                found.others += 1;
            }
        }
        found.others += others;
    }

    /// Whether no mistake was reported so far.
    pub(crate) fn is_empty(&self) -> bool {
        let found = self.found.borrow();
        found.kept.is_empty() && found.kept_of_others.is_empty()
    }

    /// All mistakes, in the order of the file.
    pub(crate) fn into_mistakes(self) -> Mistakes {
        let Findings { mut kept, kept_of_others, others, secrets } = self.found.into_inner();
        let source = self.source.hiding(&secrets);
        kept.iter_mut().for_each(|mistake| mistake.show_in(&source));
        Mistakes::new(self.source.name(), kept, kept_of_others, others)
    }
}

impl Findings {
    fn has_room(&self) -> bool {
        self.kept.len() + self.kept_of_others.len() < MISTAKES_MAX
    }
}

//! All sources of one configuration, by name.

use std::{collections::HashMap, sync::Arc};

use lessor_core::LookupAnswer;

use crate::{Problem, SourceError, SourceSettings, SourceStatus, Table, source::Source};

/// All sources of one configuration. Never changed; a reload makes another set, which shares what
/// did not change.
#[derive(Default)]
pub struct Sources {
    /// In the order of the configuration.
    sources: Vec<Arc<Source>>,
    places: HashMap<String, usize>,
}

impl Sources {
    /// Opens every source: reads the files, and checks of the others what can be checked without
    /// asking them. Takes as long as reading takes; call it off the packet path.
    ///
    /// # Errors
    /// All that is wrong with all sources.
    pub fn open(settings: &[SourceSettings]) -> Result<Arc<Self>, Vec<SourceError>> {
        Self::default().reload(settings)
    }

    /// The same for new settings, beside a set that serves: what did not change goes over as it is,
    /// with its rows, its cache and its connections. This set serves on unchanged.
    ///
    /// # Errors
    /// As [`Sources::open`].
    pub fn reload(&self, settings: &[SourceSettings]) -> Result<Arc<Self>, Vec<SourceError>> {
        let mut next = Self::default();
        let mut errors = Vec::new();
        for settings in settings {
            let name = &settings.name;
            let refuse = |problem| SourceError { source_name: name.clone(), problem };
            if next.places.insert(name.clone(), next.sources.len()).is_some() {
                errors.push(refuse(Problem::NameTaken));
                continue;
            }
            let old = self.source(name);
            let opened = match old.filter(|old| old.still_serves(settings)) {
                Some(same) => Ok(Arc::clone(same)),
                None => Source::open(settings, old.map(|old| &**old)).map(Arc::new),
            };
            match opened {
                Ok(source) => next.sources.push(source),
                Err(problem) => {
                    errors.push(refuse(problem));
                    next.places.remove(name);
                }
            }
        }
        if errors.is_empty() { Ok(Arc::new(next)) } else { Err(errors) }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// What policies call the sources.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|source| source.settings.name.as_str())
    }

    /// Whether there is a source of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// What a source says of a key, if that is known at once: it is a file, or the answer is
    /// remembered, or the source is left alone for a while. Never waits.
    pub fn now(&self, name: &str, key: &str) -> Option<LookupAnswer> {
        match self.source(name) {
            Some(source) => source.now(key),
            None => Some(unknown(name)),
        }
    }

    /// What a source says of a key. Answers within the source's deadline, whatever happens. Must be
    /// called within a runtime of tokio.
    pub async fn ask(&self, name: &str, key: &str) -> LookupAnswer {
        match self.source(name) {
            Some(source) => source.ask(key).await,
            None => unknown(name),
        }
    }

    /// The rows of a source that is a file.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.source(name)?.table()
    }

    /// The sources that are files, each with a number that no other version of it has.
    pub fn versions(&self) -> Vec<(String, u64)> {
        let files = self.sources.iter().filter(|source| source.table().is_some());
        files.map(|source| (source.settings.name.clone(), source.version)).collect()
    }

    /// What is worth a warning before anything is asked: the name of the source, and what it is.
    pub fn warnings(&self) -> Vec<(String, String)> {
        let of = |source: &Arc<Source>| {
            let name = source.settings.name.clone();
            source.warnings().into_iter().map(move |warning| (name.clone(), warning))
        };
        self.sources.iter().flat_map(of).collect()
    }

    /// What the sources did so far, in the order of the configuration.
    pub fn status(&self) -> Vec<SourceStatus> {
        self.sources.iter().map(|source| source.status()).collect()
    }

    fn source(&self, name: &str) -> Option<&Arc<Source>> {
        self.sources.get(*self.places.get(name)?)
    }
}

fn unknown(name: &str) -> LookupAnswer {
    LookupAnswer::Unavailable(format!("there is no lookup source `{name}`"))
}

//! All sources of one configuration, by name.

use std::{collections::HashMap, sync::Arc, time::Duration};

use lessor_core::LookupAnswer;
use lessor_settings::SourceSettings;

use crate::{LookupTable, SourceError, SourceProblem, SourceStatus, source::Source};

/// All sources of one configuration. The set is immutable; a reload creates another one, which
/// shares the unchanged sources.
#[derive(Default)]
pub struct Sources {
    /// In the order of the configuration.
    sources: Vec<Arc<Source>>,
    places: HashMap<String, usize>,
}

impl Sources {
    /// Opens every source: reads files, and checks the others as far as that is possible without
    /// queries. This can be slow, so call it off the packet path. What happens when one of them
    /// fails is up to the caller.
    ///
    /// # Errors
    /// All problems of all sources.
    pub fn open(settings: &[SourceSettings]) -> Result<Arc<Self>, Vec<SourceError>> {
        Self::default().reload(settings)
    }

    /// Does the same for new settings, alongside the set in use. Unchanged sources are shared, with
    /// their rows, caches and connections. This set stays usable.
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
                errors.push(refuse(SourceProblem::NameTaken));
                continue;
            }
            let old = self.source(name);
            let opened = match old.filter(|old| old.still_serves(&settings.kind)) {
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

    /// Whether there are no sources.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// The names of the sources.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|source| source.name.as_str())
    }

    /// Whether there is a source with this name.
    pub fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// Returns the answer of a source for a key if it is known at once: the source is a file, the
    /// answer is cached, or the source is paused. Never blocks.
    pub fn now(&self, name: &str, key: &str) -> Option<LookupAnswer> {
        match self.source(name) {
            Some(source) => source.now(key),
            None => Some(unknown(name)),
        }
    }

    /// Waits for the answer of a source for a key, which always comes within the source's deadline.
    /// Must be called within a tokio runtime.
    pub async fn ask(&self, name: &str, key: &str) -> LookupAnswer {
        match self.source(name) {
            Some(source) => source.ask(key).await,
            None => unknown(name),
        }
    }

    /// How long the answer of a source can take; no time for a file.
    pub fn deadline(&self, name: &str) -> Duration {
        self.source(name).map(|source| source.deadline()).unwrap_or_default()
    }

    /// The rows of a source that is a file.
    pub fn table(&self, name: &str) -> Option<&LookupTable> {
        self.source(name)?.table()
    }

    /// The sources that are files, each with a number that is unique to its version.
    pub fn versions(&self) -> Vec<(String, u64)> {
        let files = self.sources.iter().filter(|source| source.table().is_some());
        files.map(|source| (source.name.clone(), source.version)).collect()
    }

    /// Warnings about the configuration before the first query: the name of the source, and the
    /// warning.
    pub fn warnings(&self) -> Vec<(String, String)> {
        let of = |source: &Arc<Source>| {
            let name = source.name.clone();
            source.warnings().into_iter().map(move |warning| (name.clone(), warning))
        };
        self.sources.iter().flat_map(of).collect()
    }

    /// The status of the sources, in the order of the configuration.
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

//! The lookup sources of one generation, as they are configured and as policies see them.

use std::{collections::HashSet, sync::Arc};

use lessor_core::{LookupAnswer, SourceRow};
use lessor_lookup::{SourceError, Sources};
use lessor_policy_host::{AnsweredLookup, LookupSources, PlannedLookup};
use lessor_settings::{OnSourceFailure, SourceSettings};
use tokio::{runtime::Handle, task::JoinHandle};

/// The sources of one generation, and how requests are handled when one of them fails.
#[derive(Clone, Default)]
pub struct GenerationSources {
    sources: Arc<Sources>,
    /// The sources without whose answer no request is decided.
    needed: Arc<HashSet<String>>,
    /// Whether nothing is known at once, because a replay answers instead.
    is_mute: bool,
}

impl GenerationSources {
    /// Opens the sources; those that did not change are taken from `old`.
    ///
    /// # Errors
    /// With every mistake in any of them.
    pub(crate) fn open(settings: &[SourceSettings], old: &Self) -> Result<Self, Vec<SourceError>> {
        let needed = settings.iter().filter(|source| source.on_failure == OnSourceFailure::Drop);
        let needed = needed.map(|source| source.name.clone()).collect();
        let (sources, needed) = (old.sources.reload(settings)?, Arc::new(needed));
        Ok(Self { sources, needed, is_mute: false })
    }

    /// Returns the same sources, but nothing is known at once: a replay answers instead.
    pub fn muted(&self) -> Self {
        Self { is_mute: true, ..self.clone() }
    }

    /// Returns the sources.
    pub fn sources(&self) -> &Arc<Sources> {
        &self.sources
    }

    /// Logs warnings about the sources, before any is queried.
    pub fn log_warnings(&self) {
        for (source, warning) in self.sources.warnings() {
            tracing::warn!(source, "lookup source: {warning}");
        }
    }

    /// Returns what is known at once, and what must be queried.
    pub fn known(&self, planned: Vec<PlannedLookup>) -> (Vec<AnsweredLookup>, Vec<PlannedLookup>) {
        if self.is_mute {
            return (Vec::new(), planned);
        }
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for lookup in planned {
            match self.sources.now(&lookup.source, &lookup.key) {
                Some(answer) => known.push(lookup.answered(answer)),
                None => unknown.push(lookup),
            }
        }
        (known, unknown)
    }

    /// Looks everything up, and waits for it. Must not be called on the packet path.
    ///
    /// # Errors
    /// If there is no runtime to wait on.
    pub fn look_up(&self, planned: Vec<PlannedLookup>) -> anyhow::Result<Vec<AnsweredLookup>> {
        let (mut lookups, unknown) = self.known(planned);
        if unknown.is_empty() {
            return Ok(lookups);
        }
        let ask = async {
            for lookup in unknown {
                let answer = self.sources.ask(&lookup.source, &lookup.key).await;
                lookups.push(lookup.answered(answer));
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => runtime.block_on(ask),
            Err(_) => {
                let mut runtime = tokio::runtime::Builder::new_current_thread();
                runtime.enable_all().build()?.block_on(ask);
            }
        }
        Ok(lookups)
    }

    /// Makes all of these lookups at the same time, and waits for them on `runtime`; without one,
    /// only what is known at once has an answer. Must not be called on the packet path.
    pub fn look_up_each(
        &self,
        planned: Vec<Vec<PlannedLookup>>,
        runtime: Option<&Handle>,
    ) -> Vec<Vec<AnsweredLookup>> {
        let ask = |lookup: PlannedLookup| {
            let (sources, asked) = (Arc::clone(&self.sources), lookup.clone());
            let answer = async move { sources.ask(&asked.source, &asked.key).await };
            (lookup, runtime.map(|runtime| runtime.spawn(answer)))
        };
        let begun: Vec<(Vec<AnsweredLookup>, Vec<_>)> = planned
            .into_iter()
            .map(|planned| {
                let (known, unknown) = self.known(planned);
                (known, unknown.into_iter().map(ask).collect())
            })
            .collect();
        let wait = |(lookup, asked): (PlannedLookup, Option<JoinHandle<LookupAnswer>>)| {
            let answer = asked.zip(runtime).and_then(|(asked, on)| on.block_on(asked).ok());
            lookup.answered(answer.unwrap_or_else(|| {
                LookupAnswer::Unavailable("the server abandoned the lookup".to_owned())
            }))
        };
        let finish = |(mut known, asked): (Vec<AnsweredLookup>, Vec<_>)| {
            known.extend(asked.into_iter().map(wait));
            known
        };
        begun.into_iter().map(finish).collect()
    }

    /// Returns the recorded answers, and those from files; no other source is queried.
    pub fn replay(
        &self,
        planned: Vec<PlannedLookup>,
        recorded: &[AnsweredLookup],
    ) -> Vec<AnsweredLookup> {
        let answer = |lookup: PlannedLookup| {
            let is_same =
                |other: &&AnsweredLookup| other.source == lookup.source && other.key == lookup.key;
            let answer = match recorded.iter().find(is_same) {
                Some(recorded) => recorded.answer.clone(),
                None => {
                    match self.sources.table(&lookup.source).map(|table| table.row(&lookup.key)) {
                        Some(Some(row)) => LookupAnswer::Found { row, is_stale: false },
                        Some(None) => LookupAnswer::NotFound,
                        None => LookupAnswer::Unavailable("a replay queries no source".to_owned()),
                    }
                }
            };
            lookup.answered(answer)
        };
        planned.into_iter().map(answer).collect()
    }

    /// Returns why a request must not be decided: a source that it needs has failed.
    pub fn missing(&self, lookups: &[AnsweredLookup]) -> Option<String> {
        lookups.iter().find_map(|lookup| match &lookup.answer {
            LookupAnswer::Unavailable(why) if self.needed.contains(&*lookup.source) => {
                Some(why.clone())
            }
            _ => None,
        })
    }
}

impl LookupSources for GenerationSources {
    fn has_source(&self, name: &str) -> bool {
        self.sources.contains(name)
    }

    fn row(&self, source: &str, key: &str) -> Option<Option<SourceRow>> {
        self.sources.table(source).map(|table| table.row(key))
    }

    fn versions(&self) -> Vec<(String, u64)> {
        self.sources.versions()
    }
}

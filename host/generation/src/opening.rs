//! Chooses what serves first: what was chosen to start with, or something that is compiled while
//! its policies are not.
//!
//! Compiles nothing. Invariants: a strict start never serves the last accepted generation; nothing
//! serves without policies unless the configuration allows that (`until-compiled`) and every policy
//! is one that requests may be decided without.

use std::{path::PathBuf, sync::Arc};

use lessor_config::{Configuration, UntilCompiled};
use lessor_policy_host::{Chain, Runtime};

use crate::{
    last_accepted::{self, LastAccepted},
    lookups::GenerationSources,
    reading::ConfigurationRefused,
    ready::{self, NotCompiled, NotReady},
    scripts,
    stand_in::StandIn,
    starting::Candidate,
};

/// What serves first.
pub enum Opening {
    /// What was chosen to start with.
    Ready {
        /// Its sources of lookups.
        lookups: GenerationSources,
        /// Its policies.
        chain: Arc<Chain>,
    },
    /// Something else, until the policies are compiled.
    Instead(Box<Opened>, NotCompiled),
    /// Nothing, until the policies are compiled.
    Nothing {
        /// The sources of lookups of what was chosen.
        lookups: GenerationSources,
        /// Its policies that are not compiled.
        waits_for: NotCompiled,
    },
}

/// What serves until the policies are compiled.
pub struct Opened {
    /// What it is.
    pub stand_in: StandIn,
    /// When it was accepted, if that is known: RFC 3339, UTC.
    pub accepted_at: Option<String>,
    /// Its configuration. Everything that a reload does not change is that of the start.
    pub configuration: Configuration,
    /// Its sources of lookups.
    pub lookups: GenerationSources,
    /// Its policies.
    pub chain: Arc<Chain>,
}

/// Chooses what serves first.
///
/// # Errors
/// With the mistakes that can be found without compiling.
pub fn open(
    runtime: &Arc<Runtime>,
    candidate: &Candidate,
    strict: bool,
) -> Result<Opening, ConfigurationRefused> {
    let configuration = &candidate.configuration;
    let opened = GenerationSources::open(&configuration.lookups, &GenerationSources::default());
    let (lookups, mut refusal) = match opened {
        Ok(lookups) => (lookups, ConfigurationRefused::default()),
        Err(errors) => (GenerationSources::default(), ConfigurationRefused::from(errors)),
    };
    let ready = ready::ready(runtime, configuration, &lookups);
    if !refusal.mistakes.is_empty() {
        if let Err(NotReady::Refused(more)) = ready {
            refusal.mistakes.extend(more.mistakes);
        }
        return Err(refusal);
    }
    let missing = match ready {
        Ok(chain) => return Ok(Opening::Ready { lookups, chain }),
        Err(NotReady::Refused(refusal)) => return Err(refusal),
        Err(NotReady::NotCompiled(missing)) => missing,
    };
    if !strict
        && candidate.fallback.is_none()
        && let Some(opened) = last_accepted_instead(runtime, configuration)
    {
        return Ok(Opening::Instead(Box::new(opened), missing));
    }
    if !may_serve_without(configuration, &missing) {
        return Ok(Opening::Nothing { lookups, waits_for: missing });
    }
    let chain = runtime.chain(Vec::new()).map_err(ConfigurationRefused::from)?;
    let (stand_in, configuration) = (StandIn::NoPolicies, configuration.clone());
    let opened = Opened { stand_in, accepted_at: None, configuration, lookups, chain };
    Ok(Opening::Instead(Box::new(opened), missing))
}

/// Returns the folders with compiled policies that a server only reads: the one that is kept with
/// the last accepted generation, and `../lib/lessor/compiled` beside the program, where a package
/// installs what it has compiled.
pub fn compiled_folders(configuration: &Configuration) -> Vec<PathBuf> {
    let store = configuration.store.backend.state_folder();
    let kept = store.map(last_accepted::compiled_folder);
    kept.into_iter().chain(installed_compiled()).collect()
}

/// Returns the folder where a package installs what it has compiled, if the program is installed.
pub fn installed_compiled() -> Option<PathBuf> {
    scripts::usual_folder("compiled")
}

fn may_serve_without(configuration: &Configuration, missing: &NotCompiled) -> bool {
    let until_compiled = configuration.plugins.as_ref().map(|plugins| plugins.until_compiled);
    if until_compiled != Some(UntilCompiled::NoPolicies) {
        return false;
    }
    if !missing.may_be_absent {
        tracing::warn!(
            "until-compiled = no-policies does not apply: a policy with on-failure = drop means \
             that no answer is better than one without it"
        );
    }
    missing.may_be_absent
}

/// Returns the last accepted generation, if there is one and it is compiled.
fn last_accepted_instead(runtime: &Arc<Runtime>, current: &Configuration) -> Option<Opened> {
    let store = current.store.backend.state_folder()?;
    let LastAccepted { configuration: last, accepted_at } = last_accepted::read(store)
        .inspect_err(|why| {
            let why = format!("{why:#}");
            tracing::info!(why, "the last accepted generation cannot serve meanwhile");
        })
        .ok()?;
    let lookups = GenerationSources::open(&last.lookups, &GenerationSources::default()).ok()?;
    let chain = ready::ready(runtime, &last, &lookups).ok()?;
    let configuration = Configuration {
        plugins: last.plugins,
        lookups: last.lookups,
        hosts: last.hosts,
        class_files: last.class_files,
        reservation_files: last.reservation_files,
        topology: last.topology,
        ..current.clone()
    };
    let (stand_in, accepted_at) = (StandIn::LastAccepted, Some(accepted_at));
    Some(Opened { stand_in, accepted_at, configuration, lookups, chain })
}

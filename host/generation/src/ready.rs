//! Makes chains of compiled code only, so that it does not take long.
//!
//! Compiles nothing. Invariant: what is reported as not compiled has no mistake that can be found
//! without compiling it.

use std::sync::Arc;

use lessor_config::Configuration;
use lessor_policy_host::{Chain, Runtime, Unready};
use lessor_settings::{FailurePolicy, PluginMode};

use crate::{
    lookups::GenerationSources,
    reading::{ConfigurationRefused, plugin_sources},
};

/// Why a chain cannot be made of compiled code.
pub(crate) enum NotReady {
    Refused(ConfigurationRefused),
    NotCompiled(NotCompiled),
}

/// The policies that are not compiled, when there is nothing else to say against them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCompiled {
    /// A line for each policy, for people.
    pub policies: Vec<String>,
    /// Whether every policy is one that requests may be decided without (`on-failure = skip`).
    pub(crate) may_be_absent: bool,
}

/// Prepares the plugins of a configuration whose sources are open, if they are compiled.
///
/// # Errors
/// With the mistakes that can be found without compiling; if there are none, with the plugins that
/// are not compiled.
pub(crate) fn ready(
    runtime: &Arc<Runtime>,
    configuration: &Configuration,
    lookups: &GenerationSources,
) -> Result<Arc<Chain>, NotReady> {
    let catalogue = configuration.topology.catalogue();
    let sources = configuration.plugins.as_ref();
    let sources = sources.map(|settings| plugin_sources(settings, catalogue, false));
    let (sources, mut refusal) = sources.unwrap_or_default();
    let may_be_absent = sources.iter().all(|source| {
        source.mode == PluginMode::Shadow || source.on_failure == FailurePolicy::Skip
    });
    match runtime.ready_chain(sources, Arc::new(lookups.clone())) {
        Ok(chain) if refusal.mistakes.is_empty() => Ok(chain),
        Err(Unready::NotCompiled(errors)) if refusal.mistakes.is_empty() => {
            let policies = ConfigurationRefused::from(errors).mistakes;
            Err(NotReady::NotCompiled(NotCompiled { policies, may_be_absent }))
        }
        Err(Unready::Refused(errors)) => {
            refusal.mistakes.extend(ConfigurationRefused::from(errors).mistakes);
            Err(NotReady::Refused(refusal))
        }
        Ok(_) | Err(Unready::NotCompiled(_)) => Err(NotReady::Refused(refusal)),
    }
}

//! What the server is started with: what is configured, or, if that has mistakes, the generation that
//! it accepted last.

use std::path::Path;

use lessor_config::Configuration;

use crate::{
    generation::{self, Refusal},
    last_accepted::{self, Fallback, Inputs, LastAccepted},
};

/// A configuration to start with.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub(crate) configuration: Configuration,
    /// The files that it is made of; none if no copy of them is kept.
    pub(crate) inputs: Option<Inputs>,
    /// Why it is not what is configured, if it is not.
    pub(crate) fallback: Option<Fallback>,
}

impl Candidate {
    /// What the configuration file says, or else the last accepted generation.
    ///
    /// # Errors
    /// If the file has mistakes, with the reason why there is no such generation, unless the start is
    /// strict.
    pub(crate) fn choose(path: &Path, strict: bool) -> Result<Self, Option<anyhow::Error>> {
        // Without colours: mistakes go into the log and to `lessor status`.
        let refusal = match generation::load(path, false) {
            Ok((configuration, inputs)) => {
                return Ok(Self { configuration, inputs, fallback: None });
            }
            Err(_) if strict => return Err(None),
            Err(refusal) => refusal,
        };
        let found = last_accepted::read_despite_mistakes(path).map_err(Some)?;
        Ok(Self::of(found, &refusal))
    }

    /// The last accepted generation in the place of this one, whose start ended in `error`.
    ///
    /// # Errors
    /// With that error, if it is none of configuration and plugins, if this is the last accepted
    /// generation already, or if there is none.
    pub(crate) fn instead(&self, error: anyhow::Error, strict: bool) -> anyhow::Result<Self> {
        let store = last_accepted::store_folder(&self.configuration);
        let (Some(refusal), Some(store), None, false) =
            (error.downcast_ref::<Refusal>(), store, &self.fallback, strict)
        else {
            return Err(error);
        };
        match last_accepted::read(store) {
            Ok(found) => Ok(Self::of(found, refusal)),
            Err(why) => {
                let why = format!("{why:#}");
                tracing::error!(why, "cannot serve with the generation that was accepted last");
                Err(error)
            }
        }
    }

    /// Says in the log, loudly, if this is not what is configured.
    pub(crate) fn say_fallback(&self) {
        let Some(Fallback { accepted_at, mistakes }) = &self.fallback else { return };
        for mistake in mistakes {
            tracing::error!("{}", mistake.trim_end());
        }
        tracing::error!(
            accepted_at,
            "THE CONFIGURATION CANNOT SERVE, so the generation that was accepted last does; correct \
             the mistakes above and reload. `lessor serve --strict` would not have started"
        );
    }

    fn of(found: LastAccepted, refusal: &Refusal) -> Self {
        let LastAccepted { configuration, accepted_at } = found;
        let mistakes = refusal.mistakes.clone();
        Self { configuration, inputs: None, fallback: Some(Fallback { accepted_at, mistakes }) }
    }
}

//! Chooses what the server starts with: the configuration, or, if that has mistakes, the generation
//! that it accepted last.
//!
//! Does not keep the copy of that generation; see [`crate::last_accepted`]. Invariant: a strict
//! start never uses the copy, and any other start that uses it logs that.

use std::path::Path;

use lessor_config::Configuration;

use crate::{
    last_accepted::{self, Fallback, Inputs, LastAccepted},
    reading::{self, ConfigurationRefused},
};

/// A configuration to start with.
#[derive(Clone)]
pub struct Candidate {
    /// The configuration.
    pub configuration: Configuration,
    /// The files that it consists of; `None` if no copy of them is kept.
    pub inputs: Option<Inputs>,
    /// Why it is not the current configuration; `None` if it is.
    pub fallback: Option<Fallback>,
}

impl Candidate {
    /// Returns the configuration file, or otherwise the last accepted generation.
    ///
    /// # Errors
    /// If the file has mistakes, and the start is strict or there is no such generation; in the
    /// latter case with the reason.
    pub fn choose(path: &Path, strict: bool) -> Result<Self, Option<anyhow::Error>> {
        // Colours are off, because mistakes are written to the log and to `lessor status`.
        let refusal = match reading::load(path, false) {
            Ok((configuration, inputs)) => {
                return Ok(Self { configuration, inputs, fallback: None });
            }
            Err(_) if strict => return Err(None),
            Err(refusal) => refusal,
        };
        let found = last_accepted::read_despite_mistakes(path).map_err(Some)?;
        Ok(Self::of(found, &refusal))
    }

    /// Returns the last accepted generation instead of this one, whose start failed with `error`.
    ///
    /// # Errors
    /// With that error, if it is not about configuration and plugins, if this is the last accepted
    /// generation already, if there is none, or if the start is strict.
    pub fn instead(&self, error: anyhow::Error, strict: bool) -> anyhow::Result<Self> {
        let store = self.configuration.store.backend.state_folder();
        let (Some(refusal), Some(store), None, false) =
            (error.downcast_ref::<ConfigurationRefused>(), store, &self.fallback, strict)
        else {
            return Err(error);
        };
        match last_accepted::read(store) {
            Ok(found) => Ok(Self::of(found, refusal)),
            Err(why) => {
                let why = format!("{why:#}");
                tracing::error!(why, "cannot serve the last accepted generation");
                Err(error)
            }
        }
    }

    /// Logs as errors that this is not the current configuration, and why.
    pub fn say_fallback(&self) {
        let Some(Fallback { accepted_at, mistakes }) = &self.fallback else { return };
        for mistake in mistakes {
            tracing::error!("{}", mistake.trim_end());
        }
        tracing::error!(
            accepted_at,
            "THE CONFIGURATION CANNOT SERVE, so the last accepted generation does; correct the \
             mistakes above and reload. `lessor serve --strict` would not have started"
        );
    }

    fn of(found: LastAccepted, refusal: &ConfigurationRefused) -> Self {
        let LastAccepted { configuration, accepted_at } = found;
        let mistakes = refusal.mistakes.clone();
        Self { configuration, inputs: None, fallback: Some(Fallback { accepted_at, mistakes }) }
    }
}

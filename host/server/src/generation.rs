//! Generations: one atomically swapped set of configuration and plugins.
//!
//! A generation is built whole before anything of it serves: configuration parsed, plugins
//! compiled, linked and configured, an instance of each made for every worker. If any of that
//! fails there is no generation, only a list of mistakes, and the old one goes on.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use lessor_config::Configuration;
use lessor_core::Timestamp;
use lessor_policy_host::{
    Chain, FailurePolicy, Limits, PluginError, PluginReport, PluginSource, Runtime,
};

use crate::shards::Shards;

/// What serves: networks and policies of one configuration.
pub(crate) struct Generation {
    /// Counts from 1.
    pub(crate) number: u64,
    /// When it began to serve.
    pub(crate) since: Timestamp,
    /// The engines of its networks.
    pub(crate) shards: Arc<Shards>,
    /// Its policies.
    pub(crate) chain: Arc<Chain>,
}

/// Everything that keeps a configuration from serving.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    /// Each ready to be printed; may span lines.
    pub(crate) mistakes: Vec<String>,
}

/// Reads the configuration file.
///
/// # Errors
/// With every mistake in it.
pub(crate) fn load_configuration(path: &Path, colour: bool) -> Result<Configuration, Refusal> {
    lessor_config::load(path)
        .map_err(|mistakes| Refusal { mistakes: vec![mistakes.render(colour)] })
}

/// Reads the configuration file and prepares the plugins it names.
///
/// # Errors
/// With every mistake in file, sidecar files and plugins.
pub(crate) fn read(
    runtime: &Arc<Runtime>,
    path: &Path,
    colour: bool,
) -> Result<(Configuration, Arc<Chain>), Refusal> {
    let configuration = load_configuration(path, colour);
    let directory = match &configuration {
        Ok(configuration) => configuration.plugin_directory().map(Path::to_owned),
        Err(_) => lessor_config::plugin_directory(path),
    };
    let chain = build_chain(runtime, directory.as_deref(), colour);
    match (configuration, chain) {
        (Ok(configuration), Ok(chain)) => Ok((configuration, chain)),
        (configuration, chain) => {
            let mut refusal = configuration.err().unwrap_or_default();
            refusal.mistakes.extend(chain.err().unwrap_or_default().mistakes);
            Err(refusal)
        }
    }
}

/// Finds, reads and prepares every plugin of a directory; none without one.
///
/// # Errors
/// With every mistake in every plugin and sidecar file.
pub(crate) fn build_chain(
    runtime: &Arc<Runtime>,
    directory: Option<&Path>,
    colour: bool,
) -> Result<Arc<Chain>, Refusal> {
    let (sources, mut refusal) = match directory {
        Some(directory) => plugin_sources(directory, colour),
        None => Default::default(),
    };
    let chain = runtime.chain(sources).map_err(Refusal::from);
    match chain {
        Ok(chain) if refusal.mistakes.is_empty() => Ok(chain),
        chain => {
            refusal.mistakes.extend(chain.err().unwrap_or_default().mistakes);
            Err(refusal)
        }
    }
}

/// The plugins of a directory in the order of their file names, with their sidecar files read, and
/// what is wrong with the others.
fn plugin_sources(directory: &Path, colour: bool) -> (Vec<PluginSource>, Refusal) {
    let mut refusal = Refusal::default();
    let mut files = Vec::new();
    let mut sidecars = Vec::new();
    let entries =
        std::fs::read_dir(directory).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    match entries {
        Ok(entries) => {
            for path in entries.into_iter().map(|entry| entry.path()) {
                match path.extension().and_then(|extension| extension.to_str()) {
                    Some("wasm") => files.push(path),
                    Some("toml") => sidecars.push(path),
                    _ => {}
                }
            }
        }
        Err(error) => refusal.mistakes.push(format!(
            "cannot read the plugin directory {}: {error}; create it, or correct plugins.directory",
            directory.display()
        )),
    }
    files.sort();
    sidecars.sort();
    for sidecar in &sidecars {
        if !files.contains(&sidecar.with_extension("wasm")) {
            refusal.mistakes.push(format!(
                "{} configures a plugin that is not there: expected {} beside it; add the plugin or \
                 remove the file",
                sidecar.display(),
                sidecar.with_extension("wasm").display()
            ));
        }
    }
    let mut sources = Vec::new();
    for path in files {
        match plugin_source(path, colour) {
            Ok(source) => sources.push(source),
            Err(mistakes) => refusal.mistakes.push(mistakes),
        }
    }
    (sources, refusal)
}

fn plugin_source(path: PathBuf, colour: bool) -> Result<PluginSource, String> {
    let sidecar = path.with_extension("toml");
    let sidecar = if sidecar.exists() {
        lessor_config::load_sidecar(&sidecar).map_err(|mistakes| mistakes.render(colour))?
    } else {
        lessor_config::Sidecar::default()
    };
    let mut limits = Limits::default();
    if let Some(deadline_ms) = sidecar.deadline_ms {
        limits.deadline_ms = deadline_ms;
    }
    if let Some(memory_mib_max) = sidecar.memory_mib_max {
        limits.memory_bytes_max = memory_mib_max as usize * 1024 * 1024;
    }
    Ok(PluginSource {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        path,
        settings_json: sidecar.settings_json,
        limits,
        on_failure: match sidecar.on_failure {
            lessor_config::OnFailure::Skip => FailurePolicy::Skip,
            lessor_config::OnFailure::Drop => FailurePolicy::Drop,
        },
    })
}

/// The hooks of a plugin, for people.
pub(crate) fn hook_names(plugin: &PluginReport) -> String {
    plugin.hooks.iter().map(|hook| hook.name()).collect::<Vec<_>>().join(", ")
}

impl From<Vec<PluginError>> for Refusal {
    fn from(errors: Vec<PluginError>) -> Self {
        Self { mistakes: errors.iter().map(PluginError::to_string).collect() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, mistake) in self.mistakes.iter().enumerate() {
            if position > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", mistake.trim_end())?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

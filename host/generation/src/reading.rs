//! Reads a generation from its files.
//!
//! Does not make instances of plugins for threads. Invariant: every mistake in the files is
//! reported, not only the first.

use std::{
    cell::LazyCell,
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use lessor_config::{Configuration, PluginSettings, Sidecar};
use lessor_core::Timestamp;
use lessor_files::Stamp;
use lessor_lookup::SourceError;
use lessor_net::Host;
use lessor_policy_host::{Chain, PluginError, PluginReport, PluginSource, Runtime};
use lessor_settings::PluginMode;
use lessor_vocabulary::Catalogue;

use crate::{
    last_accepted::Inputs,
    lookups::GenerationSources,
    plugin_folder::PluginFolder,
    scripts::{self, PluginFileKind},
    stand_in::StandIn,
};

/// What was configured and serves. The engines of its networks are state and belong to no
/// generation.
pub struct Generation {
    /// The number of the generation, from 1.
    pub number: u64,
    /// When it began to serve.
    pub since: Timestamp,
    /// The sources that its policies may query.
    pub lookups: GenerationSources,
    /// Its policies.
    pub chain: Arc<Chain>,
    /// The generation whose faults brought this one back.
    pub rolled_back_from: Option<u64>,
    /// What it is, if it is not what is configured.
    pub stand_in: Option<StandIn>,
}

/// The parts of a generation that are read from files.
pub struct GenerationParts {
    /// The configuration.
    pub configuration: Configuration,
    /// The sources that its policies may query.
    pub lookups: GenerationSources,
    /// Its policies.
    pub chain: Arc<Chain>,
    /// The files that it was made of; `None` if no copy of them can be kept.
    pub inputs: Option<Inputs>,
}

/// Everything that keeps a configuration from serving.
#[derive(Debug, Default)]
pub struct ConfigurationRefused {
    /// The mistakes, each ready to be printed; each may span several lines.
    pub mistakes: Vec<String>,
}

/// Reads the configuration file.
///
/// # Errors
/// With every mistake in it.
pub fn load_configuration(
    path: &Path,
    colour: bool,
) -> Result<Configuration, ConfigurationRefused> {
    // The host's interfaces are read only if the file names some.
    let links = LazyCell::new(Host::links_now);
    let addresses_of =
        |name: &str| links.named(name).map(|link| link.addresses.to_vec()).unwrap_or_default();
    lessor_config::load_on_host(path, &addresses_of)
        .map_err(|mistakes| ConfigurationRefused { mistakes: vec![mistakes.render(colour)] })
}

/// Reads the configuration file, and returns the files that its generation is made of.
///
/// # Errors
/// With every mistake in it.
pub(crate) fn load(
    path: &Path,
    colour: bool,
) -> Result<(Configuration, Option<Inputs>), ConfigurationRefused> {
    let stamp = Stamp::of(path);
    let configuration = load_configuration(path, colour)?;
    let inputs = Inputs::of(path, stamp, &configuration);
    Ok((configuration, inputs))
}

/// Reads the configuration file, opens its sources and prepares the plugins it names. Sources and
/// plugins that did not change are taken from `old`.
///
/// # Errors
/// With every mistake in file, sources, sidecar files and plugins.
pub fn read(
    runtime: &Arc<Runtime>,
    path: &Path,
    colour: bool,
    old: Option<&Generation>,
) -> Result<GenerationParts, ConfigurationRefused> {
    let (configuration, inputs) = match load(path, colour) {
        Ok(loaded) => loaded,
        Err(mut refusal) => {
            let plugins = lessor_config::plugin_settings(path);
            let (catalogue, none) = (lessor_config::declared(path), GenerationSources::default());
            let chain = build_chain(runtime, plugins.as_ref(), &catalogue, colour, &none, old);
            refusal.mistakes.extend(chain.err().unwrap_or_default().mistakes);
            return Err(refusal);
        }
    };
    let (lookups, chain) = build(runtime, &configuration, colour, old)?;
    Ok(GenerationParts { configuration, lookups, chain, inputs })
}

/// Reads the configuration file as [`read`] does, but with the plugins of another folder.
///
/// # Errors
/// With every mistake in file, sources, sidecar files and plugins.
pub fn read_with_plugins(
    runtime: &Arc<Runtime>,
    path: &Path,
    directory: &Path,
    colour: bool,
) -> Result<GenerationParts, ConfigurationRefused> {
    let mut configuration = load_configuration(path, colour)?;
    let settings = configuration.plugins.take();
    let interpreters = settings.and_then(|settings| settings.interpreters);
    let directory = directory.to_owned();
    let settings = PluginSettings { directory, interpreters, ..PluginSettings::default() };
    configuration.plugins = Some(settings);
    let (lookups, chain) = build(runtime, &configuration, colour, None)?;
    Ok(GenerationParts { configuration, lookups, chain, inputs: None })
}

/// Opens the sources of a configuration and prepares its plugins.
///
/// # Errors
/// With every mistake in sources, sidecar files and plugins.
pub fn build(
    runtime: &Arc<Runtime>,
    configuration: &Configuration,
    colour: bool,
    old: Option<&Generation>,
) -> Result<(GenerationSources, Arc<Chain>), ConfigurationRefused> {
    let plugins = configuration.plugins.as_ref();
    let catalogue = configuration.topology.catalogue();
    let nothing = GenerationSources::default();
    let old_lookups = old.map_or(&nothing, |old| &old.lookups);
    match GenerationSources::open(&configuration.lookups, old_lookups)
        .map_err(ConfigurationRefused::from)
    {
        Ok(lookups) => {
            let chain = build_chain(runtime, plugins, catalogue, colour, &lookups, old)?;
            Ok((lookups, chain))
        }
        Err(mut refusal) => {
            let none = GenerationSources::default();
            let chain = build_chain(runtime, plugins, catalogue, colour, &none, old);
            refusal.mistakes.extend(chain.err().unwrap_or_default().mistakes);
            Err(refusal)
        }
    }
}

/// Prepares the plugins of a configuration whose sources are open, and compiles those that are not
/// compiled.
///
/// # Errors
/// With every mistake in sidecar files and plugins.
pub fn complete(
    runtime: &Arc<Runtime>,
    configuration: &Configuration,
    lookups: &GenerationSources,
) -> Result<Arc<Chain>, ConfigurationRefused> {
    let catalogue = configuration.topology.catalogue();
    build_chain(runtime, configuration.plugins.as_ref(), catalogue, false, lookups, None)
}

/// Finds, reads and prepares every plugin of the configured directory, if there is one.
///
/// # Errors
/// With every mistake in every plugin and sidecar file.
fn build_chain(
    runtime: &Arc<Runtime>,
    settings: Option<&PluginSettings>,
    catalogue: &Arc<Catalogue>,
    colour: bool,
    lookups: &GenerationSources,
    old: Option<&Generation>,
) -> Result<Arc<Chain>, ConfigurationRefused> {
    let (sources, mut refusal) = match settings {
        Some(settings) => plugin_sources(settings, catalogue, colour),
        None => Default::default(),
    };
    let lookups = Arc::new(lookups.clone());
    let before = old.map(|old| &*old.chain);
    let chain = runtime.chain_after(before, sources, lookups).map_err(ConfigurationRefused::from);
    match chain {
        Ok(chain) if refusal.mistakes.is_empty() => Ok(chain),
        chain => {
            refusal.mistakes.extend(chain.err().unwrap_or_default().mistakes);
            Err(refusal)
        }
    }
}

/// Returns the plugins of the directory in the order of their file names, with their sidecar files
/// read, and the mistakes of the others.
pub(crate) fn plugin_sources(
    settings: &PluginSettings,
    catalogue: &Arc<Catalogue>,
    colour: bool,
) -> (Vec<PluginSource>, ConfigurationRefused) {
    let directory = &settings.directory;
    let mut refusal = ConfigurationRefused::default();
    let listed = PluginFolder::list(directory).unwrap_or_else(|error| {
        refusal.mistakes.push(format!(
            "cannot read the plugin directory {}: {error}; create it, or correct plugins.directory",
            directory.display()
        ));
        PluginFolder::default()
    });
    let PluginFolder { plugins: files, sidecars, mistakes } = listed;
    refusal.mistakes.extend(mistakes);
    for sidecar in &sidecars {
        if !files.iter().any(|file| file.file_stem() == sidecar.file_stem()) {
            refusal.mistakes.push(format!(
                "{} configures a plugin that does not exist: expected {} (or .rhai or .js) beside \
                 it; add the plugin or remove the file",
                sidecar.display(),
                sidecar.with_extension("wasm").display()
            ));
        }
    }
    // Plugins are compared by name, because everything that belongs to a plugin is found by its
    // name: 10-a.rhai and 10-a.wasm need not be neighbours.
    let mut by_name = HashMap::new();
    for file in &files {
        if let Some(first) = by_name.insert(plugin_name(file), file) {
            refusal.mistakes.push(format!(
                "{} and {} have the same plugin name, so one file beside them would configure \
                 both; rename or remove one of them",
                first.display(),
                file.display()
            ));
        }
    }
    let mut sources = Vec::new();
    for path in files {
        let interpreters = settings.interpreters.as_deref();
        match plugin_source(path, None, interpreters, catalogue, colour) {
            Ok(source) => sources.push(source),
            Err(mistakes) => refusal.mistakes.push(mistakes),
        }
    }
    (sources, refusal)
}

/// Reads a plugin with the file beside it, or with `sidecar` instead. A script is run by the
/// interpreter in the folder `interpreters`, or otherwise by that of the installation.
///
/// # Errors
/// With every mistake in that file, ready to be printed.
pub fn plugin_source(
    path: PathBuf,
    sidecar: Option<&Path>,
    interpreters: Option<&Path>,
    catalogue: &Arc<Catalogue>,
    colour: bool,
) -> Result<PluginSource, String> {
    // The file may be named on the command line.
    lessor_files::check_name(&path)
        .map_err(|problem| format!("{path:?} cannot be used: {problem}; rename it"))?;
    let interpreter = match PluginFileKind::of(&path) {
        PluginFileKind::Script(file) => Some(
            scripts::interpreter(file, interpreters)
                .map_err(|mistake| format!("{} {mistake}", path.display()))?,
        ),
        _ => None,
    };
    let beside = path.with_extension("toml");
    let sidecar = match sidecar {
        Some(path) => lessor_config::load_sidecar(path),
        None if beside.symlink_metadata().is_ok() => lessor_config::load_sidecar(&beside),
        None => Ok(Sidecar::default()),
    };
    let sidecar = sidecar.map_err(|mistakes| mistakes.render(colour))?;
    let Sidecar { settings_json, limits, on_failure, mode, grants } = sidecar;
    let name = plugin_name(&path);
    Ok(PluginSource {
        name,
        path,
        interpreter,
        settings_json,
        grants,
        limits,
        on_failure,
        mode,
        catalogue: Arc::clone(catalogue),
    })
}

fn plugin_name(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Lists the hooks of a plugin, for people.
pub fn hook_names(plugin: &PluginReport) -> String {
    plugin.hooks.iter().map(|hook| hook.name()).collect::<Vec<_>>().join(", ")
}

/// Describes a plugin in one line, for people.
pub fn description(plugin: &PluginReport) -> String {
    let mut hooks = hook_names(plugin);
    if plugin.mode == PluginMode::Shadow {
        hooks.push_str("; shadow");
    }
    match &plugin.interpreter {
        Some(interpreter) => {
            let file = plugin.path.file_name().unwrap_or_default().to_string_lossy();
            format!("{} ({hooks}), the script {file} run by {}", plugin.name, interpreter.display())
        }
        None => format!("{} ({hooks})", plugin.name),
    }
}

impl From<Vec<SourceError>> for ConfigurationRefused {
    fn from(errors: Vec<SourceError>) -> Self {
        Self { mistakes: errors.iter().map(SourceError::to_string).collect() }
    }
}

impl From<Vec<PluginError>> for ConfigurationRefused {
    fn from(errors: Vec<PluginError>) -> Self {
        Self { mistakes: errors.iter().map(PluginError::to_string).collect() }
    }
}

impl fmt::Display for ConfigurationRefused {
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

impl std::error::Error for ConfigurationRefused {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_be_meant_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "10-a.rhai",
            "10-a.v2.wasm",
            "10-a.wasm",
            "20-garden.rahi",
            "30-old.wasm.bak",
            "README",
        ] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let settings = PluginSettings {
            directory: folder.path().to_owned(),
            interpreters: Some(folder.path().to_owned()),
            ..PluginSettings::default()
        };
        let (_, refusal) = plugin_sources(&settings, &Arc::default(), false);
        let said = refusal.to_string();
        // The two files are not neighbours in the order of names.
        assert!(
            said.contains("10-a.rhai and ") && said.contains("have the same plugin name"),
            "{said}"
        );
        assert!(said.contains("did you mean ") && said.contains("20-garden.rhai"), "{said}");
        assert!(!said.contains("30-old") && !said.contains("README"), "{said}");
    }
}

//! The workbench: one plugin, prepared as by the server, and run on cases.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use lessor_config::{Case, CaseRequest};
use lessor_core::SourceRow;
use lessor_policy_host::{
    Chain, FaultKind, Hook, LookupSources, PluginError, PluginReport, PluginSource, Runner,
    Runtime, RuntimeSettings, user_cache,
};
use tempfile::TempDir;

use crate::{
    ReadPlugin, log,
    outcome::{CaseOutcome, Failure, advice},
    output::colour_on_stderr,
};

/// The number of instances for one plugin, its spares and those of the chain before it.
const INSTANCES_MAX: u32 = 32;
/// How long to wait for the replacement of a plugin's instance.
const REPLACEMENT_MAX: Duration = Duration::from_secs(5);

/// The plugin.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PluginFile {
    /// The plugin: a component, a core module, or a script.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The plugin's settings, limits and grants, in the format of a sidecar file. Defaults to the
    /// sidecar file of the plugin, if it has one.
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// The folder with the interpreters that run scripts. Defaults to that of the installation.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) interpreters: Option<PathBuf>,
}

/// Why a plugin cannot be run; each mistake is ready to be printed.
#[derive(Debug, Default)]
pub(crate) struct CannotRun(pub(crate) Vec<String>);

/// One plugin, and the cache of its compiled code.
pub(crate) struct Workbench {
    source: PluginSource,
    kept: KeptCode,
}

/// The cache of compiled code.
pub(crate) struct KeptCode {
    folder: Option<PathBuf>,
    /// The folder, if it is a temporary one for this command.
    _own: Option<TempDir>,
}

/// One plugin, prepared for one case.
pub(crate) struct PreparedPlugin {
    pub(crate) chain: Arc<Chain>,
    pub(crate) runner: Runner,
}

impl PluginFile {
    /// Reads the plugin as the server does.
    pub(crate) fn read(&self, read_plugin: ReadPlugin) -> Result<PluginSource, CannotRun> {
        let read = read_plugin(&self.file, self.settings.as_deref(), self.interpreters.as_deref());
        read.map_err(|mistakes| CannotRun(vec![mistakes]))
    }
}

impl Workbench {
    /// Reads the plugin and its sidecar file. Compiled code is kept in the user's cache folder, so
    /// that a large component is not compiled for every command.
    pub(crate) fn open(file: &PluginFile, read_plugin: ReadPlugin) -> Result<Self, CannotRun> {
        Ok(Self { source: file.read(read_plugin)?, kept: KeptCode::open() })
    }

    /// Does the same with compiled code in this folder.
    pub(crate) fn with_cache(
        file: &PluginFile,
        read_plugin: ReadPlugin,
        cache: &Path,
    ) -> Result<Self, CannotRun> {
        let kept = KeptCode { folder: Some(cache.to_owned()), _own: None };
        Ok(Self { source: file.read(read_plugin)?, kept })
    }

    /// The plugin as the server reads it.
    pub(crate) fn source(&self) -> &PluginSource {
        &self.source
    }

    /// Compiles, configures and instantiates the plugin, with the case's settings if it has any. A
    /// separate engine ensures that no state is kept from one case to the next.
    pub(crate) fn prepare(&self, case: &Case) -> Result<PreparedPlugin, CannotRun> {
        let mut source = self.source.clone();
        if let Some(settings_json) = &case.settings_json {
            source.settings_json.clone_from(settings_json);
        }
        source.catalogue = Arc::clone(&case.request.catalogue);
        let sources: Arc<dyn LookupSources> = Arc::new(Tables::of(&case.request));
        let chain = self.kept.runtime()?.chain_with_sources(vec![source], sources)?;
        let runner = chain.runner()?;
        Ok(PreparedPlugin { chain, runner })
    }

    /// Runs a fresh copy of the plugin on the case's request.
    pub(crate) fn attempt(&self, case: &Case) -> Result<CaseOutcome, CannotRun> {
        log::take();
        let mut outcome = self.prepare(case)?.attempt(&case.request)?;
        outcome.effects.log = Some(log::take());
        Ok(outcome)
    }
}

impl KeptCode {
    /// Opens the user's cache folder, or a temporary one if that is not usable.
    pub(crate) fn open() -> Self {
        let users = Self { folder: user_cache(), _own: None };
        // An unusable cache folder is not an error.
        if users.folder.is_some() && users.runtime().is_ok() {
            return users;
        }
        let own = TempDir::new().ok();
        Self { folder: own.as_ref().map(|folder| folder.path().join("compiled")), _own: own }
    }

    /// Creates an engine that uses the cached code.
    pub(crate) fn runtime(&self) -> Result<Arc<Runtime>, CannotRun> {
        let settings = RuntimeSettings { cache: self.folder.clone(), ..RuntimeSettings::default() };
        let runtime = Runtime::with_instances_max(settings, INSTANCES_MAX);
        runtime.map_err(|error| CannotRun(vec![error.to_string()]))
    }
}

impl PreparedPlugin {
    /// The report on the plugin.
    pub(crate) fn report(&self) -> Option<&PluginReport> {
        self.chain.plugins().next()
    }

    /// Whether the plugin has a hook.
    pub(crate) fn has(&self, hook: Hook) -> bool {
        self.report().is_some_and(|report| report.hooks.contains(&hook))
    }

    /// Notes that a call failed, and waits for the replacement of the instance.
    pub(crate) fn note_fault(
        &self,
        hook: Hook,
        fault: Option<FaultKind>,
        outcome: &mut CaseOutcome,
    ) {
        let Some(kind) = fault else { return };
        // The first failure is the one that the author has to look at.
        outcome.effects.fault.get_or_insert_with(|| kind.name().to_owned());
        let message = self.last_fault().map(|(_, message)| message).unwrap_or_default();
        let failure = Failure { hook: Some(hook), kind, message, advice: advice(kind) };
        outcome.failure.get_or_insert(failure);
        self.wait_for_spare();
    }

    /// The last fault, from any call.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let (kind, message) = self.last_fault()?;
        Some(Failure { hook: None, kind, message, advice: advice(kind) })
    }

    /// The last fault of the plugin and its message.
    pub(crate) fn last_fault(&self) -> Option<(FaultKind, String)> {
        let status = self.chain.status().into_iter().next()?;
        status.last_fault.map(|fault| (fault.kind, fault.message))
    }

    /// A server would continue with the next packet; here the next hook of the same packet matters.
    pub(crate) fn wait_for_spare(&self) {
        let began = Instant::now();
        while !self.runner.is_prepared() && began.elapsed() < REPLACEMENT_MAX {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The rows of tables in a case.
struct Tables(Vec<(Arc<str>, Arc<str>, SourceRow)>);

impl Tables {
    fn of(described: &CaseRequest) -> Self {
        Self(described.tables.clone())
    }
}

impl LookupSources for Tables {
    /// Every source exists: the case answers a lookup or leaves it without an answer.
    fn has_source(&self, _name: &str) -> bool {
        true
    }

    fn row(&self, source: &str, key: &str) -> Option<Option<SourceRow>> {
        let mut of_source = self.0.iter().filter(|(name, _, _)| **name == *source).peekable();
        of_source.peek()?;
        Some(of_source.find(|(_, found, _)| **found == *key).map(|(_, _, row)| row.clone()))
    }
}

/// Reads the case in a file; without a file, a DISCOVER of a plain client.
pub(crate) fn read_case(path: Option<&Path>) -> Result<Case, CannotRun> {
    let read = match path {
        Some(path) => lessor_config::load_case(path),
        None => lessor_config::parse_case("request.toml", ""),
    };
    read.map_err(|mistakes| CannotRun(vec![mistakes.render(colour_on_stderr())]))
}

impl From<Vec<PluginError>> for CannotRun {
    fn from(errors: Vec<PluginError>) -> Self {
        Self(errors.iter().map(PluginError::to_string).collect())
    }
}

impl CannotRun {
    /// Prints every mistake on standard error.
    pub(crate) fn print(&self) -> io::Result<()> {
        use io::Write as _;
        write!(io::stderr().lock(), "{self}")
    }
}

/// Formats every mistake, each followed by a newline.
impl fmt::Display for CannotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|mistake| writeln!(f, "{}", mistake.trim_end()))
    }
}

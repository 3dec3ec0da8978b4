//! The workbench: one plugin, prepared as by the server, and run on cases.

use std::{
    env, fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use lessor_config::{Case, CaseRequest, PlannedName};
use lessor_core::{LookupAnswer, Row, Terms};
use lessor_policy_host::{
    Chain, FaultKind, Hook, LookupSources, PluginError, PluginReport, PluginSource, Runner,
    Runtime, RuntimeSettings, Setting, View,
};

use tempfile::TempDir;

use crate::{
    ReadPlugin, log,
    outcome::{Call, Failure, OptionEffects, Outcome, advice, octets},
    output::colour_on_stderr,
    request,
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
pub(crate) struct Refused(pub(crate) Vec<String>);

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
pub(crate) struct Prepared {
    pub(crate) chain: Arc<Chain>,
    pub(crate) runner: Runner,
}

impl PluginFile {
    /// Reads the plugin as the server does.
    pub(crate) fn read(&self, read_plugin: ReadPlugin) -> Result<PluginSource, Refused> {
        let read = read_plugin(&self.file, self.settings.as_deref(), self.interpreters.as_deref());
        read.map_err(|mistakes| Refused(vec![mistakes]))
    }
}

impl Workbench {
    /// Reads the plugin and its sidecar file. Compiled code is kept in the user's cache folder, so
    /// that a large component is not compiled for every command.
    pub(crate) fn open(file: &PluginFile, read_plugin: ReadPlugin) -> Result<Self, Refused> {
        Ok(Self { source: file.read(read_plugin)?, kept: KeptCode::open() })
    }

    /// Does the same with compiled code in this folder.
    pub(crate) fn with_cache(
        file: &PluginFile,
        read_plugin: ReadPlugin,
        cache: &Path,
    ) -> Result<Self, Refused> {
        let kept = KeptCode { folder: Some(cache.to_owned()), _own: None };
        Ok(Self { source: file.read(read_plugin)?, kept })
    }

    /// The plugin as the server reads it.
    pub(crate) fn source(&self) -> &PluginSource {
        &self.source
    }

    /// Compiles, configures and instantiates the plugin, with the case's settings if it has any. A
    /// separate engine ensures that no state is kept from one case to the next.
    pub(crate) fn prepare(&self, case: &Case) -> Result<Prepared, Refused> {
        let mut source = self.source.clone();
        if let Some(settings_json) = &case.settings_json {
            source.settings_json.clone_from(settings_json);
        }
        let sources: Arc<dyn LookupSources> = Arc::new(Tables::of(&case.request));
        let chain = self.kept.runtime()?.chain_with_sources(vec![source], sources)?;
        let runner = chain.runner()?;
        Ok(Prepared { chain, runner })
    }

    /// Runs a fresh copy of the plugin on the case's request.
    pub(crate) fn attempt(&self, case: &Case) -> Result<Outcome, Refused> {
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
    pub(crate) fn runtime(&self) -> Result<Arc<Runtime>, Refused> {
        let settings = RuntimeSettings { cache: self.folder.clone(), ..RuntimeSettings::default() };
        let runtime = Runtime::with_instances_max(settings, INSTANCES_MAX);
        runtime.map_err(|error| Refused(vec![error.to_string()]))
    }
}

impl Prepared {
    /// The report on the plugin.
    pub(crate) fn report(&self) -> Option<&PluginReport> {
        self.chain.plugins().next()
    }

    fn has(&self, hook: Hook) -> bool {
        self.report().is_some_and(|report| report.hooks.contains(&hook))
    }

    /// Runs the plugin on the request: lookups, decision and reply, or the lease event if the case
    /// has one.
    pub(crate) fn attempt(&mut self, described: &CaseRequest) -> Result<Outcome, Refused> {
        let mut view =
            request::view(described).map_err(|error| Refused(vec![format!("{error:#}")]))?;
        let mut outcome = Outcome::default();
        if described.event.is_some() {
            self.tell(described, &view, &mut outcome)?;
            return Ok(outcome);
        }
        self.look_up(described, &mut view, &mut outcome);
        let terms = self.decide(described, &view, &mut outcome);
        self.edit(described, &view, &terms, &mut outcome);
        Ok(outcome)
    }

    /// Makes the plugin plan its lookups, and adds the case's answers to the view.
    pub(crate) fn look_up(
        &mut self,
        described: &CaseRequest,
        view: &mut View,
        outcome: &mut Outcome,
    ) {
        if !self.chain.has_lookups_for(view.request.kind) {
            return;
        }
        let began = Instant::now();
        let plan = self.runner.plan(view);
        outcome.calls.push(Call { hook: Hook::PlanLookups, took: began.elapsed() });
        let fault = plan.trace.iter().find_map(|entry| entry.fault);
        self.note_fault(Hook::PlanLookups, fault, outcome);
        view.absent = plan.absent;
        let answered = plan.lookups.into_iter().map(|planned| {
            outcome.effects.lookups.push(PlannedName {
                name: planned.name.to_string(),
                source: planned.source.to_string(),
                key: planned.key.to_string(),
            });
            let answer = described.lookups.iter().find(|(name, _)| *name == planned.name);
            let answer = answer.map(|(_, answer)| answer.clone()).unwrap_or_else(|| {
                outcome.unanswered.push(planned.name.to_string());
                LookupAnswer::Unavailable("the case has no answer".to_owned())
            });
            planned.answered(answer)
        });
        view.lookups = answered.collect();
        outcome.effects.lookups.sort();
    }

    /// Calls the plugin for the request. Returns the terms of the plugin and of those before it in
    /// the chain.
    pub(crate) fn decide(
        &mut self,
        described: &CaseRequest,
        view: &View,
        outcome: &mut Outcome,
    ) -> Terms {
        let hook = Hook::for_request(view.request.kind);
        let earlier = request::earlier(described);
        if !self.has(hook) {
            return earlier;
        }
        let began = Instant::now();
        let decided = self.runner.terms_after(view, earlier);
        outcome.calls.push(Call { hook, took: began.elapsed() });
        let fault = decided.trace.iter().find_map(|entry| entry.fault);
        self.note_fault(hook, fault, outcome);
        let terms = decided.trace.first().map(|entry| entry.terms()).unwrap_or_default();
        let effects = &mut outcome.effects;
        effects.verdict = decided.terms.verdict.clone();
        effects.is_final = decided.final_by.is_some();
        effects.pool = terms.pool.as_deref().map(str::to_owned);
        effects.address = terms.address;
        effects.lease_time_secs = terms.lease_time_secs;
        effects.subscriber.clone_from(&terms.subscriber);
        effects.options = terms
            .options
            .iter()
            .map(|(code, value)| (*code, value.as_deref().map(octets)))
            .collect();
        decided.terms
    }

    fn edit(&mut self, described: &CaseRequest, view: &View, terms: &Terms, outcome: &mut Outcome) {
        let is_answered = terms.verdict == Default::default();
        if !is_answered || !self.has(Hook::ReplyOptions) {
            return;
        }
        let Some(mut reply) = request::reply(described, view, terms) else { return };
        let began = Instant::now();
        let edited = self.runner.edit_reply(view, &mut reply, lessor_wire::encode_value);
        outcome.calls.push(Call { hook: Hook::ReplyOptions, took: began.elapsed() });
        let fault = edited.trace.iter().find_map(|entry| entry.fault);
        self.note_fault(Hook::ReplyOptions, fault, outcome);
        if let Some(reason) = edited.dropped {
            outcome.effects.verdict = lessor_core::Verdict::Drop(reason);
        }
        let set = edited.trace.into_iter().flat_map(|entry| entry.set);
        outcome.effects.reply = set.filter_map(option_effect).collect::<OptionEffects>();
    }

    fn tell(
        &mut self,
        described: &CaseRequest,
        view: &View,
        outcome: &mut Outcome,
    ) -> Result<(), Refused> {
        if !self.has(Hook::OnLease) {
            return Ok(());
        }
        let event = request::event(described, view);
        let mut observer = self.chain.observer()?;
        let began = Instant::now();
        observer.on_lease(&event);
        outcome.calls.push(Call { hook: Hook::OnLease, took: began.elapsed() });
        let fault = self.last_fault().map(|(kind, _)| kind);
        self.note_fault(Hook::OnLease, fault, outcome);
        Ok(())
    }

    fn note_fault(&self, hook: Hook, fault: Option<FaultKind>, outcome: &mut Outcome) {
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

    fn last_fault(&self) -> Option<(FaultKind, String)> {
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
struct Tables(Vec<(Arc<str>, Arc<str>, Row)>);

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

    fn row(&self, source: &str, key: &str) -> Option<Option<Row>> {
        let mut of_source = self.0.iter().filter(|(name, _, _)| **name == *source).peekable();
        of_source.peek()?;
        Some(of_source.find(|(_, found, _)| **found == *key).map(|(_, _, row)| row.clone()))
    }
}

/// Reads the case in a file; without a file, a DISCOVER of a plain client.
pub(crate) fn read_case(path: Option<&Path>) -> Result<Case, Refused> {
    let read = match path {
        Some(path) => lessor_config::load_case(path),
        None => lessor_config::parse_case("request.toml", ""),
    };
    read.map_err(|mistakes| Refused(vec![mistakes.render(colour_on_stderr())]))
}

/// The folder `lessor/compiled` in the user's cache folder.
pub fn user_cache() -> Option<PathBuf> {
    let named = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    Some(named.or_else(home)?.join("lessor/compiled"))
}

fn option_effect(setting: Setting) -> Option<(u8, Option<Vec<u8>>)> {
    match setting {
        Setting::Option(code, value) => Some((code, Some(octets(&value)))),
        Setting::NoOption(code) => Some((code, None)),
        _ => None,
    }
}

impl From<Vec<PluginError>> for Refused {
    fn from(errors: Vec<PluginError>) -> Self {
        Self(errors.iter().map(PluginError::to_string).collect())
    }
}

impl Refused {
    /// Prints every mistake on standard error.
    pub(crate) fn print(&self) -> io::Result<()> {
        use io::Write as _;
        write!(io::stderr().lock(), "{self}")
    }
}

/// Formats every mistake, each followed by a newline.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|mistake| writeln!(f, "{}", mistake.trim_end()))
    }
}

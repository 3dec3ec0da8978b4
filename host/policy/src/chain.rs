//! Chains: the plugins of one generation, in order. A chain is immutable; a reload creates a new
//! one, and plugins that are unchanged keep their instances.

use std::{sync::Arc, time::Instant};

use lessor_core::RequestKind;
use lessor_settings::{PluginMode, StateRules};

use crate::{
    LookupSources, NoLookupSources, PluginError, PluginReport, PluginSource, PluginStatus, Shadows,
    background,
    error::{CompileProblem, PluginProblem},
    hook::{Hook, HookSet},
    plugin::Plugin,
    prepare::{Surroundings, prepare},
    program::{Interpreters, Uncompiled},
    runtime::Runtime,
    seat::{Duty, Seat},
};

/// The plugins of one generation.
pub struct Chain {
    /// All of them, in order.
    plugins: Vec<Arc<Plugin>>,
    /// The hooks of the plugins that decide.
    hooks: HookSet,
    /// The hooks that lookups are planned for.
    planned: HookSet,
    /// The hooks that a second round of lookups is planned for.
    planned_further: HookSet,
    /// The hooks of plugins, shadows included, that read how full pools are.
    counting: HookSet,
    /// The sources that plugins can look up in.
    lookup_sources: Arc<dyn LookupSources>,
    /// The plugins that do not decide; `None` if all do.
    shadows: Option<Arc<Shadows>>,
    /// The runtime that the instances run in.
    _runtime: Arc<Runtime>,
}

/// Why a chain cannot be made of compiled code.
#[derive(Debug)]
pub enum Unready {
    /// Plugins have problems; those that are not compiled are left out.
    Refused(Vec<PluginError>),
    /// The only problem is that these are not compiled.
    NotCompiled(Vec<PluginError>),
}

impl Runtime {
    /// Creates a chain: reads, checks, compiles (or takes from the cache), links, instantiates and
    /// configures every plugin once. This can be slow, so call it off the packet path. The plugins
    /// have no lookup sources.
    ///
    /// # Errors
    /// All problems of all plugins.
    pub fn chain(
        self: &Arc<Self>,
        plugins: Vec<PluginSource>,
    ) -> Result<Arc<Chain>, Vec<PluginError>> {
        self.chain_with_sources(plugins, Arc::new(NoLookupSources))
    }

    /// Does the same with lookup sources for the plugins of this chain.
    ///
    /// # Errors
    /// As [`Runtime::chain`].
    pub fn chain_with_sources(
        self: &Arc<Self>,
        plugins: Vec<PluginSource>,
        lookup_sources: Arc<dyn LookupSources>,
    ) -> Result<Arc<Chain>, Vec<PluginError>> {
        self.chain_after(None, plugins, lookup_sources)
    }

    /// Does the same for a chain that replaces another: plugins that are unchanged are not prepared
    /// again.
    ///
    /// # Errors
    /// As [`Runtime::chain`].
    pub fn chain_after(
        self: &Arc<Self>,
        before: Option<&Chain>,
        plugins: Vec<PluginSource>,
        lookup_sources: Arc<dyn LookupSources>,
    ) -> Result<Arc<Chain>, Vec<PluginError>> {
        if !plugins.is_empty() {
            self.start_clock();
        }
        Chain::new(self, plugins, &lookup_sources, before, Uncompiled::Compile)
    }

    /// Does the same for the first chain, but only with code that is compiled already, so that it
    /// does not take long.
    ///
    /// # Errors
    /// All problems of all plugins; if there are none, the plugins that are not compiled.
    pub fn ready_chain(
        self: &Arc<Self>,
        plugins: Vec<PluginSource>,
        lookup_sources: Arc<dyn LookupSources>,
    ) -> Result<Arc<Chain>, Unready> {
        if !plugins.is_empty() {
            self.start_clock();
        }
        let made = Chain::new(self, plugins, &lookup_sources, None, Uncompiled::Refuse);
        made.map_err(|errors| {
            let is_uncompiled = |error: &PluginError| error.problem.is_not_compiled();
            let (uncompiled, refused): (Vec<_>, Vec<_>) =
                errors.into_iter().partition(is_uncompiled);
            if refused.is_empty() {
                Unready::NotCompiled(uncompiled)
            } else {
                Unready::Refused(refused)
            }
        })
    }
}

impl Chain {
    fn new(
        runtime: &Arc<Runtime>,
        sources: Vec<PluginSource>,
        lookup_sources: &Arc<dyn LookupSources>,
        before: Option<&Self>,
        uncompiled: Uncompiled,
    ) -> Result<Arc<Self>, Vec<PluginError>> {
        let mut plugins = Vec::new();
        let mut interpreters = Interpreters::default();
        let mut errors = Vec::new();
        for (position, source) in sources.into_iter().enumerate() {
            let (name, path) = (source.name.clone(), source.path.clone());
            let surroundings = Surroundings {
                runtime,
                position: position + 1,
                uncompiled,
                lookup_sources,
                before: before.and_then(|chain| chain.plugin(&name)).map(|plugin| &**plugin),
            };
            let prepared = background::run("policy-prepare", || {
                prepare(&surroundings, source, &mut interpreters)
            });
            let problem = match prepared {
                Ok(Some(Ok(plugin))) => {
                    plugins.push(Arc::new(plugin));
                    continue;
                }
                Ok(Some(Err(found))) => {
                    errors.extend(found);
                    continue;
                }
                Ok(None) => CompileProblem::Refused("its preparation panicked".to_owned()).into(),
                Err(error) => PluginProblem::NoThread(error),
            };
            errors.push(PluginError { name, path, problem: Box::new(problem) });
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let is_live = |plugin: &&Arc<Plugin>| plugin.mode == PluginMode::Live;
        let of_live = |hooks_of: fn(HookSet) -> HookSet| {
            let live = plugins.iter().filter(is_live);
            let sets = live.map(|plugin| hooks_of(plugin.hooks));
            sets.fold(HookSet::default(), HookSet::union)
        };
        let (hooks, planned) = (of_live(|hooks| hooks), of_live(HookSet::planned));
        let planned_further = of_live(HookSet::planned_further);
        let counting = plugins.iter().filter(|plugin| plugin.counts_pools);
        let counting = counting.fold(HookSet::default(), |set, plugin| set.union(plugin.hooks));
        let shadows = Shadows::of(plugins.iter().filter(|plugin| !is_live(plugin)));
        let lookup_sources = Arc::clone(lookup_sources);
        let _runtime = Arc::clone(runtime);
        Ok(Arc::new(Self {
            plugins,
            hooks,
            planned,
            planned_further,
            counting,
            lookup_sources,
            shadows,
            _runtime,
        }))
    }

    /// Whether the chain has no plugins.
    pub fn is_empty(&self) -> bool {
        self.plugins.is_empty()
    }

    /// Whether any live plugin has a hook for messages of this kind.
    pub fn has_hook_for(&self, kind: RequestKind) -> bool {
        self.hooks.contains(Hook::for_request(kind))
    }

    /// Whether any live plugin needs lookups before its hook for messages of this kind is called.
    pub fn has_lookups_for(&self, kind: RequestKind) -> bool {
        self.planned.contains(Hook::for_request(kind))
    }

    /// Whether any live plugin may look up more that depends on those lookups.
    pub fn has_further_lookups_for(&self, kind: RequestKind) -> bool {
        self.planned_further.contains(Hook::for_request(kind))
    }

    /// Whether any plugin, live or a shadow, may read how full pools are for a message of this
    /// kind.
    pub fn wants_pools_of(&self, kind: RequestKind) -> bool {
        let is_asked = |hook| self.counting.contains(hook);
        is_asked(Hook::for_request(kind)) || is_asked(Hook::ReplyOptions)
    }

    /// Whether any live plugin edits the options of replies.
    pub fn wants_options(&self) -> bool {
        self.hooks.contains(Hook::ReplyOptions)
    }

    /// Whether any plugin receives lease events, live or as a shadow.
    pub fn wants_lease_events(&self) -> bool {
        self.hooks.contains(Hook::OnLease)
            || self.shadows.as_ref().is_some_and(|shadows| shadows.want_lease_events())
    }

    /// The plugins that do not decide; `None` if all do.
    pub fn shadows(&self) -> Option<&Arc<Shadows>> {
        self.shadows.as_ref()
    }

    /// The shadows, if one of them has a hook for messages of this kind.
    pub fn shadows_of(&self, kind: RequestKind) -> Option<&Arc<Shadows>> {
        self.shadows.as_ref().filter(|shadows| shadows.want(kind))
    }

    /// Whether any plugin may read the client's binding for a message of this kind.
    pub fn wants_binding_of(&self, kind: RequestKind) -> bool {
        self.has_hook_for(kind) || self.wants_options() || self.shadows_of(kind).is_some()
    }

    /// The plugins, shadows included, in order.
    pub fn plugins(&self) -> impl Iterator<Item = &PluginReport> {
        self.plugins.iter().map(|plugin| &plugin.report)
    }

    /// The status of the plugins, in order.
    pub fn status(&self) -> Vec<PluginStatus> {
        let now = Instant::now();
        self.plugins.iter().map(|plugin| plugin.status(now)).collect()
    }

    /// How often live plugins failed on packets or were suspended. Failures for one line, or for
    /// one client without a line, count at most `max` times, so that one client cannot dominate the
    /// count.
    pub fn faults_at_most(&self, max: u64) -> u64 {
        let live = self.plugins.iter().filter(|plugin| plugin.mode == PluginMode::Live);
        live.map(|plugin| plugin.health.faults_at_most(max)).sum()
    }

    /// The names that plugins of the chain store state under, and the rules for it.
    pub fn state_rules(&self) -> impl Iterator<Item = (Arc<str>, StateRules)> {
        self.plugins.iter().filter_map(|plugin| plugin.state_rules())
    }

    /// Creates a chain of the same plugins that is called without consequences. Its instances,
    /// counters, health and a copy of the state are separate, so this chain is not affected.
    /// A plugin that is suspended now is suspended there for the same time; no other plugin will
    /// be. Each call may take `patience` times its deadline. Shadows are left out.
    ///
    /// # Errors
    /// If a plugin cannot be instantiated.
    pub fn rehearsal(&self, patience: u64) -> Result<Arc<Self>, Vec<PluginError>> {
        let (mut plugins, mut errors) = (Vec::new(), Vec::new());
        for plugin in self.plugins.iter().filter(|plugin| plugin.mode == PluginMode::Live) {
            match plugin.rehearsed(patience) {
                Ok(plugin) => plugins.push(Arc::new(plugin)),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let (hooks, planned) = (self.hooks, self.planned);
        let (planned_further, counting) = (self.planned_further, self.counting);
        let lookup_sources = Arc::clone(&self.lookup_sources);
        let _runtime = Arc::clone(&self._runtime);
        Ok(Arc::new(Self {
            plugins,
            hooks,
            planned,
            planned_further,
            counting,
            lookup_sources,
            shadows: None,
            _runtime,
        }))
    }

    /// The number of plugins that share their instances with `before`.
    pub fn kept_from(&self, before: &Self) -> usize {
        self.plugins.iter().filter(|plugin| before.has_instances_of(plugin)).count()
    }

    /// The sources that plugins can look up in.
    pub(crate) fn lookup_sources(&self) -> &dyn LookupSources {
        &*self.lookup_sources
    }

    /// All plugins, in order.
    pub(crate) fn all(&self) -> &[Arc<Plugin>] {
        &self.plugins
    }

    /// The plugin of this name.
    pub(crate) fn plugin(&self, name: &str) -> Option<&Arc<Plugin>> {
        self.plugins.iter().find(|plugin| *plugin.name == *name)
    }

    /// The position of the plugin with this name.
    pub(crate) fn position_of(&self, name: &str) -> Option<usize> {
        self.plugins.iter().position(|plugin| *plugin.name == *name)
    }

    fn has_instances_of(&self, plugin: &Plugin) -> bool {
        self.plugin(&plugin.name).is_some_and(|own| own.shares_instances_with(plugin))
    }

    /// Creates instances of the live plugins whose hooks are wanted, except those that `before`
    /// has.
    pub(crate) fn seats(
        &self,
        is_wanted: impl Fn(HookSet) -> bool,
        duty: Duty,
        before: Option<&Self>,
    ) -> Result<Vec<Seat>, Vec<PluginError>> {
        let mut seats = Vec::new();
        let mut errors = Vec::new();
        let live = self.plugins.iter().filter(|plugin| plugin.mode == PluginMode::Live);
        for plugin in live.filter(|plugin| is_wanted(plugin.hooks)) {
            if before.is_some_and(|before| before.has_instances_of(plugin)) {
                seats.push(Seat::vacant(plugin, duty));
                continue;
            }
            match Seat::new(plugin, duty) {
                Ok(seat) => seats.push(seat),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(seats) } else { Err(errors) }
    }
}

//! Instances: a running copy of a plugin, with its own memory, for one thread.
//!
//! Invariant: guest code runs only through [`Cell::run`], which resets the deadline each time. An
//! instance that has faulted is never called again.

mod functions;

use std::sync::Arc;

use wasmtime::{
    Store,
    component::{InstancePre, Resource},
};

use lessor_core::{Reply, Terms, Verdict};
use lessor_settings::{Grants, PluginLimits};
use lessor_vocabulary::Catalogue;

use crate::{
    FaultKind, LeaseEvent, LookupSources, PlannedLookup, View,
    belongings::Belongings,
    error::{PluginProblem, ScriptProblem},
    fault::Fault,
    fault_advice::advised,
    hook::{Hook, HookSet},
    host::{DraftTerms, Guest, ReplyDraft, types},
    instance_count::{Counted, InstanceCount},
    limits::{
        ANSWER_OCTETS_MAX, CONFIGURE_DEADLINE_MS, FAILURE_OCTETS_MAX, HANDLES_MAX,
        REASON_OCTETS_MAX,
    },
    lookups::CurrentSources,
    script::Script,
    stopwatch::Stopwatch,
};

pub(crate) use self::functions::Exports;
use self::functions::{Configure, Function, Functions, Load};

/// A compiled and linked plugin: everything that is needed to create an instance.
#[derive(Clone)]
pub(crate) struct Recipe {
    /// The name of the plugin.
    pub(crate) name: Arc<str>,
    pub(crate) pre: InstancePre<Guest>,
    pub(crate) exports: Exports,
    /// Whether the plugin can read how full pools are.
    pub(crate) counts_pools: bool,
    /// The script, if the plugin is an interpreter.
    pub(crate) script: Option<Arc<Script>>,
    pub(crate) settings_json: String,
    pub(crate) belongings: Arc<Belongings>,
    pub(crate) grants: Grants,
    pub(crate) limits: PluginLimits,
    pub(crate) lookup_sources: Arc<CurrentSources>,
    /// The options that it can name.
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) instances: InstanceCount,
}

impl Recipe {
    /// Creates the data of the store of a new instance.
    fn guest(&self) -> Guest {
        let (name, belongings) = (Arc::clone(&self.name), Arc::clone(&self.belongings));
        let (sources, catalogue) = (self.lookup_sources.get(), Arc::clone(&self.catalogue));
        Guest::new(name, &self.limits, self.grants, belongings, sources, catalogue)
    }
}

/// A running copy of a plugin.
pub(crate) struct Instance {
    cell: Cell,
    functions: Box<Functions>,
    /// The hooks of its script.
    script_hooks: Option<HookSet>,
    /// The script, if the plugin is an interpreter.
    script: Option<Arc<Script>>,
    limits: PluginLimits,
    _counted: Counted,
}

impl Instance {
    /// Creates an instance, loads its script if it is an interpreter, and configures it.
    ///
    /// # Errors
    /// If there is no room for an instance, or the plugin fails, or refuses its script or its
    /// settings.
    pub(crate) fn new(recipe: &Recipe) -> Result<Self, PluginProblem> {
        Self::made_within(recipe, CONFIGURE_DEADLINE_MS)
    }

    /// Does the same with a deadline for each step, in milliseconds of processor time.
    ///
    /// # Errors
    /// As [`Instance::new`].
    pub(crate) fn made_within(recipe: &Recipe, deadline_ms: u64) -> Result<Self, PluginProblem> {
        let instances = &recipe.instances;
        let room = || PluginProblem::NoRoom { instances_max: instances.max() };
        let counted = instances.take().ok_or_else(room)?;
        let mut cell = Cell::new(recipe);
        let (load, configure, functions) = cell
            .run(deadline_ms, |store| {
                let instance = recipe.pre.instantiate(&mut *store)?;
                let configure: Configure =
                    instance.get_typed_func(&mut *store, recipe.exports.configure)?;
                let load = recipe.exports.load.as_ref();
                let load =
                    load.map(|load| instance.get_typed_func(&mut *store, load)).transpose()?;
                let functions = Functions::find(store, &instance, &recipe.exports)?;
                Ok((load, configure, functions))
            })
            .map_err(|fault| failed("instantiated", fault))?;
        let script_hooks = match (&recipe.script, &load) {
            (Some(script), Some(load)) => Some(cell.load(load, script, deadline_ms)?),
            _ => None,
        };
        let settings = recipe.settings_json.clone();
        let (configured,) = cell
            .run(deadline_ms, |store| configure.call(store, (settings,)))
            .map_err(|fault| failed("configured", fault))?;
        configured
            .map_err(|message| PluginProblem::SettingsRefused { message: shortened(message) })?;
        Ok(Self {
            cell,
            functions: Box::new(functions),
            script_hooks,
            script: recipe.script.clone(),
            limits: recipe.limits,
            _counted: counted,
        })
    }

    /// The hooks of its script; `None` if it runs no script.
    pub(crate) fn script_hooks(&self) -> Option<HookSet> {
        self.script_hooks
    }

    /// Makes the instance use these sources from now on.
    pub(crate) fn look_up_in(&mut self, sources: &Arc<dyn LookupSources>) {
        self.cell.store.data_mut().look_up_in(sources);
    }

    /// The memory of the instance, in octets.
    pub(crate) fn memory_octets(&self) -> usize {
        self.cell.store.data().limiter.memory_octets()
    }

    /// Calls the plugin to plan the lookups for a request, at the hook for a round of them.
    pub(crate) fn plan(&mut self, hook: Hook, view: &View) -> Result<Vec<PlannedLookup>, Fault> {
        let Some(Function::Plan(function)) = self.functions.of(hook) else {
            return Err(absent(hook));
        };
        self.cell.store.data_mut().begin_plan(view);
        let answer = self.cell.run(self.limits.deadline_ms, |store| {
            function.call(store, (Resource::new_borrow(SUBJECT), Resource::new_borrow(SUBJECT)))
        });
        let planned = self.cell.store.data_mut().end_plan();
        answer.map(|()| planned).map_err(|fault| self.during(hook, fault))
    }

    /// Calls the plugin to plan the lookups for a lease event.
    pub(crate) fn plan_for_event(
        &mut self,
        event: &LeaseEvent,
    ) -> Result<Vec<PlannedLookup>, Fault> {
        let hook = Hook::PlanLeaseLookups;
        let Some(Function::PlanEvent(function)) = self.functions.of(hook) else {
            return Err(absent(hook));
        };
        self.cell.store.data_mut().begin_plan_for_event(event);
        let answer = self.cell.run(self.limits.deadline_ms, |store| {
            function.call(store, (Resource::new_borrow(SUBJECT), Resource::new_borrow(SUBJECT)))
        });
        let planned = self.cell.store.data_mut().end_plan();
        answer.map(|()| planned).map_err(|fault| self.during(hook, fault))
    }

    /// Calls the plugin for a request for which earlier plugins have set terms. Returns its verdict
    /// and the terms that it sets.
    pub(crate) fn decide(
        &mut self,
        hook: Hook,
        view: &View,
        earlier: &Terms,
    ) -> Result<(Verdict, DraftTerms), Fault> {
        let Some(Function::Decide(function)) = self.functions.of(hook) else {
            return Err(absent(hook));
        };
        self.cell.store.data_mut().begin_request(view, earlier);
        let answer = self.cell.run(self.limits.deadline_ms, |store| {
            function.call(store, (Resource::new_borrow(SUBJECT), Resource::new_borrow(SUBJECT)))
        });
        let draft = self.cell.store.data_mut().end_request();
        let (verdict,) = answer.map_err(|fault| self.during(hook, fault))?;
        let verdict = match verdict {
            types::Verdict::Proceed => Verdict::Proceed,
            types::Verdict::Ignore(reason) => Verdict::Ignore(shortened(reason)),
            types::Verdict::Refuse(reason) => Verdict::Refuse(shortened(reason)),
        };
        Ok((verdict, draft))
    }

    /// Calls the plugin to edit a reply, and returns the edited reply.
    pub(crate) fn edit(&mut self, view: &View, reply: &Reply) -> Result<ReplyDraft, Fault> {
        let Some(Function::Edit(function)) = self.functions.of(Hook::ReplyOptions) else {
            return Err(absent(Hook::ReplyOptions));
        };
        self.cell.store.data_mut().begin_reply(view, reply);
        let answer = self.cell.run(self.limits.deadline_ms, |store| {
            function.call(store, (Resource::new_borrow(SUBJECT), Resource::new_borrow(SUBJECT)))
        });
        let draft = self.cell.store.data_mut().end_reply();
        answer.map_err(|fault| self.during(Hook::ReplyOptions, fault))?;
        draft.ok_or_else(|| absent(Hook::ReplyOptions))
    }

    /// Notifies the plugin of a lease event.
    pub(crate) fn tell(&mut self, event: &LeaseEvent) -> Result<(), Fault> {
        let Some(Function::Tell(function)) = self.functions.of(Hook::OnLease) else {
            return Err(absent(Hook::OnLease));
        };
        self.cell.store.data_mut().begin_lease_event(event);
        let answer = self.cell.run(self.limits.deadline_ms, |store| {
            function.call(store, (Resource::new_borrow(SUBJECT),))
        });
        self.cell.store.data_mut().end();
        answer.map_err(|fault| self.during(Hook::OnLease, fault))
    }

    /// Adds the details that the author of the plugin needs to a fault of a hook.
    fn during(&self, hook: Hook, fault: Fault) -> Fault {
        advised(fault, hook, &self.limits, self.script.as_deref())
    }
}

/// The representation of every handle: the subject of the call, see [`crate::host`].
const SUBJECT: u32 = 0;

/// A store, and the only way to run guest code in it.
struct Cell {
    store: Store<Guest>,
}

impl Cell {
    fn new(recipe: &Recipe) -> Self {
        let mut store = Store::new(recipe.pre.engine(), recipe.guest());
        store.limiter(|guest| &mut guest.limiter);
        store.epoch_deadline_callback(|mut context| Ok(context.data_mut().stopwatch.look()));
        store.set_hostcall_fuel(ANSWER_OCTETS_MAX);
        store.set_max_component_handles(HANDLES_MAX);
        Self { store }
    }

    /// Makes an interpreter load its script, and returns the script's hooks.
    fn load(
        &mut self,
        load: &Load,
        script: &Script,
        deadline_ms: u64,
    ) -> Result<HookSet, PluginProblem> {
        let (name, text) = (script.file_name.clone(), script.text.clone());
        let (loaded,) = self
            .run(deadline_ms, |store| load.call(store, (name, text)))
            .map_err(|fault| not_loaded(script, fault))?;
        let names = loaded.map_err(|message| {
            let message = first_octets(&message, FAILURE_OCTETS_MAX);
            ScriptProblem::Refused { message }
        })?;
        let mut hooks = HookSet::default();
        for name in names {
            match Hook::by_name(&name) {
                Some(hook) => hooks.insert(hook),
                None => return Err(ScriptProblem::UnknownHook { found: shortened(name) }.into()),
            }
        }
        match hooks {
            none if none == HookSet::default() => Err(PluginProblem::NoHooks),
            hooks => match hooks.plans_in_vain() {
                Some((hook, wanted)) => Err(PluginProblem::NothingToPlanFor { hook, wanted }),
                None => Ok(hooks),
            },
        }
    }

    /// Runs guest code until it has computed for `deadline_ms` milliseconds.
    fn run<T>(
        &mut self,
        deadline_ms: u64,
        act: impl FnOnce(&mut Store<Guest>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        let guest = self.store.data_mut();
        guest.limiter.forgive();
        guest.stopwatch.begin(deadline_ms);
        self.store.set_epoch_deadline(Stopwatch::FIRST_TICKS);
        act(&mut self.store).map_err(|error| {
            let Guest { stopwatch, limiter, .. } = self.store.data();
            Fault { computed: stopwatch.computed(), ..Fault::of(&error, limiter.denied()) }
        })
    }
}

/// Callers check which hooks exist, so this fault does not occur.
fn absent(hook: Hook) -> Fault {
    Fault::new(FaultKind::BadAnswer, format!("the plugin has no hook {hook}"))
}

/// Explains why an interpreter failed to load a script. If it ran out of stack, the script is
/// nested too deeply: the stack for calls and the stack in its memory cause different faults.
fn not_loaded(script: &Script, fault: Fault) -> PluginProblem {
    let is_at_the_end_of_memory =
        fault.kind == FaultKind::Trap && fault.message.contains("out of bounds memory access");
    if fault.kind == FaultKind::StackExhausted || is_at_the_end_of_memory {
        let (depth, line) = script.deepest();
        return ScriptProblem::NestedTooDeep { depth, line }.into();
    }
    failed("loaded", fault)
}

fn failed(doing: &'static str, fault: Fault) -> PluginProblem {
    PluginProblem::Failed { doing, kind: fault.kind, message: fault.message }
}

/// The first octets of a text for logs, cut at a character boundary, in one line.
fn shortened(text: String) -> String {
    first_octets(&text, REASON_OCTETS_MAX)
}

fn first_octets(text: &str, octets_max: usize) -> String {
    let kept = text.get(..text.floor_char_boundary(octets_max)).unwrap_or_default();
    kept.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_one_line_and_cut_at_a_character() {
        assert_eq!(shortened("ä".repeat(200)), "ä".repeat(128));
        let text = format!("x{}", "ä".repeat(200));
        assert_eq!(shortened(text).len(), 255);
        assert_eq!(shortened("short".to_owned()), "short");
        assert_eq!(shortened("two\nlines\u{1b}[31m".to_owned()), "two lines [31m");
    }
}

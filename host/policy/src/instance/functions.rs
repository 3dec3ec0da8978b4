//! The functions of a plugin: where its component exports them, and those of one instance.

use wasmtime::{
    Store,
    component::{ComponentExportIndex, Instance as WasmInstance, InstancePre, Resource, TypedFunc},
};

use lessor_vocabulary::Shape;

use crate::{
    contract::Examined,
    error::PluginProblem,
    hook::Hook,
    host::{Guest, types},
};

pub(super) type Plan = TypedFunc<(Resource<types::Request>, Resource<types::LookupPlan>), ()>;
pub(super) type PlanEvent =
    TypedFunc<(Resource<types::LeaseEvent>, Resource<types::LookupPlan>), ()>;
pub(super) type Decide =
    TypedFunc<(Resource<types::Request>, Resource<types::Terms>), (types::Verdict,)>;
pub(super) type Edit = TypedFunc<(Resource<types::Request>, Resource<types::Reply>), ()>;
pub(super) type Tell = TypedFunc<(Resource<types::LeaseEvent>,), ()>;
pub(super) type Configure = TypedFunc<(String,), (Result<(), String>,)>;
pub(super) type Load = TypedFunc<(String, String), (Result<Vec<String>, String>,)>;

/// The functions that a component exports.
#[derive(Clone)]
pub(crate) struct Exports {
    pub(super) configure: ComponentExportIndex,
    pub(super) load: Option<ComponentExportIndex>,
    hooks: Vec<(Hook, ComponentExportIndex)>,
}

impl Exports {
    /// Finds the functions of a component.
    pub(crate) fn find(
        pre: &InstancePre<Guest>,
        examined: &Examined,
    ) -> Result<Self, PluginProblem> {
        let find = |interface: &str, function: &str| {
            let component = pre.component();
            let index = component.get_export_index(None, interface);
            index.and_then(|index| component.get_export_index(Some(&index), function)).ok_or_else(
                || PluginProblem::Link {
                    message: format!("{interface} has no function {function}"),
                },
            )
        };
        let hooks = examined
            .hooks
            .iter()
            .map(|(hook, interface)| Ok((*hook, find(interface, hook.shape().function())?)));
        let load = examined.interpreting.as_ref().map(|interface| find(interface, "load"));
        Ok(Self {
            configure: find(&examined.configuring, "configure")?,
            load: load.transpose()?,
            hooks: hooks.collect::<Result<_, PluginProblem>>()?,
        })
    }
}

/// The function of each hook, by the hook's position; `None` if the plugin does not export it.
#[derive(Default)]
pub(super) struct Functions([Option<Function>; Hook::ALL.len()]);

/// The function of a hook, by its [`Shape`].
pub(super) enum Function {
    Plan(Plan),
    PlanEvent(PlanEvent),
    Decide(Decide),
    Edit(Edit),
    Tell(Tell),
}

impl Functions {
    pub(super) fn find(
        store: &mut Store<Guest>,
        instance: &WasmInstance,
        exports: &Exports,
    ) -> wasmtime::Result<Self> {
        let mut functions = Self::default();
        for (hook, index) in &exports.hooks {
            let function = match hook.shape() {
                Shape::Plan => Function::Plan(instance.get_typed_func(&mut *store, index)?),
                Shape::PlanEvent => {
                    Function::PlanEvent(instance.get_typed_func(&mut *store, index)?)
                }
                Shape::Decide => Function::Decide(instance.get_typed_func(&mut *store, index)?),
                Shape::Edit => Function::Edit(instance.get_typed_func(&mut *store, index)?),
                Shape::Tell => Function::Tell(instance.get_typed_func(&mut *store, index)?),
            };
            if let Some(place) = functions.0.get_mut(*hook as usize) {
                *place = Some(function);
            }
        }
        Ok(functions)
    }

    pub(super) fn of(&self, hook: Hook) -> Option<&Function> {
        self.0.get(hook as usize)?.as_ref()
    }
}

//! `plan`, the lookups that a script plans, and `lookup`, their results.

use lessor_policy::{LeaseEvent, Lookup, LookupPlan, LookupStatus, Request};

use crate::{
    Function, Object, Property, Value,
    value::object::{absent, argument},
    value::settings,
};

pub(crate) static PLAN: Object = Object {
    name: "plan",
    is_global: false,
    properties: &[],
    functions: &[Function::new("add", 3, |_, arguments| {
        let text = |position, what| argument(arguments, position).as_text(what);
        let name = text(0, "the name of the lookup")?;
        let source = text(1, "the source of the lookup")?;
        let key = text(2, "the key of the lookup")?;
        LookupPlan::entered(|plan| plan.add(name, source, key))
            .ok_or_else(|| absent("plan"))?
            .map_err(|error| format!("lookup {name} in {source}: {error}"))?;
        Ok(Value::Nothing)
    })],
};

/// The object that `request.lookup(name)` and `event.lookup(name)` return. A call has either a
/// request or an event.
pub(crate) static LOOKUP: Object = Object {
    name: "lookup",
    is_global: false,
    properties: &[
        Property::read("status", |name| {
            found(name, |lookup| {
                Ok(Value::text(match lookup.status() {
                    LookupStatus::NotPlanned => "not-planned",
                    LookupStatus::Found => "found",
                    LookupStatus::NotFound => "not-found",
                    LookupStatus::Unavailable => "unavailable",
                }))
            })
        }),
        Property::read("found", |name| found(name, |lookup| Ok(Value::Flag(lookup.is_found())))),
        Property::read("stale", |name| found(name, |lookup| Ok(Value::Flag(lookup.is_stale())))),
        Property::read("row", |name| {
            found(name, |lookup| lookup.row_json().map_or(Ok(Value::Nothing), |row| settings(&row)))
        }),
    ],
    functions: &[Function::new("field", 1, |name, arguments| {
        let field = argument(arguments, 0).as_text("field")?;
        found(name, |lookup| Ok(Value::or_nothing(lookup.field(field), Value::Text)))
    })],
};

fn found(name: &str, act: impl Fn(Lookup) -> Result<Value, String>) -> Result<Value, String> {
    let of_request = Request::entered(|request| act(request.lookup(name)));
    let found = of_request.or_else(|| LeaseEvent::entered(|event| act(event.lookup(name))));
    found.ok_or_else(|| absent("a lookup"))?
}

//! The guard that is the prototype of each object of the script API. The engine looks up a name in
//! the guard only if the object does not have it. The guard then raises an error that names the
//! nearest property. Access to existing properties is not slowed down.

use std::cell::RefCell;

use boa_engine::{
    Context, JsError, JsNativeError, JsObject, JsResult, JsValue, js_string,
    object::builtins::JsProxy,
    property::{PropertyDescriptor, PropertyKey},
};
use lessor_script::{LetterCase, OBJECTS, Object};

/// The property of a guard that gives the kind of its object, as a position in [`OBJECTS`].
const KIND: &str = "\u{0}kind";

/// Names that the language itself looks up in objects; these are not mistakes of the script.
const ASKED_BY_THE_LANGUAGE: [&str; 2] = ["then", "toJSON"];
/// Names that the language looks up when an object is used as a text or a number.
const ASKED_FOR_A_VALUE: [&str; 2] = ["toString", "valueOf"];

thread_local! {
    /// The guards that exist already, by the positions of their objects in [`OBJECTS`].
    static GUARDS: RefCell<[Option<JsObject>; OBJECTS.len()]> =
        const { RefCell::new([const { None }; OBJECTS.len()]) };
    /// The guard of functions of the API.
    static OF_FUNCTIONS: RefCell<Option<JsObject>> = const { RefCell::new(None) };
}

/// Returns the guard of objects of this kind.
pub(crate) fn behind(object: &Object, context: &mut Context) -> JsResult<Option<JsObject>> {
    let Some(kind) = OBJECTS.iter().position(|known| known.name == object.name) else {
        return Ok(None);
    };
    let known = GUARDS.with_borrow(|guards| guards.get(kind).cloned().flatten());
    if known.is_some() {
        return Ok(known);
    }
    let target = JsObject::with_null_proto();
    let kind_is = PropertyDescriptor::builder().value(kind as f64).enumerable(false);
    target.define_property_or_throw(js_string!(KIND), kind_is, context)?;
    let guard = JsProxy::builder(target).get(unknown_read).set(unknown_write).build(context)?;
    let guard: JsObject = guard.into();
    GUARDS.with_borrow_mut(|guards| {
        if let Some(place) = guards.get_mut(kind) {
            *place = Some(guard.clone());
        }
    });
    Ok(Some(guard))
}

/// Returns the guard of functions of the API, which detects a missing call such as in
/// `request.lookup.found`.
pub(crate) fn behind_functions(context: &mut Context) -> JsResult<JsObject> {
    if let Some(known) = OF_FUNCTIONS.with_borrow(Clone::clone) {
        return Ok(known);
    }
    let target = context.intrinsics().constructors().function().prototype();
    let guard = JsProxy::builder(target).get(not_called).build(context)?;
    let guard: JsObject = guard.into();
    OF_FUNCTIONS.set(Some(guard.clone()));
    Ok(guard)
}

/// Returns an error of the script with this message.
pub(crate) fn mistake(message: String) -> JsError {
    JsNativeError::error().with_message(message).into()
}

fn unknown_read(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let Some(name) = arguments.get(1).and_then(JsValue::as_string) else {
        // The language uses symbols to find out what an object supports.
        return Ok(JsValue::undefined());
    };
    let name = name.to_std_string_lossy();
    let Some(object) = object_of(arguments, context) else { return Ok(JsValue::undefined()) };
    if ASKED_BY_THE_LANGUAGE.contains(&&*name) || name.starts_with('\u{0}') {
        return Ok(JsValue::undefined());
    }
    if ASKED_FOR_A_VALUE.contains(&&*name) {
        return Err(mistake(format!(
            "{0} is an object, not a value: use one of its properties, such as {0}.{1}",
            object.name,
            example(object)
        )));
    }
    Err(mistake(object.unknown_property(LetterCase::Camel, &name)))
}

fn unknown_write(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let name = arguments.get(1).map(|name| match name.as_string() {
        Some(name) => name.to_std_string_lossy(),
        None => name.display().to_string(),
    });
    match object_of(arguments, context) {
        Some(object) => {
            Err(mistake(object.cannot_set(LetterCase::Camel, &name.unwrap_or_default())))
        }
        None => Ok(false.into()),
    }
}

fn not_called(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let [target, key, receiver, ..] = arguments else { return Ok(JsValue::undefined()) };
    let (Some(target), key) = (target.as_object(), key.to_property_key(context)?) else {
        return Ok(JsValue::undefined());
    };
    let PropertyKey::String(name) = &key else { return target.get(key, context) };
    if target.has_property(key.clone(), context)? {
        return target.get(key, context);
    }
    let function = receiver.as_object().map(|receiver| receiver.get(js_string!("name"), context));
    let function = function.transpose()?.and_then(|name| name.as_string());
    let function = function.map(|name| name.to_std_string_lossy()).unwrap_or_default();
    let name = name.to_std_string_lossy();
    if ASKED_BY_THE_LANGUAGE.contains(&&*name) || name.starts_with('\u{0}') {
        return Ok(JsValue::undefined());
    }
    Err(mistake(format!("{function} is a function: call it first, {function}(…).{name}")))
}

/// Returns the object of a guard, which the target of the guard identifies.
fn object_of(arguments: &[JsValue], context: &mut Context) -> Option<&'static Object> {
    let target = arguments.first()?.as_object()?;
    let kind = target.get(js_string!(KIND), context).ok()?.as_number()?;
    OBJECTS.get(kind as usize).copied()
}

fn example(object: &Object) -> String {
    let property = object.properties.iter().map(|property| property.name);
    let functions = object.functions.iter().map(|function| function.name);
    let first = property.chain(functions).next().unwrap_or_default();
    LetterCase::Camel.spell(first)
}

//! The script API in JavaScript. Each object has accessors and functions, is frozen, and has a
//! guard as its prototype, so that a misspelt name is an error instead of `undefined`.

pub(crate) mod value;

use boa_engine::{
    Context, JsNativeError, JsObject, JsResult, JsString, JsValue, NativeFunction, js_string,
    object::{FunctionObjectBuilder, IntegrityLevel},
    property::{Attribute, PropertyDescriptor},
};
use lessor_script::{FUNCTIONS, Function, LetterCase, OBJECTS, Object, Property, Value};

use crate::guard;

/// The property that identifies an object among those of its kind. Its name cannot be written in a
/// script.
const THIS: &str = "\u{0}this";

/// The objects that are passed to hooks.
pub(crate) struct Api(Vec<(&'static str, JsObject)>);

impl Api {
    /// Creates the objects, and defines the functions and objects that are available in every call.
    pub(crate) fn install(context: &mut Context) -> JsResult<Self> {
        for function in &FUNCTIONS {
            let callable = callable(function, context)?;
            let name = JsString::from(LetterCase::Camel.spell(function.name));
            context.register_global_property(name, callable, Attribute::empty())?;
        }
        let mut objects = Vec::new();
        for object in OBJECTS {
            let made = make(object, "", context)?;
            if object.is_global {
                let name = JsString::from(object.name);
                context.register_global_property(name, made.clone(), Attribute::empty())?;
            }
            objects.push((object.name, made));
        }
        Ok(Self(objects))
    }

    /// Returns the object of this kind.
    pub(crate) fn object(&self, object: &Object) -> JsValue {
        let found = self.0.iter().find(|(name, _)| *name == object.name);
        found.map_or_else(JsValue::undefined, |(_, object)| object.clone().into())
    }
}

/// Creates an object of this kind; `this` identifies it among those of its kind.
pub(crate) fn make(
    object: &'static Object,
    this: &str,
    context: &mut Context,
) -> JsResult<JsObject> {
    let made = JsObject::with_null_proto();
    for property in object.properties {
        let name = JsString::from(LetterCase::Camel.spell(property.name));
        made.define_property_or_throw(name, accessor(object, property, context), context)?;
    }
    for function in object.functions {
        let name = JsString::from(LetterCase::Camel.spell(function.name));
        let callable = callable(function, context)?;
        made.create_data_property_or_throw(name, callable, context)?;
    }
    // Defined even if the object is the only one of its kind, because a missing name reaches the
    // guard.
    let this = PropertyDescriptor::builder().value(JsString::from(this)).enumerable(false);
    made.define_property_or_throw(js_string!(THIS), this, context)?;
    made.set_prototype(guard::behind(object, context)?);
    made.set_integrity_level(IntegrityLevel::Frozen, context)?;
    Ok(made)
}

/// Returns the accessors of a property. If it can only be read or only be set, the other accessor
/// returns an error that says so; the language would return `undefined`, or an error that does not
/// name the object.
fn accessor(
    object: &'static Object,
    property: &'static Property,
    context: &mut Context,
) -> PropertyDescriptor {
    let realm = context.realm().clone();
    let function = |native| FunctionObjectBuilder::new(&realm, native).build();
    let get = NativeFunction::from_copy_closure(move |this, _, context| {
        let Some(get) = property.get else {
            return Err(guard::mistake(object.cannot_read(LetterCase::Camel, property.name)));
        };
        let this = this_of(this, context)?;
        answered(get(&this), context)
    });
    let set = NativeFunction::from_copy_closure(move |_, arguments, context| {
        let Some(set) = property.set else {
            let name = LetterCase::Camel.spell(property.name);
            return Err(guard::mistake(object.cannot_set(LetterCase::Camel, &name)));
        };
        let value = arguments.first().map(|value| value::of_script(value, context));
        answered(set(value.unwrap_or(Value::Nothing)).map(|()| Value::Nothing), context)
    });
    PropertyDescriptor::builder()
        .get(function(get))
        .set(function(set))
        .enumerable(true)
        .configurable(false)
        .build()
}

fn callable(function: &'static Function, context: &mut Context) -> JsResult<JsValue> {
    let native = NativeFunction::from_copy_closure(move |this, arguments, context| {
        let this = this_of(this, context)?;
        let arguments: Vec<Value> =
            arguments.iter().map(|argument| value::of_script(argument, context)).collect();
        // A message begins with the name of the function in the spelling of the contract.
        let answer = function.invoke(&this, &arguments).map_err(|message| {
            match message.strip_prefix(function.name) {
                Some(rest) => format!("{}{rest}", LetterCase::Camel.spell(function.name)),
                None => message,
            }
        });
        answered(answer, context)
    });
    let name = JsString::from(LetterCase::Camel.spell(function.name));
    let made: JsObject =
        FunctionObjectBuilder::new(context.realm(), native).name(name).build().into();
    made.set_prototype(Some(guard::behind_functions(context)?));
    Ok(made.into())
}

/// Returns the name that identifies an object among those of its kind, or an empty text if it is
/// the only one.
fn this_of(this: &JsValue, context: &mut Context) -> JsResult<String> {
    let Some(object) = this.as_object() else { return Ok(String::new()) };
    let this = object.get(js_string!(THIS), context)?;
    Ok(this.as_string().map(|this| this.to_std_string_lossy()).unwrap_or_default())
}

/// Returns whether an object is one of the script API.
pub(crate) fn is_of_api(object: &JsObject, context: &mut Context) -> bool {
    object.has_own_property(js_string!(THIS), context).unwrap_or_default()
}

fn answered(answer: Result<Value, String>, context: &mut Context) -> JsResult<JsValue> {
    match answer {
        Ok(value) => value::to_script(value, context),
        Err(message) => Err(JsNativeError::error().with_message(message).into()),
    }
}

//! Objects: what a hook is handed, and what is there in every call.

use crate::{
    Value,
    capabilities::{METRICS, STATE, TABLES},
    lease_event::EVENT,
    lookup::{LOOKUP, PLAN},
    reply::REPLY,
    request::REQUEST,
    terms::TERMS,
};

/// An object that scripts know.
#[derive(Debug)]
pub struct Object {
    /// The name of the variable that it usually stands in.
    pub name: &'static str,
    /// Whether it is there in every call rather than handed to a hook.
    pub is_global: bool,
    /// What can be read or set.
    pub properties: &'static [Property],
    /// What can be called.
    pub functions: &'static [Function],
}

/// Reads a property: of which object of its kind.
pub(crate) type Get = fn(&str) -> Result<Value, String>;
/// Sets a property.
pub(crate) type Set = fn(Value) -> Result<(), String>;

/// A property. Its functions are told which object of its kind is meant, where there are several.
#[derive(Debug)]
pub struct Property {
    /// In snake case.
    pub name: &'static str,
    /// Reads it; none if it can only be set.
    pub get: Option<Get>,
    /// Sets it; none if it can only be read.
    pub set: Option<Set>,
}

/// A function, of an object or by itself.
#[derive(Debug)]
pub struct Function {
    /// In snake case.
    pub name: &'static str,
    /// How many arguments it takes.
    pub arguments: (usize, usize),
    /// Calls it: which object of its kind, and the arguments.
    pub call: fn(&str, &[Value]) -> Result<Value, String>,
}

/// Every object.
pub static OBJECTS: [&Object; 9] =
    [&REQUEST, &TERMS, &REPLY, &EVENT, &PLAN, &LOOKUP, &METRICS, &STATE, &TABLES];

impl Property {
    pub(crate) const fn read(name: &'static str, get: fn(&str) -> Result<Value, String>) -> Self {
        Self { name, get: Some(get), set: None }
    }

    pub(crate) const fn both(
        name: &'static str,
        get: fn(&str) -> Result<Value, String>,
        set: fn(Value) -> Result<(), String>,
    ) -> Self {
        Self { name, get: Some(get), set: Some(set) }
    }
}

impl Function {
    pub(crate) const fn new(
        name: &'static str,
        arguments: usize,
        call: fn(&str, &[Value]) -> Result<Value, String>,
    ) -> Self {
        Self { name, arguments: (arguments, arguments), call }
    }

    pub(crate) const fn with_optional(
        name: &'static str,
        arguments: (usize, usize),
        call: fn(&str, &[Value]) -> Result<Value, String>,
    ) -> Self {
        Self { name, arguments, call }
    }

    /// Checks how many arguments there are, and calls it.
    ///
    /// # Errors
    /// What is wrong with the arguments, or what the server says.
    pub fn invoke(&self, this: &str, arguments: &[Value]) -> Result<Value, String> {
        let (least, most) = self.arguments;
        if !(least..=most).contains(&arguments.len()) {
            let wanted =
                if least == most { least.to_string() } else { format!("{least} to {most}") };
            let (found, plural) = (arguments.len(), if most == 1 { "" } else { "s" });
            return Err(format!("{}: wanted {wanted} argument{plural}, found {found}", self.name));
        }
        (self.call)(this, arguments)
    }
}

/// The argument at this position; nothing if it was left out.
pub(crate) fn argument(arguments: &[Value], position: usize) -> &Value {
    arguments.get(position).unwrap_or(&Value::Nothing)
}

/// What a property of `object` says outside of a call that has it.
pub(crate) fn absent(object: &str) -> String {
    format!("{object} is there only while the hook runs that it was handed to")
}

//! Objects: the parameters of hooks, and the objects that are available in every call.

use crate::Value;

/// An object of the script API.
#[derive(Debug)]
pub struct Object {
    /// The usual name of the variable that holds it.
    pub name: &'static str,
    /// Whether it is available in every call rather than passed to a hook.
    pub is_global: bool,
    /// The properties that can be read or set.
    pub properties: &'static [Property],
    /// The functions that can be called.
    pub functions: &'static [Function],
}

/// Reads a property. The argument selects the object of its kind.
pub(crate) type Get = fn(&str) -> Result<Value, String>;
/// Sets a property.
pub(crate) type Set = fn(Value) -> Result<(), String>;

/// A property. If there are several objects of a kind, an argument of `get` selects one of them.
#[derive(Debug)]
pub struct Property {
    /// The name in snake case.
    pub name: &'static str,
    /// Reads the property; `None` if it can only be set.
    pub get: Option<Get>,
    /// Sets the property; `None` if it can only be read.
    pub set: Option<Set>,
}

/// A function, either of an object or free-standing.
#[derive(Debug)]
pub struct Function {
    /// The name in snake case.
    pub name: &'static str,
    /// The minimum and maximum number of arguments.
    pub arguments: (usize, usize),
    /// Calls the function. The first argument selects the object of its kind.
    pub call: fn(&str, &[Value]) -> Result<Value, String>,
}

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

    /// Checks the number of arguments and calls the function.
    ///
    /// # Errors
    /// Returns a message about the arguments, or the error of the server.
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

/// Returns the argument at this position, or [`Value::Nothing`] if it is missing.
pub(crate) fn argument(arguments: &[Value], position: usize) -> &Value {
    arguments.get(position).unwrap_or(&Value::Nothing)
}

/// Returns the message about using `object` outside of a call that has it.
pub(crate) fn absent(object: &str) -> String {
    format!("{object} can be used only while the hook runs that received it")
}

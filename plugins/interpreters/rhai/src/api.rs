//! The script API in Rhai: each object a type with getters, setters and methods.

pub(crate) mod value;

use std::any::TypeId;

use lessor_policy::Verdict;
use lessor_script::{FUNCTIONS, Function, OBJECTS, Object, Value};
use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, Position};

type Answer = Result<Dynamic, Box<EvalAltResult>>;

/// Functions that the engine has but policies do not have, and some others that authors may expect.
const ABSENT: [&str; 6] = ["sleep", "exit", "rand", "random", "timestamp", "now"];

/// An object of the API; its kind is a position in [`OBJECTS`].
#[derive(Clone)]
struct Handle<const KIND: usize>(ImmutableString);

/// Returns an engine with the script API and without access to the outside.
pub(crate) fn engine() -> Engine {
    let mut engine = Engine::new();
    engine.register_type_with_name::<Verdict>("verdict");
    for function in &FUNCTIONS {
        register_function(&mut engine, function, None, |_| String::new());
    }
    for_each_kind!(register, &mut engine);
    for name in ABSENT {
        register_absent(&mut engine, name);
    }
    engine.on_print(|line| lessor_policy::log::info(line));
    engine.on_debug(|line, _, _| lessor_policy::log::debug(line));
    engine
}

/// Returns the objects that are available in every call.
pub(crate) fn globals() -> impl Iterator<Item = (&'static str, Dynamic)> {
    let globals = OBJECTS.into_iter().filter(|object| object.is_global);
    globals.map(|object| (object.name, handle(object, String::new())))
}

/// Returns a handle of this object.
pub(crate) fn handle(object: &Object, this: String) -> Dynamic {
    let kind = OBJECTS.iter().position(|known| known.name == object.name);
    make_handle(kind.unwrap_or_default(), this.into())
}

/// Calls a function with a constant parameter for each kind of object.
macro_rules! for_each_kind {
    ($function:ident, $engine:expr) => {{
        $function::<0>($engine);
        $function::<1>($engine);
        $function::<2>($engine);
        $function::<3>($engine);
        $function::<4>($engine);
        $function::<5>($engine);
        $function::<6>($engine);
        $function::<7>($engine);
        $function::<8>($engine);
        const { assert!(OBJECTS.len() <= 9) }
    }};
}
use for_each_kind;

fn make_handle(kind: usize, this: ImmutableString) -> Dynamic {
    match kind {
        0 => Dynamic::from(Handle::<0>(this)),
        1 => Dynamic::from(Handle::<1>(this)),
        2 => Dynamic::from(Handle::<2>(this)),
        3 => Dynamic::from(Handle::<3>(this)),
        4 => Dynamic::from(Handle::<4>(this)),
        5 => Dynamic::from(Handle::<5>(this)),
        6 => Dynamic::from(Handle::<6>(this)),
        7 => Dynamic::from(Handle::<7>(this)),
        _ => Dynamic::from(Handle::<8>(this)),
    }
}

fn register<const KIND: usize>(engine: &mut Engine) {
    let Some(object) = OBJECTS.get(KIND) else { return };
    engine.register_type_with_name::<Handle<KIND>>(object.name);
    for property in object.properties {
        if let Some(get) = property.get {
            let read = move |handle: &mut Handle<KIND>| -> Answer { answered(get(&handle.0)) };
            engine.register_get(property.name, read);
        }
        if let Some(set) = property.set {
            let write = move |_: &mut Handle<KIND>, value: Dynamic| {
                set(value::of_script(&value)).map_err(refused)
            };
            engine.register_set(property.name, write);
        }
    }
    for function in object.functions {
        let kind = TypeId::of::<Handle<KIND>>();
        register_function(engine, function, Some(kind), |this| {
            this.read_lock::<Handle<KIND>>().map(|handle| handle.0.to_string()).unwrap_or_default()
        });
    }
}

/// Registers a function for every number of arguments that it accepts, as a method if a type is
/// given.
fn register_function(
    engine: &mut Engine,
    function: &'static Function,
    method_of: Option<TypeId>,
    this: fn(&Dynamic) -> String,
) {
    let (least, most) = function.arguments;
    for count in least..=most {
        let mut types: Vec<TypeId> = method_of.into_iter().collect();
        let own = types.len();
        types.extend(std::iter::repeat_n(TypeId::of::<Dynamic>(), count));
        engine.register_raw_fn(function.name, types, move |_, arguments| -> Answer {
            let (object, arguments) = arguments.split_at(own.min(arguments.len()));
            let this = object.first().map(|object| this(object)).unwrap_or_default();
            let arguments: Vec<Value> =
                arguments.iter().map(|argument| value::of_script(argument)).collect();
            answered(function.invoke(&this, &arguments))
        });
    }
}

/// Registers a function that returns an error which explains why it does not exist.
fn register_absent(engine: &mut Engine, name: &'static str) {
    let absent = move || -> Answer {
        Err(refused(lessor_script::absent_function(name).unwrap_or_default()))
    };
    engine.register_fn(name, absent);
    // The parameters have the same types as those of the engine's functions of these names.
    engine.register_fn(name, move |_: i64| absent());
    engine.register_fn(name, move |_: f64| absent());
    engine.register_fn(name, move |_: Dynamic| absent());
}

fn answered(answer: Result<Value, String>) -> Answer {
    answer.map(value::to_script).map_err(refused)
}

/// Returns an error; the engine adds the place of the call.
fn refused(message: String) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorRuntime(message.into(), Position::NONE))
}

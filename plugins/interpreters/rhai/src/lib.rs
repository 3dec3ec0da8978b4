//! Runs policies that are scripts in Rhai. This is an interpreter component and is built only for
//! WebAssembly.
//!
//! A script is compiled once for each instance. Its statements outside of functions run at that
//! time, and all functions can read the variables that they define. Functions can change only
//! `this`, an object map that lasts as long as the instance.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg(target_arch = "wasm32")]

mod api;
mod explain;
mod message;
mod source;

use lessor_script::{Answer, HOOKS, Hooks, LetterCase, Value};
use rhai::{AST, CallFnOptions, Dynamic, Engine, Map, Module, Scope};

use self::api::value;

/// The maximum depth of calls in a script. For deeper calls, the call stack that the server gives a
/// policy would not be large enough.
const CALL_LEVELS_MAX: usize = 48;
/// The maximum nesting of blocks and expressions, outside and inside of functions. Each `else if`
/// of a chain is one level.
const EXPRESSION_DEPTH_MAX: usize = 600;

/// The name of the variable with the settings.
const SETTINGS: &str = "settings";
const CONFIGURE: &str = "configure";

/// A compiled script.
struct Script {
    /// The name of its file.
    file: String,
    /// The text of the script, for messages about errors.
    text: String,
    engine: Engine,
    ast: AST,
    calls: Vec<(&'static str, Call)>,
    /// The settings, shared with every function of the script.
    settings: Dynamic,
    /// The value of `this`.
    memory: Dynamic,
    scope: Scope<'static>,
}

/// A function that serves a hook, and its arguments.
struct Call {
    function: String,
    arguments: Vec<Dynamic>,
}

lessor_script::interpreter!(Script);

impl lessor_script::Script for Script {
    const ADVICE: &'static str = ". A last line without `;` is the return value of a function";

    fn read(name: &str, text: &str) -> Result<(Self, Hooks), String> {
        Self::compile(name, text)
    }

    fn file(&self) -> &str {
        &self.file
    }

    fn set_up(&mut self, settings: Value) -> Result<(), String> {
        if let Some(mut shared) = self.settings.write_lock::<Dynamic>() {
            *shared = value::to_script(settings);
        }
        if self.ast.iter_functions().any(|found| found.name == CONFIGURE) {
            let settings = self.settings.clone();
            let _ = self.call(CONFIGURE, vec![settings])?;
        }
        Ok(())
    }

    fn run(&mut self, hook: &str) -> Result<Answer, String> {
        let call = self.calls.iter().find(|(name, _)| *name == hook).map(|(_, call)| call);
        let Some((function, arguments)) =
            call.map(|call| (call.function.clone(), call.arguments.clone()))
        else {
            return Ok(Answer::Nothing);
        };
        let answer = self.call(&function, arguments)?;
        Ok(match value::of_script(&answer) {
            Value::Nothing => Answer::Nothing,
            Value::Verdict(verdict) => Answer::Verdict(verdict),
            other => Answer::Other(other.described()),
        })
    }
}

impl Script {
    fn compile(name: &str, text: &str) -> Result<(Self, Hooks), String> {
        let mut engine = api::engine();
        engine
            .set_max_call_levels(CALL_LEVELS_MAX)
            .set_max_expr_depths(EXPRESSION_DEPTH_MAX, EXPRESSION_DEPTH_MAX);
        let settings = Dynamic::UNIT.into_shared();
        let names = globals(&mut engine, text, &settings)?;
        // All variables are known now, so an unknown one is a mistake.
        engine.set_strict_variables(true);
        let mut ast = engine
            .compile_with_scope(&names, text)
            .map_err(|error| message::of_syntax(error, text))?;
        ast.clear_statements();
        let hooks = hooks(&ast, text)?;
        let calls = HOOKS.iter().filter_map(|hook| {
            let function = hooks.function(hook.name)?.to_owned();
            let arguments =
                lessor_script::objects(hook).map(|object| api::handle(object, String::new()));
            Some((hook.name, Call { function, arguments: arguments.collect() }))
        });
        let script = Self {
            file: name.to_owned(),
            text: text.to_owned(),
            calls: calls.collect(),
            engine,
            ast,
            settings,
            memory: Map::new().into(),
            scope: Scope::new(),
        };
        Ok((script, hooks))
    }

    fn call(&mut self, function: &str, arguments: Vec<Dynamic>) -> Result<Dynamic, String> {
        let options = CallFnOptions::new().eval_ast(false).bind_this_ptr(&mut self.memory);
        self.engine
            .call_fn_with_options(options, &mut self.scope, &self.ast, function, arguments)
            .map_err(|error| message::of(error, &self.text))
    }
}

/// Runs the statements outside of functions, and makes their variables and `settings` available to
/// all functions. Returns the names of these variables.
fn globals(engine: &mut Engine, text: &str, settings: &Dynamic) -> Result<Scope<'static>, String> {
    let ast = engine.compile(text).map_err(|error| message::of_syntax(error, text))?;
    let mut scope = Scope::new();
    engine.run_ast_with_scope(&mut scope, &ast).map_err(|error| message::of(error, text))?;
    let (mut globals, mut names) = (Module::new(), Scope::new());
    for (name, _, value) in scope.iter() {
        globals.set_var(name, value.into_shared());
        names.push(name.to_owned(), ());
    }
    for (name, value) in api::globals().chain([(SETTINGS, settings.clone())]) {
        globals.set_var(name, value);
        names.push(name, ());
    }
    engine.register_global_module(globals.into());
    Ok(names)
}

fn hooks(ast: &AST, text: &str) -> Result<Hooks, String> {
    let at = |name: &str| lessor_script::place_of(text, name);
    for function in ast.iter_functions() {
        if let Some(mistake) = LetterCase::Snake.misspelt_hook(function.name) {
            return Err(format!("{}{mistake}", at(function.name)));
        }
        if function.name == CONFIGURE && function.params.len() != 1 {
            return Err(format!("{}wanted configure(settings)", at(CONFIGURE)));
        }
    }
    let parameters = |name: &str| {
        ast.iter_functions().find(|found| found.name == name).map(|found| found.params.len())
    };
    Hooks::find(LetterCase::Snake, parameters).map_err(|(name, mistake)| match name {
        Some(name) => format!("{}{mistake}", at(&name)),
        None => {
            let functions: Vec<&str> = ast.iter_functions().map(|found| found.name).collect();
            format!("{mistake}{}", lessor_script::almost_a_hook(LetterCase::Snake, functions))
        }
    })
}

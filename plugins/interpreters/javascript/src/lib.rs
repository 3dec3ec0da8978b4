//! Runs policies that are scripts in JavaScript, with the engine Boa. This is an interpreter
//! component and is built only for WebAssembly.
//!
//! A script runs once for each instance, in strict mode; its variables last as long as the
//! instance. `Date` has the server's time of the current call, and there is no `Math.random`.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg(target_arch = "wasm32")]

mod api;
mod backtrace;
mod guard;
mod message;
mod names;
mod outside;
mod tree;

use std::{path::Path, rc::Rc};

use boa_engine::{
    Context, JsError, JsObject, JsResult, JsString, JsValue, Source, js_string,
    property::PropertyKey,
};
use lessor_script::{Answer, HOOKS, Hooks, LetterCase};

use crate::{
    api::{Api, value},
    outside::Jobs,
    tree::Tree,
};

/// The maximum depth of calls in a script. For deeper calls, the call stack that the server gives a
/// policy might not be large enough.
const CALL_LEVELS_MAX: usize = 48;

const CONFIGURE: &str = "configure";
const SETTINGS: &str = "settings";

/// A script that has run.
struct Script {
    /// The name of its file.
    file: String,
    /// The text of the script, for messages about errors.
    text: String,
    context: Context,
    jobs: Rc<Jobs>,
    calls: Vec<(&'static str, Call)>,
}

/// A function that serves a hook, and its arguments.
struct Call {
    function: JsObject,
    arguments: Vec<JsValue>,
}

lessor_script::interpreter!(Script);

impl lessor_script::Script for Script {
    const ADVICE: &'static str = "";

    fn read(name: &str, text: &str) -> Result<(Self, Hooks), String> {
        Self::run_once(name, text)
    }

    fn file(&self) -> &str {
        &self.file
    }

    fn set_up(&mut self, settings: lessor_script::Value) -> Result<(), String> {
        let told = self.configure(settings);
        told.map_err(|error| message::of(&error, &self.file, &self.text))
    }

    fn run(&mut self, hook: &str) -> Result<Answer, String> {
        let Some((_, call)) = self.calls.iter().find(|(name, _)| *name == hook) else {
            return Ok(Answer::Nothing);
        };
        let context = &mut self.context;
        let answer = call.function.call(&JsValue::undefined(), &call.arguments, context);
        let answer = answer
            .and_then(|answer| self.jobs.run(context).map(|()| answer))
            .map_err(|error| message::of(&error, &self.file, &self.text))?;
        Ok(match value::verdict(&answer, context) {
            Some(verdict) => Answer::Verdict(verdict),
            None if answer.is_null_or_undefined() => Answer::Nothing,
            None => Answer::Other(value::described(&answer, context)),
        })
    }
}

impl Script {
    fn run_once(name: &str, text: &str) -> Result<(Self, Hooks), String> {
        let jobs = Rc::<Jobs>::default();
        let mut context = outside::context(Rc::clone(&jobs)).map_err(|error| error.to_string())?;
        context.runtime_limits_mut().set_recursion_limit(CALL_LEVELS_MAX);
        let api = Api::install(&mut context).map_err(|error| error.to_string())?;
        context.strict(true);
        let tree = Tree::parse(text).map_err(|error| message::of_syntax(&error, text))?;
        let global = context.global_object();
        let is_global = |name: &str| {
            global.has_property(JsString::from(name), &mut context).unwrap_or_default()
        };
        if let Some(mistake) = names::undefined(&tree.script, &tree.interner, is_global) {
            return Err(mistake);
        }
        let source = Source::from_bytes(text).with_path(Path::new(name));
        context.eval(source).map_err(|error| message::of(&error, name, text))?;
        misspelt_hooks(&mut context, text)?;
        let parameters = |function: &str| {
            let found = defined(&mut context, function)?;
            let length = found.get(js_string!("length"), &mut context).ok()?;
            length.as_number().map(|length| length as usize)
        };
        let hooks =
            Hooks::find(LetterCase::Camel, parameters).map_err(|(name, mistake)| match name {
                Some(name) => format!("{}{mistake}", lessor_script::place_of(text, &name)),
                None => {
                    let defined = names::defined(&tree.script, &tree.interner);
                    let defined = defined.iter().map(String::as_str);
                    format!("{mistake}{}", lessor_script::almost_a_hook(LetterCase::Camel, defined))
                }
            })?;
        let calls = HOOKS.iter().filter_map(|hook| {
            let function = defined(&mut context, hooks.function(hook.name)?)?;
            let arguments = lessor_script::objects(hook).map(|object| api.object(object)).collect();
            Some((hook.name, Call { function, arguments }))
        });
        let calls = calls.collect();
        let (file, text) = (name.to_owned(), text.to_owned());
        Ok((Self { file, text, context, jobs, calls }, hooks))
    }

    fn configure(&mut self, settings: lessor_script::Value) -> JsResult<()> {
        let context = &mut self.context;
        let settings = value::to_script(settings, context)?;
        let global = context.global_object();
        global.create_data_property_or_throw(js_string!(SETTINGS), settings.clone(), context)?;
        if let Some(function) = defined(context, CONFIGURE) {
            function.call(&JsValue::undefined(), &[settings], context)?;
            self.jobs.run(context)?;
        }
        Ok(())
    }
}

/// Returns the function of this name, in whichever way the script defines it.
fn defined(context: &mut Context, name: &str) -> Option<JsObject> {
    let test = format!("typeof {name} === 'function' ? {name} : undefined");
    context.eval(Source::from_bytes(&test)).ok()?.as_callable()
}

/// # Errors
/// Returns a message if a function looks like a hook but is not one.
fn misspelt_hooks(context: &mut Context, text: &str) -> Result<(), String> {
    let global = context.global_object();
    let keys = global.own_property_keys(context).map_err(|error: JsError| error.to_string())?;
    for key in keys {
        let PropertyKey::String(name) = key else { continue };
        let name = name.to_std_string_lossy();
        let Some(mistake) = LetterCase::Camel.misspelt_hook(&name) else { continue };
        if defined(context, &name).is_some() {
            return Err(format!("{}{mistake}", lessor_script::place_of(text, &name)));
        }
    }
    Ok(())
}

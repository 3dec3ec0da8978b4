//! A script as a policy: what the interpreters of all languages do in the same way.
//!
//! The server loads a script, configures the policy and calls its hooks. An interpreter runs the
//! functions of the script, and reports what they return.

use std::{any::Any, cell::RefCell};

use lessor_policy::{LeaseEvent, LookupPlan, Policy, Reply, Request, Terms, Verdict};

use crate::{Hooks, Value, in_file, settings};

/// A script that was read.
pub trait Script: Sized + 'static {
    /// What is added to the message about a hook that returned something else than a verdict.
    const ADVICE: &'static str;

    /// Reads a script and finds its hooks.
    ///
    /// # Errors
    /// Returns a message that begins with the place of the mistake.
    fn read(name: &str, text: &str) -> Result<(Self, Hooks), String>;

    /// The name of the script's file.
    fn file(&self) -> &str;

    /// Passes the settings to the script.
    ///
    /// # Errors
    /// Returns the message of the script.
    fn set_up(&mut self, settings: Value) -> Result<(), String>;

    /// Runs the function that serves a hook, if the script has one.
    ///
    /// # Errors
    /// Returns the error of the script, which begins with its place.
    fn run(&mut self, hook: &str) -> Result<Answer, String>;
}

/// What a function of a script returned.
#[derive(Clone, Debug)]
pub enum Answer {
    /// No value.
    Nothing,
    /// A verdict.
    Verdict(Verdict),
    /// Anything else, described for a message.
    Other(String),
}

thread_local! {
    /// The script between `load` and `configure`.
    static LOADED: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// Exports an interpreter: the function `load`, and every hook of the scripts that it reads.
#[macro_export]
macro_rules! interpreter {
    ($Script:ty) => {
        ::lessor_policy::interpreter!($crate::load::<$Script>);
        ::lessor_policy::export_every_hook! { $crate::Interpreted<$Script> }
    };
}

/// Reads the script that the next instance of [`Interpreted`] runs, and returns the names of its
/// hooks.
///
/// # Errors
/// Returns a message that begins with the place of the mistake.
pub fn load<S: Script>(name: &str, text: &str) -> Result<Vec<String>, String> {
    let (script, hooks) = S::read(name, text)?;
    LOADED.set(Some(Box::new(script)));
    Ok(hooks.interfaces())
}

/// A script as a policy.
#[derive(Debug)]
pub struct Interpreted<S>(S);

/// Defines the methods of the hooks.
macro_rules! methods {
    ($(
        $(#[$documentation:meta])*
        $Name:ident $function:ident $interface:literal: $shape:ident
        $($Kind:ident $(by $shared:ident)?)?;
    )+) => {
        $(method! { $function $interface $shape })+
    };
}

/// Defines the method of a hook.
macro_rules! method {
    ($function:ident $interface:literal plan) => {
        fn $function(&mut self, request: &Request, plan: &LookupPlan) {
            request.enter(|| plan.enter(|| self.run($interface)));
        }
    };
    ($function:ident $interface:literal plan_event) => {
        fn $function(&mut self, event: &LeaseEvent, plan: &LookupPlan) {
            event.enter(|| plan.enter(|| self.run($interface)));
        }
    };
    ($function:ident $interface:literal decide) => {
        fn $function(&mut self, request: &Request, terms: &Terms) -> Verdict {
            let answer = request.enter(|| terms.enter(|| self.run($interface)));
            self.verdict($interface, answer)
        }
    };
    ($function:ident $interface:literal edit) => {
        fn $function(&mut self, request: &Request, reply: &Reply) {
            request.enter(|| reply.enter(|| self.run($interface)));
        }
    };
    ($function:ident $interface:literal tell) => {
        fn $function(&mut self, event: &LeaseEvent) {
            event.enter(|| self.run($interface));
        }
    };
}

impl<S: Script> Policy for Interpreted<S> {
    fn configure(json: &str) -> Result<Self, String> {
        let loaded = LOADED.take().and_then(|script| script.downcast::<S>().ok());
        let mut script = *loaded.ok_or("no script was loaded")?;
        script.set_up(settings(json)?)?;
        Ok(Self(script))
    }

    lessor_vocabulary::with_hooks!(methods);
}

impl<S: Script> Interpreted<S> {
    /// Runs the function that serves a hook; an error of the script ends the call.
    fn run(&mut self, hook: &str) -> Answer {
        match self.0.run(hook) {
            Ok(answer) => answer,
            Err(message) => self.fail(&message),
        }
    }

    fn verdict(&self, hook: &str, answer: Answer) -> Verdict {
        match answer {
            Answer::Nothing => Verdict::Proceed,
            Answer::Verdict(verdict) => verdict,
            Answer::Other(found) => self.fail(&format!(
                "{hook} returned {found}; wanted nothing, proceed(), ignore(\"why\") or \
                 refuse(\"why\"){}",
                S::ADVICE
            )),
        }
    }

    fn fail(&self, message: &str) -> ! {
        lessor_policy::fail(&in_file(self.0.file(), message))
    }
}

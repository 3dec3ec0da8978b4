//! What an interpreter needs beside [`crate::Policy`]: the script, and the subject of the call at hand
//! without a lifetime, as values of a script have none.

use scoped_tls::scoped_thread_local;

use crate::{__bindings::types, LeaseEvent, LookupPlan, Reply, Request, Terms};

/// Exports `interpreting`: the server calls `load` with the name of the script's file and its text,
/// once and before `configure`. It gives the names of the hooks that the script implements, or says
/// what is wrong with it, the place first.
///
/// ```
/// fn load(name: &str, text: &str) -> Result<Vec<String>, String> {
///     if text.is_empty() { Err(format!("{name} is empty")) } else { Ok(vec!["on-lease".to_owned()]) }
/// }
///
/// lessor_policy::interpreter!(load);
/// ```
#[macro_export]
macro_rules! interpreter {
    ($load:path) => {
        const _: () = {
            struct Loader;

            impl $crate::__bindings::interpreting::Guest for Loader {
                fn load(
                    name: ::std::string::String,
                    text: ::std::string::String,
                ) -> ::std::result::Result<
                    ::std::vec::Vec<::std::string::String>,
                    ::std::string::String,
                > {
                    $load(&name, &text)
                }
            }
            $crate::__export_function! { interpreting load Loader }
        };
    };
}

/// `enter` makes the subject of a call known while something runs, `entered` has it there.
macro_rules! entered {
    ($($key:ident: $subject:ident,)*) => {$(
        scoped_thread_local!(static $key: types::$subject);

        impl $subject<'_> {
            /// Runs `act`, during which [`Self::entered`] finds this.
            pub fn enter<T>(&self, act: impl FnOnce() -> T) -> T {
                $key.set(self.0, act)
            }

            /// What was entered; none outside of a call that has it.
            pub fn entered<T>(act: impl FnOnce(&$subject) -> T) -> Option<T> {
                $key.is_set().then(|| $key.with(|subject| act(&$subject(subject))))
            }
        }
    )*};
}

entered! {
    EVENT: LeaseEvent,
    PLAN: LookupPlan,
    REPLY: Reply,
    REQUEST: Request,
    TERMS: Terms,
}

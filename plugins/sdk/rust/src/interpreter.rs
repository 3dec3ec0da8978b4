//! What an interpreter needs in addition to [`crate::Policy`]: the script, and access to the
//! subject of the current call without a lifetime, because the values of a script have none.

use scoped_tls::scoped_thread_local;

use crate::{__bindings::types, LeaseEvent, LookupPlan, Reply, Request, Terms};

/// Exports `interpreting`: the server calls `load` with the name of the script's file and its text,
/// once and before `configure`. `load` returns the names of the hooks that the script implements,
/// or a message about a mistake that begins with its line and column.
///
/// ```
/// fn load(name: &str, text: &str) -> Result<Vec<String>, String> {
///     match text {
///         "" => Err(format!("{name} is empty")),
///         _ => Ok(vec!["on-lease".to_owned()]),
///     }
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

/// `enter` sets the subject of a call while a closure runs, and `entered` gives access to it.
macro_rules! entered {
    ($($key:ident: $subject:ident,)*) => {$(
        scoped_thread_local!(static $key: types::$subject);

        impl $subject<'_> {
            /// Runs `act`, during which [`Self::entered`] finds this value.
            pub fn enter<T>(&self, act: impl FnOnce() -> T) -> T {
                $key.set(self.0, act)
            }

            /// Calls `act` with the value that was entered, or returns `None` outside of
            /// [`Self::enter`].
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

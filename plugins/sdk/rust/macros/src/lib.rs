//! The macros of the crate `lessor-policy`, which documents the attribute `#[policy]`.
//!
//! Which functions are hooks, and what they are called with, comes from `lessor-vocabulary`. The
//! attribute reads only the names of the implementation's methods. The compiler checks everything
//! else against the trait.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use lessor_vocabulary::HOOKS;
use proc_macro::{Delimiter, Group, TokenStream, TokenTree};

/// The function that every policy has beside its hooks.
const CONFIGURE: &str = "configure";

/// Exports the hooks that an `impl Policy for …` implements; see `lessor_policy::policy`.
#[proc_macro_attribute]
pub fn policy(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if !arguments.is_empty() {
        return error(
            "#[policy] takes no arguments: the methods of the implementation are the hooks",
        );
    }
    let Some((policy, methods)) = read(item.clone()) else {
        return error("#[policy] is allowed only on `impl Policy for YourType { … }`");
    };
    let exports = exports(&policy, |name| methods.iter().any(|method| method == name));
    let mut output = item;
    output.extend(exports);
    output
}

/// Exports every hook of a type that implements `Policy`, for interpreters of scripts.
#[proc_macro]
pub fn export_every_hook(policy: TokenStream) -> TokenStream {
    exports(&policy, |_| true)
}

/// Generates a module with the bindings of each hook, for the crate `lessor-policy` only. The
/// argument is the version of the contract.
///
/// Each hook has a world of its own, so that a policy exports only the hooks that it implements.
#[proc_macro]
pub fn hook_bindings(version: TokenStream) -> TokenStream {
    let version = version.to_string();
    let version = version.trim_matches('"');
    let module = |hook: &lessor_vocabulary::HookDefinition| {
        let (name, function) = (hook.name, hook.function);
        format!(
            r#"pub mod {function} {{
                wit_bindgen::generate!({{
                    path: "wit/deps/policy",
                    inline: "package lessor:sdk;
                             world {name} {{ export lessor:policy/{name}@{version}; }}",
                    with: {{ "lessor:policy/types@{version}": crate::__bindings::types }},
                    pub_export_macro: true,
                }});
                pub use exports::lessor::policy::{function}::Guest;
            }}"#
        )
    };
    parsed(&HOOKS.iter().map(module).collect::<String>())
}

/// Returns the exports of the functions that `is_implemented` accepts. A name that is not a hook
/// exports nothing: the compiler reports it, because the trait has no such method.
fn exports(policy: &TokenStream, is_implemented: impl Fn(&str) -> bool) -> TokenStream {
    let hooks = HOOKS.iter().map(|hook| (hook.shape.name(), hook.function));
    let listed: String = [(CONFIGURE, CONFIGURE)]
        .into_iter()
        .chain(hooks)
        .filter(|(_, function)| is_implemented(function))
        .map(|(shape, function)| format!("{shape} {function},"))
        .collect();
    let mut arguments = policy.clone();
    arguments.extend(parsed(&format!(": {listed}")));
    let mut call = parsed("::lessor_policy::__export!");
    call.extend([TokenTree::Group(Group::new(Delimiter::Brace, arguments))]);
    call
}

/// Returns the type of `impl … for TYPE { … }` and the names of the functions between its braces.
fn read(item: TokenStream) -> Option<(TokenStream, Vec<String>)> {
    let mut tokens = item.into_iter();
    tokens.by_ref().find(|token| is_word(token, "impl"))?;
    tokens.by_ref().find(|token| is_word(token, "for"))?;
    let mut policy = TokenStream::new();
    for token in tokens {
        match token {
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
                return (!policy.is_empty()).then(|| (policy, functions(body.stream())));
            }
            token => policy.extend([token]),
        }
    }
    None
}

/// Returns the names that follow a `fn`, except those in nested bodies.
fn functions(body: TokenStream) -> Vec<String> {
    let mut names = Vec::new();
    let mut follows_fn = false;
    for token in body {
        match &token {
            TokenTree::Ident(name) if follows_fn => names.push(name.to_string()),
            _ => {}
        }
        follows_fn = is_word(&token, "fn");
    }
    names
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident.to_string() == word)
}

fn parsed(code: &str) -> TokenStream {
    code.parse().unwrap_or_else(|_| error("the type of the policy cannot be parsed"))
}

fn error(message: &str) -> TokenStream {
    format!("::core::compile_error! {{ {message:?} }}").parse().unwrap_or_default()
}

//! The attribute `#[policy]` of the crate `lessor-policy`, which documents it.
//!
//! It reads only the names of the implementation's methods. The compiler checks everything else
//! against the trait.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use proc_macro::{Delimiter, Ident, TokenStream, TokenTree};

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
    let mut listed = TokenStream::new();
    for method in methods {
        listed.extend([TokenTree::Ident(method)]);
    }
    let exports: TokenStream = format!("::lessor_policy::__export! {{ {policy} : {listed} }}")
        .parse()
        .unwrap_or_else(|_| error("#[policy] cannot parse the type of the implementation"));
    let mut output = item;
    output.extend(exports);
    output
}

/// Returns the type of `impl … for TYPE { … }` and the names of the functions between its braces.
fn read(item: TokenStream) -> Option<(TokenStream, Vec<Ident>)> {
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
fn functions(body: TokenStream) -> Vec<Ident> {
    let mut names = Vec::new();
    let mut follows_fn = false;
    for token in body {
        match &token {
            TokenTree::Ident(name) if follows_fn => names.push(name.clone()),
            _ => {}
        }
        follows_fn = is_word(&token, "fn");
    }
    names
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident.to_string() == word)
}

fn error(message: &str) -> TokenStream {
    format!("::core::compile_error! {{ {message:?} }}").parse().unwrap_or_default()
}

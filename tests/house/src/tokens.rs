//! What the arguments of macros and attributes contain. The compiler sees code there only after
//! they were expanded, so it is read as tokens.

use proc_macro2::{TokenStream, TokenTree};

/// A part of the arguments that a check looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A path of at least two segments.
    Path(Vec<String>),
    /// The value of a string.
    Text(String),
}

/// The paths and strings in the arguments of a macro or an attribute, in order.
pub(crate) fn parts(tokens: TokenStream) -> Vec<Part> {
    let mut found = Vec::new();
    read(tokens, &mut found);
    found
}

fn read(tokens: TokenStream, found: &mut Vec<Part>) {
    let mut path = Vec::new();
    let mut colons = 0;
    for token in tokens {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == ':' && !path.is_empty() => {
                colons += 1;
                continue;
            }
            TokenTree::Ident(ident) => {
                if colons != 2 {
                    end(&mut path, found);
                }
                path.push(ident.to_string());
                colons = 0;
                continue;
            }
            TokenTree::Group(group) => {
                end(&mut path, found);
                read(group.stream(), found);
            }
            TokenTree::Literal(literal) => {
                end(&mut path, found);
                if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    found.push(Part::Text(text.value()));
                }
            }
            TokenTree::Punct(_) => end(&mut path, found),
        }
        colons = 0;
    }
    end(&mut path, found);
}

fn end(path: &mut Vec<String>, found: &mut Vec<Part>) {
    let path = std::mem::take(path);
    if path.len() > 1 {
        found.push(Part::Path(path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_strings_are_found_in_groups_too() {
        let tokens = "a: crate::b::c(x), [\"text\", super::d], $crate::e!(y: Z)";
        let path = |text: &str| Part::Path(text.split("::").map(str::to_owned).collect());
        let wanted =
            [path("crate::b::c"), Part::Text("text".into()), path("super::d"), path("crate::e")];
        assert_eq!(parts(tokens.parse().unwrap()), wanted);
    }
}

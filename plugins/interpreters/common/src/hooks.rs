//! Hooks: the functions of a script that the server calls.

use lessor_vocabulary::{HOOKS, HookDefinition, Shape};

use crate::{OBJECTS, Object};

/// The function that serves every decision hook for which the script has no separate function.
pub const DECIDE: &str = "decide";

/// The spelling of names in a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterCase {
    /// `on_discover`
    Snake,
    /// `onDiscover`
    Camel,
}

/// Returns the objects that are passed to the function that serves a hook.
pub fn objects(hook: &HookDefinition) -> impl Iterator<Item = &'static Object> {
    let object = |name: &&str| OBJECTS.into_iter().find(|object| object.name == *name);
    hook.shape.parameters().iter().filter_map(object)
}

/// Returns how the functions of hooks begin, for messages: `decide(request, terms), … or …`.
pub fn signatures(case: LetterCase) -> String {
    let signature = |function: &str, shape: Shape| {
        format!("{}({})", case.spell(function), shape.parameters().join(", "))
    };
    let others = HOOKS.iter().filter(|hook| hook.shape != Shape::Decide);
    let others = others.map(|hook| signature(hook.function, hook.shape));
    let all: Vec<String> =
        std::iter::once(signature(DECIDE, Shape::Decide)).chain(others).collect();
    match all.as_slice() {
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
        [] => String::new(),
    }
}

/// The hooks of a script: for each hook of [`HOOKS`] the function that serves it, in the script's
/// spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks([Option<String>; HOOKS.len()]);

impl Hooks {
    /// Finds the hooks among the functions that a script defines. `parameters` returns the number
    /// of parameters of a function by its name in the script's spelling, or `None` if there is no
    /// such function.
    ///
    /// # Errors
    /// Returns an error if there is no hook, or if a hook has the wrong number of parameters. The
    /// first value is the name of the function at fault, if any.
    pub fn find(
        case: LetterCase,
        mut parameters: impl FnMut(&str) -> Option<usize>,
    ) -> Result<Self, (Option<String>, String)> {
        let mut hooks = Self::default();
        for (place, hook) in hooks.0.iter_mut().zip(HOOKS) {
            let own = case.spell(hook.function);
            let names = [Some(own), hook.is_decision.then(|| DECIDE.to_owned())];
            for name in names.into_iter().flatten() {
                let Some(found) = parameters(&name) else { continue };
                let wanted = hook.shape.parameters();
                if found > wanted.len() || (case == LetterCase::Snake && found != wanted.len()) {
                    let plural = if found == 1 { "" } else { "s" };
                    let message = format!(
                        "the function {name} has {found} parameter{plural}; wanted {name}({})",
                        wanted.join(", ")
                    );
                    return Err((Some(name), message));
                }
                *place = Some(name);
                break;
            }
        }
        if hooks == Self::default() {
            let message = format!(
                "the script has no hook, so it would never be called; wanted at least one of the \
                 functions {}",
                names(case)
            );
            return Err((None, message));
        }
        Ok(hooks)
    }

    /// Returns the names of the hooks' interfaces.
    pub fn interfaces(&self) -> Vec<String> {
        let found = self.0.iter().zip(HOOKS).filter(|(function, _)| function.is_some());
        found.map(|(_, hook)| hook.name.to_owned()).collect()
    }

    /// Returns the function that serves the hook of this name.
    pub fn function(&self, interface: &str) -> Option<&str> {
        let found = self.0.iter().zip(HOOKS).find(|(_, hook)| hook.name == interface);
        found.and_then(|(function, _)| function.as_deref())
    }
}

impl LetterCase {
    /// Converts a name in snake case to this spelling.
    pub fn spell(self, snake: &str) -> String {
        let mut name = String::with_capacity(snake.len());
        let mut is_start = false;
        for letter in snake.chars() {
            match (self, letter) {
                (Self::Camel, '_') => is_start = true,
                (Self::Camel, letter) if is_start => {
                    name.extend(letter.to_uppercase());
                    is_start = false;
                }
                (_, letter) => name.push(letter),
            }
        }
        name
    }

    /// Returns a message about a function of this name if the name looks like a hook but is not
    /// one.
    pub fn misspelt_hook(self, name: &str) -> Option<String> {
        let mut rest = name.strip_prefix("on")?.chars();
        let looks_like_one = match self {
            Self::Snake => rest.next() == Some('_'),
            Self::Camel => rest.next().is_some_and(char::is_uppercase),
        };
        let is_one = HOOKS.iter().any(|hook| self.spell(hook.function) == name);
        (looks_like_one && !is_one)
            .then(|| format!("{name} is not a hook; wanted one of {}", names(self)))
    }
}

fn names(case: LetterCase) -> String {
    let functions = HOOKS.iter().map(|hook| case.spell(hook.function));
    std::iter::once(DECIDE.to_owned()).chain(functions).collect::<Vec<_>>().join(", ")
}

/// All names that scripts can use, in the spelling of the language: `request.circuit_id`.
#[cfg(test)]
fn vocabulary(case: LetterCase) -> Vec<String> {
    let functions = crate::FUNCTIONS.iter();
    let mut names: Vec<String> = functions.map(|found| case.spell(found.name)).collect();
    for object in OBJECTS {
        let properties = object.properties.iter().map(|property| property.name);
        let members = properties.chain(object.functions.iter().map(|function| function.name));
        names.extend(members.map(|member| format!("{}.{}", object.name, case.spell(member))));
    }
    names.extend(HOOKS.iter().map(|hook| case.spell(hook.function)));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decide_serves_what_has_no_function_of_its_own() {
        let has = |name: &str| ["decide", "on_request", "on_lease"].contains(&name);
        let parameters = |name: &str| has(name).then_some(if name == "on_lease" { 1 } else { 2 });
        let hooks = Hooks::find(LetterCase::Snake, parameters).unwrap();
        assert_eq!(hooks.interfaces(), ["on-discover", "on-request", "on-inform", "on-lease"]);
        assert_eq!(hooks.function("on-discover"), Some("decide"));
        assert_eq!(hooks.function("on-request"), Some("on_request"));
        assert_eq!(hooks.function("on-release"), None);
    }

    #[test]
    fn signatures_show_one_function_of_each_shape() {
        assert_eq!(
            signatures(LetterCase::Snake),
            "decide(request, terms), plan_lookups(request, plan), plan_further_lookups(request, \
             plan), reply_options(request, reply), plan_lease_lookups(event, plan) or \
             on_lease(event)"
        );
        assert!(HOOKS.iter().all(|hook| objects(hook).count() == hook.shape.parameters().len()));
    }

    #[test]
    fn mistakes_name_what_was_wanted() {
        let (at, message) = Hooks::find(LetterCase::Snake, |_| None).unwrap_err();
        assert_eq!(at, None);
        assert!(message.contains("decide, plan_lookups, plan_further_lookups"), "{message}");
        let (at, message) =
            Hooks::find(LetterCase::Snake, |name| (name == "decide").then_some(1)).unwrap_err();
        assert_eq!(at.as_deref(), Some("decide"));
        assert_eq!(message, "the function decide has 1 parameter; wanted decide(request, terms)");
        // In JavaScript, a function may have fewer parameters.
        Hooks::find(LetterCase::Camel, |name| (name == "decide").then_some(1)).unwrap();
        assert!(
            LetterCase::Camel
                .misspelt_hook("onDiscovery")
                .unwrap()
                .contains("onDiscover, onRequest")
        );
        assert!(LetterCase::Snake.misspelt_hook("on_discovery").is_some());
        for name in ["onDiscover", "once", "on", "helper"] {
            assert_eq!(LetterCase::Camel.misspelt_hook(name), None, "{name}");
        }
    }

    #[test]
    fn the_readmes_have_every_name() {
        for (case, readme) in [
            (LetterCase::Snake, include_str!("../../rhai/README.md")),
            (LetterCase::Camel, include_str!("../../javascript/README.md")),
        ] {
            for name in vocabulary(case) {
                assert!(readme.contains(&format!("`{name}")), "{name} is missing ({case:?})");
            }
        }
    }
}

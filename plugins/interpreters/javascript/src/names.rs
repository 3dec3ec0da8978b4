//! Finds undefined names when a script is loaded, because the language finds them only in the call
//! that reaches their line.

use std::{collections::HashSet, convert::Infallible, ops::ControlFlow};

use boa_engine::{
    ast::{
        Script, Spanned,
        expression::{
            Expression, Identifier,
            literal::PropertyDefinition,
            operator::{Unary, assign::AssignTarget, unary::UnaryOp},
        },
        visitor::{VisitWith, Visitor},
    },
    interner::{Interner, Sym},
};
use lessor_script::{
    DECIDE, FUNCTIONS, HOOKS, LetterCase, OBJECTS, absent_function, nearest, place,
};

/// Names that exist although no statement defines them: the settings are set later, and every
/// function has `arguments`.
const ALWAYS: [&str; 2] = ["settings", "arguments"];
/// With these names, a script can define names that its text does not show.
const DEFINERS: [&str; 3] = ["globalThis", "eval", "Function"];
/// Names of other languages, with the names in JavaScript.
const ELSEWHERE: [(&str, &str); 8] = [
    ("None", "null"),
    ("nil", "null"),
    ("NULL", "null"),
    ("True", "true"),
    ("False", "false"),
    ("elif", "else if"),
    ("elseif", "else if"),
    ("self", "this"),
];
/// Names of the language that are often misspelt.
const LANGUAGE: &str = "Array Boolean Date Error Infinity JSON Map Math NaN Number Object RegExp \
                        Set String isFinite isNaN parseFloat parseInt settings undefined";

/// Returns the message about the first undefined name, which begins with the place. `is_global`
/// returns whether the language or the server defines a name.
pub(crate) fn undefined(
    script: &Script,
    interner: &Interner,
    mut is_global: impl FnMut(&str) -> bool,
) -> Option<String> {
    let names = Names::of(script);
    let text = |name: &Identifier| interner.resolve_expect(name.sym()).to_string();
    if names.used.iter().any(|used| DEFINERS.contains(&&*text(used))) {
        return None;
    }
    let used = names.used.iter().find(|used| {
        let name = text(used);
        let is_known = names.declared.contains(&used.sym()) || ALWAYS.contains(&&*name);
        !is_known && !is_global(&name)
    })?;
    let start = used.span().start();
    let place = place(Some(start.line_number() as usize), Some(start.column_number() as usize));
    Some(format!("{place}{}", explained(&text(used), &defined(script, interner))))
}

/// Returns every name that the script defines, in any scope.
pub(crate) fn defined(script: &Script, interner: &Interner) -> Vec<String> {
    let names = Names::of(script);
    let text = |sym: &Sym| interner.resolve_expect(*sym).to_string();
    let mut defined: Vec<String> = names.declared.iter().map(text).collect();
    defined.sort();
    defined
}

/// Returns the message about the undefined name of a hook's parameter.
pub(crate) fn of_hook(name: &str) -> Option<String> {
    let mut hooks = HOOKS.iter().filter(|hook| hook.shape.parameters().contains(&name));
    let hook = hooks.clone().find(|hook| hook.is_decision).or_else(|| hooks.next())?;
    let function = if hook.is_decision { DECIDE } else { hook.function };
    Some(format!(
        "{name} is not defined here: it is a parameter of hooks. Write {}({}), and pass it to the \
         functions that use it",
        LetterCase::Camel.spell(function),
        hook.shape.parameters().join(", ")
    ))
}

fn explained(name: &str, declared: &[String]) -> String {
    if let Some((_, here)) = ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == name) {
        return format!("{name} is not defined; in JavaScript, write {here}");
    }
    if let Some(explained) = of_hook(name) {
        return explained;
    }
    if let Some(absent) = absent_function(name) {
        return absent;
    }
    let of_api = FUNCTIONS.iter().map(|function| LetterCase::Camel.spell(function.name));
    let of_objects = OBJECTS.iter().filter(|object| object.is_global).map(|o| o.name.to_owned());
    let language = LANGUAGE.split_whitespace().map(str::to_owned);
    let known: Vec<String> =
        declared.iter().cloned().chain(of_api).chain(of_objects).chain(language).collect();
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("{name} is not defined; did you mean {near}?"),
        None => format!("{name} is not defined: define it with let or const, or correct the name"),
    }
}

/// The names that a script defines, in any scope, and the names that it uses.
#[derive(Default)]
struct Names {
    declared: HashSet<Sym>,
    used: Vec<Identifier>,
}

impl Names {
    fn of(script: &Script) -> Self {
        let mut names = Self::default();
        let _ = names.visit_script(script);
        names
    }

    fn uses(&mut self, name: Identifier) -> ControlFlow<Infallible> {
        self.used.push(name);
        ControlFlow::Continue(())
    }
}

impl<'ast> Visitor<'ast> for Names {
    type BreakTy = Infallible;

    /// An identifier that is not an expression is a definition.
    fn visit_identifier(&mut self, found: &'ast Identifier) -> ControlFlow<Infallible> {
        self.declared.insert(found.sym());
        ControlFlow::Continue(())
    }

    fn visit_expression(&mut self, found: &'ast Expression) -> ControlFlow<Infallible> {
        match found {
            Expression::Identifier(name) => self.uses(*name),
            other => other.visit_with(self),
        }
    }

    /// `typeof name` tests whether the name is defined, so it is not a use.
    fn visit_unary(&mut self, found: &'ast Unary) -> ControlFlow<Infallible> {
        let asks =
            found.op() == UnaryOp::TypeOf && matches!(found.target(), Expression::Identifier(_));
        if asks { ControlFlow::Continue(()) } else { found.visit_with(self) }
    }

    fn visit_property_definition(
        &mut self,
        found: &'ast PropertyDefinition,
    ) -> ControlFlow<Infallible> {
        match found {
            PropertyDefinition::IdentifierReference(name) => self.uses(*name),
            other => other.visit_with(self),
        }
    }

    fn visit_assign_target(&mut self, found: &'ast AssignTarget) -> ControlFlow<Infallible> {
        match found {
            AssignTarget::Identifier(name) => self.uses(*name),
            other => other.visit_with(self),
        }
    }
}

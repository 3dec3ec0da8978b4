//! The syntax tree of a script, which shows what the script does at a place.

use std::{collections::HashMap, convert::Infallible, ops::ControlFlow};

use boa_engine::{
    Source,
    ast::{
        Script, Spanned,
        declaration::{Binding, Variable},
        expression::{
            Call, Expression,
            access::{PropertyAccess, PropertyAccessField, SimplePropertyAccess},
        },
        scope::Scope,
        statement::iteration::ForOfLoop,
        visitor::{VisitWith, Visitor},
    },
    interner::{Interner, ToInternedString},
    parser::{Error, Parser},
};

use crate::backtrace::{Innermost, LineAndColumn};

/// Longer expressions are truncated in messages.
const EXPRESSION_CHARS_MAX: usize = 60;

/// A parsed script.
pub(crate) struct Tree {
    pub(crate) script: Script,
    pub(crate) interner: Interner,
}

/// The operation of a script at a place.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Reads a property.
    Read(Access),
    /// Calls the value of an expression.
    Call {
        /// The expression.
        callee: String,
        /// The property access, if the expression is one.
        method: Option<Access>,
    },
    /// Takes a value apart: iterates over a list, or destructures an object.
    TakeApart(String),
}

/// A property access, as the script writes it.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) target: String,
    /// The name, or `None` if it is computed.
    pub(crate) field: Option<String>,
    pub(crate) place: LineAndColumn,
}

impl Tree {
    /// Parses a script.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let mut interner = Interner::default();
        let mut parser = Parser::new(Source::from_bytes(text));
        parser.set_strict();
        let script = parser.parse_script(&Scope::new_global(), &mut interner)?;
        Ok(Self { script, interner })
    }

    /// Returns the operation at which an error occurred, and its place.
    pub(crate) fn step(&self, innermost: &Innermost) -> Option<(Step, LineAndColumn)> {
        let mut steps = self.steps();
        // The lookup of a method comes immediately before its call.
        if let Some(Step::Call { method: Some(method), .. }) =
            innermost.next.and_then(|next| steps.found.get(&next))
        {
            return Some((Step::Read(method.clone()), method.place));
        }
        let at = innermost.at?;
        steps.found.remove(&at).map(|step| (step, at))
    }

    /// Returns the value that the script was taking apart when an error occurred, and its place.
    pub(crate) fn taken_apart(&self, innermost: &Innermost) -> Option<(Step, LineAndColumn)> {
        let is_between = |place: &LineAndColumn| {
            innermost.before.or(innermost.at).is_none_or(|before| before <= *place)
                && innermost.next.is_none_or(|next| *place <= next)
        };
        // The value may have been read immediately before, at the place of its last property.
        let steps = self.steps();
        let mut found = steps.taken_apart.into_iter();
        let (begin, _, text) =
            found.find(|(begin, end, _)| is_between(begin) || is_between(end))?;
        Some((Step::TakeApart(text), begin))
    }

    fn steps(&self) -> Steps<'_> {
        let mut steps =
            Steps { interner: &self.interner, found: HashMap::new(), taken_apart: Vec::new() };
        let _ = steps.visit_script(&self.script);
        steps
    }
}

struct Steps<'a> {
    interner: &'a Interner,
    found: HashMap<LineAndColumn, Step>,
    /// Values that are taken apart, with the places of their beginning and end.
    taken_apart: Vec<(LineAndColumn, LineAndColumn, String)>,
}

impl Steps<'_> {
    fn take_apart(&mut self, value: &Expression) {
        let end = value.span().end();
        let end = (end.line_number() as usize, end.column_number() as usize);
        self.taken_apart.push((place(value), end, self.text(value)));
    }

    fn text(&self, expression: &Expression) -> String {
        let text = expression.to_interned_string(self.interner);
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(EXPRESSION_CHARS_MAX) {
            Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
            None => line,
        }
    }

    fn access(&self, access: &SimplePropertyAccess) -> Access {
        let field = match access.field() {
            PropertyAccessField::Const(name) => Some(name.to_interned_string(self.interner)),
            PropertyAccessField::Expr(_) => None,
        };
        Access { target: self.text(access.target()), field, place: place(access.field()) }
    }
}

impl<'ast> Visitor<'ast> for Steps<'_> {
    type BreakTy = Infallible;

    fn visit_simple_property_access(
        &mut self,
        found: &'ast SimplePropertyAccess,
    ) -> ControlFlow<Infallible> {
        let access = self.access(found);
        self.found.insert(access.place, Step::Read(access));
        found.visit_with(self)
    }

    fn visit_call(&mut self, found: &'ast Call) -> ControlFlow<Infallible> {
        let method = match found.function().flatten() {
            Expression::PropertyAccess(PropertyAccess::Simple(access)) => Some(self.access(access)),
            _ => None,
        };
        let callee = self.text(found.function());
        self.found.insert(place(found), Step::Call { callee, method });
        found.visit_with(self)
    }

    fn visit_for_of_loop(&mut self, found: &'ast ForOfLoop) -> ControlFlow<Infallible> {
        self.take_apart(found.iterable());
        found.visit_with(self)
    }

    fn visit_variable(&mut self, found: &'ast Variable) -> ControlFlow<Infallible> {
        if let (Binding::Pattern(_), Some(value)) = (found.binding(), found.init()) {
            self.take_apart(value);
        }
        found.visit_with(self)
    }
}

fn place(spanned: &impl Spanned) -> LineAndColumn {
    let start = spanned.span().start();
    (start.line_number() as usize, start.column_number() as usize)
}

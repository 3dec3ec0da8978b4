//! A name that a script contains literally.

/// A name in the text of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What it names.
    pub kind: NamedKind,
    /// The name.
    pub name: String,
    /// The line of the name, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// The kind of thing that a name in a script refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NamedKind {
    /// A pool, which the script sets as a term.
    Pool,
    /// A source that the script plans a lookup in.
    Source,
    /// A source that the script reads as a table in memory.
    Table,
}

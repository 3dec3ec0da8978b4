//! Scripts: policies that are text, run by an interpreter. Without the feature `scripts`, a script
//! is refused and cannot exist.

#[cfg(not(feature = "scripts"))]
mod absent;
#[cfg(feature = "scripts")]
mod depth;
#[cfg(feature = "scripts")]
mod loops;
mod name;
#[cfg(feature = "scripts")]
mod named;
#[cfg(feature = "scripts")]
mod text;
#[cfg(feature = "scripts")]
mod tokens;

#[cfg(not(feature = "scripts"))]
pub(crate) use absent::Script;
pub use name::{Named, NamedKind};
#[cfg(feature = "scripts")]
pub(crate) use text::Script;

//! Checks of the sources themselves, without compiling them: which modules need each other, how
//! comments, messages and documents are worded, and which crates occur in several versions.
//!
//! `cargo xtask lint` runs them. Not here: what clippy and rustfmt check.

pub mod circles;
pub mod duplicates;
pub mod modules;
pub mod sources;
mod tokens;
pub mod words;

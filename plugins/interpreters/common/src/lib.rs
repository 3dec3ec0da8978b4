//! The script API, independent of the language: the objects, properties and functions that an
//! interpreter offers to a script, defined once under the names of the contract.
//!
//! This crate is not an interpreter and knows no language. An interpreter iterates over [`OBJECTS`]
//! and [`FUNCTIONS`], offers them in the style of its language, and converts values ([`Value`]).
//!
//! Nothing here stores a request or a similar object: reading a property makes a call to the server
//! about the current call. Outside of a call, reading a property is an error.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod brackets;
mod capabilities;
mod functions;
mod hooks;
mod kinds;
mod lease_event;
mod lookup;
mod mistakes;
mod objects;
mod place;
mod policy;
mod reply;
mod request;
mod terms;
mod value;

pub use brackets::{unclosed, unclosed_text};
pub use functions::FUNCTIONS;
pub use hooks::{DECIDE, Hooks, LetterCase, objects, signatures};
pub use lessor_vocabulary::HOOKS;
pub use mistakes::{absent_function, almost_a_hook, nearest, unknown_function};
pub use objects::OBJECTS;
pub use place::{in_file, place, place_of};
pub use policy::{Answer, Interpreted, Script, load};
pub use value::{
    Value,
    object::{Function, Object, Property},
    settings,
};

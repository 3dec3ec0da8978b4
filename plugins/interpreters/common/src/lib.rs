//! What scripts can say, whatever their language: the objects, properties and functions that an
//! interpreter gives to a script, each in one place, under the names of the contract.
//!
//! What this crate is not: an interpreter. It knows no language; an interpreter goes through
//! [`OBJECTS`] and [`FUNCTIONS`], offers them in its language's manner, and carries values over
//! ([`Value`]).
//!
//! Nothing here holds a request or the like: each property asks the server about the call at hand when
//! it is read. Outside of such a call there is an error instead of an answer.

mod brackets;
mod capabilities;
mod functions;
mod hooks;
mod lease_event;
mod lookup;
mod mistakes;
mod object;
mod place;
mod reply;
mod request;
mod terms;
mod value;

pub use brackets::{unclosed, unclosed_text};
pub use functions::FUNCTIONS;
pub use hooks::{Case, DECIDE, HOOKS, Hook, Hooks};
pub use mistakes::{absent_function, almost_a_hook, nearest, unknown_function};
pub use object::{Function, OBJECTS, Object, Property};
pub use place::{in_file, place, place_of};
pub use value::{Value, settings};

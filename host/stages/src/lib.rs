//! The stages of an exchange, from a datagram to the reply.
//!
//! Each stage is a type that is made from the one before, so none can be skipped:
//!
//! - [`Parsed`]: the datagram is a request.
//! - [`Located`]: its classes, network, subnet and client are known, and its reply may be sent.
//! - [`Planned`], [`Informed`]: policies said what they look up; every lookup has an answer.
//! - [`Asked`]: the policies set the terms.
//! - [`Decided`]: the engine decided.
//! - [`Edited`], [`Written`]: policies edited the reply; the reply is octets.
//!
//! On the way an exchange can end ([`Ended`]), with a reason and with the stage that it reached. It
//! can wait, for lookups or for storage: [`Life`] drives an exchange up to such a point, returns it
//! ([`Pending`]), and continues later. So its caller decides how to wait.
//!
//! Sockets, engines and lookup sources belong to the caller, who passes them as an [`Environment`],
//! and its policies as [`Policies`]. A caller without engines asks its policies in a
//! [`Consultation`], which is the part of a life between `Located` and `Asked`. A [`Witness`] is
//! notified of everything that happens on the way; `()` ignores it at no cost. The server, replays,
//! explanations, shadows and the authors' tools all run this code and differ only in these three.
//! Invariant: an exchange ends in exactly one reason.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]
#![allow(
    clippy::result_large_err,
    reason = "an exchange that ends is no exception, and to box it would cost an allocation"
)]

mod asked;
mod classified;
mod consultation;
mod decided;
mod ended;
mod environment;
mod informed;
mod life;
mod located;
mod moment;
mod parsed;
mod policies;
mod rehearsal;
mod why;
mod witness;
mod written;

pub use asked::Asked;
pub use consultation::{Consultation, Consulted};
pub use decided::{About, Attempted, Decided, Edited};
pub use ended::Ended;
pub use environment::{Environment, LookupAnswers, RequestToDecide, Retired, Ruling};
pub use informed::{Informed, Planned, Round};
pub use life::{Life, Pending, Reached};
pub use located::{Located, WantedState};
pub use moment::{Moment, in_clock_time};
pub use parsed::Parsed;
pub use policies::Policies;
pub use rehearsal::rehearse;
pub use witness::{RequestLocation, Witness};
pub use written::{Written, WrittenReply};

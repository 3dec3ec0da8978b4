//! Simulated subscribers behind relay agents: load on a DHCPv4 server, latencies, and an audit of
//! what the subscribers were given.
//!
//! - [`run`] and [`run_with`]: many subscribers at once, as in `lessor load`, ending in a
//!   [`LoadReport`].
//! - [`StreamRelay`]: streams of messages, each at its own rate, whatever the server answers.
//! - [`Relay`]: single exchanges, one after the other, for demonstrations and tests;
//!   [`ClientSocket`]: a renewal without a relay.
//!
//! This is an independent implementation of the protocol: messages are built and read with
//! dhcproto, not with the server's own code, so that it can find mistakes of the server. It works
//! with any DHCPv4 server that is reached through a relay. It does not configure this machine.
//!
//! Every wait has a deadline.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod acquired;
mod args;
mod audit;
mod client;
mod code;
mod driver;
mod error;
mod exchange;
mod intent;
mod ledger;
mod message;
mod mistake;
mod pace;
mod plan;
mod progress;
mod relay;
mod reply;
mod report;
mod socket;
mod streams;
mod subscriber;
mod tally;
mod template;
#[cfg(test)]
mod testing;

pub use dhcproto;

pub use acquired::Acquired;
pub use args::LoadArgs;
pub use client::ClientSocket;
pub use driver::ExchangeEvent;
pub use error::ExchangeError;
pub use exchange::{ExchangeEnd, ExchangeKind};
pub use mistake::Violation;
pub use relay::{Answer, Relay};
pub use reply::{Reply, ReplyError, ReplyOptions};
pub use report::{DuplicateAddress, Latency, LoadReport, Percentiles, UnexpectedReplies};
pub use streams::{Drive, Saying, Stream, StreamRelay, StreamReport, StreamsReport};
pub use subscriber::Subscriber;
pub use template::{Template, TemplateError};

/// Runs the subscribers and returns the report. Shows the progress on standard error, if that is a
/// terminal.
///
/// # Errors
/// If arguments are out of their limits, or a socket fails. A mistake of the server is not an error
/// but part of the report; see [`LoadReport::ok`].
pub fn run(args: &LoadArgs) -> anyhow::Result<LoadReport> {
    run_with(args, |_| ())
}

/// Like [`run`], and passes every ended exchange to `observer`, on the same thread: a slow observer
/// slows the load.
///
/// # Errors
/// Those of [`run`].
pub fn run_with(
    args: &LoadArgs,
    mut observer: impl FnMut(&ExchangeEvent<'_>),
) -> anyhow::Result<LoadReport> {
    driver::run(args, &mut observer)
}

//! The SDK for Lessor policies in Rust.
//!
//! A policy is a type that implements [`Policy`]. `#[policy]` on the implementation exports the
//! hooks that it implements and no others: the server never calls a hook that is not exported.
//!
//! ```
//! use lessor_policy::{Policy, Request, Terms, Verdict, policy};
//!
//! /// Sends every line whose circuit id is listed to the walled garden.
//! struct Garden {
//!     unpaid: Vec<String>,
//! }
//!
//! #[policy]
//! impl Policy for Garden {
//!     fn configure(settings: &str) -> Result<Self, String> {
//!         Ok(Self { unpaid: lessor_policy::settings::read(settings)? })
//!     }
//!
//!     fn on_discover(&mut self, request: &Request, terms: &Terms) -> Verdict {
//!         let circuit_id = request.circuit_id().unwrap_or_default();
//!         if self.unpaid.iter().any(|line| line.as_bytes() == circuit_id) {
//!             terms.set_pool("walled-garden");
//!         }
//!         Verdict::Proceed
//!     }
//!
//!     fn on_request(&mut self, request: &Request, terms: &Terms) -> Verdict {
//!         self.on_discover(request, terms)
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! `Cargo.toml` needs `[lib] crate-type = ["cdylib"]`. Then
//! `cargo build --release --target wasm32-unknown-unknown` produces a file that can be copied into
//! the server's plugin directory without further steps.
//!
//! This crate gives no access to the outside world. A policy has no clock, no network, no files and
//! no random numbers. It sees the request, the answers to the lookups that it planned
//! ([`Policy::plan_lookups`]) and the values in its own memory. The operator can grant it the
//! capabilities [`log`], [`metrics`], [`state`] and [`tables`], for example with
//! `grants = ["log", "state"]` in the sidecar file of the policy. A policy that uses one of these
//! modules is loaded only if it has the grant. A panic ends the call, counts as a fault, and loses
//! the values that the instance kept in memory.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[doc(hidden)]
#[path = "bindings.rs"]
pub mod __bindings;
mod capability;
mod export;
#[cfg(feature = "interpreter")]
mod interpreter;
mod lease_event;
pub mod log;
mod lookup;
pub mod metrics;
pub mod option;
#[cfg(feature = "settings")]
mod option_table;
mod reply;
mod request;
#[cfg(feature = "settings")]
pub mod settings;
pub mod state;
pub mod tables;
mod terms;
mod verdict;

pub use capability::CapabilityError;
pub use lease_event::{LeaseEvent, LeaseEventKind};
/// Exports the hooks that an implementation of [`Policy`] has.
///
/// The compiler refuses a method that is not a hook, so a misspelt hook cannot go unnoticed:
///
/// ```compile_fail,E0407
/// # use lessor_policy::{Policy, Request, Terms, Verdict, policy};
/// struct Misspelt;
///
/// #[policy]
/// impl Policy for Misspelt {
///     fn configure(_settings: &str) -> Result<Self, String> {
///         Ok(Self)
///     }
///
///     fn on_discovery(&mut self, _request: &Request, _terms: &Terms) -> Verdict {
///         Verdict::Proceed
///     }
/// }
/// ```
///
/// The attribute is allowed only on such an implementation:
///
/// ```compile_fail
/// #[lessor_policy::policy]
/// struct Nothing;
/// ```
pub use lessor_policy_macros::policy;
pub use lookup::{Lookup, LookupError, LookupPlan, LookupStatus};
#[cfg(feature = "settings")]
pub use option_table::{OptionSetting, OptionTable};
pub use reply::{Reply, ReplyKind};
pub use request::{ClientState, Ipv4Prefix, Request, RequestKind};
pub use terms::{BeyondLimit, OptionError, Terms};
pub use verdict::Verdict;

#[doc(hidden)]
pub use export::__private;

/// Ends the current call as a fault of the policy with `reason`, which appears in the server's log
/// and status. The server discards the terms that the call set and applies the policy's
/// `on-failure`.
pub fn fail(reason: &str) -> ! {
    __bindings::failing::fail(reason);
    // The server ends the call, so this line is never reached.
    std::process::abort()
}

/// A policy with its settings and its decisions at the hooks that it implements.
///
/// The server keeps several instances of a policy, one for each of its threads and some spare ones.
/// Values in the memory of an instance are not shared and may be lost at any time, so keep only
/// values there that can be lost.
pub trait Policy: Sized {
    /// Creates an instance from its settings, which are a JSON object, or `{}` if the operator
    /// wrote none (see `settings::read`).
    ///
    /// # Errors
    /// Returns a sentence that describes the mistake to the operator. The server then refuses to
    /// load the policy and shows the sentence.
    fn configure(settings: &str) -> Result<Self, String>;

    /// Plans the lookups for a message before one of the next five methods is called for it. The
    /// server performs the lookups, and [`Request::lookup`] returns the answers.
    ///
    /// ```
    /// # use lessor_policy::{LookupPlan, Policy, Request, Terms, Verdict, policy};
    /// # struct Plans;
    /// #[policy]
    /// impl Policy for Plans {
    ///     fn configure(_settings: &str) -> Result<Self, String> {
    ///         Ok(Self)
    ///     }
    ///
    ///     fn plan_lookups(&mut self, request: &Request, plan: &LookupPlan) {
    ///         if let Some(line) = request.circuit_id_text() {
    ///             // Fails if the server has no such source; then nothing is found.
    ///             let _ = plan.add("line", "subscribers", &line);
    ///         }
    ///     }
    ///
    ///     fn on_discover(&mut self, request: &Request, terms: &Terms) -> Verdict {
    ///         match request.lookup("line").field("pool") {
    ///             Some(pool) => terms.set_pool(&pool),
    ///             None => terms.set_pool("walled-garden"),
    ///         }
    ///         Verdict::Proceed
    ///     }
    /// }
    /// # fn main() {}
    /// ```
    fn plan_lookups(&mut self, request: &Request, plan: &LookupPlan) {
        let _ = (request, plan);
    }

    /// Called when a client sends a DISCOVER. All terms apply.
    fn on_discover(&mut self, request: &Request, terms: &Terms) -> Verdict {
        let _ = (request, terms);
        Verdict::Proceed
    }

    /// Called when a client accepts an offer, verifies an address or extends a lease
    /// ([`Request::client_state`]). All terms apply: if they do not allow the address that the
    /// client asks for, the client gets a NAK and starts again. Therefore, decide as in
    /// [`Policy::on_discover`].
    fn on_request(&mut self, request: &Request, terms: &Terms) -> Verdict {
        let _ = (request, terms);
        Verdict::Proceed
    }

    /// Called when a client has found that another host uses its address. With [`Verdict::Ignore`],
    /// the address is not quarantined. No terms apply.
    fn on_decline(&mut self, request: &Request, terms: &Terms) -> Verdict {
        let _ = (request, terms);
        Verdict::Proceed
    }

    /// Called when a client releases its address. With [`Verdict::Ignore`], the client keeps its
    /// lease. No terms apply.
    fn on_release(&mut self, request: &Request, terms: &Terms) -> Verdict {
        let _ = (request, terms);
        Verdict::Proceed
    }

    /// Called when a client that has an address asks for options. Of the terms, only options apply.
    fn on_inform(&mut self, request: &Request, terms: &Terms) -> Verdict {
        let _ = (request, terms);
        Verdict::Proceed
    }

    /// Called before the server sends an OFFER or ACK. The policy can read the reply and change its
    /// options.
    fn reply_options(&mut self, request: &Request, reply: &Reply) {
        let _ = (request, reply);
    }

    /// Called after a lease has changed. This call runs in a separate instance and does not delay
    /// replies.
    fn on_lease(&mut self, event: &LeaseEvent) {
        let _ = event;
    }
}

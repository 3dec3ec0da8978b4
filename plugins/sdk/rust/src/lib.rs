//! What the author of a Lessor policy in Rust depends on.
//!
//! A policy is a type that implements [`Policy`]. `#[policy]` on the implementation exports the
//! hooks that it implements and no others: the server never calls a hook that is not there.
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
//! In `Cargo.toml`: `[lib] crate-type = ["cdylib"]`. Then
//! `cargo build --release --target wasm32-unknown-unknown` makes a file that goes into the server's
//! plugin directory as it is.
//!
//! What this crate is not: a window to the outside. A policy has no clock, no network, no files and
//! no random numbers; it sees the request, what it asked the server to look up
//! ([`Policy::plan_lookups`]) and what it remembers itself. The operator can grant it more: [`log`],
//! [`metrics`], [`state`] and [`tables`], with `grants = ["log", "state"]` in the file beside the
//! policy. A policy that uses one of these modules is loaded only if it is granted. A panic ends the call, is
//! counted as a fault, and costs the policy all that it remembered.

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
/// Stands on an implementation of [`Policy`] and exports the hooks that it implements.
///
/// A method that is no hook is refused by the compiler, so that a misspelt hook is not one that is
/// never called:
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
/// It stands on such an implementation and nothing else:
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

/// Ends the call at hand as a fault of the policy, for this reason, which stands in the server's log
/// and status: what the call set is discarded, and the server goes by the policy's `on-failure`.
pub fn fail(reason: &str) -> ! {
    __bindings::failing::fail(reason);
    // The server ends the call, so nobody ever gets here.
    std::process::abort()
}

/// A policy: its settings, and what it decides at the hooks that it implements.
///
/// The server keeps several instances of a policy, one for each of its threads and some in reserve.
/// What an instance remembers is its own and may be lost at any time, so remember only what can be
/// missed.
pub trait Policy: Sized {
    /// Makes an instance of its settings: a JSON object, `{}` if the operator wrote none (see
    /// `settings::read`).
    ///
    /// # Errors
    /// A sentence that tells the operator what is wrong. The server then refuses to load the policy
    /// and shows the sentence.
    fn configure(settings: &str) -> Result<Self, String>;

    /// A message came in about which one of the next five methods will be asked: says what that
    /// method needs to know. The server looks it up, and [`Request::lookup`] has the answers.
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
    ///             // Fails if the server's configuration has no such source: nothing is found then.
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

    /// A client looks for an offer. All terms count.
    fn on_discover(&mut self, request: &Request, terms: &Terms) -> Verdict {
        let _ = (request, terms);
        Verdict::Proceed
    }

    /// A client takes an offer, verifies an address or extends a lease ([`Request::client_state`]).
    /// All terms count: if they do not fit the address that the client asks for, it is told to start
    /// again. So decide here as in [`Policy::on_discover`].
    fn on_request(&mut self, request: &Request, terms: &Terms) -> Verdict {
        let _ = (request, terms);
        Verdict::Proceed
    }

    /// A client found its address in use by somebody else. To ignore the message means that the
    /// address is not set aside. No terms count.
    fn on_decline(&mut self, request: &Request, terms: &Terms) -> Verdict {
        let _ = (request, terms);
        Verdict::Proceed
    }

    /// A client gives its address back. To ignore the message means that it keeps its lease. No
    /// terms count.
    fn on_release(&mut self, request: &Request, terms: &Terms) -> Verdict {
        let _ = (request, terms);
        Verdict::Proceed
    }

    /// A client that has an address asks for options. Of the terms, options count.
    fn on_inform(&mut self, request: &Request, terms: &Terms) -> Verdict {
        let _ = (request, terms);
        Verdict::Proceed
    }

    /// The server is about to send an OFFER or ACK, which can be read and whose options can be
    /// changed.
    fn reply_options(&mut self, request: &Request, reply: &Reply) {
        let _ = (request, reply);
    }

    /// Something happened to a lease. This runs beside the server's answers, in an instance of its
    /// own.
    fn on_lease(&mut self, event: &LeaseEvent) {
        let _ = event;
    }
}

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
#[cfg(feature = "settings")]
mod json_value;
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
#[cfg(feature = "interpreter")]
#[doc(hidden)]
pub use lessor_policy_macros::export_every_hook;
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
pub use lessor_vocabulary::Ipv4Prefix;
/// The value of an option as an operator writes it: a flag, a number, a text, a list or a table.
/// Addresses, prefixes and domain names are texts. For any option, a text that begins with `hex:`
/// gives the octets of the value.
pub use lessor_vocabulary::OptionSetting;
pub use lookup::{Lookup, LookupError, LookupPlan, LookupStatus};
#[cfg(feature = "settings")]
pub use option_table::OptionTable;
pub use reply::{Reply, ReplyKind};
pub use request::{ClientState, PoolUsage, Request, RequestKind};
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

/// Defines [`Policy`] with a method for each hook of the table.
macro_rules! define_policy {
    ($(
        $(#[$documentation:meta])*
        $Name:ident $function:ident $interface:literal: $shape:ident
        $($Kind:ident $(by $shared:ident)?)?;
    )+) => {
        /// A policy with its settings and its decisions at the hooks that it implements.
        ///
        /// The server keeps several instances of a policy, one for each of its threads and some
        /// spare ones. Values in the memory of an instance are not shared and may be lost at any
        /// time, so keep only values there that can be lost.
        pub trait Policy: Sized {
            /// Creates an instance from its settings, which are a JSON object, or `{}` if the
            /// operator wrote none (see `settings::read`).
            ///
            /// # Errors
            /// Returns a sentence that describes the mistake to the operator. The server then
            /// refuses to load the policy and shows the sentence.
            fn configure(settings: &str) -> Result<Self, String>;

            $(method! { [$(#[$documentation])*] $function $shape })+
        }
    };
}

/// Defines the method of a hook. By default, a hook does nothing.
macro_rules! method {
    ([$($documentation:tt)*] $function:ident plan) => {
        $($documentation)*
        fn $function(&mut self, request: &Request, plan: &LookupPlan) {
            let _ = (request, plan);
        }
    };
    ([$($documentation:tt)*] $function:ident plan_event) => {
        $($documentation)*
        fn $function(&mut self, event: &LeaseEvent, plan: &LookupPlan) {
            let _ = (event, plan);
        }
    };
    ([$($documentation:tt)*] $function:ident decide) => {
        $($documentation)*
        fn $function(&mut self, request: &Request, terms: &Terms) -> Verdict {
            let _ = (request, terms);
            Verdict::Proceed
        }
    };
    ([$($documentation:tt)*] $function:ident edit) => {
        $($documentation)*
        fn $function(&mut self, request: &Request, reply: &Reply) {
            let _ = (request, reply);
        }
    };
    ([$($documentation:tt)*] $function:ident tell) => {
        $($documentation)*
        fn $function(&mut self, event: &LeaseEvent) {
            let _ = event;
        }
    };
}

lessor_vocabulary::with_hooks!(define_policy);

//! The bindings that wit-bindgen generates from the contract: the types once, and every hook and
//! capability separately, so that a policy exports only the hooks that it implements and imports
//! only the capabilities that it uses. Nothing in this module is for policy authors.

#![allow(
    clippy::all,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    unsafe_code,
    reason = "generated code"
)]

mod nouns {
    wit_bindgen::generate!({
        path: "wit",
        world: "lessor:sdk/types-only",
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq],
    });
}

pub use nouns::lessor::policy::types;

mod errors {
    wit_bindgen::generate!({
        path: "wit",
        world: "lessor:sdk/capability-errors",
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq],
    });
}

pub use errors::lessor::policy::capabilities;

pub mod log {
    wit_bindgen::generate!({ path: "wit", world: "lessor:sdk/log", generate_all });
    pub use lessor::policy::log::*;
}

/// One module for each capability whose functions return errors.
macro_rules! capabilities {
    ($($capability:ident $world:literal,)*) => {$(
        pub mod $capability {
            wit_bindgen::generate!({
                path: "wit",
                world: $world,
                with: { "lessor:policy/capabilities@0.1.2": crate::__bindings::capabilities },
                generate_all,
            });
            pub use lessor::policy::$capability::*;
        }
    )*};
}

capabilities! {
    metrics "lessor:sdk/metrics",
    state "lessor:sdk/state",
    tables "lessor:sdk/tables",
}

pub mod options {
    wit_bindgen::generate!({
        path: "wit",
        world: "lessor:sdk/options",
        generate_all,
    });
    pub use lessor::policy::options::*;
}

pub mod failing {
    wit_bindgen::generate!({
        path: "wit",
        world: "lessor:sdk/failing",
        generate_all,
    });
    pub use lessor::policy::failing::fail;
}

#[cfg(feature = "interpreter")]
pub mod interpreting {
    wit_bindgen::generate!({
        path: "wit",
        world: "lessor:sdk/interpreting",
        pub_export_macro: true,
    });
    pub use exports::lessor::policy::interpreting::Guest;
}

pub mod configuring {
    wit_bindgen::generate!({
        path: "wit",
        world: "lessor:sdk/configuring",
        pub_export_macro: true,
    });
    pub use exports::lessor::policy::configuring::Guest;
}

// One module for each hook, with its `export!`.
lessor_policy_macros::hook_bindings!("0.1.2");

//! What wit-bindgen makes of the contract: the nouns once, and every hook apart, so that a policy
//! exports the hooks that it implements and no others. Nothing here is for policy authors.

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

/// One module for each hook, with its `export!`.
macro_rules! hooks {
    ($($hook:ident $world:literal,)*) => {$(
        pub mod $hook {
            wit_bindgen::generate!({
                path: "wit",
                world: $world,
                with: { "lessor:policy/types@0.1.1": crate::__bindings::types },
                pub_export_macro: true,
            });
            pub use exports::lessor::policy::$hook::Guest;
        }
    )*};
}

pub mod configuring {
    wit_bindgen::generate!({
        path: "wit",
        world: "lessor:sdk/configuring",
        pub_export_macro: true,
    });
    pub use exports::lessor::policy::configuring::Guest;
}

hooks! {
    plan_lookups "lessor:sdk/plan-lookups",
    on_discover "lessor:sdk/on-discover",
    on_request "lessor:sdk/on-request",
    on_decline "lessor:sdk/on-decline",
    on_release "lessor:sdk/on-release",
    on_inform "lessor:sdk/on-inform",
    reply_options "lessor:sdk/reply-options",
    on_lease "lessor:sdk/on-lease",
}

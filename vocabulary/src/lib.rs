//! What the server and its policies call things: options and how their values are written, hooks,
//! and the kinds of messages. Every list stands here once.
//!
//! - [`OptionDefinition`], [`OptionKind`] and [`option::code`]: the options that are registered.
//! - [`Catalogue`]: these, and those that an operator declares.
//! - [`OptionValue`]: a value, its octets in a message, and the way back.
//! - [`OptionSetting`] and [`ValueSource`]: values as configurations, settings and scripts write
//!   them.
//! - [`HOOKS`] and [`with_hooks!`]: where the server calls policies.
//! - [`with_request_kinds!`] and the like: the kinds of messages and events.
//!
//! This crate decides nothing and knows neither the server nor the contract with policies. It has
//! no dependencies and needs no operating system, so that policies are built with it too.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![no_std]

extern crate alloc;

mod catalogue;
mod encapsulated;
pub mod hexadecimal;
mod hook;
mod kinds;
pub mod near;
pub mod option;
mod prefix;
pub mod read;
mod value;
mod written;

pub use catalogue::{Catalogue, CatalogueMistake, DeclaredOption, Vendor, encode_option};
pub use encapsulated::encapsulated_option;
pub use hook::{HOOKS, HookDefinition, Shape};
pub use option::{OptionDefinition, OptionKind};
pub use prefix::Ipv4Prefix;
pub use read::{ValueRefusal, ValueSource};
pub use value::{
    ForClass, ForEnterprise, OptionValue, blocks as value_blocks, enterprises, shown_addresses,
    text as value_text,
};
pub use written::OptionSetting;

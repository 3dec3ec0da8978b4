//! Conversion between bytes and the core's messages: [`parse()`] reads a client's datagram,
//! [`write()`] writes the reply to it. [`header()`] reads the header of a datagram that is not a
//! request. [`ClientMessage`] writes a client's message, for commands that ask what the server
//! would answer to it.
//!
//! This is the only crate of the host that knows the format of messages, and it decides nothing:
//! the engine determines the options of a reply and their order, and this crate determines where
//! they are placed. The octets of their values come from `lessor-vocabulary`, which policies use
//! too. It uses dhcproto for the header, the constants and domain names beyond ASCII. It differs
//! from dhcproto where the RFCs and the relays of access networks require it: option 82 is kept
//! byte for byte, all parts of a split option are joined (RFC 3396), option 52 is read and written,
//! and options keep the order in which they are given.
//!
//! **No octets that a client may send make this crate panic or keep more memory than the datagram
//! has, and no reply is longer than its client accepts.**

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

mod client_message;
mod codes;
mod glance;
mod header;
mod parse;
mod parts;
mod room;
mod value;
mod write;

pub use client_message::ClientMessage;
pub use glance::{Glance, glance};
pub use header::{Header, header};
pub use parse::{Malformed, parse};
pub use value::encode_value;
pub use write::{LeftOut, REPLY_OCTETS_MAX, Unwritable, write};

use std::ops::Range;

/// The server name (sname) in the header (RFC 2131 section 2).
const SERVER_NAME: Range<usize> = 44..108;
/// The boot file name (file) in the header.
const BOOT_FILE: Range<usize> = 108..236;
/// The offset of the options, after the header and the magic cookie.
const OPTIONS_START: usize = 240;
/// The bit of option 52 for options in the file field (RFC 2132 section 9.3).
const OVERLOAD_FILE: u8 = 1;
/// The bit of option 52 for options in the sname field.
const OVERLOAD_SERVER_NAME: u8 = 2;

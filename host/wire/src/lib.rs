//! Bytes to the core's messages and back: [`parse()`] reads a client's datagram, [`write()`] writes
//! the reply to it. [`header()`] reads what is left of a datagram that is no request.
//!
//! The only crate of the host that knows an encoding, and it decides nothing: which options a reply
//! has, and in what order, is the engine's business; where they find room is settled here. Built on
//! dhcproto for the header, the constants and domain names. What dhcproto does in its own way is
//! done here as the RFCs and the relays of access networks want it: option 82 is kept byte for
//! byte, all parts of a split option are joined (RFC 3396), option 52 is read and written, options
//! keep the order they are given in.
//!
//! **No octets that a client may send make this crate panic, nor keep more memory than the datagram
//! has; no reply is longer than its client accepts.**

mod codes;
mod glance;
mod header;
mod parse;
mod room;
mod value;
mod write;

pub use glance::{Glance, glance};
pub use header::{Header, header};
pub use parse::{Malformed, parse};
pub use value::encode_value;
pub use write::{REPLY_OCTETS_MAX, Unwritable, Written, write};

use std::ops::Range;

/// The server name (sname) in the header (RFC 2131 section 2).
const SERVER_NAME: Range<usize> = 44..108;
/// The boot file name (file) in the header.
const BOOT_FILE: Range<usize> = 108..236;
/// Where the options begin, behind the header and the magic cookie.
const OPTIONS_START: usize = 240;
/// Bit of option 52 that says that the file field holds options (RFC 2132 section 9.3).
const OVERLOAD_FILE: u8 = 1;
/// Bit of option 52 that says that the sname field holds options.
const OVERLOAD_SERVER_NAME: u8 = 2;

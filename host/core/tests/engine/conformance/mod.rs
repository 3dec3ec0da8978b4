//! What a correct reply is, row by row: each test is named after the row of the project's list of
//! demands that it checks (RFC 2131 and its companions), and stands in the file of its section.
//!
//! Rows that the encoder decides are tested in `lessor-wire`: 1 (reserved flag bits, flags copied),
//! 2, 3 (cookie, option 53, op, htype, hlen, xid; end and overload), 36 (unknown options, BOOTP),
//! and of table 3 the fields op to secs, flags, giaddr, chaddr, sname, file and options 52, 53 and
//! 82. Row 9 (probing a reused address) is not served. Row 10 is tested in `lessor` as well: here,
//! that an ACK stands on a change; there, that it waits for it.

mod discover;
mod general;
mod others;
mod request;
mod table;

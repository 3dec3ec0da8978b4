//! Correct replies: each test names the section of the RFC that requires it, and is in the file of
//! that section. `docs/conformance.md` lists the tests, and a test compares it (`UPDATE_GOLDEN=1`
//! writes it).
//!
//! Requirements for the encoder are tested in `lessor-wire`: reserved flag bits, the cookie, the
//! fields op, htype, hlen, xid, secs, flags, giaddr and chaddr, options 52, 53 and 82, and messages
//! without option 53. That an ACK waits for its change is tested in `lessor`. The server does not
//! probe an address before it offers it (RFC 2131 section 2.2).

mod list;
mod messages;
mod options;
mod rfc2131_3;
mod rfc2131_4_1;
mod rfc2131_4_2;
mod rfc2131_4_3_1;
mod rfc2131_4_3_1_table_3;
mod rfc2131_4_3_2;
mod rfc2131_4_3_3_to_5;
mod rfc2131_4_4_5;

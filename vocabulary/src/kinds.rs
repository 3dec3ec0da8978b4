//! The kinds of messages and events, as tables from which other crates make their types.
//!
//! A row of a table of messages has the name as a type, the number in option 53 (RFC 2132 section
//! 9.6), the word in configurations, policies and logs, and the name in RFC 2131. A row of the
//! other tables has the name as a type and the word.

/// Calls the macro `$then` with the kinds of message that clients send and a server answers, after
/// the tokens `$first`.
#[macro_export]
macro_rules! with_request_kinds {
    ($then:ident $($first:tt)*) => {
        $then! {
            $($first)*
            /// The client looks for servers.
            Discover 1 "discover" "DHCPDISCOVER";
            /// The client accepts an offer, verifies an address or extends a lease.
            Request 3 "request" "DHCPREQUEST";
            /// The client has found that another host uses its address.
            Decline 4 "decline" "DHCPDECLINE";
            /// The client gives its address back.
            Release 7 "release" "DHCPRELEASE";
            /// The client has an address and asks for options.
            Inform 8 "inform" "DHCPINFORM";
        }
    };
}

/// Calls the macro `$then` with the kinds of reply, after the tokens `$first`.
#[macro_export]
macro_rules! with_reply_kinds {
    ($then:ident $($first:tt)*) => {
        $then! {
            $($first)*
            /// DHCPOFFER.
            Offer 2 "offer" "DHCPOFFER";
            /// DHCPACK.
            Ack 5 "ack" "DHCPACK";
            /// DHCPNAK.
            Nak 6 "nak" "DHCPNAK";
        }
    };
}

/// Calls the macro `$then` with the states of a client that sends a REQUEST (RFC 2131 section
/// 4.3.2), after the tokens `$first`.
#[macro_export]
macro_rules! with_client_states {
    ($then:ident $($first:tt)*) => {
        $then! {
            $($first)*
            /// It accepts an offer: options 54 and 50. A ciaddr in addition has no meaning.
            Selecting "selecting";
            /// It verifies an address that it remembers: option 50 without option 54. A ciaddr in
            /// addition has no meaning.
            InitReboot "init-reboot";
            /// It extends its lease with this server: only ciaddr, sent by unicast (through a relay
            /// that reports this, RFC 5010).
            Renewing "renewing";
            /// It extends its lease with any server: only ciaddr, broadcast or relayed.
            Rebinding "rebinding";
            /// No state of the RFC: option 54 without option 50, or neither option 50 nor ciaddr.
            Unknown "unknown";
        }
    };
}

/// Calls the macro `$then` with the kinds of lease events, after the tokens `$first`.
#[macro_export]
macro_rules! with_lease_events {
    ($then:ident $($first:tt)*) => {
        $then! {
            $($first)*
            /// A client was given the address.
            Granted "granted";
            /// The client extended its lease.
            Renewed "renewed";
            /// The client gave the address back.
            Released "released";
            /// The lease ended without being extended.
            Expired "expired";
            /// The client found the address in use by another host.
            Declined "declined";
        }
    };
}

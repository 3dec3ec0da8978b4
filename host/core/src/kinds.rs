//! The kinds of messages and events, made from the tables of `lessor-vocabulary`.

use serde::{Deserialize, Serialize};

/// Defines an enumeration of the rows of a table: each has a word.
macro_rules! words {
    (
        { $(#[$about:meta])* $Name:ident }
        $($(#[$meaning:meta])* $Kind:ident $word:literal;)+
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $Name {
            $($(#[$meaning])* $Kind,)+
        }

        impl $Name {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$Kind),+];

            /// Its word in configurations, policies and logs.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$Kind => $word,)+
                }
            }
        }
    };
}

/// Does the same for the kinds of message, which also have a number and a name. A message without
/// a number stands before the table.
macro_rules! messages {
    (
        {
            $(#[$about:meta])* $Name:ident
            $($(#[$plain_meaning:meta])* $Plain:ident $plain_word:literal $plain_name:literal;)?
        }
        $($(#[$meaning:meta])* $Kind:ident $number:literal $word:literal $name:literal;)+
    ) => {
        words! {
            { $(#[$about])* $Name }
            $($(#[$meaning])* $Kind $word;)+
            $($(#[$plain_meaning])* $Plain $plain_word;)?
        }

        impl $Name {
            /// The name of the message in RFC 2131, or in RFC 951 for BOOTP.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Kind => $name,)+
                    $(Self::$Plain => $plain_name,)?
                }
            }

            /// The number of the message in option 53 (RFC 2132 section 9.6); 0 for a message that
            /// does not have this option.
            pub const fn number(self) -> u8 {
                match self {
                    $(Self::$Kind => $number,)+
                    $(Self::$Plain => 0,)?
                }
            }

            /// The kind with this number in option 53.
            pub const fn by_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$Kind),)+
                    _ => None,
                }
            }
        }
    };
}

lessor_vocabulary::with_request_kinds! { messages {
    /// The kinds of message that clients send and a server answers (RFC 2132 section 9.6), and the
    /// only one of BOOTP.
    RequestKind
    /// A message without option 53, of a BOOTP client (RFC 951, RFC 1534 section 2): it has no
    /// address, or asks for parameters only, and expects one reply.
    Bootp "bootp" "BOOTREQUEST";
} }

lessor_vocabulary::with_reply_kinds! { messages {
    /// The kinds of replies.
    ReplyKind
} }

lessor_vocabulary::with_client_states! { words {
    /// The state of a client that sends a REQUEST (RFC 2131 section 4.3.2).
    ClientState
} }

lessor_vocabulary::with_lease_events! { words {
    /// The kinds of lease events.
    LeaseEventKind
} }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_by_their_number() {
        for kind in RequestKind::ALL {
            let numbered = Some(*kind).filter(|kind| *kind != RequestKind::Bootp);
            assert_eq!(RequestKind::by_number(kind.number()), numbered);
            assert_eq!(ReplyKind::by_number(kind.number()), None);
        }
        assert_eq!(ReplyKind::by_number(5), Some(ReplyKind::Ack));
        assert_eq!(RequestKind::by_number(9), None);
    }

    #[test]
    fn words_are_those_of_json() {
        fn assert_same(value: impl serde::Serialize, word: &str) {
            assert_eq!(serde_json::to_value(value).unwrap(), word);
        }
        RequestKind::ALL.iter().for_each(|kind| assert_same(kind, kind.word()));
        ReplyKind::ALL.iter().for_each(|kind| assert_same(kind, kind.word()));
        ClientState::ALL.iter().for_each(|state| assert_same(state, state.word()));
        LeaseEventKind::ALL.iter().for_each(|kind| assert_same(kind, kind.word()));
    }
}

//! The words for kinds of messages and events.

use lessor_policy::{ClientState, LeaseEventKind, ReplyKind, RequestKind};
use lessor_vocabulary::{
    with_client_states, with_lease_events, with_reply_kinds, with_request_kinds,
};

/// Defines the function that returns the word for a value of a type.
macro_rules! words {
    (
        { $(#[$about:meta])* $function:ident $Name:ident }
        $($(#[$meaning:meta])* $Kind:ident $word:literal;)+
    ) => {
        $(#[$about])*
        pub(crate) const fn $function(kind: $Name) -> &'static str {
            match kind {
                $($Name::$Kind => $word,)+
            }
        }
    };
}

/// Does the same for messages, which also have a number and a name.
macro_rules! words_of_messages {
    (
        $about:tt
        $($(#[$meaning:meta])* $Kind:ident $number:literal $word:literal $name:literal;)+
    ) => {
        words! { $about $($Kind $word;)+ }
    };
}

with_request_kinds! { words_of_messages {
    /// The word for a kind of message.
    request_kind RequestKind
} }

with_reply_kinds! { words_of_messages {
    /// The word for a kind of reply.
    reply_kind ReplyKind
} }

with_client_states! { words {
    /// The word for the state of a client.
    client_state ClientState
} }

with_lease_events! { words {
    /// The word for a kind of lease event.
    lease_event LeaseEventKind
} }

//! The kinds of messages and events, as types of the contract.

use lessor_vocabulary::{
    with_client_states, with_lease_events, with_reply_kinds, with_request_kinds,
};

use super::types;

/// Converts a type of the core to the type of the same name in the contract.
macro_rules! converted {
    (
        { $Name:ident $($Other:ident as $Like:ident)? }
        $($(#[$meaning:meta])* $Kind:ident $($word:literal)+;)+
    ) => {
        impl From<lessor_core::$Name> for types::$Name {
            fn from(kind: lessor_core::$Name) -> Self {
                match kind {
                    $(lessor_core::$Name::$Kind => Self::$Kind,)+
                    $(lessor_core::$Name::$Other => Self::$Like,)?
                }
            }
        }
    };
}

// The contract has no kind for a message of BOOTP, which asks for what a DISCOVER asks for. A
// policy recognises it by the missing option 53.
with_request_kinds! { converted { RequestKind Bootp as Discover } }
with_reply_kinds! { converted { ReplyKind } }
with_client_states! { converted { ClientState } }
with_lease_events! { converted { LeaseEventKind } }

//! The kinds of messages and events, as types of the contract.

use lessor_vocabulary::{
    with_client_states, with_lease_events, with_reply_kinds, with_request_kinds,
};

use super::types;

/// Converts a type of the core to the type of the same name in the contract.
macro_rules! converted {
    ({ $Name:ident } $($(#[$meaning:meta])* $Kind:ident $($word:literal)+;)+) => {
        impl From<lessor_core::$Name> for types::$Name {
            fn from(kind: lessor_core::$Name) -> Self {
                match kind {
                    $(lessor_core::$Name::$Kind => Self::$Kind,)+
                }
            }
        }
    };
}

with_request_kinds! { converted { RequestKind } }
with_reply_kinds! { converted { ReplyKind } }
with_client_states! { converted { ClientState } }
with_lease_events! { converted { LeaseEventKind } }

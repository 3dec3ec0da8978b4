//! Reasons: why a request was answered as it was, or not at all.
//!
//! Does not count or log them. Invariant: every input ends in exactly one reason, whose name is the
//! same in logs, metrics, the journal and the documentation.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares each reason once: variant, name, outcome and the sentence that explains it.
macro_rules! reasons {
    ($($variant:ident $name:literal $outcome:ident $meaning:literal,)*) => {
        /// Why a request was answered as it was, or not at all.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Reason {
            $(#[doc = $meaning] $variant,)*
        }

        impl Reason {
            /// Every reason, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in logs, metrics and the journal.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The outcome of the request.
            pub const fn outcome(self) -> Outcome {
                match self { $(Self::$variant => Outcome::$outcome,)* }
            }

            /// One sentence for the operator.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// An OFFER.
    Offer,
    /// An ACK.
    Ack,
    /// A NAK.
    Nak,
    /// No reply, as the protocol or a policy requires.
    Silence,
    /// No reply, because the message cannot be answered.
    Malformed,
    /// No reply, because the server could not do what it should have done.
    Failure,
}

impl Outcome {
    /// Returns whether the client receives a reply.
    pub const fn is_reply(self) -> bool {
        matches!(self, Self::Offer | Self::Ack | Self::Nak)
    }
}

reasons! {
    OfferedCurrent "offered-current" Offer
        "the client holds a lease and is offered the same address",
    OfferedPrevious "offered-previous" Offer
        "the client had this address before and nobody needed it since",
    OfferedRequested "offered-requested" Offer
        "the client asked for this address and it is free",
    OfferedReserved "offered-reserved" Offer
        "the address is reserved for this client or its line",
    OfferedInsteadOfReserved "offered-instead-of-reserved" Offer
        "the address that is reserved for the client, or that a policy named, cannot be given for now; it is offered another",
    OfferedByPolicy "offered-by-policy" Offer
        "a policy named this address",
    OfferedFromPool "offered-from-pool" Offer
        "a free address from the pool",
    OfferedOldest "offered-oldest" Offer
        "no address is free but that of the subscriber's oldest lease, which ends if the client takes it",
    OfferedQuarantined "offered-quarantined" Offer
        "no address is free, and of those that other clients declined it has been set aside longest",
    OfferedContested "offered-contested" Offer
        "no address is free, and an open offer of this one was withdrawn: its line held more addresses by open offers than others, or nobody took it for a while",
    OfferedAgain "offered-again" Offer
        "an offer to this client is still open and is repeated",
    AckSelecting "ack-selecting" Ack
        "the client takes the offer",
    AckInitReboot "ack-init-reboot" Ack
        "the client remembers its address rightly",
    AckRenewing "ack-renewing" Ack
        "the client extends its lease with this server",
    AckRebinding "ack-rebinding" Ack
        "the client extends its lease with any server",
    AckInsteadOfReserved "ack-instead-of-reserved" Ack
        "the client has another address, as long as the one that is reserved for it or that a policy named cannot be given",
    AckAdopted "ack-adopted" Ack
        "this server has no record of the client, whose address is free; `unknown-clients` says that it keeps it",
    AckTolerant "ack-tolerant" Ack
        "the request fits no state of RFC 2131 but names this server, which knows what the client may have",
    AckInform "ack-inform" Ack
        "the client has an address and asked for parameters only",
    NakWrongNetwork "nak-wrong-network" Nak
        "the client's address does not belong to the network it is in",
    NakOtherAddress "nak-other-address" Nak
        "the client has, or is to have, another address than the one it asked for",
    NakAddressTaken "nak-address-taken" Nak
        "the address is leased to, offered to or reserved for somebody else, quarantined, or the server's own",
    NakUnknownClient "nak-unknown-client" Nak
        "this server has no record of the client; `unknown-clients` says that it must ask for a new address",
    NakOfferExpired "nak-offer-expired" Nak
        "the client took an offer that this server does not hold and cannot honour now",
    NakByPolicy "nak-by-policy" Nak
        "a policy refused the client",
    NakSubscriberLimit "nak-subscriber-limit" Nak
        "the subscriber has as many leases as it may have, and this client has none of them",
    QuarantinedDeclined "quarantined-declined" Silence
        "the client declined its address, which is set aside",
    DeclinedBeyondLimit "declined-beyond-limit" Silence
        "the client declined its address, which ends its lease; the address is not set aside, because the client, its line or its subscriber has as many set aside as it may have",
    ReleasedLease "released-lease" Silence
        "the client gave its address back",
    NotOwnerDecline "not-owner-decline" Silence
        "the client declined an address that is not its own",
    NotOwnerRelease "not-owner-release" Silence
        "the client gave back an address that is not its own",
    OtherLineDecline "other-line-decline" Silence
        "a DECLINE that came over another line than the lease is on record for, so it does not count",
    OtherLineRelease "other-line-release" Silence
        "a RELEASE that came over another line than the lease is on record for, so it does not count",
    ReleaseFromElsewhere "release-from-elsewhere" Silence
        "a RELEASE without option 82 that does not come from the address it gives back, so it does not count",
    OtherServerSelected "other-server-selected" Silence
        "the client took the offer of another server; the own offer is withdrawn",
    OtherServerAddressed "other-server-addressed" Silence
        "a DECLINE or RELEASE for another server",
    UnknownClient "unknown-client" Silence
        "the client verifies an address and this server holds no record of it",
    UnidentifiedClient "unidentified-client" Silence
        "nothing in the message tells which client sent it",
    UnknownState "unknown-state" Silence
        "the REQUEST names no address, neither in option 50 nor in ciaddr, and the client has no open offer of this server that it could mean",
    UnknownSubnet "unknown-subnet" Silence
        "no subnet spans the relay address, the selected link or the interface",
    LinkWithoutAddress "link-without-address" Silence
        "the interface that the client was heard on has no IPv4 address, so nothing says which subnet the client is in",
    RelayNotServed "relay-not-served" Silence
        "the relay's address is not among those that `relays` serves",
    UnusableRelayAddress "unusable-relay-address" Silence
        "the relay address (giaddr) is a broadcast, multicast or reserved address: no relay can have it, and nothing is sent there",
    UnusableClientAddress "unusable-client-address" Silence
        "the client says in ciaddr that it has a broadcast, multicast, loopback or reserved address, and nothing is sent there",
    OwnSocket "own-socket" Silence
        "the answer would go to an address and port of this server itself",
    BroadcastDestination "broadcast-destination" Silence
        "the answer would go to a broadcast address of a link of this machine, and so to everybody there",
    InformWithoutAddress "inform-without-address" Silence
        "an INFORM says in ciaddr where the answer goes; this one does not, and no relay passed it on",
    UnreachableClient "unreachable-client" Silence
        "the client has no address yet, and the message came neither through a relay nor from a link of this server, so no answer could reach it",
    NoFreeAddress "no-free-address" Silence
        "every address that this client may have is taken",
    HeldAfterDataLoss "held-after-data-loss" Silence
        "clients that this server has no record of may hold the free addresses; `after-data-loss` keeps them from new clients for now",
    SubscriberLimit "subscriber-limit" Silence
        "the subscriber has as many leases and open offers as it may have, and this client has none of them",
    UnknownPool "unknown-pool" Silence
        "a policy named a pool that the client's network does not have",
    UnusableAddress "unusable-address" Silence
        "a policy named an address outside the client's network, one that belongs to somebody else, or the server's own",
    IgnoredByPolicy "ignored-by-policy" Silence
        "a policy wants no answer",
    RefusedWithoutNak "refused-without-nak" Silence
        "a policy refused the client, and RFC 2131 knows no NAK for this message",
    LookupPending "lookup-pending" Silence
        "the client sent this message again while the first one still waits for lookups",
    AlreadyWaiting "already-waiting" Silence
        "the client sent this message again while the first one still waits to be decided",
    ChangePending "change-pending" Silence
        "the client sent this message again while storage has not answered to what the first one changes",
    NotRelayed "not-relayed" Silence
        "a broadcast of a client on the link came in on a socket for relayed messages",
    TooShort "too-short" Malformed
        "the datagram is shorter than a DHCP header",
    TooLong "too-long" Malformed
        "the datagram is longer than the server reads (2,048 octets)",
    NoMagicCookie "no-magic-cookie" Malformed
        "the options do not begin with 99.130.83.99",
    NotBootRequest "not-boot-request" Malformed
        "the op field says that this is not a client's message",
    HardwareLength "hardware-length" Malformed
        "the hardware address is said to be longer than its field",
    OptionTruncated "option-truncated" Malformed
        "an option runs over the end of its field",
    OptionLength "option-length" Malformed
        "an option that the server must read has an impossible length or value",
    NoMessageType "no-message-type" Malformed
        "there is no option 53: a BOOTP client, which this server does not serve",
    UnexpectedMessageType "unexpected-message-type" Malformed
        "option 53 names a message that no client sends to a server, or one not served",
    TooOld "too-old" Failure
        "the server had so much to decide, or storage took so long, that this message waited longer than its client does (4 seconds)",
    CrowdedOut "crowded-out" Failure
        "more messages waited to be decided than the server lets wait, and this one was of those that give way first",
    Stopping "stopping" Failure
        "the server was stopped before it came to this message",
    PolicyFailed "policy-failed" Failure
        "a plugin faulted and its failure policy drops the packet",
    LookupFailed "lookup-failed" Failure
        "a source did not answer, and its on-failure says that then nobody else does",
    LookupQueueFull "lookup-queue-full" Failure
        "more messages wait for lookups than the server lets wait",
    ChangeQueueFull "change-queue-full" Failure
        "more messages wait for an answer of storage about this address, or all in all, than the server lets wait",
    StoreFailed "store-failed" Failure
        "the lease could not be made durable, so it was not acknowledged",
    StoreConflict "store-conflict" Failure
        "the address changed hands in the store more often than a request is tried again",
    StoreStalled "store-stalled" Failure
        "storage has not answered for more than a second; until it does, no lease is changed",
    QueueFull "queue-full" Failure
        "more is waiting for the store than the server lets wait",
    ReplyUnwritable "reply-unwritable" Failure
        "what must stand in the reply does not fit into the client's message size",
    DestinationUnreachable "destination-unreachable" Failure
        "the destination of the reply, or the router on the way to it, does not answer ARP, so the reply was not sent",
    SendFailed "send-failed" Failure
        "the network would not take the reply",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_recorded_form() {
        for reason in Reason::ALL {
            let written = serde_json::to_string(reason).unwrap();
            assert_eq!(written, format!("\"{}\"", reason.name()));
        }
    }
}

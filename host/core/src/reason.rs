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
        "the client has a lease and is offered the same address",
    OfferedPrevious "offered-previous" Offer
        "the client had this address before, and no other client has needed it since",
    OfferedRequested "offered-requested" Offer
        "the client asked for this address, and it is free",
    OfferedReserved "offered-reserved" Offer
        "the address is reserved for this client or its line",
    OfferedInsteadOfReserved "offered-instead-of-reserved" Offer
        "the address that is reserved for the client, or that a policy named, is not available \
         for now; the client is offered another one",
    OfferedByPolicy "offered-by-policy" Offer
        "a policy named this address",
    OfferedFromPool "offered-from-pool" Offer
        "the address is a free one from the pool",
    OfferedOldest "offered-oldest" Offer
        "no address is free, and this one belongs to the subscriber's oldest lease, which ends \
         if the client accepts the offer",
    OfferedQuarantined "offered-quarantined" Offer
        "no address is free, and this one has been quarantined longest of those that other \
         clients declined",
    OfferedContested "offered-contested" Offer
        "no address is free, and an open offer of this one was withdrawn: its line or link held \
         more addresses by open offers than others, or its client did not accept it for a while",
    OfferedAgain "offered-again" Offer
        "an offer to this client is still open and is repeated",
    OfferedIpv6Only "offered-ipv6-only" Offer
        "the client can do without an IPv4 address (option 108), so the offer has none, and none \
         is held for it",
    AckSelecting "ack-selecting" Ack
        "the client accepts the offer",
    AckInitReboot "ack-init-reboot" Ack
        "the client verifies its address, which is correct",
    AckRenewing "ack-renewing" Ack
        "the client extends its lease with this server",
    AckRebinding "ack-rebinding" Ack
        "the client extends its lease with any server",
    AckInsteadOfReserved "ack-instead-of-reserved" Ack
        "the client gets another address as long as the one that is reserved for it, or that a \
         policy named, is not available",
    AckAdopted "ack-adopted" Ack
        "this server has no record of the client, but its address is free, and `unknown-clients` \
         lets the client keep it",
    AckTolerant "ack-tolerant" Ack
        "the request fits no state of RFC 2131, but it names this server, which knows the \
         address that the client may have",
    AckInform "ack-inform" Ack
        "the client has an address and asked only for parameters",
    AckRapidCommit "ack-rapid-commit" Ack
        "the client and `rapid-commit` allow an exchange of two messages (option 80), so the \
         DISCOVER is answered with an ACK",
    AckBootp "ack-bootp" Ack
        "the BOOTP client gets its address with one reply",
    AckBootpParameters "ack-bootp-parameters" Ack
        "the BOOTP client has an address and gets parameters",
    NakWrongNetwork "nak-wrong-network" Nak
        "the client's address does not belong to the network that the client is in",
    NakOtherAddress "nak-other-address" Nak
        "the client has, or is to get, another address than the one it asked for",
    NakAddressTaken "nak-address-taken" Nak
        "the address is leased to, offered to or reserved for another client, quarantined, or \
         the server's own",
    NakUnknownClient "nak-unknown-client" Nak
        "this server has no record of the client, and `unknown-clients` requires the client to \
         ask for a new address",
    NakOfferExpired "nak-offer-expired" Nak
        "the client accepted an offer that this server does not hold and cannot honour now",
    NakPoolDrained "nak-pool-drained" Nak
        "the pool of the address is drained, and the client has no lease that it could extend",
    NakEndedByHand "nak-ended-by-hand" Nak
        "an operator ended the lease that the client extends",
    NakByPolicy "nak-by-policy" Nak
        "a policy refused the client",
    NakSubscriberLimit "nak-subscriber-limit" Nak
        "the subscriber has reached its limit of leases, and none of them is this client's",
    QuarantinedDeclined "quarantined-declined" Silence
        "the client declined its address, which is now quarantined",
    QuarantinedInUse "quarantined-in-use" Silence
        "a host answered a probe of an address before it was offered, so the address is \
         quarantined",
    DeclinedBeyondLimit "declined-beyond-limit" Silence
        "the client declined its address, which ends its lease; the address is not quarantined, \
         because the client, its line or its subscriber has reached its limit of quarantined \
         addresses",
    ReleasedLease "released-lease" Silence
        "the client released its address",
    NotOwnerDecline "not-owner-decline" Silence
        "the client declined an address that does not belong to it",
    NotOwnerRelease "not-owner-release" Silence
        "the client released an address that does not belong to it",
    OtherLineDecline "other-line-decline" Silence
        "the DECLINE names another line than the one on record for the lease or offer, or none, so \
         it is ignored",
    DeclineFromElsewhere "decline-from-elsewhere" Silence
        "the DECLINE was sent to the server's address without a relay, where clients send none, so \
         it is ignored",
    OtherLineRelease "other-line-release" Silence
        "the RELEASE came over another line than the one on record for the lease, so it is ignored",
    ReleaseFromElsewhere "release-from-elsewhere" Silence
        "the RELEASE has no option 82 and comes neither from the address that it releases nor from \
         a relay that never adds it, so it is ignored",
    OtherServerSelected "other-server-selected" Silence
        "the client accepted the offer of another server; the offer of this server is withdrawn",
    OtherServerAddressed "other-server-addressed" Silence
        "the DECLINE or RELEASE is for another server",
    UnknownClient "unknown-client" Silence
        "the client wants to keep an address, and this server has no record of the client",
    UnidentifiedClient "unidentified-client" Silence
        "the message does not identify the client that sent it",
    UnknownState "unknown-state" Silence
        "the REQUEST fits no state of RFC 2131, and it does not name this server, or the client \
         has neither an open offer nor a lease that it could mean",
    UnknownSubnet "unknown-subnet" Silence
        "no subnet contains the relay address, the selected link or the address of the interface",
    UnknownVpn "unknown-vpn" Silence
        "the relay or the client selects a VPN that no network belongs to",
    LinkWithoutAddress "link-without-address" Silence
        "the interface on which the message arrived has no IPv4 address, so the subnet of the \
         client is not known",
    RelayNotServed "relay-not-served" Silence
        "the relay's address is not among those that `relays` allows",
    UnusableRelayAddress "unusable-relay-address" Silence
        "the relay address (giaddr) is a broadcast, multicast or reserved address, which no \
         relay can have, so no reply is sent there",
    UnusableClientAddress "unusable-client-address" Silence
        "the client gives a broadcast, multicast, loopback or reserved address in ciaddr, so no \
         reply is sent there",
    OwnSocket "own-socket" Silence
        "the reply would go to an address and port of this server",
    BroadcastDestination "broadcast-destination" Silence
        "the reply would go to a broadcast address of a link of this machine, and so to all \
         hosts there",
    InformWithoutAddress "inform-without-address" Silence
        "the INFORM has no address in ciaddr to which a reply could go, and no relay forwarded it",
    UnreachableClient "unreachable-client" Silence
        "the client has no address yet, and the message came neither through a relay nor from a \
         link of this server, so no reply could reach the client",
    NoFreeAddress "no-free-address" Silence
        "every address that this client may have is taken",
    HeldAfterDataLoss "held-after-data-loss" Silence
        "clients of which this server has no record may hold the free addresses; \
         `after-data-loss` holds these back from new clients for now",
    PoolDrained "pool-drained" Silence
        "a pool that this client may have an address of is drained, and the others have no free \
         address",
    SubscriberLimit "subscriber-limit" Silence
        "the subscriber has reached its limit of leases and open offers, and none of them is \
         this client's",
    UnknownPool "unknown-pool" Silence
        "a policy named a pool that the client's network does not have",
    UnusableAddress "unusable-address" Silence
        "a policy named an address that the client can never have: outside its network, reserved \
         for another client, or the server's own",
    IgnoredByPolicy "ignored-by-policy" Silence
        "a policy decided not to answer",
    RefusedWithoutNak "refused-without-nak" Silence
        "a policy refused the client, and RFC 2131 does not allow a NAK in this case",
    LookupPending "lookup-pending" Silence
        "the client sent this message again while the first one still waits for lookups",
    AlreadyWaiting "already-waiting" Silence
        "the client sent this message again while the first one still waits to be decided",
    ChangePending "change-pending" Silence
        "the client sent this message again while storage has not answered for the changes of \
         the first one",
    ProbePending "probe-pending" Silence
        "the client sent a DISCOVER again while the address for it is still probed",
    AddressesInUse "addresses-in-use" Silence
        "each of several addresses that were chosen for the client answered a probe, so other \
         hosts use them; the next ones are tried when the client asks again",
    BootpNotServed "bootp-not-served" Silence
        "the message has no option 53, so it is from a BOOTP client, and `bootp` of its subnet \
         does not serve such clients",
    BootpNotReserved "bootp-not-reserved" Silence
        "no address is reserved for the BOOTP client, and `bootp` of the subnet serves no others",
    BootpAddressUnavailable "bootp-address-unavailable" Silence
        "the address that is reserved for the BOOTP client, or that a policy named, is not \
         available for now, and the client gets no other one",
    BootpAskedOnce "bootp-asked-once" Silence
        "another client gives up its lease for the BOOTP client, but not for a single message: \
         the address is held until the BOOTP client asks again",
    NotRelayed "not-relayed" Silence
        "a broadcast of a client on the link arrived on a socket for relayed messages",
    TooShort "too-short" Malformed
        "the datagram is shorter than a DHCP header",
    TooLong "too-long" Malformed
        "the datagram is longer than the server reads (2,048 octets)",
    NoMagicCookie "no-magic-cookie" Malformed
        "the options do not begin with 99.130.83.99",
    NotBootRequest "not-boot-request" Malformed
        "the op field is not that of a client's message",
    HardwareLength "hardware-length" Malformed
        "the length of the hardware address (hlen) exceeds its field",
    OptionTruncated "option-truncated" Malformed
        "an option extends beyond the end of its field",
    OptionLength "option-length" Malformed
        "an option that the server must read has an impossible length or value",
    NoMessageType "no-message-type" Malformed
        "option 53 is missing: the message is from a BOOTP client, and no subnet of this server \
         serves such clients (`bootp`)",
    UnexpectedMessageType "unexpected-message-type" Malformed
        "option 53 names a message that clients do not send to a server, or that this server \
         does not serve",
    TooOld "too-old" Failure
        "the message waited longer than its client does (4 seconds), because the server was \
         overloaded or storage was slow",
    Superseded "superseded" Failure
        "the client asked for an address again while this message waited for a lookup, a probe or \
         storage; the later message is answered",
    CrowdedOut "crowded-out" Failure
        "more messages waited to be decided than the limit allows, and this one was among the \
         least urgent",
    Stopping "stopping" Failure
        "the server stopped before it decided this message",
    PolicyFailed "policy-failed" Failure
        "a plugin failed, and its failure policy is to drop the packet",
    LookupFailed "lookup-failed" Failure
        "a source did not answer, and its `on-failure` drops such messages",
    LookupQueueFull "lookup-queue-full" Failure
        "more messages wait for lookups than the limit allows",
    ChangeQueueFull "change-queue-full" Failure
        "more messages wait for storage than the limit allows, for this address or in total",
    StoreFailed "store-failed" Failure
        "the lease could not be made durable, so it was not acknowledged",
    StoreConflict "store-conflict" Failure
        "other servers changed the record of the address more often than a request is retried",
    StoreStalled "store-stalled" Failure
        "storage has not answered for more than a second; until it does, no lease is changed",
    QueueFull "queue-full" Failure
        "more changes wait for the store than the limit allows",
    ReplyUnwritable "reply-unwritable" Failure
        "the mandatory parts of the reply do not fit into the message size of the client or the \
         link",
    DestinationUnreachable "destination-unreachable" Failure
        "the destination of the reply, or the router on the way to it, does not answer ARP, so \
         the reply was not sent",
    SendFailed "send-failed" Failure
        "the network did not accept the reply",
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

//! Events: how inputs ended, for the journal, the log and the policies that watch leases.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use lessor_core::{
    BootFileName, Changes, ClientKey, Destination, HardwareAddress, LeaseTimeRule, Network, Reason,
    Request, ReservationOwner, Selected,
};
use lessor_generation::StandIn;
use lessor_policy_host::TraceEntry;
use lessor_vocabulary::Catalogue;
use lessor_wire::Header;
use smallvec::SmallVec;

/// How one input ended.
#[derive(Debug)]
pub(crate) struct Event {
    /// The reason in which it ended.
    pub(crate) reason: Reason,
    /// Details of the reason, if there are any.
    pub(crate) detail: Option<String>,
    /// The client, if the message identifies it.
    pub(crate) client: Option<ClientKey>,
    /// The sender.
    pub(crate) source: SocketAddrV4,
    /// The interface that it arrived on, if that is known.
    pub(crate) interface: Option<Arc<str>>,
    /// The request; `None` if it could not be parsed.
    pub(crate) request: Option<Arc<Request>>,
    /// The header of a message that is not a valid request, if it is long enough.
    pub(crate) header: Option<Header>,
    /// The subscriber that policies or classes count the client against.
    pub(crate) subscriber: Option<Arc<str>>,
    /// The identifier by which the client's reservation was found, if it has one.
    pub(crate) reserved_by: Option<Box<ReservationOwner>>,
    /// Its network.
    pub(crate) network: Option<Arc<Network>>,
    /// What determined its network.
    pub(crate) selected: Option<Selected>,
    /// The address that was offered, acknowledged or released.
    pub(crate) address: Option<Ipv4Addr>,
    /// The lease time that was granted, in seconds.
    pub(crate) lease_time_secs: Option<u32>,
    /// What that follows from besides the configuration and the terms, if anything.
    pub(crate) lease_time_rule: Option<LeaseTimeRule>,
    /// Where the reply went, and what did not fit into it.
    pub(crate) written: Option<WrittenReply>,
    /// What decided, if it is not the configured generation.
    pub(crate) stand_in: Option<StandIn>,
    /// What each plugin did.
    pub(crate) trace: Vec<TraceEntry>,
    /// The changes that were made durable for it.
    pub(crate) changes: Changes,
    /// The options that its network knows by name; `None` if there is no network.
    pub(crate) catalogue: Option<Arc<Catalogue>>,
}

impl Event {
    /// Returns the options that are known by name.
    pub(crate) fn catalogue(&self) -> &Catalogue {
        self.catalogue.as_deref().unwrap_or(Catalogue::registered())
    }

    /// Returns xid, if it is known.
    pub(crate) fn transaction_id(&self) -> Option<u32> {
        let of_request = self.request.as_ref().map(|request| request.transaction_id);
        of_request.or(self.header.map(|header| header.transaction_id))
    }

    /// Returns chaddr, if it is known.
    pub(crate) fn hardware_address(&self) -> Option<HardwareAddress> {
        let of_request = self.request.as_ref().map(|request| request.hardware_address);
        of_request.or(self.header.map(|header| header.hardware_address))
    }

    /// Returns giaddr, if it is known and not 0.0.0.0.
    pub(crate) fn relay_address(&self) -> Option<Ipv4Addr> {
        let of_request = self.request.as_ref().map(|request| request.relay_address);
        let found = of_request.or(self.header.map(|header| header.relay_address));
        found.filter(|address| !address.is_unspecified())
    }
}

/// What events say about a reply that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrittenReply {
    pub(crate) destination: Destination,
    /// What the client boots; empty if the reply does not say.
    pub(crate) boot_file: BootFileName,
    /// The codes of the options that did not fit.
    pub(crate) left_out: SmallVec<[u8; 4]>,
}

//! The DHCPv4 server without input or output: its types and its decisions.
//!
//! Nothing in this crate reads a clock, draws a random number, opens a file or uses a socket; the
//! crate builds for bare WebAssembly and imports nothing. All its inputs can be written as JSON and
//! read back. Invariant: the same inputs in the same order give the same decisions.
//!
//! - Types of the protocol: [`Request`], [`Reply`], [`ReceivedOptions`], [`OptionValue`],
//!   [`RelayInformation`], [`HardwareAddress`], [`Origin`].
//! - Types of the server: [`Network`] with its subnets, pools and reservations, [`Topology`],
//!   [`Binding`], [`Change`], [`Terms`], [`LookupAnswer`], [`Reason`], [`Timestamp`].
//! - The decisions: [`Engine`], in `dhcpv4`. The bindings: `ledger`, which knows no protocol.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

mod binding;
mod boot;
mod client;
mod dhcpv4;
mod hardware_address;
mod keyed_hash;
mod kinds;
mod ledger;
mod lookup;
mod network;
mod octets;
pub mod option;
mod option_set;
mod origin;
mod own_addresses;
mod reason;
pub mod relay;
mod reply;
mod request;
mod reservation;
mod scope;
mod sending;
mod terms;
mod time;
mod times;

pub use binding::{Answer, Binding, BindingState, Change, Changes, UnknownFields};
pub use boot::{
    Boot, BootClient, BootFileName, BootFiles, ClientArchitecture, HeaderText, HeaderTextError,
    ServerName,
};
pub use client::{ClientKey, ClientKeyKind, Line};
pub use dhcpv4::{
    Attempt, BindingCopies, Candidate, Decision, Engine, HeaderField, Holding, Listing, Obstacle,
    OpenOffer, OptionOrigin, PoolUsage, Preference, Prepared, Preview, Remembered, Rule,
    SeenElsewhere, Wait,
};
pub use hardware_address::{HardwareAddress, HardwareAddressError};
pub use kinds::{ClientState, LeaseEventKind, ReplyKind, RequestKind};
pub use lookup::{LookupAnswer, SourceRow};
pub use network::{
    AfterDataLoss, Bounds, LocatedBy, Location, Network, NetworkId, OffersMax, Pool, QuarantineMax,
    Subnet, Topology, TopologyError, UnknownClients,
};
pub use octets::readable;
pub use option::{OptionDefinition, OptionKind, OptionValue, ReceivedOptions};
pub use option_set::OptionSet;
pub use origin::{Link, Origin};
pub use own_addresses::OwnAddresses;
pub use reason::{Outcome, Reason};
pub use relay::RelayInformation;
pub use reply::{Destination, Reply, ReplyValue};
pub use request::{Arrival, Request, is_host_address};
pub use reservation::{
    IdentifierKind, Owners, Reservation, ReservationOwner, SharedReservations, relay_sub_options,
};
pub use scope::{ScopeFields, ScopeSettings};
pub use sending::{SendRule, SendRules, Sending};
pub use terms::{BeyondLimit, SubscriberLimit, Terms, Verdict};
pub use time::{INFINITE_SECS, Timestamp};
pub use times::{Fraction, LeasePart, LeaseTime, LeaseTimes};

//! The DHCPv4 server without input or output: its types and its decisions.
//!
//! Nothing in this crate reads a clock, draws a random number, opens a file or uses a socket; the
//! crate builds for bare WebAssembly and imports nothing. All its inputs can be written as JSON and
//! read back. Invariant: the same inputs in the same order give the same decisions.
//!
//! - Types of the protocol: [`Request`], [`Reply`], [`ReceivedOptions`], [`OptionValue`],
//!   [`RelayInformation`], [`HardwareAddress`], [`Origin`].
//! - Types of the server: [`Network`] with its subnets, pools and reservations, [`Topology`],
//!   [`Classes`], [`Vpn`], [`Binding`], [`Change`], [`Terms`], [`LookupAnswer`], [`Reason`],
//!   [`Timestamp`].
//! - The decisions: [`Engine`], in `dhcpv4`. The bindings: `ledger`, which knows no protocol.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

mod binding;
mod boot;
mod class;
mod classes;
mod client;
mod dhcpv4;
mod fixed_hash;
mod hardware_address;
mod host_name;
mod keyed_hash;
mod kinds;
mod ledger;
mod lookup;
mod messages;
mod network;
mod octets;
pub mod option;
mod option_set;
mod origin;
mod own_addresses;
mod pool_choice;
mod pool_rules;
mod probing;
mod reason;
pub mod relay;
mod reply;
mod request;
mod reservation;
mod scope;
mod sending;
mod server_identifiers;
mod terms;
mod time;
mod times;
mod topology;
mod vpn;
mod vpn_selection;

pub use binding::{Binding, BindingState, Change, Changes, StorageAnswer, UnknownFields};
pub use boot::{
    Boot, BootClient, BootFileName, BootFiles, ClientArchitecture, HeaderText, HeaderTextError,
    ServerName,
};
pub use class::{Class, ClassBy, ClassLimit, ClassNames, LimitBy, Membership};
pub use classes::{
    Classes, ClientPlace, Condition, Fact, FactPart, Fitting, OctetReading, OctetSet, Relays,
    SubnetBehind, Test,
};
pub use client::{ClientKey, ClientKeyKind, Line};
pub use dhcpv4::{
    Attempt, AttemptByHand, BindingCopies, Candidate, ChangeByHand, Decision, Engine, HeaderField,
    Holding, LeaseTimeRule, Listing, Naming, Obstacle, OpenOffer, OptionOrigin, PoolUsage,
    Preference, PreparedNetwork, Preview, RefusalByHand, RefusedName, Remembered, Rule,
    SeenElsewhere, Wait,
};
pub use hardware_address::{HardwareAddress, HardwareAddressError};
pub use host_name::{ClientFqdn, HostName, HostNameRule, HostNameSettings, NameFault, StatedNames};
pub use kinds::{ClientState, LeaseEventKind, ReplyKind, RequestKind};
pub use lookup::{LookupAnswer, SourceRow};
pub use messages::{BootpClients, Messages};
pub use network::{
    AfterDataLoss, Bounds, ClassEffects, Network, OffersMax, Pool, QuarantineMax, Subnet,
    SubnetSelection, UnknownClients,
};
pub use octets::readable;
pub use option::{OptionDefinition, OptionKind, OptionValue, ReceivedOptions};
pub use option_set::OptionSet;
pub use origin::{Link, Origin};
pub use own_addresses::OwnAddresses;
pub use pool_choice::PoolChoice;
pub use pool_rules::{
    AllocationOrder, PoolRules, SHORTENING_STEPS_MAX, Shortening, ShorteningStep, Skipped,
    SkippedRange, WhySkipped,
};
pub use probing::{Probe, ProbeMessage, ProbeMethod, ProbeResult, Probing};
pub use reason::{Outcome, Reason};
pub use relay::RelayInformation;
pub use reply::{Destination, Reply, ReplyValue};
pub use request::{Arrival, Request, is_host_address};
pub use reservation::{
    IdentifierKind, Owners, Reservation, ReservationOwner, SharedReservations, relay_sub_options,
};
pub use scope::{ScopeFields, ScopeSettings};
pub use sending::{SendRule, SendRules, Sending};
pub use server_identifiers::{IdentifierReach, ServerIdentifiers};
pub use terms::{BeyondLimit, SubscriberLimit, Terms, Verdict};
pub use time::{INFINITE_SECS, Timestamp};
pub use times::{CacheThreshold, Fraction, LeasePart, LeaseTime, LeaseTimes};
pub use topology::{LocatedBy, Location, NetworkId, Selected, Topology, TopologyError};
pub use vpn::{Vpn, VpnId, VpnName, VpnSelectedBy, VpnSelector};

//! Networks: subnets, pools and reservations as configured.
//!
//! Does not read the configuration; the `config` crate does, and checks it so that the engine can
//! rely on it. Does not know which network a request belongs to; [`crate::Topology`] does.
//! Invariant: a subnet belongs to one network.

mod selection;

use std::{net::Ipv4Addr, num::NonZeroU32, sync::Arc};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::{
    BootpClients, ClientKeyKind, INFINITE_SECS, IdentifierReach, LeaseTime, OptionSet, Origin,
    PoolRules, Request, Reservation, ScopeSettings, Vpn, VpnName,
};

pub use self::selection::SubnetSelection;

/// Subnets that share one link (a "shared network", or a single subnet). A network is the unit that
/// owns its addresses, its clients and one [`crate::Engine`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Network {
    /// The name in logs and metrics; that of a single subnet is its prefix.
    pub name: Arc<str>,
    /// The VPN whose addresses these are; `None` if they are in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpn: Option<Arc<Vpn>>,
    /// The subnets, in the order in which addresses are taken from them.
    pub subnets: Vec<Subnet>,
    /// Whether this server may inform clients that their address is wrong (RFC 2131 section 3.2).
    /// If not, it sends a NAK only to clients of which it has a record.
    pub authoritative: bool,
    /// How long an address is held for a client to which it was offered.
    pub offer_hold_secs: u32,
    /// How long a declined address is not given out.
    pub quarantine_secs: u32,
    /// The property that distinguishes clients.
    #[serde(default)]
    pub client_key: ClientKeyKind,
    /// How new clients are served after a start without records of the network.
    #[serde(default)]
    pub after_data_loss: AfterDataLoss,
    /// How many addresses clients can occupy without a lease.
    #[serde(default)]
    pub bounds: Bounds,
    /// What classes can change for its clients.
    #[serde(default)]
    pub classes: ClassEffects,
}

/// What classes can change for the clients of a network. It is known without the classes, which are
/// those of the whole configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ClassEffects {
    /// The longest lease time that a class sets, in seconds; 0 if none sets one.
    pub longest_lease_secs: u32,
    /// Whether a class says by which property its clients are distinguished.
    pub set_client_key: bool,
    /// Whether a class is about the relay or the interface of its clients, so that records remember
    /// through which relay a client was heard.
    pub read_relay: bool,
}

/// How many addresses of a network clients can occupy without a lease. The limits prevent a client
/// from exhausting a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Bounds {
    /// Addresses that are quarantined because they were declined.
    pub quarantine_max: QuarantineMax,
    /// Addresses that are held for open offers.
    pub offers_max: OffersMax,
}

/// How many addresses can be quarantined at a time because they were declined. Independent of
/// [`crate::SubscriberLimit`]: quarantined addresses do not count as leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct QuarantineMax {
    /// By one client.
    pub client: NonZeroU32,
    /// By all clients of one line: those with the same circuit id and remote id in option 82.
    pub line: NonZeroU32,
    /// By all clients of the network whose line no relay agent names.
    pub link: NonZeroU32,
    /// By all clients of one subscriber.
    pub subscriber: NonZeroU32,
}

/// One subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Subnet {
    /// The addresses of the subnet.
    pub prefix: Ipv4Net,
    /// What selects the subnet besides its addresses.
    #[serde(default, skip_serializing_if = "SubnetSelection::is_empty")]
    pub selection: SubnetSelection,
    /// Lease times, unless a pool or a reservation has others.
    pub lease_time: LeaseTime,
    /// Options for its clients, in order of code.
    pub options: OptionSet,
    /// What else it sets for the replies to its clients.
    #[serde(default, skip_serializing_if = "ScopeSettings::is_empty")]
    pub settings: ScopeSettings,
    /// The pools. Addresses are taken from them in order of preference, and from those of the same
    /// preference in this order, except from those by policy only.
    pub pools: Vec<Pool>,
    /// What is reserved for one client or line each. Those without an address apply in all subnets
    /// of the network.
    pub reservations: Vec<Reservation>,
    /// The relays whose messages are served, by their address (giaddr). Every relay is served if
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relays: Option<Arc<[Ipv4Net]>>,
    /// The answer to clients without a record that want to keep a free address of the subnet's
    /// pools.
    #[serde(default)]
    pub unknown_clients: UnknownClients,
}

/// The answer to a REQUEST of a client without a record that wants to keep an address (INIT-REBOOT,
/// RENEWING, REBINDING) which is free and in a pool from which the client may have addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownClients {
    /// An ACK: another server, or this one before it lost its records, must have leased the address
    /// to the client.
    Adopt,
    /// No answer (RFC 2131 section 4.3.2): another server may know the client.
    #[default]
    Ignore,
    /// A NAK: the client has to ask for a new address.
    Refuse,
}

/// How new clients are served after a start without records, while clients that this server does
/// not know may hold leases of its addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterDataLoss {
    /// As usual.
    #[default]
    Serve,
    /// Without any address that an unknown client may hold, until the longest lease time of the
    /// address's subnet has passed.
    Hold,
    /// Such an address is probed first for the same time, even if the scopes probe none.
    Probe,
}

/// A range of addresses to give out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pool {
    /// The name by which policies refer to it; unique within the network.
    pub name: Arc<str>,
    /// Its first address.
    pub first: Ipv4Addr,
    /// Its last address.
    pub last: Ipv4Addr,
    /// Whether only clients that a policy or a class sends here get addresses of this pool.
    pub by_policy_only: bool,
    /// How it allocates its addresses.
    #[serde(default)]
    pub rules: PoolRules,
    /// Options for clients with an address of this pool; they take precedence over those of the
    /// subnet.
    pub options: OptionSet,
    /// What else it sets; this also takes precedence over the subnet.
    #[serde(default, skip_serializing_if = "ScopeSettings::is_empty")]
    pub settings: ScopeSettings,
}

/// The maximum number of addresses of a pool that are held for open offers at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OffersMax {
    /// To the clients of one line.
    pub line: NonZeroU32,
    /// To the clients of one relay or interface whose line no relay agent names.
    pub link: NonZeroU32,
}

impl OffersMax {
    /// The maximum for clients from `origin`.
    pub fn of(&self, origin: &Origin) -> usize {
        let max = if origin.names_line() { self.line } else { self.link };
        usize::try_from(max.get()).unwrap_or(usize::MAX)
    }
}

impl Default for OffersMax {
    fn default() -> Self {
        let [line, link] = [16, 65_536].map(|max| NonZeroU32::new(max).unwrap_or(NonZeroU32::MIN));
        Self { line, link }
    }
}

impl Default for QuarantineMax {
    fn default() -> Self {
        let [client, line, link, subscriber] =
            [2, 4, 16, 4].map(|max| NonZeroU32::new(max).unwrap_or(NonZeroU32::MIN));
        Self { client, line, link, subscriber }
    }
}

impl Subnet {
    /// The BOOTP clients that are served in the subnet.
    pub fn bootp_clients(&self) -> BootpClients {
        self.settings.messages.bootp.unwrap_or(BootpClients::Off)
    }

    /// The longest lease time that is granted for any of its addresses, in seconds. Infinite leases
    /// of BOOTP clients do not count: such a client asks again when it boots.
    pub fn longest_lease_secs(&self) -> u32 {
        let of_bootp = self.settings.messages.bootp_lease_secs;
        let of_bootp = of_bootp.filter(|secs| *secs != INFINITE_SECS).unwrap_or_default();
        let of_pools = self.pools.iter().map(|pool| &pool.settings);
        let of_reservations = self.reservations.iter().map(|reservation| &reservation.settings);
        let longest = of_pools.chain(of_reservations).map(ScopeSettings::longest_lease_secs).max();
        self.lease_time.max_secs.max(longest.unwrap_or_default()).max(of_bootp)
    }
}

impl Network {
    /// The property that distinguishes the client of `request` from others of the network.
    pub fn client_key_of(&self, request: &Request) -> ClientKeyKind {
        request.classes.client_key().unwrap_or(self.client_key)
    }

    /// Returns whether messages that the relay of `request` forwards are served in one of the
    /// subnets. Messages without a relay always are, and so are those of a relay whose address
    /// selects a subnet of the network.
    pub fn serves_relay_of(&self, subnet: &Subnet, request: &Request) -> bool {
        let Some(relays) = subnet.relays.as_deref().filter(|_| request.is_relayed()) else {
            return true;
        };
        let relay = request.relay_address;
        let selects = |subnet: &Subnet| subnet.selection.relay_addresses().contains(&relay);
        relays.iter().any(|relays| relays.contains(&relay)) || self.subnets.iter().any(selects)
    }

    /// The position of the subnet that spans `address`.
    pub fn subnet_of(&self, address: Ipv4Addr) -> Option<usize> {
        self.subnets.iter().position(|subnet| subnet.prefix.contains(&address))
    }

    /// The pool that contains `address`.
    pub fn pool_of(&self, address: Ipv4Addr) -> Option<&Pool> {
        let pools = &self.subnets.get(self.subnet_of(address)?)?.pools;
        pools.iter().find(|pool| pool.contains(address))
    }

    /// The name of its VPN.
    pub fn vpn_name(&self) -> Option<&VpnName> {
        self.vpn.as_deref().map(|vpn| &vpn.name)
    }

    /// Every server identifier that its scopes set, and where it counts.
    pub(crate) fn server_identifiers(
        &self,
    ) -> impl Iterator<Item = (IdentifierReach<Option<&VpnName>>, Ipv4Addr)> {
        let reach = IdentifierReach::of_network(self.vpn_name());
        let scopes = self.subnets.iter().flat_map(|subnet| {
            let of_pools = subnet.pools.iter().map(|pool| &pool.settings);
            let of_reservations = subnet.reservations.iter().map(|found| &found.settings);
            [&subnet.settings].into_iter().chain(of_pools).chain(of_reservations)
        });
        let identifiers = scopes.filter_map(|settings| settings.server_identifier);
        identifiers.map(move |found| (reach, found))
    }
}

impl Pool {
    /// Returns whether `address` is in the range.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address)
    }

    /// The number of addresses in the range without those that the pool skips.
    pub fn size(&self) -> u64 {
        let all = u64::from(u32::from(self.last)) - u64::from(u32::from(self.first)) + 1;
        all - self.rules.skipped.count(self.first, self.last)
    }
}

//! Reads one `[[subnet]]`: its prefix, lease times and options. Other modules read pools and
//! reservations.

use std::{net::Ipv4Addr, num::NonZeroU32, sync::Arc};

use ipnet::Ipv4Net;
use lessor_core::{
    AfterDataLoss, ClientKeyKind, OffersMax, QuarantineMax, ScopeSettings, Subnet, SubnetSelection,
    UnknownClients, Vpn, VpnName, option::code,
};

use crate::{
    file_position::FilePosition,
    network::NetworkLevels,
    pool::{self, PlacedPool},
    reader::{Placed, Table, Value},
    reservation::{self, PlacedReservation},
    roster::Roster,
    scope::{Level, OfSubnet},
    selection::PlacedSelection,
    shapes,
    vpns::Vpns,
};

/// The shortest prefix: no single organisation has more addresses.
pub const PREFIX_LENGTH_MIN: u8 = 8;
/// The maximum time that an offer is held in seconds; no other client can get its address
/// meanwhile.
pub const OFFER_HOLD_SECS_MAX: u32 = 3_600;

/// The maximum number of addresses of a pool: see [`PREFIX_LENGTH_MIN`].
const ADDRESSES_MAX: u32 = 1 << (32 - PREFIX_LENGTH_MIN);

/// A subnet before it is added to a network.
pub(crate) struct PlacedSubnet {
    pub(crate) prefix: Placed<Ipv4Net>,
    /// The VPN of its network.
    pub(crate) vpn: Option<Placed<Arc<Vpn>>>,
    /// What selects it besides its addresses.
    pub(crate) selection: PlacedSelection,
    /// The settings of the subnet that apply to its whole network.
    pub(crate) shared: NetworkSettings,
    pub(crate) pools: Vec<PlacedPool>,
    pub(crate) reservations: Vec<PlacedReservation>,
    /// The server identifier of the subnet, or of a level around it, with its place.
    pub(crate) identifier: Option<(Ipv4Addr, FilePosition)>,
    /// The subnet without pools and reservations.
    rest: Subnet,
}

/// The settings of other tables that apply to every subnet.
pub(crate) struct Around {
    /// `[server]` and `[options]`, which apply to all clients.
    pub(crate) level: Level,
    pub(crate) networks: NetworkLevels,
    pub(crate) vpns: Vpns,
    /// `unknown-clients` of `[server]`.
    pub(crate) unknown_clients: UnknownClients,
    /// The relays that are served if a subnet names none: `relays` of `[server]`.
    pub(crate) relays: Option<Arc<[Ipv4Net]>>,
    /// The classes that reservations may name.
    pub(crate) classes: Roster,
}

/// Settings of a whole network that one subnet specifies, or defaults for all networks that
/// `[server]` specifies.
#[derive(Default)]
pub(crate) struct NetworkSettings {
    pub(crate) network: Option<Placed<String>>,
    pub(crate) authoritative: Option<Placed<bool>>,
    pub(crate) client_key: Option<Placed<ClientKeyKind>>,
    pub(crate) after_data_loss: Option<Placed<AfterDataLoss>>,
    pub(crate) offer_hold_secs: Option<Placed<u32>>,
    pub(crate) quarantine_secs: Option<Placed<u32>>,
    pub(crate) quarantine_max: Option<Placed<QuarantineMax>>,
    pub(crate) offers_max: Option<Placed<OffersMax>>,
}

impl PlacedSubnet {
    /// Reads a subnet. Returns `None` if it has no prefix.
    pub(crate) fn read(table: &Table, around: &Around) -> Option<Self> {
        let prefix = table.require("prefix", "\"100.64.0.0/16\"").and_then(|value| prefix(&value));
        let shared = NetworkSettings::read(table);
        let network = shared.network.as_ref().and_then(|name| around.networks.get(&name.value));
        let of_network = network.map(|network| &network.level);
        let levels: Vec<&Level> = of_network.into_iter().chain([&around.level]).collect();
        let vpn = around.vpns.of(table).or_else(|| network?.vpn.clone());
        let OfSubnet { options, lease_time, settings, pools: rules, identifier } =
            Level::of(table).with_bootp(table).within(&levels);
        let routers = options.get(code::ROUTERS).cloned();
        let identifier = settings.server_identifier.zip(identifier);
        let pools = table.get("pool").map_or_else(Vec::new, |value| {
            let outer = pool::Outer { prefix: prefix.as_ref(), routers, rules };
            pool::read_all(&value, &outer)
        });
        let reservations = table.get("reservation").map_or_else(Vec::new, |value| {
            reservation::read_all(&value, prefix.as_ref(), &around.classes)
        });
        let own_relays = table.get("relays").map(|value| value.prefixes().into());
        let prefix = prefix?;
        let rest = Subnet {
            prefix: prefix.value,
            selection: SubnetSelection::default(),
            lease_time,
            options: options.into_set(),
            settings,
            pools: Vec::new(),
            reservations: Vec::new(),
            relays: own_relays.or_else(|| around.relays.clone()),
            unknown_clients: unknown_clients(table).unwrap_or(around.unknown_clients),
        };
        let selection = PlacedSelection::read(table);
        Some(Self { prefix, vpn, selection, shared, pools, reservations, identifier, rest })
    }

    /// The relays that are served; `None` if all are.
    pub(crate) fn relays(&self) -> Option<&[Ipv4Net]> {
        self.rest.relays.as_deref()
    }

    /// The longest lease time that the subnet grants.
    pub(crate) fn longest_lease_secs(&self) -> u32 {
        let of_pools = self.pools.iter().map(|placed| &placed.pool.settings);
        let of_reservations = self.reservations.iter().map(|placed| &placed.reservation.settings);
        let scopes = of_pools.chain(of_reservations);
        let longest = scopes.map(ScopeSettings::longest_lease_secs).max();
        self.rest.lease_time.max_secs.max(longest.unwrap_or_default())
    }

    /// The name of its VPN.
    pub(crate) fn vpn_name(&self) -> Option<&VpnName> {
        self.vpn.as_ref().map(|placed| &placed.value.name)
    }

    /// The subnet without its places in the file.
    pub(crate) fn into_subnet(self) -> Subnet {
        Subnet {
            selection: self.selection.into_selection(),
            pools: fitted(self.pools, |placed| placed.pool),
            reservations: fitted(self.reservations, |placed| placed.reservation),
            ..self.rest
        }
    }
}

/// Removes the places from all items. Collecting in place would keep the memory of the places for
/// as long as the server runs.
pub(crate) fn fitted<P, T>(placed: Vec<P>, without: impl Fn(P) -> T) -> Vec<T> {
    let mut fitted = Vec::with_capacity(placed.len());
    fitted.extend(placed.into_iter().map(without));
    fitted
}

impl NetworkSettings {
    /// Reads the defaults in `[server]`.
    pub(crate) fn of_server(table: Option<&Table>) -> Self {
        let Some(table) = table else { return Self::default() };
        Self {
            authoritative: authoritative(table),
            client_key: client_key(table),
            after_data_loss: after_data_loss(table),
            ..Self::default()
        }
    }

    fn read(table: &Table) -> Self {
        let placed_secs = |value: &Value| Some(value.place(value.duration_secs()?));
        let offer_hold = table.get("offer-hold").and_then(|value| {
            let secs = value.duration_secs()?;
            if secs > OFFER_HOLD_SECS_MAX {
                value.refuse("a duration of at most an hour");
                return None;
            }
            Some(value.place(secs))
        });
        Self {
            network: table
                .get("shared-network")
                .and_then(|value| Some(value.place(value.name()?.to_owned()))),
            authoritative: authoritative(table),
            client_key: client_key(table),
            after_data_loss: after_data_loss(table),
            offer_hold_secs: offer_hold,
            quarantine_secs: table.get("quarantine").and_then(|value| placed_secs(&value)),
            quarantine_max: table.get("quarantine-max").and_then(|value| quarantine_max(&value)),
            offers_max: table.get("offers-max").and_then(|value| offers_max(&value)),
        }
    }
}

/// Keys that the table omits keep their defaults.
fn quarantine_max(value: &Value) -> Option<Placed<QuarantineMax>> {
    let table = value.table(&shapes::QUARANTINE_MAX)?;
    let default = QuarantineMax::default();
    let max = |key, default| addresses_max(&table, key).unwrap_or(default);
    Some(value.place(QuarantineMax {
        client: max("client", default.client),
        line: max("line", default.line),
        link: max("link", default.link),
        subscriber: max("subscriber", default.subscriber),
    }))
}

fn offers_max(value: &Value) -> Option<Placed<OffersMax>> {
    let table = value.table(&shapes::OFFERS_MAX)?;
    let default = OffersMax::default();
    let max = |key, default| addresses_max(&table, key).unwrap_or(default);
    Some(
        value.place(OffersMax { line: max("line", default.line), link: max("link", default.link) }),
    )
}

fn addresses_max(table: &Table, key: &'static str) -> Option<NonZeroU32> {
    NonZeroU32::new(table.get(key)?.number(1, ADDRESSES_MAX)?)
}

fn authoritative(table: &Table) -> Option<Placed<bool>> {
    table.get("authoritative").and_then(|value| Some(value.place(value.flag()?)))
}

/// Reads `client-key` of a subnet or a class or, as the default for all networks, of `[server]`.
pub(crate) fn client_key(table: &Table) -> Option<Placed<ClientKeyKind>> {
    let choices = ClientKeyKind::ALL.map(|kind| (kind.name(), kind));
    table.get("client-key").and_then(|value| Some(value.place(value.choice(&choices)?)))
}

fn after_data_loss(table: &Table) -> Option<Placed<AfterDataLoss>> {
    let choices = [
        ("serve", AfterDataLoss::Serve),
        ("hold", AfterDataLoss::Hold),
        ("probe", AfterDataLoss::Probe),
    ];
    table.get("after-data-loss").and_then(|value| Some(value.place(value.choice(&choices)?)))
}

/// Reads `unknown-clients` of a subnet or, as the default for all others, of `[server]`.
pub(crate) fn unknown_clients(table: &Table) -> Option<UnknownClients> {
    table.get("unknown-clients")?.choice(&[
        ("adopt", UnknownClients::Adopt),
        ("ignore", UnknownClients::Ignore),
        ("refuse", UnknownClients::Refuse),
    ])
}

fn prefix(value: &Value) -> Option<Placed<Ipv4Net>> {
    let prefix = value.prefix()?;
    let [first_octet, ..] = prefix.network().octets();
    if prefix.prefix_len() < PREFIX_LENGTH_MIN {
        value.refuse(&format!("a prefix of length {PREFIX_LENGTH_MIN} to 32"));
    } else if first_octet == 0 || first_octet >= 224 {
        value.refuse("a prefix of addresses that hosts can have, 1.0.0.0 to 223.255.255.255");
    } else {
        return Some(value.place(prefix));
    }
    None
}

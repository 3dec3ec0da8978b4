//! Leases of other servers: gathered from files, the latest one of each address, and made into
//! records as the server itself writes them.
//!
//! Knows no format. Invariant: there is at most one lease of an address, that of the last line
//! about it; if that takes an address from another client whose lease was running, the report says
//! so.

use std::{
    collections::{BTreeMap, HashMap},
    net::Ipv4Addr,
    sync::Arc,
};

use lessor_core::{
    Binding, BindingState, ClientKey, ClientKeyKind, HardwareAddress, HostName, Network,
    RelayInformation, Subnet, Timestamp, Topology, UnknownFields, VpnName, option::code,
};

use crate::{
    lease_records::{LeaseRecord, LeaseTotals, ReadLeases, Removal, unknown_times},
    place::{Place, Refusal},
    report::{LineOutcome, Report},
};

const NO_POOL: &str =
    "the address is in no pool, so the client gets another one at its next renewal";
const FOR_POLICIES: &str =
    "the pool is for policies only, so the client keeps the address only if a policy says so";

/// The present.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The time of the machine's clock, which the other server used.
    pub clock: Timestamp,
    /// How far the clock is ahead of the time in which the store counts, in milliseconds.
    pub ahead_ms: i64,
}

/// A lease as a file has it, in clock time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundLease {
    pub(crate) place: Place,
    pub(crate) address: Ipv4Addr,
    /// The VPN whose address it is.
    pub(crate) vpn: Option<VpnName>,
    pub(crate) hardware_address: Option<HardwareAddress>,
    /// Option 61.
    pub(crate) identifier: Option<Box<[u8]>>,
    pub(crate) relay_information: Option<RelayInformation>,
    /// giaddr of the client's last message that did not come directly; 0.0.0.0 if it had none.
    pub(crate) relay_address: Option<Ipv4Addr>,
    /// The name of the client, if the file has one that a host may have.
    pub(crate) host_name: Option<HostName>,
    /// The subscriber that it counts against.
    pub(crate) subscriber: Option<Arc<str>>,
    pub(crate) state: BindingState,
    /// The beginning, or the last change; `None` if the file does not say it.
    pub(crate) began_at: Option<Timestamp>,
    pub(crate) changed_at: Option<Timestamp>,
    pub(crate) expires_at: Timestamp,
}

/// Leases by their addresses.
type Leases = BTreeMap<(Option<VpnName>, Ipv4Addr), FoundLease>;

/// The leases of some files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gathered {
    leases: Leases,
    removals: BTreeMap<Ipv4Addr, Removal>,
    pub(crate) report: Report,
    /// The number of leases in the files.
    pub(crate) read: u64,
}

impl Gathered {
    /// Adds a lease in place of an earlier one of its address.
    ///
    /// # Errors
    /// Refuses one that begins after its end.
    pub(crate) fn put(&mut self, lease: FoundLease) -> Result<(), Refusal> {
        let is_over = lease.state == BindingState::Released;
        if !is_over && lease.began_at.is_some_and(|began_at| began_at > lease.expires_at) {
            let found = format!("the lease of {} begins after its end", lease.address);
            return Err(lease.place.refuse(found, "correct the line, or copy the file again"));
        }
        self.read += 1;
        if let Some(earlier) = self.leases.get(&lease.key())
            && earlier.runs_against(&lease)
        {
            let statement = format!("lease of {} for {}", lease.address, earlier.client());
            let note = format!(
                "{} gives the address to {} while this lease runs; the later line counts",
                lease.place.short(),
                lease.client()
            );
            self.report.add(&earlier.place, &statement, LineOutcome::NotCarried, note);
        }
        if lease.vpn.is_none() {
            self.removals.remove(&lease.address);
        }
        self.leases.insert(lease.key(), lease);
        Ok(())
    }

    /// Adds the only lease of its address.
    pub(crate) fn put_only(&mut self, lease: FoundLease) -> Result<(), Refusal> {
        if let Some(earlier) = self.leases.get(&lease.key()) {
            let line = earlier.place.line();
            let found = format!("{} has a second lease here; line {line} has one", lease.address);
            return Err(lease.place.refuse(found, "remove one of them"));
        }
        self.put(lease)
    }

    /// Removes the lease of an address, which the other server changed at a time if it ever gave it
    /// to a client.
    pub(crate) fn remove(&mut self, place: &Place, address: Ipv4Addr, at: Option<Timestamp>) {
        self.read += 1;
        self.leases.remove(&(None, address));
        if let Some(changed_at) = at {
            let removal = Removal { place: place.clone(), address, changed_at };
            self.removals.insert(address, removal);
        }
    }

    /// The leases as records of the networks of a configuration. Those that cannot be are reported.
    pub(crate) fn records(self, topology: &Topology, times: &Times) -> ReadLeases {
        let Self { leases, removals, mut report, read } = self;
        say_second_leases(&leases, topology, times, &mut report);
        let addresses = leases.len() as u64;
        let mut totals = LeaseTotals { read, addresses, ..LeaseTotals::default() };
        let mut records = Vec::with_capacity(leases.len());
        for found in leases.into_values() {
            let statement = format!("lease of {} for {}", found.address, found.client());
            match found.record(topology, times) {
                Ok((lease, note)) => {
                    match lease.binding.state {
                        BindingState::Quarantined => totals.quarantined += 1,
                        _ if found.is_active(times.clock) => totals.active += 1,
                        _ => totals.ended += 1,
                    }
                    if let Some(note) = note {
                        report.changed(&found.place, &statement, note);
                    }
                    records.push(lease);
                }
                Err(why) => {
                    totals.not_carried += 1;
                    report.not_carried(&found.place, &statement, why);
                }
            }
        }
        report.sort();
        let removals = removals.into_values().map(|removal| {
            let changed_at = times.of_store(removal.changed_at.min(times.clock));
            Removal { changed_at, ..removal }
        });
        let removals = removals.collect();
        ReadLeases { records, removals, report, totals, now: times.of_store(times.clock) }
    }
}

impl Times {
    /// A time of the clock in the time of the store.
    const fn of_store(&self, time: Timestamp) -> Timestamp {
        time.moved_by_ms(self.ahead_ms.saturating_neg())
    }
}

/// Says which clients have two leases in a network, as a client that is moved has.
fn say_second_leases(leases: &Leases, topology: &Topology, times: &Times, report: &mut Report) {
    let mut of_clients: HashMap<_, &FoundLease> = HashMap::new();
    for lease in leases.values().filter(|lease| lease.is_active(times.clock)) {
        let Some((network, _)) = lease.scopes(topology) else { continue };
        let Ok(client) = lease.client_key(network.client_key) else { continue };
        if let Some(first) = of_clients.insert((&network.name, client), lease) {
            let statement = format!("lease of {} for {}", lease.address, lease.client());
            let note = format!(
                "its client has {} as well: it keeps the one that changed last",
                first.address
            );
            report.add(&lease.place, &statement, LineOutcome::Carried, note);
        }
    }
}

/// A time in seconds since the Unix epoch; `None` for one that is later than the year 9999.
pub(crate) fn seconds(secs: u64) -> Option<Timestamp> {
    let time = jiff::Timestamp::from_second(i64::try_from(secs).ok()?).ok()?;
    u64::try_from(time.as_millisecond()).ok().map(Timestamp::from_unix_ms)
}

impl FoundLease {
    fn key(&self) -> (Option<VpnName>, Ipv4Addr) {
        (self.vpn.clone(), self.address)
    }

    /// The network and the subnet of the address.
    fn scopes<'t>(&self, topology: &'t Topology) -> Option<(&'t Network, &'t Subnet)> {
        let location = topology.locate_address(self.vpn.as_ref(), self.address)?;
        let network = topology.networks().get(location.network.0 as usize)?;
        Some((network, network.subnets.get(location.subnet)?))
    }

    fn is_active(&self, now: Timestamp) -> bool {
        self.state == BindingState::Leased && now < self.expires_at
    }

    /// Whether a later lease of the address takes it from the client while this one runs.
    fn runs_against(&self, later: &Self) -> bool {
        let is_same = match (&self.identifier, &later.identifier) {
            (Some(one), Some(other)) => one == other,
            _ => self.hardware_address == later.hardware_address,
        };
        let is_taken = later.state == BindingState::Leased && !is_same;
        // A file that does not say when has each address once.
        is_taken && later.changed_at.is_none_or(|changed_at| self.is_active(changed_at))
    }

    /// The client, for the report.
    fn client(&self) -> String {
        match (&self.identifier, &self.hardware_address) {
            (_, Some(hardware)) if hardware.is_anybody() => hardware.to_string(),
            (Some(identifier), _) => ClientKey::Identifier(identifier.clone()).to_string(),
            _ => "no client".to_owned(),
        }
    }

    /// The record, and what differs for its client.
    fn record(
        &self,
        topology: &Topology,
        times: &Times,
    ) -> Result<(LeaseRecord, Option<&'static str>), String> {
        let Some((network, subnet)) = self.scopes(topology) else {
            let of_vpn = self.vpn.as_ref().map(|vpn| format!(" of VPN {vpn}")).unwrap_or_default();
            return Err(format!("{}{of_vpn} is in no subnet of the configuration", self.address));
        };
        let client = self.client_key(network.client_key)?;
        let pool = subnet.pools.iter().find(|pool| pool.contains(self.address));
        let is_reserved =
            || subnet.reservations.iter().any(|reserved| reserved.address == Some(self.address));
        let is_of_class = |pool: &str| {
            let mut choices =
                topology.classes().iter().filter_map(|(_, class)| class.pools.as_ref());
            choices.any(|choice| choice.names().any(|name| **name == *pool))
        };
        let note = match pool {
            Some(pool) if pool.by_policy_only && !is_of_class(&pool.name) => Some(FOR_POLICIES),
            None if !is_reserved() => Some(NO_POOL),
            _ => None,
        };
        let note = note.filter(|_| self.is_active(times.clock));
        let hardware_address = self.hardware_address.or(HardwareAddress::new(1, &[]));
        let expires_at = times.of_store(self.expires_at);
        let now = times.of_store(times.clock);
        let (began_at, changed_at) = match self.changed_at {
            Some(time) => [times.of_store(time).min(now); 2].into(),
            None => unknown_times(expires_at, subnet.lease_time.max_secs, now),
        };
        let began_at = self.began_at.map_or(began_at, |time| times.of_store(time));
        let binding = Binding {
            address: self.address,
            vpn: self.vpn.clone(),
            client,
            hardware_address: hardware_address.ok_or("it has no hardware address")?,
            state: self.state,
            began_at: began_at.min(changed_at).min(expires_at),
            changed_at,
            expires_at,
            subscriber: self.subscriber.clone().filter(|_| self.is_active(times.clock)),
            relay_information: self.relay_information.clone(),
            relay_address: self.relay_address,
            host_name: self.name_in(subnet),
            revision: 1,
            unknown_fields: UnknownFields::default(),
        };
        let is_timed = self.changed_at.is_some();
        Ok((LeaseRecord { binding, place: self.place.clone(), is_timed }, note))
    }

    /// The name of the client with the domain of its subnet.
    fn name_in(&self, subnet: &Subnet) -> Option<HostName> {
        let domain = subnet.options.get(code::DOMAIN_NAME);
        let domain = domain.and_then(|value| HostName::of_domain(value));
        self.host_name.as_ref()?.of_client_in(domain.as_ref()).ok()
    }

    fn client_key(&self, kind: ClientKeyKind) -> Result<ClientKey, String> {
        let information = self.relay_information.as_ref();
        let key = kind.key_from(self.identifier.as_deref(), self.hardware_address, information);
        let nobody = || HardwareAddress::new(1, &[]).map(ClientKey::Hardware);
        let key = key.or_else(|| (self.state == BindingState::Quarantined).then(nobody).flatten());
        key.ok_or_else(|| {
            format!("the file does not say what client-key = {:?} needs", kind.name())
        })
    }
}

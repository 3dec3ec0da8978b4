//! The JSON output of the server: `lessor leases --json`, `lessor status --json`, `lessor reasons
//! --json`, and the journal.
//! The types have only the fields that tests use.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddrV4},
    process::Command,
    sync::OnceLock,
};

use serde::Deserialize;

use crate::built;

/// A line of `lessor leases --json`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct LeaseRow {
    pub address: Ipv4Addr,
    pub vpn: Option<String>,
    pub state: LeaseState,
    pub client: String,
    pub hardware_address: String,
    pub host_name: Option<String>,
    pub pool: Option<String>,
    pub subscriber: Option<String>,
    pub circuit_id: Option<String>,
    pub remote_id: Option<String>,
    pub began_at: String,
    pub expires_at: String,
}

/// The state of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum LeaseState {
    Leased,
    Expired,
    Released,
    Quarantined,
    Ended,
}

/// The destination of a reply.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Destination {
    Relay(SocketAddrV4),
    Client(SocketAddrV4),
    Hardware { address: Ipv4Addr, hardware_address: String },
    Broadcast,
}

/// A line of `lessor reasons --json`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct ReasonRow {
    pub reason: String,
    pub outcome: String,
    pub meaning: String,
}

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct JournalLine {
    pub time: String,
    pub reason: String,
    pub message: Option<String>,
    pub detail: Option<String>,
    /// xid in hexadecimal.
    pub transaction_id: Option<String>,
    pub source: Option<String>,
    pub client: Option<String>,
    /// The identifier by which the client's reservation was found.
    pub reservation: Option<BTreeMap<String, String>>,
    pub hardware_address: Option<String>,
    /// The name on record with the lease.
    pub lease_name: Option<String>,
    #[serde(default)]
    pub refused_names: Vec<RefusedNameRow>,
    pub address: Option<Ipv4Addr>,
    /// The address from which an operator moves the client.
    pub moved_from: Option<Ipv4Addr>,
    /// The pool that an operator drained or opened.
    pub pool: Option<String>,
    /// The person who made a change by hand.
    pub operator: Option<OperatorRow>,
    /// The address of the client that has the name.
    pub held_by: Option<Ipv4Addr>,
    pub lease_time_secs: Option<u32>,
    pub lease_time_rule: Option<String>,
    /// What decided, if it was not the configured generation.
    pub stand_in: Option<String>,
    /// The destination of the reply.
    pub destination: Option<Destination>,
    /// What the client boots.
    pub boot_file: Option<String>,
    /// The names of options for which there was no room.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// The names of the classes of the client.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Those that only its reservation names.
    #[serde(default)]
    pub reserved_classes: Vec<String>,
    pub subscriber: Option<String>,
    pub network: Option<String>,
    /// What determined the network.
    pub located_by: Option<String>,
    pub vpn: Option<String>,
    /// What determined the VPN.
    pub vpn_by: Option<String>,
    pub interface: Option<String>,
    pub relay_address: Option<Ipv4Addr>,
    pub circuit_id: Option<String>,
    pub remote_id: Option<String>,
    /// Option 82 in hexadecimal.
    pub relay_information: Option<String>,
    /// The plugins that were called, in order.
    #[serde(default)]
    pub plugins: Vec<TraceRow>,
    /// The shadow plugin whose differences these are.
    pub shadow: Option<String>,
    #[serde(default)]
    pub differences: Vec<DifferenceRow>,
    pub lines_left_out: Option<LeftOutRow>,
}

/// The person who made a change by hand.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct OperatorRow {
    pub user: String,
    pub user_id: u32,
    pub claimed_sudo_user: Option<String>,
    pub note: Option<String>,
}

/// A name that a client states and does not get.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct RefusedNameRow {
    pub option: String,
    pub fault: String,
}

/// The numbers of lines that the journal omitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct LeftOutRow {
    pub malformed: u64,
    pub unanswered: u64,
    pub answered: u64,
}

/// An endpoint as the status shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct EndpointRow {
    pub endpoint: String,
    pub kind: String,
    pub state: String,
    pub detail: Option<String>,
    pub hardware_address: Option<String>,
    #[serde(default)]
    pub addresses: Vec<Ipv4Addr>,
}

/// A difference that a shadow plugin would have caused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct DifferenceRow {
    pub kind: String,
    pub live: Option<String>,
    pub shadow: Option<String>,
}

/// `lessor shadow --json`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct ShadowSummary {
    pub generation: u64,
    pub waiting: u64,
    pub lost: u64,
    pub lines_left_out: u64,
    pub shadows: Vec<ShadowRow>,
}

/// One shadow plugin as the summary shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct ShadowRow {
    pub plugin: PluginRow,
    pub requests: u64,
    pub agreed: u64,
    pub differed: u64,
    pub differences: BTreeMap<String, u64>,
}

/// The result of a plugin for an input, as the journal shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct TraceRow {
    pub plugin: String,
    /// The terms and options that it set, as `name=value`.
    #[serde(default)]
    pub set: BTreeSet<String>,
    /// The fault, if it failed.
    pub fault: Option<String>,
}

/// `lessor status --json`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct Status {
    pub generation: u64,
    pub reloads: u64,
    pub reloads_refused: u64,
    pub rollbacks: u64,
    pub rolled_back_from: Option<u64>,
    pub endpoints: Vec<EndpointRow>,
    /// The reasons that inputs ended in, and how many each.
    pub reasons: Vec<(String, u64)>,
    pub pools: Vec<PoolRow>,
    pub pools_full: u64,
    pub drained: Vec<DrainRow>,
    pub plugins: Vec<PluginRow>,
    pub store: StoreRow,
    pub clock: ClockRow,
    pub waiting_for_lookups: u64,
    pub events_lost: u64,
    pub keys_seen_elsewhere: u64,
    pub holds: Vec<HoldRow>,
    pub journal_problem: Option<String>,
    pub relay_information_left_out: u64,
    pub messages_cut_short: u64,
}

/// A drained pool as the status shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct DrainRow {
    pub network: String,
    pub pool: String,
    pub by: OperatorRow,
}

/// A network that keeps addresses from new clients, as the status shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct HoldRow {
    pub network: String,
    pub until: String,
}

/// A pool as the status shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct PoolRow {
    pub pool: String,
    pub size: u64,
    pub leased: u64,
    pub offered: u64,
    pub quarantined: u64,
}

/// A plugin as the status shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct PluginRow {
    pub name: String,
    pub calls: u64,
    /// `skip` or `drop`.
    pub on_failure: String,
    /// The faults by kind, including the calls that were not made because the plugin was suspended
    /// or not ready, or because a client was shut out.
    pub faults: BTreeMap<String, u64>,
    pub suspended: Option<SuspensionRow>,
    pub suspensions: u64,
    /// The number of clients, lines and links that are shut out now.
    pub shut_out: usize,
    #[serde(default)]
    pub offenders: Vec<OffenderRow>,
    pub lease_events_suspended: Option<SuspensionRow>,
    #[serde(default)]
    pub lease_event_offenders: Vec<OffenderRow>,
    pub log_lines_left_out: u64,
    pub state: Option<StateRow>,
}

/// The suspension of a plugin or of one offender.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct SuspensionRow {
    pub for_ms: u64,
    /// RFC 3339.
    pub until: String,
    pub caused_by: Option<WhoRow>,
}

/// A client, line or link that causes faults.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct OffenderRow {
    pub who: WhoRow,
    pub faults: u64,
    pub cost_ms: u64,
    pub shut_out: Option<SuspensionRow>,
}

/// Identifies one client, one line, or one link.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct WhoRow {
    pub client: Option<String>,
    pub circuit_id: Option<String>,
    pub remote_id: Option<String>,
    pub link: Option<String>,
}

/// The stored values of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct StateRow {
    pub keys: u64,
    pub keys_max: u64,
    pub octets: u64,
    pub gave_way: u64,
    pub expired: u64,
    pub refused: u64,
    pub is_durable: bool,
}

/// The store as the status shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct StoreRow {
    pub changes: u64,
    pub flushes: u64,
    pub failed_flushes: u64,
    pub last_error: Option<String>,
}

/// The clock as the status shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct ClockRow {
    pub time: String,
    pub was_behind_ms: Option<u64>,
    pub was_ahead_ms: Option<u64>,
    pub steps: u64,
    pub last_step_ms: i64,
    pub offset_ms: i64,
}

/// Returns the reasons that the server knows.
pub fn reasons() -> &'static [ReasonRow] {
    static REASONS: OnceLock<Vec<ReasonRow>> = OnceLock::new();
    REASONS.get_or_init(|| {
        let output = Command::new(built::lessor()).args(["reasons", "--json"]).output();
        let lines = output.expect("the server can be run").stdout;
        let rows = serde_json::Deserializer::from_slice(&lines).into_iter::<ReasonRow>();
        rows.collect::<Result<_, _>>().expect("each line is a reason")
    })
}

impl PluginRow {
    /// Returns the number of faults of this kind.
    pub fn faults_of(&self, kind: &str) -> u64 {
        self.faults.get(kind).copied().unwrap_or_default()
    }
}

impl Status {
    /// Returns the number of inputs that ended in `reason`.
    ///
    /// # Panics
    /// Panics if the server has no reason of this name.
    #[track_caller]
    pub fn count(&self, reason: &str) -> u64 {
        assert!(reasons().iter().any(|row| row.reason == reason), "there is no reason {reason}");
        self.reasons.iter().find(|(found, _)| found == reason).map_or(0, |(_, count)| *count)
    }

    /// Returns the plugin of this name.
    ///
    /// # Panics
    /// Panics if there is none.
    #[track_caller]
    pub fn plugin(&self, name: &str) -> &PluginRow {
        let found = self.plugins.iter().find(|plugin| plugin.name == name);
        found.unwrap_or_else(|| panic!("no plugin {name} in {:?}", self.plugins))
    }

    /// Returns the pool of this name.
    ///
    /// # Panics
    /// Panics if there is none.
    #[track_caller]
    pub fn pool(&self, name: &str) -> &PoolRow {
        let found = self.pools.iter().find(|row| row.pool == name);
        found.unwrap_or_else(|| panic!("no pool {name} in {:?}", self.pools))
    }
}

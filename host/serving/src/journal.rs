//! The journal: one JSON line for each input and for each lease that expired or was replaced, for
//! legal logs, support and tests. Its fields are documented in docs/operators.md.
//!
//! Does not choose which inputs get a line and in which order; see [`crate::sampling`] and
//! [`crate::order`]. Invariant: a line is a complete JSON object.

mod file;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
    time::Duration,
};

use lessor_core::{
    Binding, Destination, HostName, LeaseTimeRule, LocatedBy, NameFault, Network, RelayInformation,
    VpnName, VpnSelectedBy, option::code, readable,
};
use lessor_generation::StandIn;
use lessor_policy_host::{Difference, ShadowDifference, ShownEntry};
use serde::Serialize;

use self::file::JournalFile;
pub(crate) use self::file::{JournalBounds, is_on_file_system_of};
use crate::{
    counters::Counters,
    event::Event,
    operator::{HandEvent, Operator},
    sampling::LeftOut,
};

/// The open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    file: JournalFile,
    /// A buffer in which a line is built.
    line: Vec<u8>,
}

/// A line of the journal; absent fields are left out.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
struct JournalLine<'a> {
    time: String,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<lessor_core::Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hardware_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_name: Option<String>,
    /// The name on record with the lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_name: Option<&'a str>,
    /// The names in the message that the lease does not have, because they are no host names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused_names: Vec<RefusedName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Ipv4Addr>,
    /// The address from which an operator moves the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_from: Option<Ipv4Addr>,
    /// The pool that an operator drained or opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'a str>,
    /// The person who made a change by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<&'a Operator>,
    /// The address of the client that has the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_by: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_time_secs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_time_rule: Option<LeaseTimeRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<Destination>,
    #[serde(skip_serializing_if = "Option::is_none")]
    boot_file: Option<&'a str>,
    /// The identifier by which the client's reservation was found: its key in the configuration,
    /// and its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation: Option<BTreeMap<String, String>>,
    /// Names of options that did not fit into the reply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
    /// Names of the classes of the client, in descending precedence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    classes: Vec<&'a str>,
    /// Those of the classes that the client has only because its reservation names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reserved_classes: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscriber: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<&'a str>,
    /// What determined the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    located_by: Option<LocatedBy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpn: Option<&'a VpnName>,
    /// What determined the VPN.
    #[serde(skip_serializing_if = "Option::is_none")]
    vpn_by: Option<VpnSelectedBy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<SocketAddrV4>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay_address: Option<Ipv4Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    circuit_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay_information: Option<String>,
    /// What decided, if it is not the configured generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    stand_in: Option<StandIn>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    plugins: Vec<ShownEntry<'a>>,
    /// The shadow plugin that the differences are of.
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    differences: &'a [Difference],
    /// How many lines of messages that changed no lease were left out since the last such line.
    #[serde(skip_serializing_if = "Option::is_none")]
    lines_left_out: Option<LeftOut>,
}

/// A name that a client states and does not get.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct RefusedName {
    option: String,
    fault: NameFault,
}

/// How a lease ended without a message of its client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LeaseEnd {
    /// The lease time passed.
    Expired,
    /// Another lease of its subscriber or of its address replaced it.
    Replaced,
}

impl LeaseEnd {
    const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired-lease",
            Self::Replaced => "replaced-lease",
        }
    }
}

impl Journal {
    /// Opens the file for appending.
    ///
    /// # Errors
    /// If it cannot be created or written to.
    pub(crate) fn open(bounds: JournalBounds, counters: Arc<Counters>) -> anyhow::Result<Self> {
        Ok(Self { file: JournalFile::open(bounds, counters)?, line: Vec::new() })
    }

    /// Writes the result of an input.
    pub(crate) fn input(&mut self, event: &Event) {
        let catalogue = event.catalogue();
        let mut line = JournalLine {
            reason: event.reason.name(),
            outcome: Some(event.reason.outcome()),
            detail: event.detail.as_deref(),
            client: event.client.as_ref().map(ToString::to_string),
            address: event.address,
            lease_time_secs: event.lease_time_secs,
            lease_time_rule: event.lease_time_rule,
            subscriber: event.subscriber.as_deref(),
            reservation: event
                .reserved_by
                .as_deref()
                .map(|owner| BTreeMap::from([(owner.kind().to_string(), owner.value())])),
            network: event.network.as_deref().map(|network| &*network.name),
            located_by: event.selected.map(|selected| selected.by),
            vpn: event.network.as_deref().and_then(Network::vpn_name),
            vpn_by: event.selected.and_then(|selected| selected.vpn_by),
            source: Some(event.source),
            interface: event.interface.as_deref(),
            transaction_id: event.transaction_id().map(|found| format!("{found:08x}")),
            hardware_address: event.hardware_address().map(|found| found.to_string()),
            relay_address: event.relay_address(),
            stand_in: event.stand_in,
            plugins: event.trace.iter().map(|entry| entry.shown(catalogue)).collect(),
            ..JournalLine::default()
        };
        if let Some(written) = &event.written {
            line.destination = Some(written.destination);
            line.boot_file = Some(&*written.boot_file).filter(|name| !name.is_empty());
            let name = |code: &u8| catalogue.shown_name(*code).to_string();
            line.left_out = written.left_out.iter().map(name).collect();
        }
        if let Some(request) = event.request.as_deref() {
            line.message = Some(request.kind.name());
            line.host_name = request
                .options
                .get(code::HOST_NAME)
                .map(|octets| String::from_utf8_lossy(octets).into_owned());
            line.classes = request.classes.names().map(|name| &**name).collect();
            line.reserved_classes = request.classes.reserved_names().map(|name| &**name).collect();
            line.say_line(request.relay_information.as_ref());
            let refused = |(code, name): (u8, Result<_, NameFault>)| {
                let option = catalogue.shown_name(code).to_string();
                name.err().map(|fault| RefusedName { option, fault })
            };
            line.refused_names = request.stated_names().into_iter().filter_map(refused).collect();
        }
        let binding = event.changes.first().map(|change| &change.binding);
        line.lease_name = binding.and_then(|binding| binding.host_name.as_deref());
        self.write(line);
    }

    /// Writes what an operator did.
    pub(crate) fn by_hand(&mut self, event: &HandEvent) {
        let mut line = JournalLine {
            reason: event.deed.name(),
            network: Some(&*event.network.name),
            vpn: event.network.vpn_name(),
            pool: event.pool.as_deref(),
            moved_from: event.from,
            operator: Some(&event.by),
            ..JournalLine::default()
        };
        if let Some(change) = event.changes.first() {
            let binding = &change.binding;
            line.client = Some(binding.client.to_string());
            let hardware = Some(binding.hardware_address).filter(|found| found.is_anybody());
            line.hardware_address = hardware.map(|found| found.to_string());
            line.address = Some(binding.address);
            line.subscriber = binding.subscriber.as_deref();
            line.lease_name = binding.host_name.as_deref();
            line.say_line(binding.relay_information.as_ref());
        }
        self.write(line);
    }

    /// Writes that a client has no entry in the hosts file, because another one has its name.
    pub(crate) fn name_taken(&mut self, address: Ipv4Addr, name: &HostName, held_by: Ipv4Addr) {
        self.write(JournalLine {
            reason: "host-name-taken",
            lease_name: Some(name),
            address: Some(address),
            held_by: Some(held_by),
            ..JournalLine::default()
        });
    }

    /// Writes that a lease ended without a message of its client: it expired or was replaced.
    pub(crate) fn ended(&mut self, end: LeaseEnd, network: Option<&str>, lease: &Binding) {
        let mut line = JournalLine {
            reason: end.name(),
            network,
            vpn: lease.vpn.as_ref(),
            subscriber: lease.subscriber.as_deref(),
            client: Some(lease.client.to_string()),
            hardware_address: Some(lease.hardware_address.to_string()),
            lease_name: lease.host_name.as_deref(),
            address: Some(lease.address),
            ..JournalLine::default()
        };
        line.say_line(lease.relay_information.as_ref());
        self.write(line);
    }

    /// Writes how a shadow plugin differed.
    pub(crate) fn shadow_difference(&mut self, difference: &ShadowDifference) {
        self.write(JournalLine {
            reason: "shadow-difference",
            message: Some(&difference.message),
            transaction_id: Some(format!("{:08x}", difference.transaction_id)),
            client: Some(difference.client.clone()),
            hardware_address: Some(difference.hardware_address.clone()),
            interface: difference.interface.as_deref(),
            relay_address: difference.relay_address,
            network: Some(&difference.network),
            circuit_id: difference.circuit_id.clone(),
            shadow: Some(&difference.plugin),
            differences: &difference.differences,
            ..JournalLine::default()
        });
    }

    /// Writes how many lines were left out since the last time.
    pub(crate) fn left_out(&mut self, left_out: LeftOut) {
        self.write(JournalLine {
            reason: "lines-left-out",
            lines_left_out: Some(left_out),
            ..JournalLine::default()
        });
    }

    /// Reopens the journal file after log rotation.
    pub(crate) fn reopen(&mut self) {
        self.file.reopen();
    }

    /// Writes all buffered lines to the operating system.
    pub(crate) fn flush(&mut self) {
        self.file.flush();
    }

    /// As [`Self::flush`], if the last flush is longer ago than `age`.
    pub(crate) fn flush_if_older_than(&mut self, age: Duration) {
        self.file.flush_if_older_than(age);
    }

    fn write(&mut self, mut line: JournalLine<'_>) {
        line.time = jiff::Timestamp::now().to_string();
        self.line.clear();
        // Neither can fail: the line is written to memory, and contains only text and numbers.
        if serde_json::to_writer(&mut self.line, &line).is_ok() {
            self.line.push(b'\n');
            self.file.append(&self.line);
        }
    }
}

impl JournalLine<'_> {
    fn say_line(&mut self, relay_information: Option<&RelayInformation>) {
        let Some(information) = relay_information else { return };
        self.circuit_id = information.circuit_id().map(readable);
        self.remote_id = information.remote_id().map(readable);
        self.relay_information = Some(hex::encode(information.octets()));
    }
}

//! `lessor leases`: lists which client has which address.

use std::{
    io::{self, Write},
    net::Ipv4Addr,
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;
use clap::ValueEnum;
use lessor_core::{Binding, BindingState, Timestamp, Topology, readable};
use lessor_terminal::table;
use serde::{Deserialize, Serialize};

use crate::{
    clock::{self, written},
    control::{
        client,
        protocol::{Question, failure_line, json_line},
    },
    generation, shards,
    shared::Shared,
    stored,
};

#[derive(Debug, clap::Args)]
pub(crate) struct LeasesArguments {
    #[command(flatten)]
    file: crate::ConfigurationFile,
    /// Print one JSON object per line instead of a table.
    #[arg(long)]
    json: bool,
    /// The leases to list.
    #[arg(long, value_enum, default_value_t = Which::Active)]
    state: Which,
    /// List only this address.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<Ipv4Addr>,
    /// List only leases whose client, hardware address, subscriber, circuit id or remote id
    /// contains this text.
    #[arg(long, value_name = "TEXT")]
    find: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Leases that have not ended, and quarantined addresses.
    Active,
    /// All leases that are remembered.
    All,
}

/// A binding in the form in which it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct LeaseRow {
    pub(crate) address: Ipv4Addr,
    pub(crate) state: LeaseRowState,
    pub(crate) client: String,
    pub(crate) hardware_address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscriber: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) circuit_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remote_id: Option<String>,
    /// RFC 3339, UTC.
    pub(crate) began_at: String,
    /// RFC 3339, UTC.
    pub(crate) changed_at: String,
    /// RFC 3339, UTC; `never` for an infinite lease.
    pub(crate) expires_at: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LeaseRowState {
    Leased,
    Expired,
    Released,
    Quarantined,
}

impl LeaseRowState {
    const fn name(self) -> &'static str {
        match self {
            Self::Leased => "leased",
            Self::Expired => "expired",
            Self::Released => "released",
            Self::Quarantined => "quarantined",
        }
    }
}

/// Prints the requested leases.
pub(crate) fn run(arguments: &LeasesArguments) -> anyhow::Result<ExitCode> {
    let mut rows = read_rows(&arguments.file.config)?;
    rows.retain(|row| arguments.wants(row));
    rows.sort_by_key(|row| row.address);
    let mut out = io::stdout().lock();
    if arguments.json {
        for row in &rows {
            writeln!(out, "{}", serde_json::to_string(row)?)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(&[
        "address",
        "state",
        "client",
        "subscriber",
        "circuit id",
        "remote id",
        "pool",
        "ends",
    ]);
    for row in &rows {
        table.add_row([
            row.address.to_string(),
            row.state.name().to_owned(),
            row.client.clone(),
            row.subscriber.clone().unwrap_or_default(),
            row.circuit_id.clone().unwrap_or_default(),
            row.remote_id.clone().unwrap_or_default(),
            row.pool.clone().unwrap_or_default(),
            row.expires_at.clone(),
        ]);
    }
    writeln!(out, "{table}")?;
    writeln!(out, "{} lease{}", rows.len(), if rows.len() == 1 { "" } else { "s" })?;
    Ok(ExitCode::SUCCESS)
}

/// Answers the question in the server: every binding, one network at a time.
pub(crate) fn write_rows(shared: &Shared, say: &mut dyn FnMut(Vec<u8>) -> bool) -> bool {
    let now = clock::now();
    let mut newest = || shared.engines.load_full();
    let listed = shards::each_binding_once(&mut newest, |binding, topology| {
        say(json_line(&LeaseRow::of(binding, now, topology)))
    });
    listed.unwrap_or_else(|shards::TooManyReloads(reloads)| {
        say(failure_line(&format!(
            "the configuration was reloaded {reloads} times meanwhile; try again"
        )))
    })
}

/// Reads the leases from the running server, or from the store if none runs.
fn read_rows(config: &Path) -> anyhow::Result<Vec<LeaseRow>> {
    let mut rows = Vec::new();
    let Err(no_answer) = client::ask(config, &Question::Leases, |row| rows.push(row)) else {
        return Ok(rows);
    };
    if client::is_forbidden(&no_answer) {
        return Err(no_answer);
    }
    let configuration = generation::load_configuration(config, crate::colour_on_stderr())?;
    let backend = &configuration.store.backend;
    let Some(path) = backend.folder() else { return Err(no_answer) };
    if !path.exists() {
        return Err(no_answer.context(format!("there is no store at {} either", path.display())));
    }
    rows.clear();
    let unreadable = || format!("{no_answer:#}; and its store cannot be read");
    let row = |binding: Arc<Binding>, now| {
        rows.push(LeaseRow::of(&binding, now, &configuration.topology))
    };
    stored::at_rest(backend, row).with_context(unreadable)?;
    Ok(rows)
}

impl LeasesArguments {
    fn wants(&self, row: &LeaseRow) -> bool {
        let state = match self.state {
            Which::All => true,
            Which::Active => {
                matches!(row.state, LeaseRowState::Leased | LeaseRowState::Quarantined)
            }
        };
        let found = self.find.as_deref().is_none_or(|text| {
            [
                Some(&row.client),
                Some(&row.hardware_address),
                row.subscriber.as_ref(),
                row.circuit_id.as_ref(),
                row.remote_id.as_ref(),
            ]
            .into_iter()
            .flatten()
            .any(|field| field.contains(text))
        });
        state && found && self.address.is_none_or(|address| address == row.address)
    }
}

impl LeaseRow {
    /// Returns the row of a binding at a server time.
    pub(crate) fn of(binding: &Binding, now: Timestamp, topology: &Topology) -> Self {
        let pool = topology.locate_address(binding.address).and_then(|location| {
            let network = topology.networks().get(location.network.0 as usize)?;
            let pools = &network.subnets.get(location.subnet)?.pools;
            pools
                .iter()
                .find(|pool| pool.contains(binding.address))
                .map(|pool| pool.name.to_string())
        });
        let relay = binding.relay_information.as_ref();
        Self {
            address: binding.address,
            state: match binding.state {
                BindingState::Leased if now < binding.expires_at => LeaseRowState::Leased,
                BindingState::Leased => LeaseRowState::Expired,
                BindingState::Quarantined if now < binding.expires_at => LeaseRowState::Quarantined,
                BindingState::Released | BindingState::Quarantined => LeaseRowState::Released,
            },
            client: binding.client.to_string(),
            hardware_address: binding.hardware_address.to_string(),
            pool,
            subscriber: binding.subscriber.as_deref().map(str::to_owned),
            circuit_id: relay.and_then(|relay| relay.circuit_id()).map(readable),
            remote_id: relay.and_then(|relay| relay.remote_id()).map(readable),
            began_at: written(clock::shown(binding.began_at)),
            changed_at: written(clock::shown(binding.changed_at)),
            expires_at: written(clock::shown(binding.expires_at)),
        }
    }
}

//! `lessor leases`: lists which client has which address; its subcommands change leases by hand,
//! and move them between servers.

pub(crate) mod by_hand;
mod csv;
mod export;
mod import;

use std::{
    io::{self, Write},
    net::Ipv4Addr,
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;
use clap::ValueEnum;
use lessor_core::{Binding, VpnName};
use lessor_serving::{
    leases::{LeaseRow, LeaseRowState},
    stored,
};
use lessor_terminal::table;

use crate::{asking, questions::Question};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct LeasesArguments {
    #[command(subcommand)]
    command: Option<LeasesCommand>,
    #[command(flatten)]
    file: crate::ConfigurationFile,
    /// Print one JSON object per line instead of a table.
    #[arg(long)]
    json: bool,
    /// Print CSV instead of a table, with the names of the columns in the first line.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// The leases to list.
    #[arg(long, value_enum, default_value_t = Which::Active)]
    state: Which,
    /// List only this address.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<Ipv4Addr>,
    /// List only leases of this VPN.
    #[arg(long, value_name = "NAME", value_parser = super::explain::vpn)]
    vpn: Option<VpnName>,
    /// List only leases whose client, hardware address, host name, subscriber, circuit id or remote
    /// id contains this text.
    #[arg(long, value_name = "TEXT")]
    find: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum LeasesCommand {
    #[command(flatten)]
    Change(by_hand::LeaseChange),
    /// Write the leases that run as CSV or JSON lines, to move them to another server.
    ///
    /// A server may be running: the leases are those of one moment.
    Export(export::ExportArguments),
    /// Put leases that were exported into the store of a server that does not run.
    ///
    /// Exits with 0 if all leases were carried, with 3 if some were not, and with 1 if the file was
    /// refused with its line and nothing was changed.
    Import(import::ImportArguments),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Leases that have not ended, and quarantined addresses.
    Active,
    /// All leases that are remembered.
    All,
}

/// Prints the requested leases, or runs a subcommand.
pub(crate) fn run(arguments: &LeasesArguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        None => list(arguments),
        Some(LeasesCommand::Change(change)) => by_hand::run(change),
        Some(LeasesCommand::Export(arguments)) => export::run(arguments),
        Some(LeasesCommand::Import(arguments)) => import::run(arguments),
    }
}

fn list(arguments: &LeasesArguments) -> anyhow::Result<ExitCode> {
    let mut rows = read_rows(&arguments.file.config)?;
    rows.retain(|row| arguments.wants(row));
    rows.sort_by(|a, b| (&a.vpn, a.address).cmp(&(&b.vpn, b.address)));
    let mut out = io::stdout().lock();
    if arguments.json {
        for row in &rows {
            writeln!(out, "{}", serde_json::to_string(row)?)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.csv {
        csv::write(&mut out, &rows)?;
        return Ok(ExitCode::SUCCESS);
    }
    // A column that is empty leaves its room to the others.
    let has_vpns = rows.iter().any(|row| row.vpn.is_some());
    let has_names = rows.iter().any(|row| row.host_name.is_some());
    let (vpn_header, name_header) = (has_vpns.then_some("vpn"), has_names.then_some("host name"));
    let header = vpn_header.into_iter().chain(["address", "state", "client"]).chain(name_header);
    let header = header.chain(["subscriber", "circuit id", "remote id", "pool", "ends"]);
    let mut table = table(&header.collect::<Vec<_>>());
    for row in &rows {
        let vpn = has_vpns.then(|| row.vpn.clone().unwrap_or_default());
        let name = has_names.then(|| row.host_name.clone().unwrap_or_default());
        let client = [row.address.to_string(), row.state.name().to_owned(), row.client.clone()];
        table.add_row(vpn.into_iter().chain(client).chain(name).chain([
            row.subscriber.clone().unwrap_or_default(),
            row.circuit_id.clone().unwrap_or_default(),
            row.remote_id.clone().unwrap_or_default(),
            row.pool.clone().unwrap_or_default(),
            row.expires_at.clone(),
        ]));
    }
    writeln!(out, "{table}")?;
    writeln!(out, "{} lease{}", rows.len(), if rows.len() == 1 { "" } else { "s" })?;
    Ok(ExitCode::SUCCESS)
}

/// Reads the leases from the running server, or from the store if none runs.
fn read_rows(config: &Path) -> anyhow::Result<Vec<LeaseRow>> {
    let mut rows = Vec::new();
    let Err(no_answer) = asking::ask(config, &Question::Leases, |row| rows.push(row)) else {
        return Ok(rows);
    };
    if lessor_control::is_forbidden(&no_answer) {
        return Err(no_answer);
    }
    let configuration = lessor_generation::load_configuration(config, crate::colour_on_stderr())?;
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
                row.host_name.as_ref(),
                row.subscriber.as_ref(),
                row.circuit_id.as_ref(),
                row.remote_id.as_ref(),
            ]
            .into_iter()
            .flatten()
            .any(|field| field.contains(text))
        });
        let vpn = self.vpn.as_ref().is_none_or(|vpn| row.vpn.as_deref() == Some(vpn.as_str()));
        state && found && vpn && self.address.is_none_or(|address| address == row.address)
    }
}

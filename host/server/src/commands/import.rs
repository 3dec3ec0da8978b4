//! `lessor import`: takes over what Kea, ISC dhcpd or dnsmasq have.
//!
//! Knows no format, which `lessor-import` does. Does not connect to a running server: leases are
//! imported into a store that no server uses.

use std::{
    io::{self, Write},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use lessor_core::Topology;
use lessor_import::{
    Existing, Imported, LeaseTotals, OldServer, ReadLeases, Refusal, Report, Reservations, Times,
    Totals, UnplacedFiles, Wishes,
};
use lessor_serving::{clock, stored};
use lessor_settings::StoreBackend;
use serde::Serialize;

use crate::colour_on_stderr;

/// The exit code if something was imported and something else was not.
const NOT_ALL_CARRIED: u8 = 3;

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Import from Kea: its configuration, and its leases as CSV files or as the answer to
    /// lease4-get-all.
    Kea(ImportArguments),
    /// Import from ISC dhcpd: dhcpd.conf and dhcpd.leases.
    Dhcpd(ImportArguments),
    /// Import from dnsmasq: dnsmasq.conf and its lease file.
    Dnsmasq(ImportArguments),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ImportArguments {
    /// The configuration of the other server; without it, only leases are imported, into the store
    /// of the configuration that exists.
    #[arg(value_name = "FILE", required_unless_present = "leases")]
    from: Option<PathBuf>,
    /// A file of leases; give the option several times for several files, the oldest first.
    #[arg(long, value_name = "FILE")]
    leases: Vec<PathBuf>,
    #[command(flatten)]
    file: crate::ConfigurationFile,
    /// An interface whose link has clients, instead of those in the other configuration.
    #[arg(long, value_name = "NAME", requires = "from")]
    interface: Vec<String>,
    /// An address that relays send to, instead of those in the other configuration.
    #[arg(long, value_name = "ADDRESS", requires = "from")]
    listen: Vec<Ipv4Addr>,
    /// The folder of the store in the new configuration (store.path), instead of that in a
    /// configuration that is replaced.
    #[arg(long, value_name = "FOLDER", requires = "from")]
    store: Option<String>,
    /// Where reservations are written.
    #[arg(long, value_enum, default_value_t = ReservationsIn::Auto, requires = "from")]
    reservations: ReservationsIn,
    /// Replace the configuration if there is one. Its `[store]`, `[plugins]`, `[[lookup]]`,
    /// `[control]`, `[journal]`, `[hosts]`, `[metrics]` and `[log]` stay as they are.
    #[arg(long, requires = "from")]
    replace: bool,
    /// Import leases into a store that has some: of each address, the lease that changed last
    /// stays.
    #[arg(long, requires = "leases")]
    merge: bool,
    /// Print what would be done, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the report as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReservationsIn {
    /// In the configuration, or in a CSV file if there are more than 100.
    Auto,
    /// In the configuration.
    Inline,
    /// In a CSV file beside the configuration.
    File,
}

/// Runs the command.
pub(crate) fn run(command: &ImportCommand) -> anyhow::Result<ExitCode> {
    let (origin, arguments) = match command {
        ImportCommand::Kea(arguments) => (OldServer::Kea, arguments),
        ImportCommand::Dhcpd(arguments) => (OldServer::Dhcpd, arguments),
        ImportCommand::Dnsmasq(arguments) => (OldServer::Dnsmasq, arguments),
    };
    let target = &arguments.file.config;
    let imported = match &arguments.from {
        None => None,
        Some(from) => {
            Some(lessor_import::read_configuration(origin, from, target, &arguments.wishes())?)
        }
    };
    // Written aside first: if there is no room for it, no lease is imported either.
    let written = match imported.as_ref().filter(|_| !arguments.dry_run) {
        Some(imported) => Some(UnplacedFiles::write(imported, target, arguments.replace)?),
        None => None,
    };
    let mut report = Report::default();
    let mut leases = None;
    if !arguments.leases.is_empty() {
        let (topology, backend) = arguments.destination(imported.as_ref())?;
        let (of_leases, totals) = arguments.import_leases(origin, &topology, &backend)?;
        report.append(of_leases);
        leases = Some(totals);
    }
    let files = written.map(UnplacedFiles::commit).transpose()?.unwrap_or_default();
    let unused = imported.as_ref().and_then(|of| lessor_import::unused_reservations(of, target));
    let (mut all, kept) = imported.map(|of| (of.report, of.kept)).unwrap_or_default();
    all.append(report);
    let changes = Changes { kept: &kept, files: &files, unused: unused.as_deref() };
    arguments.print(origin, &all, leases, changes)?;
    Ok(exit_code(&all))
}

impl ImportArguments {
    fn wishes(&self) -> Wishes {
        Wishes {
            interfaces: self.interface.clone(),
            listen: self.listen.clone(),
            store: self.store.clone(),
            replace: self.replace,
            reservations: match self.reservations {
                ReservationsIn::Auto => Reservations::Automatic,
                ReservationsIn::Inline => Reservations::Inline,
                ReservationsIn::File => Reservations::File,
            },
        }
    }

    /// The networks and the store that leases are for: those of the new configuration, or of the
    /// one that exists.
    fn destination(&self, imported: Option<&Imported>) -> anyhow::Result<(Topology, StoreBackend)> {
        match imported {
            Some(imported) => Ok((imported.topology.clone(), imported.store.clone())),
            None => {
                let colour = colour_on_stderr();
                let configuration =
                    lessor_generation::load_configuration(&self.file.config, colour)?;
                Ok((configuration.topology, configuration.store.backend))
            }
        }
    }

    fn import_leases(
        &self,
        origin: OldServer,
        topology: &Topology,
        backend: &StoreBackend,
    ) -> anyhow::Result<(Report, LeaseTotals)> {
        put_leases(backend, self.dry_run, self.merge, |times| {
            lessor_import::read_leases(origin, &self.leases, topology, times)
        })
    }

    fn print(
        &self,
        origin: OldServer,
        report: &Report,
        leases: Option<LeaseTotals>,
        changes: Changes<'_>,
    ) -> anyhow::Result<()> {
        if self.json {
            let printed = Printed {
                origin,
                dry_run: self.dry_run,
                totals: report.totals(),
                leases,
                changes,
                entries: report.entries(),
            };
            writeln!(io::stdout(), "{}", serde_json::to_string(&printed)?)?;
            return Ok(());
        }
        let mut out = lessor_terminal::stdout();
        if !report.entries().is_empty() {
            writeln!(out, "{report}")?;
        }
        if let Some(leases) = leases {
            print_leases(&mut out, &leases)?;
        }
        let config = self.file.config.display();
        if !changes.kept.is_empty() {
            writeln!(out, "{config} keeps its former {}.", changes.kept.join(", "))?;
        }
        for file in changes.files {
            writeln!(out, "{} is written.", file.display())?;
        }
        if let Some(unused) = changes.unused {
            let unused = unused.display();
            writeln!(out, "{unused} of an earlier import is not in use any more; remove it.")?;
        }
        if self.dry_run {
            writeln!(out, "Nothing was changed (--dry-run).")?;
        }
        Ok(out.flush()?)
    }
}

/// Puts leases into the store of a server that does not run. `read` reads them for the present
/// time.
pub(super) fn put_leases(
    backend: &StoreBackend,
    dry_run: bool,
    merge: bool,
    read: impl FnOnce(&Times) -> Result<ReadLeases, Refusal>,
) -> anyhow::Result<(Report, LeaseTotals)> {
    let Some(folder) = backend.folder() else {
        bail!("this configuration keeps leases in memory (store.backend), where none can be put")
    };
    let now = stored::at_rest(backend, |_, _| {})?;
    let times = Times { clock: clock::shown(now), ahead_ms: clock::offset_ms() };
    let leases = read(&times)?;
    if dry_run {
        return Ok((leases.report, leases.totals));
    }
    let existing = if merge { Existing::Merge } else { Existing::Refuse };
    // Not before everything was read, which the owner of the store may not be allowed to.
    lessor_store::as_owner(folder, || {
        let mut store = lessor_store::open(backend)?;
        let carried = lessor_import::carry(leases, &mut *store, existing)?;
        // The newest lease may be older than a stop that the clock is believed about.
        clock::write_note(folder).with_context(|| {
            format!("the leases are imported, but not {}/clock.json", folder.display())
        })?;
        Ok(carried)
    })
}

/// The exit code of an import.
pub(super) fn exit_code(report: &Report) -> ExitCode {
    match report.totals().not_carried {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(NOT_ALL_CARRIED),
    }
}

pub(super) fn print_leases(out: &mut impl Write, totals: &LeaseTotals) -> io::Result<()> {
    let LeaseTotals { read, addresses, active, ended, quarantined, not_carried, kept, removed } =
        totals;
    write!(
        out,
        "{read} entries about leases of {addresses} addresses: {active} active, {ended} ended, \
         {quarantined} quarantined, {not_carried} not carried"
    )?;
    if *kept > 0 {
        write!(out, "; the store has {kept} of them already, as they are or newer")?;
    }
    if *removed > 0 {
        write!(out, "; {removed} leases of the store ended, which the other server removed")?;
    }
    writeln!(out)
}

/// The output of `--json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Printed<'p> {
    origin: OldServer,
    dry_run: bool,
    totals: Totals,
    #[serde(skip_serializing_if = "Option::is_none")]
    leases: Option<LeaseTotals>,
    #[serde(flatten)]
    changes: Changes<'p>,
    entries: &'p [lessor_import::ReportEntry],
}

/// What an import does to files.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Changes<'p> {
    /// The headers of tables that stay as they were.
    kept: &'p [String],
    files: &'p [PathBuf],
    /// A file of reservations that the configuration does not name any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    unused: Option<&'p Path>,
}

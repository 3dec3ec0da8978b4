//! `lessor leases import`: puts leases that were exported, or written by hand, into a store.
//!
//! Does not connect to a running server: leases are imported into a store that no server uses.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::builder::{OsStringValueParser, TypedValueParser};
use lessor_import::portable;

use crate::commands::import::{exit_code, print_leases, put_leases};

#[derive(Debug, clap::Args)]
pub(crate) struct ImportArguments {
    /// The file, as `lessor leases export` writes it: CSV or JSON lines.
    #[arg(value_name = "FILE")]
    #[arg(value_parser = OsStringValueParser::new().try_map(crate::shown_path))]
    from: PathBuf,
    #[command(flatten)]
    file: crate::ConfigurationFile,
    /// Import into a store that has leases: of each address, the lease that changed last stays.
    #[arg(long)]
    merge: bool,
    /// Print what would be done, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the report as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Imports the leases.
pub(super) fn run(arguments: &ImportArguments) -> anyhow::Result<ExitCode> {
    let configuration =
        lessor_generation::load_configuration(&arguments.file.config, crate::colour_on_stderr())?;
    let (dry_run, merge) = (arguments.dry_run, arguments.merge);
    let (report, totals) = put_leases(&configuration.store.backend, dry_run, merge, |times| {
        portable::read(&arguments.from, &configuration.topology, times)
    })?;
    if arguments.json {
        let printed = serde_json::json!({
            "dry-run": dry_run, "leases": totals, "entries": report.entries(),
        });
        writeln!(io::stdout(), "{printed}")?;
        return Ok(exit_code(&report));
    }
    let mut out = lessor_terminal::stdout();
    if !report.entries().is_empty() {
        writeln!(out, "{report}")?;
    }
    print_leases(&mut out, &totals)?;
    if dry_run {
        writeln!(out, "Nothing was changed (--dry-run).")?;
    }
    out.flush()?;
    Ok(exit_code(&report))
}

//! `lessor leases import`: puts leases that were exported, or written by hand, into a store.
//!
//! Does not connect to a running server: leases are imported into a store that no server uses.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use lessor_import::portable;

use crate::commands::{
    import::{exit_code, print_leases, put_leases},
    read_file::ReadFileArguments,
};

#[derive(Debug, clap::Args)]
pub(crate) struct ImportArguments {
    #[command(flatten)]
    read: ReadFileArguments,
    /// Import into a store that has leases: of each address, the lease that changed last stays.
    #[arg(long)]
    merge: bool,
}

/// Imports the leases.
pub(super) fn run(arguments: &ImportArguments) -> anyhow::Result<ExitCode> {
    let ImportArguments { read: ReadFileArguments { from, file, dry_run, json }, merge } =
        arguments;
    let configuration =
        lessor_generation::load_configuration(&file.config, crate::colour_on_stderr())?;
    let (report, totals) = put_leases(&configuration.store.backend, *dry_run, *merge, |times| {
        portable::read(from, &configuration.topology, times)
    })?;
    if *json {
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
    if *dry_run {
        writeln!(out, "Nothing was changed (--dry-run).")?;
    }
    out.flush()?;
    Ok(exit_code(&report))
}

//! `lessor leases export`: the leases that run, in a form that people read and other servers
//! import.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::builder::{OsStringValueParser, TypedValueParser};
use lessor_import::portable::{self, Form};
use lessor_serving::clock;
use lessor_store::DiskStore;

use crate::commands::written_file;

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArguments {
    /// The file to write; it is replaced once it is complete. Without it, or as `-`, the leases go
    /// to standard output.
    #[arg(value_name = "FILE")]
    #[arg(value_parser = OsStringValueParser::new().try_map(crate::shown_path))]
    to: Option<PathBuf>,
    #[command(flatten)]
    file: crate::ConfigurationFile,
    /// Write one JSON object per line instead of CSV.
    #[arg(long)]
    json: bool,
}

/// Writes the leases.
pub(super) fn run(arguments: &ExportArguments) -> anyhow::Result<ExitCode> {
    let configuration =
        lessor_generation::load_configuration(&arguments.file.config, crate::colour_on_stderr())?;
    let path = configuration.store.backend.folder().context(
        "this configuration keeps leases in memory (store.backend), where none can be exported",
    )?;
    let ahead_ms = clock::noted_ahead_ms(path)?;
    let mut leases = Vec::new();
    let (mut now, mut newest) = (clock::behind_clock(ahead_ms), None);
    DiskStore::read_in_use(path, &mut |lease| {
        newest = newest.max(Some(lease.changed_at));
        leases.push(lease);
    })?;
    // As when a server starts: its time is never behind what it has written.
    now = now.max(newest.unwrap_or(now));
    leases.retain(|lease| lease.is_active(now) || lease.is_quarantined(now));
    leases.sort_by(|a, b| (&a.vpn, a.address).cmp(&(&b.vpn, b.address)));
    let form = if arguments.json { Form::JsonLines } else { Form::Csv };
    let to = arguments.to.as_deref();
    written_file::write(to, |out| Ok(portable::write(out, form, &leases, ahead_ms)?))?;
    if let Some(to) = to.filter(|to| *to != std::path::Path::new("-")) {
        let (to, count) = (to.display(), leases.len());
        writeln!(lessor_terminal::stdout(), "{to} has {count} leases.")?;
    }
    Ok(ExitCode::SUCCESS)
}

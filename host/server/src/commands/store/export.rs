//! `lessor store export`: a backup of the lease store.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::builder::{OsStringValueParser, TypedValueParser};
use lessor_serving::clock;
use lessor_store::{
    DiskStore,
    backup::{ExportContext, ExportError, Exported},
};

use crate::commands::written_file;

const NOT_WRITTEN: &str = "the backup cannot be written";

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArguments {
    /// The file to write; it is replaced once the backup is complete. Without it, or as `-`, the
    /// backup goes to standard output.
    #[arg(value_name = "FILE")]
    #[arg(value_parser = OsStringValueParser::new().try_map(crate::shown_path))]
    to: Option<PathBuf>,
    #[command(flatten)]
    file: crate::ConfigurationFile,
    /// Print one JSON object about the backup.
    #[arg(long, requires = "to")]
    json: bool,
}

/// Writes a backup.
pub(super) fn run(arguments: &ExportArguments) -> anyhow::Result<ExitCode> {
    let path = super::path_of_store(&arguments.file.config)?;
    let clock_ahead_ms = clock::noted_ahead_ms(&path)?;
    let origin = ExportContext {
        program: concat!("lessor ", env!("CARGO_PKG_VERSION")).to_owned(),
        made_at: clock::written(clock::behind_clock(0)),
        clock_ahead_ms,
    };
    let to = arguments.to.as_deref();
    let exported = written_file::write(to, |out| {
        DiskStore::export(&path, origin, out).map_err(|error| match error {
            ExportError::Write(error) => anyhow::Error::from(error).context(NOT_WRITTEN),
            error => error.into(),
        })
    })?;
    let Exported { heading, unreadable, .. } = exported;
    let is_file = to.is_some_and(|to| to != Path::new("-"));
    if arguments.json && is_file {
        let report = serde_json::json!({
            "store": path, "file": to, "leases": heading.records, "unreadable": unreadable,
            "made-at": heading.made_at, "server-running": heading.server_running,
        });
        writeln!(io::stdout(), "{report}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let to = to.filter(|_| is_file).map_or("the backup".to_owned(), |to| to.display().to_string());
    let count = heading.records;
    let state = if heading.server_running { ", while a server was using it" } else { "" };
    let note = match unreadable {
        0 => String::new(),
        _ => {
            format!(" {unreadable} of them are of a newer release, which is needed to restore it.")
        }
    };
    let said =
        format!("{to} has the {count} leases of the store at {}{state}.{note}", path.display());
    match is_file {
        true => writeln!(lessor_terminal::stdout(), "{said}")?,
        false => eprintln!("{said}"),
    }
    Ok(ExitCode::SUCCESS)
}

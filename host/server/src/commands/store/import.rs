//! `lessor store import`: makes a store of a backup.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, anyhow};
use lessor_serving::stored;
use lessor_store::backup::{Backup, Existing, Heading, RestoreError};

use crate::commands::read_file::ReadFileArguments;

#[derive(Debug, clap::Args)]
pub(crate) struct ImportArguments {
    #[command(flatten)]
    read: ReadFileArguments,
    /// Move a store that has leases, or is damaged, aside, and put the backup in its place.
    #[arg(long)]
    replace: bool,
}

/// Restores a backup.
pub(super) fn run(arguments: &ImportArguments) -> anyhow::Result<ExitCode> {
    let ReadFileArguments { from, file, dry_run, json } = &arguments.read;
    let configuration =
        lessor_generation::load_configuration(&file.config, crate::colour_on_stderr())?;
    let path = super::folder_of(&configuration)?;
    let backup_file = lessor_files::open(from).with_context(|| from.display().to_string())?;
    let backup = Backup::read(backup_file).map_err(|error| at(from, error))?;
    let heading = backup.heading();
    let mut put_aside = None;
    if !dry_run {
        let existing = if arguments.replace { Existing::MoveAside } else { Existing::Refuse };
        put_aside = lessor_store::as_owner(path, || {
            let restored = backup.restore(path, existing).map_err(|error| at(from, error))?;
            let (ahead_ms, running) = (heading.clock_ahead_ms, heading.server_running);
            stored::restored(&configuration, path, ahead_ms, backup.newest_change(), running)?;
            anyhow::Ok(restored.put_aside)
        })?;
    }
    if *json {
        let report = serde_json::json!({
            "store": path, "file": from, "leases": heading.records, "dry-run": dry_run,
            "made-at": heading.made_at, "program": heading.program,
            "server-running": heading.server_running, "put-aside": put_aside,
        });
        writeln!(io::stdout(), "{report}")?;
        return Ok(ExitCode::SUCCESS);
    }
    arguments.print(path, heading, put_aside.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

impl ImportArguments {
    fn print(&self, path: &Path, heading: &Heading, put_aside: Option<&Path>) -> io::Result<()> {
        let mut out = lessor_terminal::stdout();
        let Heading { program, made_at, server_running, records, .. } = heading;
        let file = self.read.from.display();
        writeln!(out, "{file} has {records} leases and was made at {made_at} by {program}.")?;
        if *server_running {
            writeln!(
                out,
                "A server was running then: leases that were granted since are missing, and their \
                 addresses may be given to other clients. See \"What a restored server does not \
                 know\" in the guide."
            )?;
        }
        if self.read.dry_run {
            writeln!(out, "Nothing was changed (--dry-run).")?;
        } else {
            writeln!(out, "The store at {} has these leases now.", path.display())?;
        }
        if let Some(put_aside) = put_aside {
            writeln!(out, "The store that was there is in {}.", put_aside.display())?;
        }
        out.flush()
    }
}

/// An error about a line, with the name of its file.
fn at(file: &Path, error: RestoreError) -> anyhow::Error {
    match error {
        RestoreError::Refused(refused) => anyhow!("{}:{refused}", file.display()),
        error => error.into(),
    }
}

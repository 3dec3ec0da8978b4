//! `lessor store`: checks whether the lease store is intact, makes backups of it and restores them,
//! and salvages what is left of a damaged one.
//!
//! Does not connect to the running server: `export` and `verify` read the files while the server
//! uses them.

mod export;
mod import;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Subcommand;
use lessor_config::Configuration;
use lessor_serving::stored;
use lessor_store::{DiskStore, Salvage, StoreSurvey};
use lessor_terminal::{right_align, table};
use serde::Serialize;

/// The exit code of [`verify`] if it cannot tell.
const CANNOT_TELL: u8 = 2;

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Write a backup of the lease store, also while a server runs.
    ///
    /// It has every lease that was acknowledged before the command was started, as it was at one
    /// moment. The server is not disturbed, and does not notice.
    Export(export::ExportArguments),
    /// Restore a backup, while no server runs.
    ///
    /// The store has to be empty, unless it is moved aside with --replace. A backup that is cut
    /// off, damaged or contradictory is refused with its line, and nothing is changed.
    Import(import::ImportArguments),
    /// Check whether the lease store is intact, file by file, and show where it is damaged.
    ///
    /// A server may be running; everything is read except what it is just writing. Exits with 0 if
    /// the store is intact, with 1 if it is damaged, and with 2 if that cannot be determined.
    Verify(StoreArguments),
    /// Replace a damaged store with a new one made of its readable part, and move it aside.
    ///
    /// Use this if there is no backup, and only while no server runs. Leases that cannot be read
    /// are lost, and others may return in an older state: read the guide for operators before the
    /// next start. Exits with 0 if there is a new store, and with 1 otherwise; an intact store is
    /// not changed.
    Salvage(StoreArguments),
}

#[derive(Debug, clap::Args)]
pub(crate) struct StoreArguments {
    #[command(flatten)]
    file: crate::ConfigurationFile,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(command: &StoreCommand) -> anyhow::Result<ExitCode> {
    match command {
        StoreCommand::Export(arguments) => export::run(arguments),
        StoreCommand::Import(arguments) => import::run(arguments),
        StoreCommand::Verify(arguments) => verify(arguments).or_else(|error| {
            crate::complain(&error);
            Ok(ExitCode::from(CANNOT_TELL))
        }),
        StoreCommand::Salvage(arguments) => salvage(arguments),
    }
}

fn verify(arguments: &StoreArguments) -> anyhow::Result<ExitCode> {
    let path = path_of_store(&arguments.file.config)?;
    let survey = DiskStore::survey(&path)?;
    if arguments.json {
        writeln!(io::stdout(), "{}", serde_json::to_string(&StoreReport::of(&path, &survey))?)?;
    } else {
        let mut out = lessor_terminal::stdout();
        print(&mut out, &path, &survey)?;
        out.flush()?;
    }
    let is_whole = survey.log.damage.is_empty();
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn salvage(arguments: &StoreArguments) -> anyhow::Result<ExitCode> {
    let configuration =
        lessor_generation::load_configuration(&arguments.file.config, crate::colour_on_stderr())?;
    let path = folder_of(&configuration)?;
    let Salvage { survey, bindings, unreadable, put_aside, .. } = DiskStore::salvage(path)?;
    stored::salvaged(&configuration, path).context("the leases are salvaged")?;
    if arguments.json {
        let report = serde_json::json!({
            "store": path, "leases": bindings, "unreadable": unreadable,
            "damage": survey.damage.iter().map(DamagedPlace::of).collect::<Vec<_>>(),
            "put-aside": put_aside,
        });
        writeln!(io::stdout(), "{report}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = lessor_terminal::stdout();
    for damage in &survey.damage {
        writeln!(out, "{}, octet {}: {}", damage.file.display(), damage.offset, damage.found)?;
    }
    writeln!(
        out,
        "The store at {} now has the {bindings} leases that could be read{}.\n\
         The damaged one is in {}.\n\
         Leases may be missing, and others may be older than they were: before the next start, see \
         \"When the store is damaged\" in the guide for operators.",
        path.display(),
        match unreadable {
            0 => String::new(),
            unreadable => format!("; {unreadable} records could not"),
        },
        put_aside.display()
    )?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn path_of_store(config: &Path) -> anyhow::Result<PathBuf> {
    let configuration = lessor_generation::load_configuration(config, crate::colour_on_stderr())?;
    folder_of(&configuration).map(Path::to_owned)
}

fn folder_of(configuration: &Configuration) -> anyhow::Result<&Path> {
    configuration.store.backend.folder().context(
        "this configuration keeps leases in memory (store.backend), so there is nothing on disk",
    )
}

fn print(out: &mut impl Write, path: &Path, survey: &StoreSurvey) -> io::Result<()> {
    let log = &survey.log;
    let mut table = table(&["file", "octets", "batches", "records", "damage"]);
    right_align(&mut table, 1..5);
    for segment in &log.segments {
        let places = log.damage.iter().filter(|damage| damage.file == segment.file).count();
        table.add_row([
            segment.file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            segment.octets.to_string(),
            segment.batches.to_string(),
            segment.records.to_string(),
            if places == 0 { String::new() } else { places.to_string() },
        ]);
    }
    writeln!(out, "{table}")?;
    for damage in &log.damage {
        writeln!(out, "{}, octet {}: {}", damage.file.display(), damage.offset, damage.found)?;
    }
    if let Some(torn) = &log.torn {
        writeln!(
            out,
            "{}, octet {}: {} octets of a batch that was being written when the server or the \
             machine stopped; it had not been acknowledged, and the next start cuts them off",
            torn.file.display(),
            torn.offset,
            torn.octets
        )?;
    }
    let path = path.display();
    if log.damage.is_empty() {
        let state = match (log.in_use, log.closed) {
            (true, _) => ", in use by a server",
            (false, true) => ", closed cleanly",
            (false, false) => ", not closed cleanly",
        };
        return writeln!(
            out,
            "The store at {path} is intact: {} leases, {} batches{state}.",
            survey.bindings, log.last_sequence
        );
    }
    writeln!(
        out,
        "The store at {path} is damaged. {} leases can be read before the first place and {} after \
         it.\nRestore the store from a backup, or keep what can be read with `lessor store \
         salvage`.",
        survey.bindings_before, survey.bindings_behind
    )
}

/// The output of `--json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct StoreReport<'a> {
    store: &'a Path,
    whole: bool,
    in_use: bool,
    closed: bool,
    leases: u64,
    leases_before_damage: u64,
    leases_behind_damage: u64,
    last_batch: u64,
    /// The last batch that is known to have been on disk.
    marked_batch: Option<u64>,
    torn_octets: u64,
    segments: Vec<Segment<'a>>,
    damage: Vec<DamagedPlace<'a>>,
}

#[derive(Debug, Serialize)]
struct Segment<'a> {
    file: &'a Path,
    octets: u64,
    batches: u64,
    records: u64,
}

#[derive(Debug, Serialize)]
struct DamagedPlace<'a> {
    file: &'a Path,
    offset: u64,
    found: &'a str,
}

impl<'a> StoreReport<'a> {
    fn of(store: &'a Path, survey: &'a StoreSurvey) -> Self {
        let log = &survey.log;
        let segments = log.segments.iter().map(|segment| Segment {
            file: &segment.file,
            octets: segment.octets,
            batches: segment.batches,
            records: segment.records,
        });
        Self {
            store,
            whole: log.damage.is_empty(),
            in_use: log.in_use,
            closed: log.closed,
            leases: survey.bindings,
            leases_before_damage: survey.bindings_before,
            leases_behind_damage: survey.bindings_behind,
            last_batch: log.last_sequence,
            marked_batch: log.marked_sequence,
            torn_octets: log.torn.as_ref().map_or(0, |torn| torn.octets),
            segments: segments.collect(),
            damage: log.damage.iter().map(DamagedPlace::of).collect(),
        }
    }
}

impl<'a> DamagedPlace<'a> {
    fn of(damage: &'a lessor_store::Damage) -> Self {
        Self { file: &damage.file, offset: damage.offset, found: &damage.found }
    }
}

//! `lessor record`: writes what the running server receives and decides to a file.

use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use lessor_recording::{EndReason, RecordingEnd, RecordingLine};
use lessor_serving::recorder::{RECORDING_SECS_MAX, RecordRequest};
use serde::Deserialize;

use crate::{asking, questions::Question};

/// The default limit of the file; a longer file needs `--max-mib`.
const MIB_DEFAULT: u64 = 64;
/// The largest limit: a replay reads 1 GiB, and the last line may exceed the limit.
const MIB_MAX: u64 = 1_000;
const COUNT_MAX: u64 = 10_000_000;
const OCTETS_PER_MIB: u64 = 1024 * 1024;

#[derive(Debug, clap::Args)]
pub(crate) struct RecordArguments {
    #[command(flatten)]
    file: crate::ConfigurationFile,
    /// The file to write. It must not exist yet; only its owner may read it, because it contains
    /// data of subscribers.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Stop after this many inputs.
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=COUNT_MAX))]
    count: u64,
    /// Stop after this many seconds, at most those of a day.
    #[arg(long, default_value_t = 60, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=RECORDING_SECS_MAX))]
    seconds: u64,
    /// Stop when the file has this size, in MiB.
    #[arg(long, default_value_t = MIB_DEFAULT, value_name = "M", value_parser = clap::value_parser!(u64).range(1..=MIB_MAX))]
    max_mib: u64,
    /// Begin with all leases and open offers, so that a replay chooses the same addresses. The
    /// server answers no client while it copies them, about 0.1 s for a million.
    #[arg(long)]
    with_leases: bool,
    /// Record only clients and lines whose client key, hardware address, circuit id or remote id
    /// contains this text.
    #[arg(long, value_name = "TEXT")]
    find: Option<String>,
}

/// The lines that may come between those of a recording.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Aside {
    Progress(Progress),
    Refused(String),
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Progress {
    inputs: u64,
    octets: u64,
    lost: u64,
}

/// Records until one of the limits is reached, or until Ctrl-C.
pub(crate) fn run(arguments: &RecordArguments) -> anyhow::Result<ExitCode> {
    let path = &arguments.output;
    let question = Question::Record(RecordRequest {
        count_max: arguments.count,
        secs_max: arguments.seconds,
        octets_max: arguments.max_mib.saturating_mul(OCTETS_PER_MIB),
        with_leases: arguments.with_leases,
        find: arguments.find.clone(),
    });
    let mut file = BufWriter::new(create(path)?);
    let answer = asking::open(&arguments.file.config, &question).inspect_err(|_| remove(path))?;
    let end = write(answer, path, &mut file)?;
    let end = end.context("the server ended the recording early; its log may say why")?;
    let why = match end.why {
        EndReason::Count => "the requested number of inputs",
        EndReason::Time => "the requested time",
        EndReason::Size => "the requested size",
        EndReason::Stopped => "stopped",
    };
    println!("{} recorded in {} ({why})", counted(end.inputs), path.display());
    if end.lost > 0 {
        eprintln!("{} more were lost, because the recorder could not keep up", counted(end.lost));
    }
    Ok(ExitCode::SUCCESS)
}

/// Creates the file, which must not exist yet.
fn create(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|error| {
        let what = match error.kind() {
            ErrorKind::AlreadyExists => {
                format!("{}; choose a file that does not exist yet", cannot_write(path))
            }
            _ => cannot_write(path),
        };
        anyhow::Error::new(error).context(what)
    })
}

/// Writes what the server answers until it ends, or until Ctrl-C. Returns how the recording ended,
/// if that is known.
fn write(
    answer: impl Iterator<Item = anyhow::Result<String>>,
    path: &Path,
    file: &mut BufWriter<File>,
) -> anyhow::Result<Option<RecordingEnd>> {
    let place = || cannot_write(path);
    let stopped = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&stopped);
    ctrlc::set_handler(move || stop.store(true, Ordering::Relaxed))
        .context("cannot catch Ctrl-C")?;
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template("{spinner} {msg}")?);
    let mut progress = Progress::default();
    let mut end = None;
    let mut inputs = 0;
    for line in answer {
        let line = line?;
        match serde_json::from_str::<Aside>(&line) {
            Ok(Aside::Progress(found)) => {
                progress = found;
                file.flush().with_context(place)?;
                bar.set_message(shown(progress));
                bar.tick();
            }
            Ok(Aside::Refused(why)) => {
                remove(path);
                bail!("{why}");
            }
            Err(_) => {
                inputs += u64::from(line.starts_with("{\"input\""));
                if line.starts_with("{\"end\"") {
                    end = end_in(&line);
                }
                writeln!(file, "{line}").with_context(place)?;
            }
        }
        if stopped.load(Ordering::Relaxed) && end.is_none() {
            let stopped = RecordingEnd { why: EndReason::Stopped, inputs, lost: progress.lost };
            let line = serde_json::json!({ "end": stopped });
            writeln!(file, "{line}").with_context(place)?;
            end = Some(stopped);
            break;
        }
    }
    file.flush().with_context(place)?;
    bar.finish_and_clear();
    Ok(end)
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// Removes an empty file.
fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        eprintln!("lessor: cannot remove {}: {error}", path.display());
    }
}

fn end_in(line: &str) -> Option<RecordingEnd> {
    match serde_json::from_str(line) {
        Ok(RecordingLine::End(end)) => Some(end),
        _ => None,
    }
}

fn shown(progress: Progress) -> String {
    let mib = progress.octets as f64 / OCTETS_PER_MIB as f64;
    let lost = match progress.lost {
        0 => String::new(),
        lost => format!(", {lost} lost"),
    };
    format!("{}, {mib:.1} MiB{lost}; Ctrl-C ends the recording", counted(progress.inputs))
}

fn counted(count: u64) -> String {
    format!("{count} input{}", if count == 1 { "" } else { "s" })
}

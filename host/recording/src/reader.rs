//! Reads recordings. A file with any mistake is rejected completely, with the line and what to do.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
};

use anyhow::{Context, anyhow, bail};
use lessor_core::{Binding, OpenOffer};

use super::{
    ByHand, Drained, NoRecords, Reclaim, RecordedInput, RecordedProbe, RecordingEnd,
    RecordingHeader, RecordingLine, VERSION,
};

/// The largest file that is replayed, in octets: its contents are held in memory.
const RECORDING_OCTETS_MAX: u64 = 1024 * 1024 * 1024;

/// A recording, its inputs in the order in which they were decided.
#[derive(Debug)]
pub struct Recording {
    /// What was recorded, and by which server.
    pub header: RecordingHeader,
    /// The bindings that the server had when the recording began, if they were recorded.
    pub bindings: Vec<Binding>,
    /// The offers that were open then.
    pub offers: Vec<OpenOffer>,
    /// The networks for which the server had no records when it began to serve them.
    pub no_records: Vec<NoRecords>,
    /// What happened, in the order of decisions.
    pub steps: Vec<RecordedEvent>,
    /// How it ended; `None` if the file is truncated and that was accepted.
    pub end: Option<RecordingEnd>,
}

/// A recorded event.
#[derive(Debug)]
pub enum RecordedEvent {
    /// A datagram was decided.
    Input(Box<RecordedInput>),
    /// An address was probed.
    Probed(RecordedProbe),
    /// Ended leases, offers and quarantines were reclaimed.
    Reclaim(Reclaim),
    /// An operator changed a lease.
    ByHand(ByHand),
    /// An operator drained or opened a pool.
    Drained(Drained),
}

impl RecordedEvent {
    const fn sequence(&self) -> u64 {
        match self {
            Self::Input(input) => input.sequence,
            Self::Probed(probed) => probed.sequence,
            Self::Reclaim(reclaim) => reclaim.sequence,
            Self::ByHand(by_hand) => by_hand.sequence,
            Self::Drained(drained) => drained.sequence,
        }
    }
}

/// Reads a file. A file without its last line is read only if `incomplete` is true.
///
/// # Errors
/// With the place and what to do, if anything in it is wrong.
pub fn read(path: &Path, incomplete: bool) -> anyhow::Result<Recording> {
    let place = || format!("cannot read {}", path.display());
    let file = lessor_files::open(path).with_context(place)?;
    let octets = file.metadata().with_context(place)?.len();
    if octets > RECORDING_OCTETS_MAX {
        bail!(
            "{}: found {octets} octets; wanted at most {RECORDING_OCTETS_MAX}, because a recording \
             is held in memory; record less with --count, --max-mib or --find",
            path.display()
        );
    }
    // The file may grow meanwhile; anything beyond the limit counts as truncated.
    let mut reader = BufReader::new(file.take(RECORDING_OCTETS_MAX + 1));
    let mut text = Vec::new();
    let mut number = 0;
    let mut lines = Lines::default();
    loop {
        text.clear();
        if reader.read_until(b'\n', &mut text).with_context(place)? == 0 {
            break;
        }
        number += 1;
        let Some(whole) = text.strip_suffix(b"\n") else {
            if incomplete {
                break;
            }
            bail!("{}:{number}: {CUT_SHORT}", path.display());
        };
        lines.take(whole).map_err(|what| anyhow!("{}:{number}: {what}", path.display()))?;
    }
    let Lines { header, bindings, offers, no_records, mut steps, end } = lines;
    let Some(header) = header else {
        bail!("{}: the file is empty; record it with `lessor record`", path.display());
    };
    if end.is_none() && !incomplete {
        bail!("{}:{}: {CUT_SHORT}", path.display(), number + 1);
    }
    steps.sort_by_key(RecordedEvent::sequence);
    Ok(Recording { header, bindings, offers, no_records, steps, end })
}

/// What the lines say that were read.
#[derive(Default)]
struct Lines {
    header: Option<RecordingHeader>,
    bindings: Vec<Binding>,
    offers: Vec<OpenOffer>,
    no_records: Vec<NoRecords>,
    steps: Vec<RecordedEvent>,
    end: Option<RecordingEnd>,
}

impl Lines {
    /// Reads one line.
    ///
    /// # Errors
    /// With what was found, what was wanted and what to do.
    fn take(&mut self, line: &[u8]) -> Result<(), String> {
        let line: RecordingLine = serde_json::from_slice(line).map_err(|error| {
            format!(
                "this is not a line of a recording: {error}; record again, or correct the line as \
                 described in docs/replay.md"
            )
        })?;
        if self.end.is_some() {
            return Err("found a line after the end; remove it".to_owned());
        }
        match (line, &self.header) {
            (RecordingLine::Recording(found), None) => self.header = Some(of_this_version(found)?),
            (RecordingLine::Recording(_), Some(_)) => {
                return Err("found a second header; wanted one recording per file".to_owned());
            }
            (_, None) => {
                return Err(
                    "found no header; wanted a line that begins with {\"recording\": — was \
                            the beginning of the file cut off?"
                        .to_owned(),
                );
            }
            (RecordingLine::Binding(binding), _) => self.bindings.push(binding),
            (RecordingLine::Offer(offer), _) => self.offers.push(offer),
            (RecordingLine::NoRecords(found), _) => self.no_records.push(found),
            (RecordingLine::Input(input), _) => self.steps.push(RecordedEvent::Input(input)),
            (RecordingLine::Probed(probed), _) => self.steps.push(RecordedEvent::Probed(probed)),
            (RecordingLine::Reclaim(reclaim), _) => {
                self.steps.push(RecordedEvent::Reclaim(reclaim));
            }
            (RecordingLine::ByHand(change), _) => self.steps.push(RecordedEvent::ByHand(change)),
            (RecordingLine::Drained(drained), _) => {
                self.steps.push(RecordedEvent::Drained(drained));
            }
            (RecordingLine::End(found), _) => self.end = Some(found),
        }
        Ok(())
    }
}

fn of_this_version(found: RecordingHeader) -> Result<RecordingHeader, String> {
    if found.version == VERSION {
        return Ok(found);
    }
    Err(format!(
        "found a recording of version {}; wanted {VERSION}; replay it with the lessor that \
         recorded it, {}",
        found.version, found.server
    ))
}

const CUT_SHORT: &str = "the recording is truncated: found no end; replay what is there with \
                         --incomplete, or record again";

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"{"recording":{"version":1,"server":"0.1.0","began-at-ms":1,"generation":1,"configuration-digest":null,"plugins":[],"with-leases":false,"find":null}}"#;
    const RECLAIM: &str =
        r#"{"reclaim":{"sequence":1,"at-ms":2,"network":"10.0.0.0/24","limit":5}}"#;
    const END: &str = r#"{"end":{"why":"count","inputs":0,"lost":0}}"#;

    fn reading(text: &str, incomplete: bool) -> Result<Recording, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        std::fs::write(&path, text).unwrap();
        let shown = format!("{}", folder.path().display());
        read(&path, incomplete).map_err(|error| format!("{error:#}").replace(&shown, ""))
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_line() {
        let other = HEADER.replace("\"version\":1", "\"version\":7");
        for (text, said) in [
            (String::new(), "the file is empty"),
            (format!("{RECLAIM}\n"), "r.jsonl:1: found no header"),
            (format!("{other}\n"), "r.jsonl:1: found a recording of version 7; wanted 1"),
            (format!("{HEADER}\nrubbish\n"), "r.jsonl:2: this is not a line of a recording"),
            (format!("{HEADER}\n{HEADER}\n"), "r.jsonl:2: found a second header"),
            (format!("{HEADER}\n{RECLAIM}\n"), "r.jsonl:3: the recording is truncated"),
            (format!("{HEADER}\n{}", &RECLAIM[..20]), "r.jsonl:2: the recording is truncated"),
            (format!("{HEADER}\n{END}\n{RECLAIM}\n"), "r.jsonl:3: found a line after the end"),
        ] {
            let error = reading(&text, false).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn what_was_cut_short_is_read_if_that_is_accepted() {
        let recording = reading(&format!("{HEADER}\n{RECLAIM}\n{{\"inp"), true).unwrap();
        assert_eq!((recording.steps.len(), recording.end), (1, None));
    }

    #[test]
    fn a_file_beyond_the_limit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        std::fs::File::create(&path).unwrap().set_len(RECORDING_OCTETS_MAX + 1).unwrap();
        assert!(read(&path, false).unwrap_err().to_string().contains("held in memory"));
    }
}

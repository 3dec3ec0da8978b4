//! Lines with checksums.
//!
//! Does not know what is in them. Invariant: a line that is read is one that was written, after the
//! same lines.

use std::io::{self, BufRead, Read, Write};

use serde::Serialize;
use thiserror::Error;

/// The maximum size of a line, in octets. A record has some hundred.
pub const LINE_OCTETS_MAX: u64 = 1 << 20;

/// What is behind the object of a line: `,"crc32":"01234567"}`.
const CHECKSUM_BEGIN: &[u8] = b",\"crc32\":\"";
const CHECKSUM_END: &[u8] = b"\"}";
const CHECKSUM_OCTETS: usize = CHECKSUM_BEGIN.len() + 8 + CHECKSUM_END.len();

/// The error for a line that is not one of a backup that this release reads.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{line}: {found}; {help}")]
pub struct RefusedLine {
    /// The number of the line, from 1.
    pub line: u64,
    /// What was found there.
    pub found: String,
    /// What to do.
    pub help: String,
}

/// Writes lines.
pub(super) struct BackupWriter<'o> {
    out: &'o mut dyn Write,
    crc: crc32fast::Hasher,
}

impl<'o> BackupWriter<'o> {
    pub(super) fn new(out: &'o mut dyn Write) -> Self {
        Self { out, crc: crc32fast::Hasher::new() }
    }

    /// Writes an object as a line.
    pub(super) fn put(&mut self, object: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(object)?;
        line.pop();
        self.crc.update(&line);
        line.extend(checksum(&self.crc));
        line.push(b'\n');
        let behind = line.len() - CHECKSUM_OCTETS - 1;
        self.crc.update(line.get(behind..).unwrap_or_default());
        self.out.write_all(&line)
    }
}

/// Reads lines.
pub(super) struct BackupReader<R> {
    input: R,
    crc: crc32fast::Hasher,
    line: u64,
    octets: Vec<u8>,
}

/// The error for a line that cannot be read.
pub(super) enum NoLine {
    Refused(RefusedLine),
    Io(io::Error),
}

impl<R: BufRead> BackupReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, crc: crc32fast::Hasher::new(), line: 0, octets: Vec::new() }
    }

    /// The object of the next line, without its checksum; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, NoLine> {
        self.line += 1;
        self.octets.clear();
        let mut limited = (&mut self.input).take(LINE_OCTETS_MAX);
        limited.read_until(b'\n', &mut self.octets).map_err(NoLine::Io)?;
        match self.octets.last() {
            None => return Ok(None),
            Some(b'\n') => drop(self.octets.pop()),
            Some(_) if self.octets.len() as u64 == LINE_OCTETS_MAX => {
                return self.refuse(format!("the line is longer than {LINE_OCTETS_MAX} octets"));
            }
            Some(_) => return self.refuse("the file is cut off within this line"),
        }
        let behind = self.octets.len().saturating_sub(CHECKSUM_OCTETS);
        let (object, found) = self.octets.split_at(behind);
        if !found.starts_with(CHECKSUM_BEGIN) || !found.ends_with(CHECKSUM_END) {
            return self.refuse("the line does not end in a checksum");
        }
        self.crc.update(object);
        if *found != checksum(&self.crc) {
            return self.refuse(
                "the checksum is wrong: this line was changed, or lines before it were removed or \
                 moved",
            );
        }
        self.crc.update(found);
        self.crc.update(b"\n");
        self.octets.truncate(behind);
        self.octets.push(b'}');
        Ok(Some(&self.octets))
    }

    /// The number of the line that was read last.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// A refusal of the line that was read last.
    pub(super) fn refusal(&self, found: impl Into<String>, help: &str) -> RefusedLine {
        RefusedLine { line: self.line, found: found.into(), help: help.to_owned() }
    }

    fn refuse<T>(&self, found: impl Into<String>) -> Result<T, NoLine> {
        Err(NoLine::Refused(self.refusal(found, COPY_AGAIN)))
    }
}

/// What to do about a file that is not what was written.
pub(super) const COPY_AGAIN: &str = "copy the backup again, or use another one";

fn checksum(crc: &crc32fast::Hasher) -> Vec<u8> {
    let crc = format!("{:08x}", crc.clone().finalize());
    [CHECKSUM_BEGIN, crc.as_bytes(), CHECKSUM_END].concat()
}

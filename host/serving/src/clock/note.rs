//! The note: a small file in the store's folder with a moment of server time and the clock time at
//! that moment. It provides the offset of the store's records, and the latest server time if no
//! record was written for a while.
//!
//! The server writes the note when it starts and stops, when the clock was set, and every quarter
//! of an hour. Invariant: without a note, or with an old one, no lease is lost: see
//! [`super::resume()`].

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use anyhow::Context;
use lessor_core::Timestamp;
use serde::{Deserialize, Serialize};

const FILE: &str = "clock.json";
/// The largest size of a note; a larger file is not a note.
const OCTETS_MAX: u64 = 1 << 16;
/// The owner may write it, and the group may read it.
const MODE: u32 = 0o640;

/// A moment in both times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Note {
    /// Its server time.
    pub(crate) server_time_ms: Timestamp,
    /// Its clock time.
    pub(crate) clock_time_ms: Timestamp,
}

impl Note {
    /// Returns the current moment.
    pub(crate) fn now() -> Self {
        let server_time_ms = super::now();
        Self { server_time_ms, clock_time_ms: super::shown(server_time_ms) }
    }

    /// Returns clock time minus server time.
    pub(crate) fn offset_ms(self) -> i64 {
        self.server_time_ms.ms_until(self.clock_time_ms)
    }

    /// Reads the note from the folder of a store, if there is one.
    ///
    /// # Errors
    /// If the file cannot be read, or is not a note.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Option<Self>> {
        let path = folder.join(FILE);
        let octets = match lessor_files::read(&path, OCTETS_MAX) {
            Ok(octets) => octets,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let note = serde_json::from_slice(&octets)
            .with_context(|| format!("{} is damaged", path.display()))?;
        Ok(Some(note))
    }

    /// Writes it to the folder of a store in place of the former one, and waits until it is on the
    /// disk.
    ///
    /// # Errors
    /// If that fails; the former note then remains.
    pub(crate) fn write(self, folder: &Path) -> io::Result<()> {
        let mut line = serde_json::to_vec(&self)?;
        line.push(b'\n');
        lessor_files::replace_durably(&folder.join(FILE), MODE, &line)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_note_reads_as_it_was_written_and_what_is_no_note_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Note::read(folder.path()).unwrap(), None);
        let at = Timestamp::from_unix_ms;
        for (server, clock) in [(1_000, 400), (2_000, 9_000)] {
            let note = Note { server_time_ms: at(server), clock_time_ms: at(clock) };
            note.write(folder.path()).unwrap();
            let read = Note::read(folder.path()).unwrap().unwrap();
            assert_eq!((read, read.offset_ms()), (note, clock as i64 - server as i64));
        }
        fs::write(folder.path().join(FILE), "{\"server-time-ms\":").unwrap();
        let refusal = format!("{:#}", Note::read(folder.path()).unwrap_err());
        assert!(refusal.contains("clock.json is damaged"), "{refusal}");
    }

    #[test]
    fn a_note_that_cannot_be_written_leaves_the_former_one() {
        let folder = tempfile::tempdir().unwrap();
        let at = Timestamp::from_unix_ms;
        let note = Note { server_time_ms: at(1), clock_time_ms: at(2) };
        note.write(folder.path()).unwrap();
        // Root may write anywhere, but a folder cannot be opened as a file.
        fs::create_dir(folder.path().join(".clock.json.new")).unwrap();
        Note { server_time_ms: at(3), clock_time_ms: at(4) }.write(folder.path()).unwrap_err();
        assert_eq!(Note::read(folder.path()).unwrap(), Some(note));
    }
}

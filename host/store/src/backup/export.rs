//! Writes a backup of a store, also while a server uses it.
//!
//! Does not choose records: a backup has those of one [`Point`] in time, as octets.

use std::{io::Write, path::Path};

use thiserror::Error;

use crate::{DiskStore, StoreError, point::Point, record};

use super::{BackupLine, EndLine, ExportContext, FORMAT, Heading, RecordLine, lines::BackupWriter};

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// What the backup says about itself.
    pub heading: Heading,
    /// Records that this release cannot read, because a newer one wrote them.
    pub unreadable: u64,
}

/// The error for a backup that was not written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The backup cannot be written.
    #[error("the backup cannot be written: {0}")]
    Write(#[from] std::io::Error),
}

impl DiskStore {
    /// Writes a backup of the store in `path` to `out`. A server may have it open, and may be
    /// started meanwhile.
    ///
    /// # Errors
    ///
    /// Fails if there is no store, if it is damaged or of another format, or if the backup cannot
    /// be written; what was written until then is refused by [`super::Backup`].
    pub fn export(
        path: &Path,
        origin: ExportContext,
        out: &mut dyn Write,
    ) -> Result<Exported, ExportError> {
        let point = Point::of(path)?;
        let heading = Heading::of(origin, point.in_use, point.len());
        let mut lines = BackupWriter::new(out);
        lines.put(&heading)?;
        let (mut end, mut unreadable) = (0, 0);
        point.each::<ExportError>(|key, value| {
            unreadable += u64::from(record::decode(&key.octets(), value).is_err());
            let line = RecordLine { address: key.address, vpn: key.vpn, record: value.to_vec() };
            lines.put(&BackupLine::Record(line))?;
            end += 1;
            Ok(())
        })?;
        lines.put(&BackupLine::End(EndLine { end }))?;
        out.flush()?;
        Ok(Exported { heading, unreadable })
    }
}

impl Heading {
    fn of(origin: ExportContext, server_running: bool, records: u64) -> Self {
        let ExportContext { program, made_at, clock_ahead_ms } = origin;
        Self { format: FORMAT, program, made_at, clock_ahead_ms, server_running, records }
    }
}

//! Brings the journal back to a known state after a failed write.
//!
//! When a flush fails, the system reports it once and then treats the pages that it could not write
//! as written. Reading them gives the new octets, though the disk may hold others (Rebello et al.,
//! "Can Applications Recover from fsync Failures?", USENIX ATC 2020). The engine would go on
//! behind them, and after a loss of power the journal would end at the hole, before leases that
//! were flushed, and acknowledged, later. So what the journals read as is written once more, in
//! place, and flushed: only then do disk and memory agree again.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

use super::database;
use crate::StoreError;

/// What is rewritten at a time. Pieces of nothing but zeros are left alone: the journal is made
/// larger than its contents, and to write its tail would need space that a full disk has not.
const PIECE_OCTETS: usize = 4 << 10;

/// Makes the journals of the store in `path` durable as they read. The database must be closed.
pub(super) fn settle(path: &Path) -> Result<(), StoreError> {
    let settle = || {
        for journal in database::journals(path)? {
            rewrite(&OpenOptions::new().read(true).write(true).open(journal)?)?;
        }
        Ok(())
    };
    settle().map_err(|error: io::Error| StoreError::Write { source: error.into() })
}

fn rewrite(file: &File) -> io::Result<()> {
    let mut piece = [0; PIECE_OCTETS];
    let mut offset = 0;
    loop {
        let read = match file.read_at(&mut piece, offset) {
            Ok(0) => break,
            Ok(read) => piece.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if read.iter().any(|octet| *octet != 0) {
            file.write_all_at(read, offset)?;
        }
        offset += read.len() as u64;
    }
    file.sync_all()
}

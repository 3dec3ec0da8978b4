//! What commands write where the user says: a file that appears when it is complete, or standard
//! output.
//!
//! Does not know the contents. Invariant: a file that exists is replaced as a whole or stays, and
//! only regular files are; owner, mode and links to it stay.

use std::{
    io::{self, BufWriter, Write},
    path::Path,
};

use anyhow::Context;
use lessor_files::Destination;

/// Only its owner may read a new file, because leases reveal where subscribers are.
const MODE: u32 = 0o600;

/// Writes a file, or standard output if `path` is `None` or `-`.
///
/// # Errors
/// Those of `write`, and if the file cannot be written; nothing is left behind then.
pub(crate) fn write<T>(
    path: Option<&Path>,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let Some(path) = path.filter(|path| *path != Path::new("-")) else {
        let mut out = BufWriter::new(io::stdout().lock());
        let written = write(&mut out)?;
        out.flush()?;
        return Ok(written);
    };
    let cannot = || format!("{} cannot be written", path.display());
    let destination = Destination::find(path).with_context(cannot)?;
    let folder = destination.folder();
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
    let mut out = BufWriter::new(file.as_file_mut());
    let written = write(&mut out)?;
    out.flush().with_context(cannot)?;
    drop(out);
    destination.prepare(file.as_file(), MODE).with_context(cannot)?;
    file.as_file().sync_all().with_context(cannot)?;
    file.persist(destination.path()).map_err(|error| error.error).with_context(cannot)?;
    lessor_files::sync_folder(folder).with_context(cannot)?;
    Ok(written)
}

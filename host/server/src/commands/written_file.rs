//! What commands write where the user says: a file that appears when it is complete, or standard
//! output.
//!
//! Does not know the contents. Invariant: a file that exists is replaced as a whole or stays, and
//! only regular files are.

use std::{
    io::{self, BufWriter, Write},
    path::Path,
};

use anyhow::{Context, bail};

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
    match lessor_files::check(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => {
            other.with_context(cannot)?;
        }
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) => Path::new("."),
        None => bail!("{} is not the name of a file", path.display()),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
    let mut out = BufWriter::new(file.as_file_mut());
    let written = write(&mut out)?;
    out.flush().with_context(cannot)?;
    drop(out);
    file.as_file().sync_all().with_context(cannot)?;
    file.persist(path).map_err(|error| error.error).with_context(cannot)?;
    lessor_files::sync_folder(folder).with_context(cannot)?;
    Ok(written)
}

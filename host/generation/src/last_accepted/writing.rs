//! Writes copies: first beside the last one, then in its place, so that there is always a complete
//! one.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use anyhow::{Context, ensure};
use nix::{
    fcntl::{AT_FDCWD, RenameFlags, renameat2},
    sys::statvfs::statvfs,
};

use super::{
    COMPILED, Copied, FOLDER, FOLDER_NEW, Inputs, MANIFEST, Manifest, VERSION,
    inputs::{INTERPRETERS, PLUGINS},
    pass_on,
};

/// The number of octets that a copy leaves free on the disk of the store.
const FREE_OCTETS_MIN: u64 = 64 << 20;

/// Copies the files of a generation to a folder beside the last copy, with those of its compiled
/// code that can be had. [`promote`] puts them in its place.
///
/// # Errors
/// If the copy cannot be written, or a file has changed since it was read; there is then no new
/// copy.
pub(super) fn stage<'c>(
    inputs: &Inputs,
    compiled: impl Iterator<Item = &'c Path>,
) -> anyhow::Result<()> {
    let folder = inputs.store.join(FOLDER_NEW);
    remove(&folder)?;
    let staged = try_stage(inputs, compiled, &folder);
    if staged.is_err() {
        let _ = remove(&folder);
    }
    staged
}

/// Puts a staged copy in the place of the last one.
///
/// # Errors
/// If that fails; the last one then stays.
pub(super) fn promote(store: &Path) -> anyhow::Result<()> {
    let (new, place) = (store.join(FOLDER_NEW), store.join(FOLDER));
    let promoted = match place.try_exists() {
        Ok(true) => exchange(&new, &place),
        Ok(false) => fs::rename(&new, &place),
        Err(error) => Err(error),
    };
    promoted.with_context(|| format!("cannot put {} in place of the last copy", new.display()))?;
    lessor_files::sync_folder(store)?;
    // The folder contains the replaced copy now.
    remove(&new)
}

/// As [`promote`], if there is a staged copy.
///
/// # Errors
/// As [`promote`].
pub(super) fn promote_if_staged(store: &Path) -> anyhow::Result<()> {
    match store.join(FOLDER_NEW).join(MANIFEST).try_exists() {
        Ok(false) => Ok(()),
        _ => promote(store),
    }
}

/// Removes a staged copy.
pub(super) fn discard(store: &Path) {
    if let Err(error) = remove(&store.join(FOLDER_NEW)) {
        tracing::warn!(%error, "a copy of a generation that was rolled back could not be removed");
    }
}

fn try_stage<'c>(
    inputs: &Inputs,
    compiled: impl Iterator<Item = &'c Path>,
    folder: &Path,
) -> anyhow::Result<()> {
    let octets = inputs.files.iter().filter_map(|input| fs::metadata(&input.original).ok());
    let octets: u64 = octets.map(|found| found.len()).sum();
    let found = statvfs(&inputs.store)?;
    let free = found.blocks_available().saturating_mul(found.fragment_size());
    ensure!(
        free.saturating_sub(octets) >= FREE_OCTETS_MIN,
        "the store's disk has {} MiB left, and the copy takes {}",
        free >> 20,
        octets >> 20
    );
    make_folder(folder)?;
    let mut folders = vec![folder.to_owned()];
    for name in [PLUGINS, INTERPRETERS, COMPILED, "files"] {
        make_folder(&folder.join(name))?;
        folders.push(folder.join(name));
    }
    let mut files = Vec::new();
    for input in &inputs.files {
        files.push(Copied {
            original: input.original.clone(),
            copy: input.copy.clone(),
            digest: copy(&input.original, &folder.join(&input.copy))?,
        });
    }
    compiled.for_each(|file| keep_compiled(file, inputs, &folder.join(COMPILED)));
    ensure!(inputs.are_unchanged(), "its files were changed while they were read; reload again");
    let accepted_at = jiff::Timestamp::now().round(jiff::Unit::Second)?.to_string();
    let manifest = Manifest { version: VERSION, accepted_at, files };
    write(&folder.join(MANIFEST), &serde_json::to_vec_pretty(&manifest)?)?;
    for folder in folders {
        lessor_files::sync_folder(&folder)?;
    }
    Ok(())
}

/// Keeps a file of compiled code, which the policy host verifies when it loads it. Without it, the
/// code is compiled again. A file of another owner, which a package has installed, is not copied.
///
/// The file is copied rather than linked to the one in the cache, because a server that starts as
/// root changes the owner and the permissions only of files without a second link. A file of the
/// last copy is linked, because that copy is removed.
fn keep_compiled(file: &Path, inputs: &Inputs, folder: &Path) {
    let Some(name) = file.file_name() else { return };
    let to = folder.join(name);
    let of_last_copy = inputs.store.join(FOLDER).join(COMPILED).join(name);
    let is_kept = match fs::hard_link(of_last_copy, &to) {
        Ok(()) => true,
        // Scripts of one language share the code of its interpreter.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => true,
        Err(_) => copy_if_room(file, &to, inputs).is_ok(),
    };
    if !is_kept {
        tracing::debug!(file = %file.display(), "compiled code is not kept with the copy");
    }
}

fn copy_if_room(from: &Path, to: &Path, inputs: &Inputs) -> anyhow::Result<()> {
    let found = statvfs(&inputs.store)?;
    let free = found.blocks_available().saturating_mul(found.fragment_size());
    let octets = fs::metadata(from)?.len();
    ensure!(free.saturating_sub(octets) >= FREE_OCTETS_MIN, "the store's disk is nearly full");
    let mut file = create(to)?;
    io::copy(&mut lessor_files::open(from)?, &mut file)?;
    Ok(file.sync_all()?)
}

/// Copies a file, and returns the digest of what was copied.
fn copy(original: &Path, to: &Path) -> anyhow::Result<String> {
    let mut file = create(to).with_context(|| format!("cannot write {}", to.display()))?;
    let copied = pass_on(original, &mut file).and_then(|digest| {
        file.sync_all()?;
        Ok(digest)
    });
    copied.with_context(|| format!("cannot copy {} to {}", original.display(), to.display()))
}

fn write(path: &Path, octets: &[u8]) -> anyhow::Result<()> {
    let written = create(path).and_then(|mut file| {
        file.write_all(octets)?;
        file.sync_all()
    });
    written.with_context(|| format!("cannot write {}", path.display()))
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn make_folder(path: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().mode(0o700).create(path);
    made.with_context(|| format!("cannot create {}", path.display()))
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Swaps two folders atomically, or one after the other if the file system cannot do that.
fn exchange(new: &Path, place: &Path) -> io::Result<()> {
    if renameat2(AT_FDCWD, new, AT_FDCWD, place, RenameFlags::RENAME_EXCHANGE).is_ok() {
        return Ok(());
    }
    let aside = place.with_extension("old");
    match fs::remove_dir_all(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::rename(place, &aside)?;
    if let Err(error) = fs::rename(new, place) {
        fs::rename(&aside, place)?;
        return Err(error);
    }
    fs::rename(&aside, new)
}

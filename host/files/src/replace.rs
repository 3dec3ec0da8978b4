//! Files that are replaced as a whole.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Writes `contents` to a file in place of what it contained. Another program that reads the file
/// finds all of the former contents, or all of the new ones.
///
/// The contents are written to a file beside it first, whose name begins with a dot, so that
/// programs that watch the folder ignore it. They are not on the disk when this returns.
///
/// # Errors
/// Fails if the path is not that of a file, if it exists as something else than a regular file, or
/// if the folder cannot be written. The former contents then remain.
pub fn replace(path: &Path, mode: u32, contents: &[u8]) -> io::Result<()> {
    replace_after(path, mode, contents, |_| Ok(()))
}

/// Like [`replace`], and waits until the contents and the name are on the disk.
///
/// # Errors
/// Fails like [`replace`]. If only the last step fails, that of making the name durable, the new
/// contents are in place, but may be lost if the machine fails.
pub fn replace_durably(path: &Path, mode: u32, contents: &[u8]) -> io::Result<()> {
    replace_after(path, mode, contents, File::sync_all)?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => super::sync_folder(folder),
        _ => super::sync_folder(Path::new(".")),
    }
}

/// Replaces a file after `prepare` has been called with the written file.
fn replace_after(
    path: &Path,
    mode: u32,
    contents: &[u8],
    prepare: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let Some(name) = path.file_name() else { return Err(io::ErrorKind::IsADirectory.into()) };
    match fs::metadata(path) {
        Ok(found) => super::must_be_regular(found.file_type())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut incomplete = OsString::from(".");
    incomplete.push(name);
    incomplete.push(".new");
    let incomplete = path.with_file_name(incomplete);
    match fs::remove_file(&incomplete) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // A link that another user puts here is not followed.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&incomplete)?;
    let written = file
        .write_all(contents)
        .and_then(|()| file.set_permissions(Permissions::from_mode(mode)))
        .and_then(|()| prepare(&file))
        .and_then(|()| fs::rename(&incomplete, path));
    if written.is_err() {
        let _ = fs::remove_file(&incomplete);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // What an interrupted attempt left behind, or another user put there.
        symlink(at("victim"), at(".hosts.new")).unwrap();
        for contents in ["one", "", "three"] {
            for write in [replace, replace_durably] {
                write(&at("hosts"), 0o644, contents.as_bytes()).unwrap();
                assert_eq!(fs::read_to_string(at("hosts")).unwrap(), contents);
                assert_eq!(fs::metadata(at("hosts")).unwrap().mode() & 0o777, 0o644);
            }
        }
        assert_eq!(names(folder.path()), ["hosts"]);
    }

    #[test]
    fn what_is_no_regular_file_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        mkfifo(&at("pipe"), Mode::S_IRWXU).unwrap();
        fs::create_dir(at("folder")).unwrap();
        let refused = |path: &Path| replace(path, 0o644, b"text").unwrap_err();
        assert_eq!(refused(&at("pipe")).to_string(), "it is a pipe; wanted a regular file");
        assert_eq!(refused(&at("folder")).kind(), io::ErrorKind::IsADirectory);
        assert_eq!(refused(Path::new("/")).kind(), io::ErrorKind::IsADirectory);
        assert_eq!(refused(&at("absent/hosts")).kind(), io::ErrorKind::NotFound);
        assert_eq!(names(folder.path()), ["folder", "pipe"]);
    }
}

//! Files that an operator names: in a configuration, in the plugin directory, on the command line.
//!
//! Opening a pipe waits for its other end, and reading a device may never end, so one wrong name
//! would block a reload forever. Does not know what is in the files, and does not handle files that
//! only the server writes. Invariant: [`open`] returns a regular file, and no function here waits
//! for anything but the disk.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod destination;
mod name;
mod replace;
mod stamp;

use std::{
    fs::{self, File, FileType, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

pub use destination::Destination;
pub use name::{NameProblem, check_name};
pub use replace::{replace, replace_durably};
pub use stamp::Stamp;

/// Opens a regular file, or a link to one, for reading.
///
/// # Errors
/// Fails like [`File::open`], and if the path is not a regular file, which is not opened then.
pub fn open(path: &Path) -> io::Result<File> {
    check(path)?;
    // The file may have been replaced in the meantime, and opening the replacement must not wait
    // either.
    let file = OpenOptions::new().read(true).custom_flags(DOES_NOT_WAIT).open(path)?;
    must_be_regular(file.metadata()?.file_type())?;
    Ok(file)
}

/// Checks whether [`open`] would accept the file, according to its type.
///
/// # Errors
/// Fails like [`fs::metadata`], and if the path is not a regular file.
pub fn check(path: &Path) -> io::Result<fs::Metadata> {
    let found = fs::metadata(path)?;
    must_be_regular(found.file_type())?;
    Ok(found)
}

/// Reads a regular file of at most `octets_max` octets.
///
/// # Errors
/// Fails like [`open`], and if the file is larger.
pub fn read(path: &Path, octets_max: u64) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    open(path)?.take(octets_max.saturating_add(1)).read_to_end(&mut octets)?;
    if octets.len() as u64 > octets_max {
        let what = format!("it is larger than {octets_max} octets, which is the limit");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(octets)
}

/// Reads a regular file of at most `octets_max` octets as text.
///
/// # Errors
/// Fails like [`read`], and if the contents are not UTF-8.
pub fn read_text(path: &Path, octets_max: u64) -> io::Result<String> {
    let text = String::from_utf8(read(path, octets_max)?);
    text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8"))
}

/// Opens a file for appending, and for reading its contents. Creates it if it does not exist. It
/// may be a character device, such as `/dev/null`.
///
/// # Errors
/// Fails like [`OpenOptions::open`], and if the path is a pipe, a socket, a block device or a
/// folder.
pub fn append(path: &Path, mode: u32) -> io::Result<File> {
    let takes_lines = |kind: FileType| match kind.is_char_device() {
        true => Ok(()),
        false => must_be_regular(kind),
    };
    match fs::metadata(path) {
        Ok(found) => takes_lines(found.file_type())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut options = OpenOptions::new();
    let options = options.create(true).append(true).read(true).mode(mode);
    let file = options.custom_flags(DOES_NOT_WAIT).open(path)?;
    takes_lines(file.metadata()?.file_type())?;
    // Writing does wait; otherwise a line for a slow terminal would be lost.
    let flags = OFlag::from_bits_retain(fcntl(&file, FcntlArg::F_GETFL)?);
    fcntl(&file, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK))?;
    Ok(file)
}

/// Makes the current names in a folder durable.
///
/// # Errors
/// Fails if the folder cannot be opened, or if the disk fails.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_DIRECTORY).open(path)?.sync_all()
}

/// With these flags, opening a pipe does not wait, and a terminal does not become the process's
/// controlling terminal.
const DOES_NOT_WAIT: i32 = libc::O_NONBLOCK | libc::O_NOCTTY;

fn must_be_regular(found: FileType) -> io::Result<()> {
    let what = match found {
        found if found.is_file() => return Ok(()),
        found if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        found if found.is_fifo() => "a pipe",
        found if found.is_socket() => "a socket",
        found if found.is_char_device() || found.is_block_device() => "a device",
        _ => "no file",
    };
    let what = format!("it is {what}; wanted a regular file");
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::unix::net::UnixListener, path::PathBuf};

    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;

    #[test]
    fn only_regular_files_are_opened_and_nothing_waits() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        fs::write(place("file"), "text").unwrap();
        std::os::unix::fs::symlink(place("file"), place("link")).unwrap();
        mkfifo(&place("pipe"), Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink(place("pipe"), place("link-to-pipe")).unwrap();
        let _listener = UnixListener::bind(place("socket")).unwrap();
        for name in ["file", "link"] {
            assert_eq!(read(&place(name), 4).unwrap(), b"text", "{name}");
            assert_eq!(read_text(&place(name), 4).unwrap(), "text", "{name}");
            assert_eq!(
                read(&place(name), 3).unwrap_err().to_string(),
                "it is larger than 3 octets, which is the limit"
            );
        }
        let refused = |path: PathBuf| {
            let error = open(&path).unwrap_err().to_string();
            assert_eq!(check(&path).unwrap_err().to_string(), error);
            error
        };
        for (path, found) in [
            (place("pipe"), "a pipe"),
            (place("link-to-pipe"), "a pipe"),
            (place("socket"), "a socket"),
            (PathBuf::from("/dev/zero"), "a device"),
        ] {
            assert_eq!(refused(path), format!("it is {found}; wanted a regular file"));
        }
        assert_eq!(open(folder.path()).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(open(&place("absent")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn lines_are_appended_to_files_and_character_devices_only() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, pipe) = (folder.path().join("journal"), folder.path().join("pipe"));
        for _ in 0..2 {
            append(&journal, 0o640).unwrap().write_all(b"line\n").unwrap();
        }
        assert_eq!(read_text(&journal, 100).unwrap(), "line\nline\n");
        append(Path::new("/dev/null"), 0o640).unwrap();
        mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        let error = append(&pipe, 0o640).unwrap_err().to_string();
        assert_eq!(error, "it is a pipe; wanted a regular file");
    }
}

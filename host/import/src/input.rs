//! Files of another server: opened, read and counted within limits.
//!
//! Does not know what is in them. Invariant: all files of one import together are not larger than
//! [`CONFIGURATION_OCTETS_MAX`], or [`LEASES_OCTETS_MAX`] for leases, and includes end.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::place::{Place, Refusal};

/// The maximum size of a configuration with everything that it includes, in octets.
pub const CONFIGURATION_OCTETS_MAX: u64 = 64 << 20;
/// The maximum size of the files of leases together, in octets.
pub const LEASES_OCTETS_MAX: u64 = 1 << 30;
/// How deeply a file may include others.
pub const INCLUDES_DEPTH_MAX: usize = 10;
/// The maximum number of included files.
pub const INCLUDES_MAX: usize = 1_000;

/// A file that was read.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// Its name in messages.
    pub(crate) name: Arc<str>,
    pub(crate) contents: String,
}

impl Text {
    /// A line of the file, counted from 1.
    pub(crate) fn place(&self, line: usize) -> Place {
        Place::new(&self.name, line)
    }

    /// The folder of the file, in which relative names of included files start.
    pub(crate) fn folder(&self) -> PathBuf {
        Path::new(&*self.name).parent().unwrap_or(Path::new("")).to_owned()
    }
}

/// What may still be read.
#[derive(Debug)]
pub(crate) struct Reader {
    octets_max: u64,
    octets: u64,
    includes: usize,
}

impl Reader {
    /// For a configuration and what it includes.
    pub(crate) const fn of_configuration() -> Self {
        Self { octets_max: CONFIGURATION_OCTETS_MAX, octets: 0, includes: 0 }
    }

    /// For files of leases.
    pub(crate) const fn of_leases() -> Self {
        Self { octets_max: LEASES_OCTETS_MAX, octets: 0, includes: 0 }
    }

    /// Reads a file that the operator named.
    pub(crate) fn read(&mut self, path: &Path) -> Result<Text, Refusal> {
        self.text(path, Refusal::new)
    }

    /// Reads a file that is included at `from`, which is `depth` includes deep.
    pub(crate) fn include(
        &mut self,
        path: &Path,
        from: &Place,
        depth: usize,
    ) -> Result<Text, Refusal> {
        if depth >= INCLUDES_DEPTH_MAX {
            let found = format!("files include each other more than {INCLUDES_DEPTH_MAX} deep");
            return Err(from.refuse(found, "a file may not include itself; remove the include"));
        }
        self.includes += 1;
        if self.includes > INCLUDES_MAX {
            let found = format!("more than {INCLUDES_MAX} files are included");
            return Err(from.refuse(found, "join some of them"));
        }
        self.text(path, |found, help| from.refuse(found, help))
    }

    fn text(
        &mut self,
        path: &Path,
        refuse: impl Fn(String, String) -> Refusal,
    ) -> Result<Text, Refusal> {
        let name = lessor_files::check_name(path).map_err(|problem| {
            refuse(format!("{path:?} cannot be read: {problem}"), "rename the file".to_owned())
        })?;
        let left = self.octets_max - self.octets;
        let octets = lessor_files::read(path, left).map_err(|error| {
            let help = match error.kind() {
                io::ErrorKind::NotFound => "check the path",
                io::ErrorKind::PermissionDenied => "run the command as a user that may read it",
                io::ErrorKind::FileTooLarge => "all files of an import together have this limit",
                _ => "name a file that can be read",
            };
            refuse(format!("{name} cannot be read: {error}"), help.to_owned())
        })?;
        self.octets += octets.len() as u64;
        let name: Arc<str> = name.into();
        match String::from_utf8(octets) {
            Ok(contents) => {
                // Editors of some systems begin a text with it.
                let contents = match contents.strip_prefix('\u{feff}') {
                    Some(without_mark) => without_mark.to_owned(),
                    None => contents,
                };
                Ok(Text { name, contents })
            }
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let read = error.as_bytes().get(..valid).unwrap_or_default();
                let line = 1 + read.iter().filter(|octet| **octet == b'\n').count();
                let help = "convert the file first, for example with iconv -f latin1 -t utf-8";
                Err(Place::new(&name, line).refuse("the line is not text in UTF-8", help))
            }
        }
    }
}

/// The path of an included file: relative names start in the folder of the including one.
pub(crate) fn beside(text: &Text, name: &str) -> PathBuf {
    text.folder().join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_text_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dhcpd.conf");
        std::fs::write(&path, b"# a\n# caf\xe9\n").unwrap();
        let refusal = Reader::of_configuration().read(&path).unwrap_err();
        assert_eq!(refusal.place().unwrap().line(), 2);
        let missing = Reader::of_configuration().read(&folder.path().join("no")).unwrap_err();
        assert!(missing.to_string().contains("check the path"), "{missing}");
    }

    #[test]
    fn includes_end_and_all_files_share_one_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "0123456789").unwrap();
        let mut reader = Reader { octets_max: 25, octets: 0, includes: 0 };
        let text = reader.read(&path).unwrap();
        let from = text.place(1);
        assert!(reader.include(&path, &from, INCLUDES_DEPTH_MAX).is_err());
        reader.include(&path, &from, 1).unwrap();
        let refusal = reader.include(&path, &from, 1).unwrap_err();
        assert!(refusal.to_string().contains("limit"), "{refusal}");
        reader.includes = INCLUDES_MAX;
        assert!(reader.include(&path, &from, 1).is_err());
    }
}

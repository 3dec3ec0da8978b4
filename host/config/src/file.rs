//! Reads a file as text.

use std::{io, io::Read, path::Path};

use crate::{
    collector::Collector,
    mistake::{Draft, Mistakes},
    source::SourceFile,
};

/// The maximum size of a configuration file, in octets.
pub const FILE_OCTETS_MAX: usize = 64 << 20;

/// Reads a file of at most [`FILE_OCTETS_MAX`] octets.
///
/// # Errors
/// A single mistake if the file cannot be read, is too large or is not UTF-8.
pub(crate) fn read(path: &Path) -> Result<String, Mistakes> {
    let name = path.display().to_string();
    let octets = read_octets(path).map_err(|error| {
        let help = match error.kind() {
            io::ErrorKind::NotFound => "check the path, and whether the file exists".to_owned(),
            io::ErrorKind::PermissionDenied => {
                "allow the server's user to read the file".to_owned()
            }
            _ => "name a file that can be read".to_owned(),
        };
        refused(&name, Draft::found(format!("{name} cannot be read: {error}")).help(help))
    })?;
    if octets.len() > FILE_OCTETS_MAX {
        let found = format!("{name} is larger than {} MiB", FILE_OCTETS_MAX >> 20);
        let help = "let a policy look up subscribers instead of reserving an address for each";
        return Err(refused(&name, Draft::found(found).help(help)));
    }
    String::from_utf8(octets).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let lossy = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let collector = Collector::new(SourceFile::new(&name, &lossy));
        let draft = Draft::found("the file is not UTF-8 from here on")
            .wanted("wanted text in UTF-8")
            .help("save the file as UTF-8; write octets that are not text as \"hex:0a0b\"");
        collector.report(&(offset..offset + 1), draft);
        collector.into_mistakes()
    })
}

fn read_octets(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    lessor_files::open(path)?.take(FILE_OCTETS_MAX as u64 + 1).read_to_end(&mut octets)?;
    Ok(octets)
}

fn refused(name: &str, draft: Draft) -> Mistakes {
    let collector = Collector::new(SourceFile::new(name, ""));
    collector.report_file(draft);
    collector.into_mistakes()
}

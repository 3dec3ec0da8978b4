//! The text of a script.

use std::{io::Read, path::Path};

use sha2::{Digest, Sha256};

use super::{Named, depth, loops, named};
use crate::{
    error::{PluginProblem, ScriptProblem},
    limits::SCRIPT_OCTETS_MAX,
};

/// The byte order marks of UTF-16.
const UTF_16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// What reads how full pools are, in the spelling of each language.
const COUNTING: [&str; 4] = ["pool_usage", "pool_names", "poolUsage", "poolNames"];

/// A script.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// The name of the file, with its extension.
    pub(crate) file_name: String,
    pub(crate) text: String,
    /// SHA-256 of the file.
    pub(crate) digest: [u8; 32],
}

impl Script {
    pub(crate) fn read(path: &Path) -> Result<Self, PluginProblem> {
        let file = lessor_files::open(path).map_err(PluginProblem::Unreadable)?;
        let found = file.metadata().map_err(PluginProblem::Unreadable)?.len();
        let mut octets = Vec::new();
        file.take(SCRIPT_OCTETS_MAX + 1)
            .read_to_end(&mut octets)
            .map_err(PluginProblem::Unreadable)?;
        if octets.len() as u64 > SCRIPT_OCTETS_MAX {
            return Err(ScriptProblem::TooLarge { octets: found.max(octets.len() as u64) }.into());
        }
        let digest = Sha256::digest(&octets).into();
        if UTF_16_MARKS.iter().any(|mark| octets.starts_with(mark)) {
            return Err(ScriptProblem::Utf16.into());
        }
        let text = String::from_utf8(octets).map_err(|error| {
            let valid =
                error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            let line = 1 + valid.iter().filter(|octet| **octet == b'\n').count();
            ScriptProblem::NotText { line }
        })?;
        // Some editors write a byte order mark before UTF-8 too. It is not part of the script.
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { file_name, text, digest })
    }

    /// The pools and sources that the script names literally.
    pub(crate) fn named(&self) -> Vec<Named> {
        named::named(&self.text, self.is_javascript())
    }

    /// Whether the script names what reads how full pools are.
    pub(crate) fn counts_pools(&self) -> bool {
        COUNTING.iter().any(|name| self.text.contains(name))
    }

    /// A sentence that says where the script has loops.
    pub(crate) fn loops(&self) -> String {
        loops::described(&self.text, self.is_javascript())
    }

    /// The deepest nesting, and its line.
    pub(crate) fn deepest(&self) -> (usize, usize) {
        depth::deepest(&self.text, self.is_javascript())
    }

    fn is_javascript(&self) -> bool {
        self.file_name.ends_with(".js")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &[u8]) -> Result<Script, PluginProblem> {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("20-garden.rhai");
        std::fs::write(&path, octets).unwrap();
        Script::read(&path)
    }

    #[test]
    fn scripts_are_text_of_a_limited_size() {
        assert_eq!(read("fn ä() {}".as_bytes()).unwrap().file_name, "20-garden.rhai");
        assert!(matches!(
            read(b"one\ntwo\n\xff"),
            Err(PluginProblem::Script(ScriptProblem::NotText { line: 3 }))
        ));
        assert_eq!(read("\u{feff}fn a() {}".as_bytes()).unwrap().text, "fn a() {}");
        assert!(matches!(
            read(b"\xff\xfef\0n\0"),
            Err(PluginProblem::Script(ScriptProblem::Utf16))
        ));
        let longest = SCRIPT_OCTETS_MAX as usize;
        assert_eq!(read(&vec![b' '; longest]).unwrap().text.len(), longest);
        let refused = read(&vec![b' '; longest + 1]);
        let Err(PluginProblem::Script(ScriptProblem::TooLarge { octets })) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(octets as usize, longest + 1);
    }
}

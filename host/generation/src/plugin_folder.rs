//! The plugin directory: which of its files are plugins, and which of them cannot be used.
//!
//! Does not read the files. Invariant: the path of every listed file can be printed in a log and in
//! an answer as it is.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use crate::scripts::PluginFileKind;

/// The files of a plugin directory that the server reads.
#[derive(Debug, Default)]
pub(crate) struct PluginFolder {
    /// Components and scripts, in the order of their names.
    pub(crate) plugins: Vec<PathBuf>,
    /// The files beside them, in the order of their names.
    pub(crate) sidecars: Vec<PathBuf>,
    /// The mistakes of other files, in the order of their names.
    pub(crate) mistakes: Vec<String>,
}

impl PluginFolder {
    /// Lists a directory. Hidden files and backups of editors are skipped.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub(crate) fn list(directory: &Path) -> io::Result<Self> {
        let entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
        let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        paths.sort();
        let mut found = Self::default();
        for path in paths {
            let name = path.file_name().unwrap_or_default();
            if is_passed_over(name) {
                continue;
            }
            if let Err(problem) = lessor_files::check_name(Path::new(name)) {
                found.mistakes.push(format!(
                    "{path:?} cannot be used: {problem}, so no log could show it; rename it, or \
                     move it elsewhere"
                ));
                continue;
            }
            match PluginFileKind::of(&path) {
                PluginFileKind::Wasm | PluginFileKind::Script(_) => found.plugins.push(path),
                PluginFileKind::Sidecar => found.sidecars.push(path),
                PluginFileKind::Source => found.mistakes.push(format!(
                    "{} is not a policy that this server can run: scripts are .rhai or .js, and \
                     everything else is built to a .wasm file; move it elsewhere",
                    path.display()
                )),
                PluginFileKind::Misspelt(ending) => found.mistakes.push(format!(
                    "{} does not have the extension of a policy; did you mean {}? Rename it, or \
                     move it elsewhere",
                    path.display(),
                    path.with_extension(ending).display()
                )),
                PluginFileKind::Other => {}
            }
        }
        Ok(found)
    }
}

/// Returns whether a file is hidden (as the locks and the swap files of editors are), or a backup
/// of an editor.
fn is_passed_over(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.starts_with(b".")
        || name.ends_with(b"~")
        || (name.starts_with(b"#") && name.ends_with(b"#"))
        || [&b".swp"[..], b".swo", b".swx"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_are_passed_over_and_names_that_cannot_be_shown_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let name = |octets: &'static [u8]| folder.path().join(OsStr::from_bytes(octets));
        for passed_over in [
            &b".10-a.rhai"[..],
            b".10-a.rhai.swp",
            b".#10-a.rhai",
            b"#10-a.rhai#",
            b"10-a.rhai~",
            b"10-a.toml~",
            b"10-a.wasm.swp",
            b".\xff.wasm",
            b".nfs0000",
            b"10-a.rhai.bak",
            b"README",
        ] {
            fs::write(name(passed_over), "").unwrap();
        }
        for used in [&b"10-a.rhai"[..], b"20-b.wasm", b"20-b.toml"] {
            fs::write(name(used), "").unwrap();
        }
        let listed = PluginFolder::list(folder.path()).unwrap();
        assert_eq!(listed.plugins, [name(b"10-a.rhai"), name(b"20-b.wasm")]);
        assert_eq!(listed.sidecars, [name(b"20-b.toml")]);
        assert_eq!(listed.mistakes, [""; 0]);

        let refused = [
            (&b"30-\xff.wasm"[..], r#"30-\xFF.wasm" cannot be used: its name is not UTF-8"#),
            (b"40-\n.toml", r#"40-\n.toml" cannot be used: its name has control characters"#),
            (b"50-\x1b[2J.rhai", r#"50-\u{1b}[2J.rhai" cannot be used"#),
            (b"60-\xe2\x80\xae.js", r#"60-\u{202e}.js" cannot be used"#),
        ];
        for (octets, _) in refused {
            fs::write(name(octets), "").unwrap();
        }
        let listed = PluginFolder::list(folder.path()).unwrap();
        assert_eq!((listed.plugins.len(), listed.sidecars.len()), (2, 1));
        assert_eq!(listed.mistakes.len(), refused.len());
        for ((_, wanted), told) in refused.iter().zip(&listed.mistakes) {
            assert!(told.contains(wanted), "{told}");
            assert!(!told.contains(char::is_control), "{told}");
        }
    }
}

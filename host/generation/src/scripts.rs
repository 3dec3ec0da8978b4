//! Recognises scripts among the plugins, and finds the interpreters that run them.

use std::path::{Path, PathBuf};

/// The extensions of scripts, and the files of the interpreters that run them.
const LANGUAGES: [(&str, &str); 2] = [("js", "javascript.wasm"), ("rhai", "rhai.wasm")];
/// Extensions of files that may be taken for policies, but that no interpreter here runs.
const OTHERS: [&str; 8] = ["cjs", "lua", "mjs", "py", "rs", "sh", "ts", "wat"];

/// The kind of a file in the plugin directory, by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PluginFileKind {
    /// A component or core module.
    Wasm,
    /// A script, with the file of its interpreter.
    Script(&'static str),
    /// The sidecar file of a plugin.
    Sidecar,
    /// Source code that has to be built first.
    Source,
    /// A misspelt extension, with the one that was probably meant.
    Misspelt(&'static str),
    /// A file that the server does not use.
    Other,
}

impl PluginFileKind {
    /// Returns the kind of the file.
    pub(crate) fn of(path: &Path) -> Self {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let interpreter = LANGUAGES.iter().find(|(language, _)| *language == ending);
        match (ending, interpreter) {
            (_, Some((_, interpreter))) => Self::Script(interpreter),
            ("wasm", _) => Self::Wasm,
            ("toml", _) => Self::Sidecar,
            _ if OTHERS.contains(&ending) => Self::Source,
            _ => meant(ending).map_or(Self::Other, Self::Misspelt),
        }
    }
}

/// Returns the extension that a misspelt one like `RHAI`, `rahi` or `wsm` was meant to be.
fn meant(ending: &str) -> Option<&'static str> {
    let found = ending.to_lowercase();
    let endings = LANGUAGES.map(|(language, _)| language).into_iter().chain(["wasm"]);
    let is_close = |wanted: &&str| {
        let slips_max = if wanted.len() > 2 { 1 } else { 0 };
        strsim::damerau_levenshtein(&found, wanted) <= slips_max
    };
    endings.into_iter().find(is_close)
}

/// Returns the path of an interpreter with this file name, in the configured folder, or otherwise
/// in those of an installation.
///
/// # Errors
/// With the folders that were searched, and what to do.
pub(crate) fn interpreter(file: &str, folder: Option<&Path>) -> Result<PathBuf, String> {
    if !cfg!(feature = "scripts") {
        return Err(
            "is a script, and this lessor was built without the feature `scripts`. Use one \
                    that has it (`lessor --version` lists features), or remove the file"
                .to_owned(),
        );
    }
    let folders = folder.map(Path::to_owned).or_else(|| usual_folder("interpreters"));
    let folders: Vec<PathBuf> = folders.into_iter().collect();
    let found = folders.iter().map(|folder| folder.join(file)).find(|path| path.is_file());
    found.ok_or_else(|| {
        let looked: Vec<String> =
            folders.iter().map(|folder| folder.join(file).display().to_string()).collect();
        format!(
            "is a script, but there is no interpreter for it: looked for {}; install it there, or \
             name its folder with interpreters = \"/usr/lib/lessor/interpreters\" below [plugins]",
            looked.join(" and ")
        )
    })
}

/// Returns `../lib/lessor/NAME` beside the program; in a checkout, `target/NAME`.
pub(crate) fn usual_folder(name: &str) -> Option<PathBuf> {
    let program = std::env::current_exe().and_then(|path| path.canonicalize()).ok()?;
    let own = program.parent()?;
    let is_checkout = ["debug", "release"].iter().any(|profile| own.ends_with(profile));
    let below = if is_checkout { Path::new("") } else { Path::new("lib/lessor") };
    Some(own.parent()?.join(below).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_distinguished_by_their_endings() {
        for (name, kind) in [
            ("10-a.wasm", PluginFileKind::Wasm),
            ("20-garden.rhai", PluginFileKind::Script("rhai.wasm")),
            ("30-speed.js", PluginFileKind::Script("javascript.wasm")),
            ("20-garden.toml", PluginFileKind::Sidecar),
            ("40-mine.py", PluginFileKind::Source),
            ("20-garden.rahi", PluginFileKind::Misspelt("rhai")),
            ("20-garden.JS", PluginFileKind::Misspelt("js")),
            ("20-garden.wsm", PluginFileKind::Misspelt("wasm")),
            ("20-garden.jsonl", PluginFileKind::Other),
            ("20-garden.wasm.bak", PluginFileKind::Other),
            ("README.md", PluginFileKind::Other),
            ("js", PluginFileKind::Other),
        ] {
            assert_eq!(PluginFileKind::of(Path::new(name)), kind, "{name}");
        }
    }

    #[test]
    #[cfg(feature = "scripts")]
    fn a_missing_interpreter_is_reported_with_its_place() {
        let mistake = interpreter("rhai.wasm", Some(Path::new("/nowhere"))).unwrap_err();
        assert!(mistake.contains("looked for /nowhere/rhai.wasm; install it"), "{mistake}");
        let mistake = interpreter("none.wasm", None).unwrap_err();
        assert!(mistake.contains("interpreters/none.wasm"), "{mistake}");
    }
}

//! The files that a generation is made of, as they were before they were read.

use std::path::{Path, PathBuf};

use lessor_config::{Configuration, PluginSettings};
use lessor_files::Stamp;

use super::{FILE_OCTETS_MAX, files_of};
use crate::{
    plugin_folder::PluginFolder,
    scripts::{self, PluginFileKind},
};

/// The folder of policies in a copy.
pub(super) const PLUGINS: &str = "plugins";
/// The folder of interpreters in a copy.
pub(super) const INTERPRETERS: &str = "interpreters";
/// The folder of files of classes, reservations and sources in a copy.
const FILES: &str = "files";
/// The configuration file in a copy.
const CONFIGURATION: &str = "lessor.toml";

/// The files that a generation is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// The folder that a copy goes to.
    pub(super) store: PathBuf,
    /// The first is the configuration file.
    pub(super) files: Vec<CopiedFile>,
    plugins: Option<PluginSettings>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CopiedFile {
    pub(super) original: PathBuf,
    /// The path in the copy, below its folder.
    pub(super) copy: PathBuf,
    pub(super) stamp: Option<Stamp>,
}

impl Inputs {
    /// Returns the files that the generation of a configuration is made of. Must be called after
    /// the configuration was read and before anything else is; `stamp` is that of the configuration
    /// file before it was read. Returns `None` for a store in memory, which has no place for a
    /// copy.
    pub(crate) fn of(
        path: &Path,
        stamp: Option<Stamp>,
        configuration: &Configuration,
    ) -> Option<Self> {
        let store = configuration.store.backend.state_folder()?.to_owned();
        let original = std::path::absolute(path).ok()?;
        let mut files = vec![CopiedFile { original, copy: CONFIGURATION.into(), stamp }];
        if let Some(settings) = &configuration.plugins {
            files.extend(of_plugins(settings));
        }
        let mut lookups = configuration.lookups.clone();
        let needed = lookups.iter_mut().flat_map(|lookup| files_of(&mut lookup.kind));
        for (number, place) in needed.enumerate() {
            let stamp = Stamp::of(place);
            // A larger table is not copied.
            let is_small = stamp.is_some_and(|stamp| stamp.octets() <= FILE_OCTETS_MAX);
            if is_small && !files.iter().any(|file| file.original == *place) {
                let copy = Path::new(FILES).join(number.to_string());
                files.push(CopiedFile { original: place.clone(), copy, stamp });
            }
        }
        for (number, file) in configuration.class_files.iter().enumerate() {
            let copy = Path::new(FILES).join(format!("class-{number}"));
            files.push(CopiedFile { original: file.path.clone(), copy, stamp: Some(file.stamp) });
        }
        for (number, file) in configuration.reservation_files.iter().enumerate() {
            let copy = Path::new(FILES).join(format!("reservations-{number}"));
            let stamp = Some(file.stamp);
            files.push(CopiedFile { original: file.path.clone(), copy, stamp });
        }
        Some(Self { store, files, plugins: configuration.plugins.clone() })
    }

    /// Returns whether every file was written long enough ago that another write would change its
    /// stamp.
    pub(super) fn are_settled(&self) -> bool {
        self.files.iter().all(|file| file.stamp.is_some_and(|stamp| stamp.is_settled()))
    }

    /// Returns whether the files, and the names in the plugin directory, are unchanged since they
    /// were read.
    pub(super) fn are_unchanged(&self) -> bool {
        let of_plugins = self.plugins.iter().flat_map(of_plugins);
        let is_of_plugins = |file: &&CopiedFile| {
            file.copy.starts_with(PLUGINS) || file.copy.starts_with(INTERPRETERS)
        };
        self.files
            .iter()
            .all(|file| file.stamp.is_some() && file.stamp == Stamp::of(&file.original))
            && of_plugins.eq(self.files.iter().filter(is_of_plugins).cloned())
    }
}

/// Lists policies, scripts, sidecar files and interpreters.
fn of_plugins(settings: &PluginSettings) -> Vec<CopiedFile> {
    // A directory that cannot be read counts as empty; the generation reports why.
    let PluginFolder { plugins, sidecars, .. } =
        PluginFolder::list(&settings.directory).unwrap_or_default();
    let input = |path: PathBuf, folder: &str| {
        let copy = Path::new(folder).join(path.file_name().unwrap_or_default());
        CopiedFile { stamp: Stamp::of(&path), original: path, copy }
    };
    let mut interpreters = Vec::new();
    for path in &plugins {
        if let PluginFileKind::Script(interpreter) = PluginFileKind::of(path) {
            let folder = settings.interpreters.as_deref();
            interpreters.extend(scripts::interpreter(interpreter, folder));
        }
    }
    let own = plugins.into_iter().chain(sidecars);
    let mut files: Vec<CopiedFile> = own.map(|path| input(path, PLUGINS)).collect();
    interpreters.sort();
    interpreters.dedup();
    files.extend(interpreters.into_iter().map(|path| input(path, INTERPRETERS)));
    files
}

//! The last accepted generation: a private copy of what the server last began to serve, so that a
//! start with a broken configuration or policy serves with the copy.
//!
//! ```text
//! <store.path>/last-accepted/              folders 0700, files 0600: there may be secrets in them
//! <store.path>/last-accepted/manifest.json what was copied from where, with SHA-256
//! <store.path>/last-accepted/lessor.toml   the configuration file
//! <store.path>/last-accepted/plugins/      policies, scripts and the files beside them
//! <store.path>/last-accepted/interpreters/ what runs the scripts
//! <store.path>/last-accepted/compiled/     the compiled code of both, if it was at hand
//! <store.path>/last-accepted/files/        reservations, files of sources, secrets, certificates
//! <store.path>/last-accepted.new/          one that is being written, or waits for its probation
//! ```
//!
//! Databases and web services are not copied: they are queried where they are. Invariants: a copy
//! is complete and unchanged, or is not used; it is only used by the store whose folder it is in.

mod inputs;
mod writing;

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use lessor_config::Configuration;
use lessor_policy_host::Chain;
use lessor_settings::SourceKind;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::inputs::Inputs;

const FOLDER: &str = "last-accepted";
const FOLDER_NEW: &str = "last-accepted.new";
const MANIFEST: &str = "manifest.json";
/// The folder of compiled policies in a copy. The policy host checks its files.
const COMPILED: &str = "compiled";
/// The version of the format.
const VERSION: u32 = 1;
/// The largest size of a file in a copy, except files of reservations: that of a policy or a
/// configuration.
const FILE_OCTETS_MAX: u64 = 64 << 20;

/// The contents of a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Manifest {
    version: u32,
    /// When the generation was accepted; RFC 3339, UTC.
    accepted_at: String,
    /// The first is the configuration file.
    files: Vec<Copied>,
}

/// A file of a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Copied {
    original: PathBuf,
    /// The path below the folder of the copy.
    copy: PathBuf,
    /// The SHA-256 digest in hexadecimal.
    digest: String,
}

/// A copy that was read and found complete.
#[derive(Debug)]
pub(crate) struct LastAccepted {
    /// The configuration, in which the paths of copied files are replaced by those of the copies.
    pub(crate) configuration: Configuration,
    /// When the server accepted it: RFC 3339, UTC.
    pub(crate) accepted_at: String,
}

/// Why the server serves with a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fallback {
    /// When the copy was accepted: RFC 3339, UTC.
    pub accepted_at: String,
    /// The mistakes of the configuration and the policies that should serve.
    pub mistakes: Vec<String>,
}

/// Returns the folder of the compiled policies of the copy in the folder of a store.
pub(crate) fn compiled_folder(store: &Path) -> PathBuf {
    store.join(FOLDER).join(COMPILED)
}

/// Keeps a copy of a serving generation with these policies: at once, or, if it is on probation,
/// set aside until [`end_probation`]. A failure is logged: the service does not depend on it.
/// `last` is what the process kept last. A copy of the same files is not written again, because
/// that would wait for the disk that the leases are on.
pub fn keep(inputs: Option<&Inputs>, chain: &Chain, is_final: bool, last: &mut Option<Inputs>) {
    let Some(inputs) = inputs else { return };
    let is_there = inputs.store.join(FOLDER).join(MANIFEST).exists();
    if is_final && is_there && last.as_ref() == Some(inputs) && inputs.are_settled() {
        return;
    }
    *last = None;
    let compiled = chain.plugins().flat_map(|plugin| &plugin.compiled);
    let compiled = compiled.map(PathBuf::as_path);
    let kept = writing::stage(inputs, compiled).and_then(|()| match is_final {
        true => writing::promote(&inputs.store),
        false => Ok(()),
    });
    if kept.is_ok() && is_final {
        *last = Some(inputs.clone());
    }
    if let Err(error) = kept {
        tracing::warn!(
            error = format!("{error:#}"),
            "cannot keep a copy of this generation; a start with a broken configuration would \
             serve the copy before it, if there is one"
        );
    }
}

/// Ends the probation of a generation: its copy replaces the one before, or is removed.
pub fn end_probation(configuration: &Configuration, is_good: bool) {
    let Some(store) = configuration.store.backend.state_folder() else { return };
    if !is_good {
        return writing::discard(store);
    }
    if let Err(error) = writing::promote_if_staged(store) {
        tracing::warn!(error = format!("{error:#}"), "the copy of this generation is not used");
    }
}

/// Returns the configuration of the copy that a start with the configuration file at `path` falls
/// back on; it names the copied files. `current` is the configuration in that file, unless it has
/// mistakes.
///
/// # Errors
/// If there is none, or it is damaged, or belongs to another store.
pub fn configuration(
    path: &Path,
    current: Option<&Configuration>,
) -> anyhow::Result<Configuration> {
    let found = match current {
        Some(current) => {
            read(current.store.backend.state_folder().context("leases are kept in memory")?)?
        }
        None => read_despite_mistakes(path)?,
    };
    Ok(found.configuration)
}

/// Reads the copy in the folder of a store.
///
/// # Errors
/// If there is none, or it is damaged, or belongs to another store.
pub(crate) fn read(store: &Path) -> anyhow::Result<LastAccepted> {
    let folder = store.join(FOLDER);
    let path = folder.join(MANIFEST);
    let text = match lessor_files::read(&path, FILE_OCTETS_MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
            "this server has not accepted a generation yet: {} does not exist",
            path.display()
        ),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let manifest: Manifest = serde_json::from_slice(&text)
        .with_context(|| format!("{} is damaged or has another version", path.display()))?;
    ensure!(manifest.version == VERSION, "{} has another version", path.display());
    for file in &manifest.files {
        let path = folder.join(&file.copy);
        let digest = pass_on(&path, &mut io::sink())
            .with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(digest == file.digest, "{} was changed or is damaged", path.display());
    }
    let first = manifest.files.first().context("the copy has no configuration file")?;
    let text = lessor_files::read_text(&folder.join(&first.copy), FILE_OCTETS_MAX)?;
    // Relative paths start at the folder of the original.
    let base = first.original.parent().unwrap_or(Path::new(""));
    let name = folder.join(&first.copy).display().to_string();
    let stand_in = |path: &Path| manifest.copy_of(&folder, path).unwrap_or_else(|| path.to_owned());
    let configuration = lessor_config::parse_with_copies(&name, &text, base, &stand_in);
    let mut configuration = configuration.map_err(|mistakes| {
        anyhow::anyhow!("this version of the server rejects it: {}", mistakes.render(false))
    })?;
    let named = configuration.store.backend.state_folder();
    // A relative path is complete in the copy, but may not be where the server was started.
    let whole = |path: &Path| std::path::absolute(path).ok();
    ensure!(
        named.and_then(whole).is_some_and(|named| Some(named) == whole(store)),
        "it keeps its leases in another store than {}: {}",
        store.display(),
        named.map_or_else(|| "in memory".to_owned(), |named| named.display().to_string())
    );
    manifest.redirect(&folder, &mut configuration);
    Ok(LastAccepted { configuration, accepted_at: manifest.accepted_at })
}

/// As [`read`], for the store that a configuration file names although it has mistakes.
///
/// # Errors
/// As [`read`], or if the file does not clearly say where its store is.
pub(crate) fn read_despite_mistakes(configuration: &Path) -> anyhow::Result<LastAccepted> {
    let text = lessor_files::read_text(configuration, FILE_OCTETS_MAX).with_context(|| {
        format!("{} cannot be read, so it does not say where leases are", configuration.display())
    })?;
    let base = configuration.parent().unwrap_or(Path::new(""));
    let store = lessor_config::store_folder_despite_mistakes(&text, base)
        .context("the configuration does not clearly say where leases are ([store])")?;
    read(&store)
}

impl Manifest {
    fn copy_of(&self, folder: &Path, original: &Path) -> Option<PathBuf> {
        let file = self.files.iter().find(|file| file.original == *original)?;
        Some(folder.join(&file.copy))
    }

    /// Makes a configuration read the copied files.
    fn redirect(&self, folder: &Path, configuration: &mut Configuration) {
        let redirect = |path: &mut PathBuf| {
            if let Some(copy) = self.copy_of(folder, path) {
                *path = copy;
            }
        };
        if let Some(plugins) = &mut configuration.plugins {
            plugins.directory = folder.join(inputs::PLUGINS);
            plugins.interpreters = Some(folder.join(inputs::INTERPRETERS));
        }
        for lookup in &mut configuration.lookups {
            files_of(&mut lookup.kind).into_iter().for_each(redirect);
        }
    }
}

/// Returns the files that a source needs and that are copied.
fn files_of(kind: &mut SourceKind) -> Vec<&mut PathBuf> {
    let files: Vec<Option<&mut PathBuf>> = match kind {
        SourceKind::Csv(file) => vec![Some(&mut file.path)],
        SourceKind::Json(file) => vec![Some(&mut file.path)],
        SourceKind::Sqlite(..) => Vec::new(),
        SourceKind::Postgresql(database, _) => {
            vec![database.password_file.as_mut(), database.ca_file.as_mut()]
        }
        SourceKind::Http(service, _) => {
            vec![service.bearer_token_file.as_mut(), service.ca_file.as_mut()]
        }
        SourceKind::Radius(server, _) => {
            vec![Some(&mut server.secret_file), server.password_file.as_mut()]
        }
    };
    files.into_iter().flatten().collect()
}

/// Writes the contents of a file to `to`, and returns their SHA-256 digest in hexadecimal.
fn pass_on(path: &Path, to: &mut impl Write) -> io::Result<String> {
    const OCTETS_MAX: u64 = {
        let of_reservations = lessor_config::RESERVATION_FILE_OCTETS_MAX;
        if of_reservations > FILE_OCTETS_MAX { of_reservations } else { FILE_OCTETS_MAX }
    };
    let mut file = lessor_files::open(path)?.take(OCTETS_MAX.saturating_add(1));
    let (mut digest, mut passed) = (Sha256::new(), 0);
    let mut octets = vec![0; 64 << 10];
    loop {
        let read = file.read(&mut octets)?;
        let Some(octets) = octets.get(..read).filter(|octets| !octets.is_empty()) else { break };
        digest.update(octets);
        to.write_all(octets)?;
        passed += octets.len() as u64;
    }
    if passed > OCTETS_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(hex::encode(digest.finalize()))
}

#[cfg(test)]
mod tests;

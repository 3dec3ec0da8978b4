//! TOML to checked configuration. All that is wrong with a file is reported at once, each mistake
//! with its line, what was wanted there, and what to do.
//!
//! Nothing here acts on what the file says: no socket is opened and no folder made. A
//! [`Configuration`] that was handed out needs no further checks, except those that only the
//! running system can answer (does the interface exist, may the folder be written).

mod collector;
mod file;
mod mistake;
mod settings;
mod source;

use std::path::Path;

pub use file::FILE_OCTETS_MAX;
pub use mistake::{MISTAKES_MAX, Mistake, Mistakes};
pub use settings::{
    Configuration, ControlSettings, JournalSettings, LogFormat, LogLevel, LogSettings, OnFailure,
    PluginSettings, ServerSettings, Sidecar, StoreBackend, StoreSettings,
};

use collector::{Collector, Draft};
use source::Source;

/// Reads a configuration file. Relative paths in it start at the file's folder.
///
/// # Errors
/// Everything that is wrong with it, a file that cannot be read included.
pub fn load(path: &Path) -> Result<Configuration, Mistakes> {
    let text = file::read(path)?;
    parse(&path.display().to_string(), &text, path.parent().unwrap_or(Path::new("")))
}

/// Reads a configuration from text. Mistakes call it `name`; relative paths in it start at `base`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(name: &str, text: &str, _base: &Path) -> Result<Configuration, Mistakes> {
    let collector = Collector::new(Source::new(name, text));
    collector.report_file(Draft::found("this build reads no configuration yet"));
    Err(collector.into_mistakes())
}

/// Reads the file beside a plugin: `NN-name.toml` for `NN-name.wasm`. A plugin without such a file
/// has [`Sidecar::default`].
///
/// # Errors
/// Everything that is wrong with it, a file that cannot be read included.
pub fn load_sidecar(path: &Path) -> Result<Sidecar, Mistakes> {
    let text = file::read(path)?;
    parse(&path.display().to_string(), &text, Path::new("")).map(|_| Sidecar::default())
}

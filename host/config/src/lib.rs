//! Reads TOML into a checked configuration. All mistakes of a file are reported at once, each with
//! its line, what was wanted there, and what to do.
//!
//! Does not act on the configuration: opens no sockets and creates no folders. Of the files that
//! the configuration names, only those that hold reservations are read, because they are a part of
//! it. A returned [`Configuration`] needs no further checks, except those that depend on the
//! running system (whether an interface exists or a folder is writable).

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod case;
mod classes;
mod collector;
mod declarations;
mod document;
mod file;
mod file_position;
mod hosts;
mod identifiers;
mod json;
mod lenient;
mod lookups;
mod mistake;
mod network;
mod networks;
mod notes;
mod option_rules;
mod options;
mod own_addresses;
mod parts;
mod pool;
mod reader;
mod reservation;
mod reservation_files;
mod reserved;
mod roster;
mod scope;
mod secrets;
mod sections;
mod selection;
mod settings;
mod shapes;
mod sidecar;
mod source;
mod spaces;
mod subnet;
mod suggest;
mod syntax;
mod values;
mod vpns;

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
};

use lessor_vocabulary::Catalogue;

pub use case::{
    Case, CaseLease, CaseReply, CaseRequest, Expectation, ExpectedOptions, LOOKUPS_MAX,
    PARAMETERS_MAX, POOLS_MAX, PlannedName, ReplyTerms, SUB_OPTIONS_MAX, load_case, parse_case,
};
pub use classes::CLASSES_MAX;
pub use declarations::VENDORS_MAX;
pub use file::FILE_OCTETS_MAX;
pub use hosts::HOSTS_ENTRIES_MAX;
pub use identifiers::IDENTIFIER_KINDS_MAX;
pub use lenient::{FoundValue, look_up, store_folder_despite_mistakes};
pub use lookups::{
    LOOKUP_CACHE_ENTRIES_MAX, LOOKUP_CONCURRENCY_MAX, LOOKUP_DEADLINE_MS_MAX,
    LOOKUP_DEADLINE_MS_MIN, LOOKUP_QUEUE_MAX, LOOKUP_ROWS_MIN_MAX,
};
pub use mistake::{MISTAKES_MAX, Mistake, Mistakes};
pub use notes::without_effect;
pub use options::OPTION_OCTETS_MAX;
pub use reservation_files::{RESERVATION_FILE_OCTETS_MAX, RESERVATION_ROW_OCTETS_MAX};
pub use sections::{
    JOURNAL_FILE_MIB_RANGE, JOURNAL_FILES_RANGE, JOURNAL_FREE_MIB_MAX, ROLLBACK_FAULTS_MAX,
    SOCKET_PATH_OCTETS_MAX, WAITING_CHANGES_MAX, WAITING_MESSAGES_MAX, WORKERS_MAX,
};
pub use selection::RELAY_ADDRESSES_MAX;
pub use settings::{
    ClassFile, Configuration, ControlSettings, HostsSettings, JournalSettings, LogFormat, LogLevel,
    LogSettings, MetricsSettings, PluginSettings, ReservationFile, RollbackSettings,
    ServerSettings, Sidecar, StoreSettings, UntilCompiled,
};
pub use source::SHOWN_LINE_OCTETS_MAX;
pub use subnet::{OFFER_HOLD_SECS_MAX, PREFIX_LENGTH_MIN};
pub use suggest::nearest;
pub use values::parse_duration;

use collector::Collector;
use reader::Table;
use source::SourceFile;

/// Reads a configuration file. Relative paths in it start at the file's folder.
///
/// # Errors
/// All mistakes in the file, or the reason why it cannot be read.
pub fn load(path: &Path) -> Result<Configuration, Mistakes> {
    load_on_host(path, &|_| Vec::new())
}

/// Reads a configuration file on the host that it is for. Suggested pools then leave out the
/// addresses of the interfaces that the file names, which `addresses_of` returns.
///
/// # Errors
/// All mistakes in the file, or the reason why it cannot be read.
pub fn load_on_host(
    path: &Path,
    addresses_of: &dyn Fn(&str) -> Vec<Ipv4Addr>,
) -> Result<Configuration, Mistakes> {
    let text = file::read(path)?;
    let base = path.parent().unwrap_or(Path::new(""));
    let around = Surroundings { base, addresses_of, stand_in: &Path::to_owned };
    read_document(&path.display().to_string(), text, &around)
}

/// Reads a configuration from text. Mistakes refer to it as `name`; relative paths in it start at
/// `base`.
///
/// # Errors
/// All mistakes in the text.
pub fn parse(name: &str, text: &str, base: &Path) -> Result<Configuration, Mistakes> {
    parse_with_copies(name, text, base, &Path::to_owned)
}

/// Does the same, but reads each file of reservations and of classes from the path that `stand_in`
/// returns for the path in the text.
///
/// # Errors
/// All mistakes in the text.
pub fn parse_with_copies(
    name: &str,
    text: &str,
    base: &Path,
    stand_in: &dyn Fn(&Path) -> PathBuf,
) -> Result<Configuration, Mistakes> {
    let around = Surroundings { base, addresses_of: &|_| Vec::new(), stand_in };
    read_document(name, text.to_owned(), &around)
}

/// Reads the folders of plugins and interpreters from a configuration file, ignoring all other
/// mistakes in it, so that plugins can be checked in the same run.
pub fn plugin_settings(path: &Path) -> Option<PluginSettings> {
    let table: toml::Table = file::read(path).ok()?.parse().ok()?;
    let plugins = table.get("plugins")?;
    let base = path.parent().unwrap_or(Path::new(""));
    let folder = |key| Some(base.join(plugins.get(key)?.as_str()?));
    let (directory, interpreters) = (folder("directory")?, folder("interpreters"));
    Some(PluginSettings { directory, interpreters, ..PluginSettings::default() })
}

/// Reads the options and vendors that a configuration file declares, ignoring all mistakes in it,
/// so that plugins can be checked in the same run.
pub fn declared(path: &Path) -> Arc<Catalogue> {
    let Ok(text) = file::read(path) else { return Arc::default() };
    let collector = Collector::new(SourceFile::new(&path.display().to_string(), text));
    let document = syntax::parse(&collector);
    let root = Table::open(&collector, &shapes::DOCUMENT, document.get_ref(), document.span());
    Arc::new(declarations::read(&root, &collector))
}

/// Reads the sidecar file of a plugin: `NN-name.toml` for `NN-name.wasm`. A plugin without such a
/// file has [`Sidecar::default`].
///
/// # Errors
/// All mistakes in the file, or the reason why it cannot be read.
pub fn load_sidecar(path: &Path) -> Result<Sidecar, Mistakes> {
    let text = file::read(path)?;
    let collector = Collector::new(SourceFile::new(&path.display().to_string(), &text));
    finish(sidecar::read(&collector), collector)
}

/// The context of a configuration file.
struct Surroundings<'s> {
    /// The folder at which relative paths start.
    base: &'s Path,
    /// Returns the addresses of an interface of the host.
    addresses_of: &'s dyn Fn(&str) -> Vec<Ipv4Addr>,
    /// Returns the path to read instead of that of a file of reservations or of a class.
    stand_in: &'s dyn Fn(&Path) -> PathBuf,
}

fn read_document(
    name: &str,
    text: String,
    around: &Surroundings,
) -> Result<Configuration, Mistakes> {
    let source = SourceFile::new(name, text);
    let collector = Collector::new(source.clone());
    if let Some(read) = document::read_in_parts(&collector, around) {
        return finish(read, collector);
    }
    // Everything is read again, so that mistakes found so far are reported again with their
    // positions.
    let collector = Collector::new(source);
    finish(document::read(&collector, around), collector)
}

/// Returns the result, unless a mistake was reported.
fn finish<T>(read: Option<T>, collector: Collector) -> Result<T, Mistakes> {
    read.filter(|_| collector.is_empty()).ok_or_else(|| collector.into_mistakes())
}

//! The description of a plugin, and the report on what it contains.

use std::{path::PathBuf, sync::Arc, time::Duration};

use lessor_settings::{Capability, FailurePolicy, Grants, PluginLimits, PluginMode};
use lessor_vocabulary::Catalogue;
use serde::Serialize;

use crate::{Named, hook::Hook};

/// A plugin as the operator installed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginSource {
    /// The name: that of the file without its extension, `10-garden`.
    pub name: String,
    /// The file: a component, a core module that describes its interfaces, or a script.
    pub path: PathBuf,
    /// The interpreter that runs the file, if that is a script.
    pub interpreter: Option<PathBuf>,
    /// The argument of `configure`: a JSON object.
    pub settings_json: String,
    /// The capabilities that it is granted.
    pub grants: Grants,
    /// Its limits.
    pub limits: PluginLimits,
    /// What happens to a packet when the plugin fails.
    pub on_failure: FailurePolicy,
    /// Whether it decides.
    pub mode: PluginMode,
    /// The options that it can name.
    pub catalogue: Arc<Catalogue>,
}

/// What a plugin file contains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PluginReport {
    /// The plugin.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// The interpreter that runs the file, if that is a script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<PathBuf>,
    /// Whether it decides; live if it was only inspected.
    pub mode: PluginMode,
    /// The hooks that it has.
    pub hooks: Vec<Hook>,
    /// The capabilities that it imports.
    pub capabilities: Vec<Capability>,
    /// The interfaces of the contract that it exports, with their versions.
    pub exports: Vec<String>,
    /// The interfaces of the contract that it imports, with their versions.
    pub imports: Vec<String>,
    /// SHA-256 of the file, in hexadecimal.
    pub digest: String,
    /// The size of the file, in octets.
    pub octets: u64,
    /// The memory that an instance starts with, in octets.
    pub memory_bytes_min: u64,
    /// The table elements that an instance starts with.
    pub table_elements_min: u64,
    /// The imports that it is not granted: calling one of them ends the call of the plugin.
    pub denied_imports: Vec<String>,
    /// How long it took to compile or to read from the cache; `None` if it was only inspected.
    #[serde(rename = "prepared-ms", serialize_with = "milliseconds")]
    pub prepared_in: Option<Duration>,
    /// Whether the compiled code came from the cache.
    pub from_cache: bool,
    /// The files of the cache that make the next start fast, as far as they exist.
    #[serde(skip)]
    pub compiled: Vec<PathBuf>,
    /// The pools and sources that a script names literally.
    #[serde(skip)]
    pub named: Vec<Named>,
}

fn milliseconds<S: serde::Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => serializer.serialize_some(&(duration.as_secs_f64() * 1_000.0)),
        None => serializer.serialize_none(),
    }
}

//! The checked configuration that the rest of the server uses.
//!
//! All paths are resolved: a relative path in the file starts at the file's folder.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use lessor_core::{HostName, Topology};
use lessor_files::Stamp;
use lessor_settings::{
    FailurePolicy, Grants, PluginLimits, PluginMode, SourceSettings, StoreBackend,
};

/// The contents of a configuration file, including defaults.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// `[server]`
    pub server: ServerSettings,
    /// `[store]`
    pub store: StoreSettings,
    /// `[plugins]`; `None` if the file has no such table.
    pub plugins: Option<PluginSettings>,
    /// `[[lookup]]`, in the order of the file.
    pub lookups: Vec<SourceSettings>,
    /// `[control]`
    pub control: ControlSettings,
    /// `[journal]`; `None` if the file has no such table.
    pub journal: Option<JournalSettings>,
    /// `[hosts]`; `None` if the file has no such table.
    pub hosts: Option<HostsSettings>,
    /// `[metrics]`; `None` if the file has no such table.
    pub metrics: Option<MetricsSettings>,
    /// `[log]`
    pub log: LogSettings,
    /// The files with values that classes compare, in the order in which classes name them.
    pub class_files: Vec<ClassFile>,
    /// The files of reservations, in the order in which the configuration names them.
    pub reservation_files: Vec<ReservationFile>,
    /// `[[subnet]]`, `[[class]]`, `[options]`, `[[option]]` and `[[vendor]]`, with the reservations
    /// of all files. There is at least one subnet, and no two overlap.
    pub topology: Topology,
}

/// A file of reservations that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservationFile {
    /// The file.
    pub path: PathBuf,
    /// The state of the file when it was read.
    pub stamp: Stamp,
    /// The number of reservations in it.
    pub reservations: u64,
}

/// A file with values that classes compare, which was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassFile {
    /// The file.
    pub path: PathBuf,
    /// The state of the file when it was read.
    pub stamp: Stamp,
    /// The number of values in it.
    pub values: u64,
}

impl Configuration {
    /// The folder with plugins; `None` if the file has no `[plugins]`.
    pub fn plugin_directory(&self) -> Option<&Path> {
        self.plugins.as_ref().map(|plugins| plugins.directory.as_path())
    }
}

/// Where the server listens, and how it identifies itself. At least one of `interfaces` and
/// `listen` is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// The names of the interfaces with clients on their links, without duplicates.
    pub interfaces: Vec<String>,
    /// The addresses that relays send to, without duplicates. The port defaults to 67.
    pub listen: Vec<SocketAddrV4>,
    /// The number of threads that serve packets; `None` for one per core.
    pub workers: Option<NonZeroUsize>,
    /// The value of option 54; `None` for the address that the request arrived at.
    pub server_identifier: Option<Ipv4Addr>,
    /// The size of the send buffer that each socket requests, in octets.
    pub send_buffer_octets: usize,
    /// The user that the server switches to if root starts it; `None` to stay root.
    pub user: Option<String>,
    /// The group that it switches to; `None` for the user's group.
    pub group: Option<String>,
    /// The maximum number of messages that wait in one thread before some are dropped.
    pub waiting_messages_max: usize,
}

/// The storage of leases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The kind of store.
    pub backend: StoreBackend,
    /// The maximum number of lease changes that wait to be made durable before new packets are
    /// dropped.
    pub waiting_changes_max: usize,
}

/// The folders and settings of plugins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginSettings {
    /// The folder with `NN-name.wasm`, scripts such as `NN-name.rhai`, and `NN-name.toml`.
    pub directory: PathBuf,
    /// The folder with the interpreters of scripts; `None` for the default of an installation.
    pub interpreters: Option<PathBuf>,
    /// The folder for compiled components. The default is `compiled` in the store's folder, or
    /// `None` if leases are kept in memory.
    pub cache: Option<PathBuf>,
    /// When a new generation is rolled back; `None` for never.
    pub rollback: Option<RollbackSettings>,
    /// What serves until the policies of a start are compiled.
    pub until_compiled: UntilCompiled,
}

/// What serves until the policies of a start are compiled, if the last accepted generation is not
/// compiled either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UntilCompiled {
    /// Nothing: clients wait, since no answer is better than one without policies.
    #[default]
    Wait,
    /// The configuration without policies.
    NoPolicies,
}

/// The conditions for returning to the previous generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollbackSettings {
    /// The number of tolerated calls of policies that fail, or are not made because a policy is
    /// suspended or not ready. One more triggers a rollback.
    pub faults_max: u64,
    /// The time after a generation begins to serve in which faults count.
    pub window: Duration,
}

/// The control interface of the running server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlSettings {
    /// The Unix socket for `lessor leases`, `lessor status` and similar commands. The default is
    /// `control.sock` in the store's folder. `None` if it is disabled, or if leases are kept in
    /// memory and the file names no socket.
    pub socket: Option<PathBuf>,
}

/// The journal of events: a line of JSON for the end of each packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// The file that lines are appended to.
    pub path: PathBuf,
    /// The size at which the file is rotated, in octets.
    pub file_octets_max: u64,
    /// The number of files that are kept, including the current one; at least 2.
    pub files_max: usize,
    /// The free space that must remain on its file system, in octets, if that also holds the store.
    pub free_octets_min: u64,
}

/// The hosts file with the names of clients, for a resolver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostsSettings {
    /// The file.
    pub path: PathBuf,
    /// The domain of names that have none. Names in it are listed without it as well.
    pub domain: Option<HostName>,
    /// The maximum number of addresses in the file.
    pub entries_max: usize,
}

/// The endpoint for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricsSettings {
    /// The address and port of the HTTP server.
    pub listen: SocketAddr,
}

/// The format and level of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSettings {
    /// The format of a line.
    pub format: LogFormat,
    /// The level of the least important messages that are written.
    pub level: LogLevel,
}

/// The format of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// A JSON object for programs.
    Json,
}

/// The level of a log message; each includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the levels are those of `tracing`")]
pub enum LogLevel {
    Off,
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// The contents of a plugin's sidecar file: `NN-name.toml` for `NN-name.wasm`. A plugin without
/// such a file has the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidecar {
    /// `[settings]` as a JSON object, for the plugin's `configure`; `{}` if there is no such table.
    /// Dates and times become strings.
    pub settings_json: String,
    /// The limits of the plugin.
    pub limits: PluginLimits,
    /// What happens to a packet when the plugin fails on it.
    pub on_failure: FailurePolicy,
    /// Whether the plugin decides.
    pub mode: PluginMode,
    /// The capabilities that the plugin is granted.
    pub grants: Grants,
}

impl Default for Sidecar {
    fn default() -> Self {
        Self {
            settings_json: "{}".to_owned(),
            limits: PluginLimits::default(),
            on_failure: FailurePolicy::default(),
            mode: PluginMode::default(),
            grants: Grants::default(),
        }
    }
}

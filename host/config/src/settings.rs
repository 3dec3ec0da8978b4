//! The checked configuration: what the rest of the server reads.
//!
//! Every path is complete: what was relative in the file starts at the file's folder.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use lessor_core::Topology;
use lessor_files::Stamp;

use crate::lookup_settings::LookupSettings;

/// Everything that one configuration file says, with defaults filled in.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// `[server]`
    pub server: ServerSettings,
    /// `[store]`
    pub store: StoreSettings,
    /// `[plugins]`; none if the file has no such table.
    pub plugins: Option<PluginSettings>,
    /// `[[lookup]]`, in the order of the file.
    pub lookups: Vec<LookupSettings>,
    /// `[control]`
    pub control: ControlSettings,
    /// `[journal]`; none if the file has no such table.
    pub journal: Option<JournalSettings>,
    /// `[metrics]`; none if the file has no such table.
    pub metrics: Option<MetricsSettings>,
    /// `[log]`
    pub log: LogSettings,
    /// The files of reservations that were read, in the order in which the file names them.
    pub reservation_files: Vec<ReservationFile>,
    /// `[[subnet]]` and `[options]`, with the reservations of all files: at least one subnet, none of
    /// which overlap.
    pub topology: Topology,
}

/// A file of reservations that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservationFile {
    /// The file.
    pub path: PathBuf,
    /// How it was while it was read.
    pub stamp: Stamp,
    /// How many reservations are in it.
    pub reservations: u64,
}

impl Configuration {
    /// The folder with plugins; none if the file has no `[plugins]`.
    pub fn plugin_directory(&self) -> Option<&Path> {
        self.plugins.as_ref().map(|plugins| plugins.directory.as_path())
    }
}

/// Where the server listens and how it presents itself. At least one of `interfaces` and `listen`
/// is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// Names of the interfaces whose links have clients on them; each once.
    pub interfaces: Vec<String>,
    /// Addresses that relays send to; each once. The port is 67 where the file names none.
    pub listen: Vec<SocketAddrV4>,
    /// How many threads serve packets; none for one per core.
    pub workers: Option<NonZeroUsize>,
    /// What option 54 says; none for the address that the request arrived at.
    pub server_identifier: Option<Ipv4Addr>,
    /// The size of the send buffer that each socket requests, in octets.
    pub send_buffer_octets: usize,
    /// The user that the server switches to if root starts it; none to stay root.
    pub user: Option<String>,
    /// The group that it then belongs to; none for the user's own.
    pub group: Option<String>,
    /// How many messages of one thread may wait to be decided before some are dropped.
    pub waiting_messages_max: usize,
}

/// Where leases are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The kind of store.
    pub backend: StoreBackend,
    /// How many lease changes may wait to be made durable before new packets are dropped.
    pub waiting_changes_max: usize,
}

/// The kinds of store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreBackend {
    /// A log on disk.
    Embedded {
        /// Its folder: `leases` in the folder that the file names.
        path: PathBuf,
    },
    /// Nothing outlives the process. For trials and tests.
    Memory,
}

/// Where plugins come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginSettings {
    /// The folder with `NN-name.wasm`, scripts such as `NN-name.rhai`, and `NN-name.toml`.
    pub directory: PathBuf,
    /// The folder with what runs scripts; none for where an installation has it.
    pub interpreters: Option<PathBuf>,
    /// The folder for compiled components: `compiled` in the store's folder unless the file names
    /// another; none if the store is in memory and the file names none.
    pub cache: Option<PathBuf>,
    /// When a new generation is rolled back; none for never.
    pub rollback: Option<RollbackSettings>,
}

/// When a new generation is replaced by the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollbackSettings {
    /// How many calls of its policies may fail, or not be made because a policy is suspended or not
    /// ready; one more rolls it back.
    pub faults_max: u64,
    /// How long after it began to serve they count.
    pub window: Duration,
}

/// How the running server is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlSettings {
    /// The Unix socket for `lessor leases`, `lessor status` and the like: `control.sock` in the
    /// store's folder unless the file names another; none if the store is in memory and the file
    /// names none, or if it is switched off.
    pub socket: Option<PathBuf>,
}

/// The journal of events: a line of JSON for the end of every packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// The file that lines are appended to.
    pub path: PathBuf,
    /// How large it may become, in octets; then it is rotated.
    pub file_octets_max: u64,
    /// How many files are kept, the one that is written included; at least 2.
    pub files_max: usize,
    /// How many octets must stay free on its file system, if that also holds the store.
    pub free_octets_min: u64,
}

/// Where metrics can be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricsSettings {
    /// The address and port of the HTTP server.
    pub listen: SocketAddr,
}

/// What is logged and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSettings {
    /// The form of a line.
    pub format: LogFormat,
    /// The least important messages that are still written.
    pub level: LogLevel,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: an object of JSON.
    Json,
}

/// How important a log message is; each takes in those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LogLevel {
    Off,
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// What the file beside a plugin says: `NN-name.toml` for `NN-name.wasm`. A plugin without such a
/// file has the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidecar {
    /// `[settings]` as a JSON object, for the plugin's `configure`; `{}` if there is none. Dates
    /// and times are texts.
    pub settings_json: String,
    /// How long one call may take; none for the server's default.
    pub deadline_ms: Option<u64>,
    /// How much memory one instance may have; none for the server's default.
    pub memory_mib_max: Option<u32>,
    /// How many elements the tables of one instance may have; none for the server's default.
    pub table_elements_max: Option<usize>,
    /// How many lines the plugin may log in a second; none for the server's default.
    pub log_lines_per_sec_max: Option<u32>,
    /// What becomes of a packet when the plugin fails on it.
    pub on_failure: OnFailure,
    /// Whether the plugin decides.
    pub mode: PluginMode,
    /// What the plugin may use beside the request; each once.
    pub grants: Vec<Grant>,
    /// What bounds what it remembers.
    pub state: StateSettings,
}

/// What bounds what a plugin remembers; what is left out is as the server has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateSettings {
    /// How long a key is kept after it was last set, in seconds; none, or `u32::MAX` for "infinite",
    /// until it is removed.
    pub keep_secs: Option<u32>,
    /// How many keys there may be.
    pub keys_max: Option<usize>,
    /// How many keys messages of one line may add.
    pub line_keys_max: Option<usize>,
    /// What happens when there is no room for a key.
    pub when_full: WhenFull,
}

/// What happens when there is no room for a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// It is not added, and the plugin is told.
    #[default]
    Error,
    /// The key that was set longest ago goes.
    OldestGoesFirst,
}

/// What a plugin may use beside the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Lines in the server's log.
    Log,
    /// Numbers beside the server's own.
    Metrics,
    /// What it remembers over restarts.
    State,
    /// The sources that the server holds in memory.
    Tables,
}

/// Whether a plugin decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PluginMode {
    /// It does.
    #[default]
    Live,
    /// It is asked off the reply path, and what it says is only compared with what was decided.
    Shadow,
}

/// What becomes of a packet when a plugin fails on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The packet goes on as if the plugin were absent.
    #[default]
    Skip,
    /// The packet gets no answer.
    Drop,
}

impl Default for Sidecar {
    fn default() -> Self {
        Self {
            settings_json: "{}".to_owned(),
            deadline_ms: None,
            memory_mib_max: None,
            table_elements_max: None,
            log_lines_per_sec_max: None,
            grants: Vec::new(),
            state: StateSettings::default(),
            on_failure: OnFailure::default(),
            mode: PluginMode::default(),
        }
    }
}

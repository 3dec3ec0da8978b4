//! What an operator decides about one plugin: its limits, and what happens around it.

use serde::{Deserialize, Serialize};

use crate::StateRules;

/// The limits of one plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PluginLimits {
    /// How long a call may compute, in milliseconds of processor time; it is stopped 1 to 2 ms
    /// later.
    pub deadline_ms: u64,
    /// The maximum memory of an instance, in octets.
    pub memory_bytes_max: usize,
    /// The maximum number of table elements of an instance.
    pub table_elements_max: usize,
    /// The maximum number of lines that the plugin may log per second, and at once.
    pub log_lines_per_sec_max: u32,
    /// The limits of its state.
    pub state: StateRules,
}

impl PluginLimits {
    /// The largest deadline of a call that can be configured, in milliseconds. A client that waits
    /// longer sends again.
    pub const DEADLINE_MS_LIMIT: u64 = 1_000;
    /// The largest memory of an instance that can be configured, in octets; every worker has one.
    pub const MEMORY_BYTES_LIMIT: usize = 1 << 30;
    /// The largest number of table elements of an instance that can be configured. Tables hold the
    /// functions of a plugin that are called indirectly; few have a thousand.
    pub const TABLE_ELEMENTS_LIMIT: usize = 100_000;
    /// The largest number of lines per second that can be configured: more than an operator can
    /// read.
    pub const LOG_LINES_PER_SEC_LIMIT: u32 = 1_000;
}

/// 10 ms for a call, 64 MiB of memory, 20,000 table elements, 20 log lines per second.
impl Default for PluginLimits {
    fn default() -> Self {
        Self {
            deadline_ms: 10,
            memory_bytes_max: 64 << 20,
            table_elements_max: 20_000,
            log_lines_per_sec_max: 20,
            state: StateRules::default(),
        }
    }
}

/// What happens to a packet when a plugin faults or cannot be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailurePolicy {
    /// Continue as if the plugin were absent.
    #[default]
    Skip,
    /// Drop the packet: no answer is better than one without this plugin.
    Drop,
}

/// Whether a plugin decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginMode {
    /// The plugin decides.
    #[default]
    Live,
    /// The plugin is called off the reply path, and its decisions are only compared with those
    /// made.
    Shadow,
}

impl PluginMode {
    /// The name in files, logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Shadow => "shadow",
        }
    }
}

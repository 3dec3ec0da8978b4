//! Limits: what a policy may use, and what happens when it fails. Everything that a policy could
//! take without end has a limit here, and a test that reaches it.

use serde::{Deserialize, Serialize};

use crate::StateRules;

/// The largest plugin file that is read, in octets.
pub const PLUGIN_OCTETS_MAX: u64 = 64 << 20;
/// How many plugins a chain may have.
pub const CHAIN_PLUGINS_MAX: usize = 64;
/// How many times its deadline a call may take by the clock on the wall, where it has to wait for a
/// processor.
pub const DEADLINE_WALL_FACTOR_MAX: u32 = 10;
/// How long `configure` may compute, in milliseconds; instantiation may as long.
pub const CONFIGURE_DEADLINE_MS: u64 = 5_000;
/// The call stack of a plugin, in octets. It lies on the calling thread's own stack.
pub const STACK_OCTETS_MAX: usize = 512 << 10;
/// How many octets a plugin may hand over in one call or answer; more is a bad answer.
pub const ANSWER_OCTETS_MAX: usize = 64 << 10;
/// How many octets of a verdict's reason, or of a refusal of settings, are kept.
pub const REASON_OCTETS_MAX: usize = 256;
/// How many octets of the reason are kept that a policy gives for a fault of its own, or an
/// interpreter for not taking a script.
pub const FAILURE_OCTETS_MAX: usize = 1_024;
/// The largest script that is read, in octets.
pub const SCRIPT_OCTETS_MAX: u64 = 1 << 20;
/// How many octets the name of a pool may have.
pub const POOL_NAME_OCTETS_MAX: usize = 255;
/// How many octets the name of a subscriber may have.
pub const SUBSCRIBER_NAME_OCTETS_MAX: usize = 255;
/// How many lookups one call may plan.
pub const LOOKUPS_MAX: usize = 8;
/// How many octets the name of a lookup, or of a source, may have.
pub const LOOKUP_NAME_OCTETS_MAX: usize = 64;
/// How many octets the key of a lookup may have.
pub const LOOKUP_KEY_OCTETS_MAX: usize = 1_024;
/// How many octets of a line that a policy logs are kept.
pub const LOG_LINE_OCTETS_MAX: usize = 1_024;
/// How many numbers a policy may count and measure.
pub const METRICS_MAX: usize = 64;
/// How many octets the name of such a number may have.
pub const METRIC_NAME_OCTETS_MAX: usize = 64;
/// How many keys a policy may remember.
pub const STATE_KEYS_MAX: usize = 65_536;
/// How many octets the keys and values that a policy remembers may have in all.
pub const STATE_OCTETS_MAX: usize = 16 << 20;
/// How many octets such a key may have.
pub const STATE_KEY_OCTETS_MAX: usize = 255;
/// How many octets such a value may have.
pub const STATE_VALUE_OCTETS_MAX: usize = 4_096;
/// How many keys messages of one line may add, unless the file beside the policy says otherwise.
pub const STATE_LINE_KEYS_MAX: usize = 1_024;
/// How often, within the time that a key is kept, the time that it was last set is written to disk, if
/// its value stays the same.
pub const STATE_REFRESHES: u64 = 8;
/// How many removed keys may wait until their removal is on disk.
pub const STATE_REMOVALS_MAX: usize = 65_536;
/// How long after a change of what policies remember it is written to disk, in milliseconds.
pub const STATE_WRITE_AFTER_MS: u64 = 200;
/// How long after a failure to write it is tried again, in milliseconds.
pub const STATE_RETRY_EVERY_MS: u64 = 1_000;
/// How many octets the value of one option may have.
pub const OPTION_OCTETS_MAX: usize = 1_020;
/// How many options one call may set and remove.
pub const OPTIONS_MAX: usize = 64;
/// How many octets the values that one call sets may have in all.
pub const OPTIONS_OCTETS_MAX: usize = 4_096;
/// How many core instances, memories and tables one component may be made of. One from
/// componentize-py 0.25 has 38 core instances, as every library of Python's is a module of its own;
/// others have a handful.
pub const CORE_INSTANCES_MAX: usize = 64;
/// See [`CORE_INSTANCES_MAX`].
pub const MEMORIES_MAX: usize = 4;
/// See [`CORE_INSTANCES_MAX`].
pub const TABLES_MAX: usize = 32;
/// How many handles a component may hold at a time.
pub const HANDLES_MAX: usize = 1_000;
/// How long the plugins of a chain may compute for one packet before it is worth a warning, in
/// milliseconds: a tenth of what somebody notices who waits for an address.
pub const PACKET_WAIT_MS_WARNED: u64 = 100;
/// How much processor time the faults of a plugin may cost, in milliseconds each second, averaged over
/// [`FAULT_COST_WINDOW_SECS`]: what the calls computed that failed, and what it takes to make their
/// instances again. Beyond it, and if no single offender can be shut out, the plugin is suspended. Its
/// hook `on-lease` has as much beside it.
pub const FAULT_MS_PER_SEC: u64 = 100;
/// The same of all faults on one link: a relay, or an interface of the server.
pub const LINK_FAULT_MS_PER_SEC: u64 = 50;
/// The same of all faults of one line. Beyond it the line is shut out.
pub const LINE_FAULT_MS_PER_SEC: u64 = 10;
/// The same of all faults of one client. Beyond it the client is shut out.
pub const CLIENT_FAULT_MS_PER_SEC: u64 = 5;
/// Over how long these costs are averaged, in seconds.
pub const FAULT_COST_WINDOW_SECS: u64 = 10;
/// What one tick of the clock comes to: a call that fails within it is charged its time on the wall, in
/// milliseconds.
pub const FAULT_UNMEASURED_MS_MAX: u64 = 1;
/// How many clients, lines and links faults are counted for, each.
pub const FAULT_ACCOUNTS_MAX: usize = 512;
/// How many of those who cause faults the status names.
pub const OFFENDERS_SHOWN_MAX: usize = 10;
/// How many faults of a plugin are logged in a second; others are counted.
pub const FAULT_LINES_PER_SEC_MAX: u32 = 5;
/// How long a client, line or link is shut out the first time, in milliseconds; doubled each time
/// after.
pub const SHUT_OUT_MS_MIN: u64 = 10_000;
/// The longest that one is shut out, in milliseconds.
pub const SHUT_OUT_MS_MAX: u64 = 600_000;
/// How long a plugin is suspended the first time, in milliseconds; doubled each time after.
pub const SUSPENSION_MS_MIN: u64 = 1_000;
/// The longest suspension, in milliseconds.
pub const SUSPENSION_MS_MAX: u64 = 60_000;
/// How long after a pause the next one is as short as the first again, in milliseconds; or as long as
/// the pause was, if that is longer.
pub const FORGIVEN_AFTER_MS: u64 = 60_000;
/// How long it may take to make an instance on a worker thread, where none stands ready, in
/// milliseconds. A plugin that takes longer is missing meanwhile.
pub const INSTANCE_ON_DEMAND_MS_MAX: u64 = 20;
/// How many exchanges and lease events may wait for the shadows of a chain; what comes beyond is lost
/// to them and counted.
pub const WAITING_SAMPLES_MAX: usize = 4_096;
/// How many exchanges that a shadow differed in are kept as examples; the newest.
pub const DIFFERENCE_EXAMPLES_MAX: usize = 20;
/// How many differences of one exchange are kept and journalled. All are counted.
pub const DIFFERENCES_MAX: usize = 16;
/// How many characters of each side of a difference are kept.
pub const DIFFERENCE_CHARS_MAX: usize = 200;
/// How many instances of all plugins a process keeps at a time, unless it was made for more.
pub const INSTANCES_MAX: u32 = 2_048;
/// How many compiled components the cache keeps.
pub const CACHED_FILES_MAX: usize = 64;
/// How many octets of address space the examination or compilation of one file may take.
pub const COMPILE_MEMORY_OCTETS_MAX: u64 = 2 << 30;
/// How much processor time it may take, in seconds.
pub const COMPILE_PROCESSOR_SECS_MAX: u64 = 300;
/// How long it may take by the clock on the wall, in seconds, where it has to wait for a processor.
pub const COMPILE_WALL_SECS_MAX: u64 = 1_800;
/// How many octets of code may be made of one file.
pub const COMPILED_OCTETS_MAX: u64 = 512 << 20;

/// What one plugin may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// How long a call may compute, in milliseconds of processor time; it is stopped 1 to 2 ms later.
    pub deadline_ms: u64,
    /// How much memory an instance may have, in octets.
    pub memory_bytes_max: usize,
    /// How many elements the tables of an instance may have in all.
    pub table_elements_max: usize,
    /// How many lines it may log in a second, and at once.
    pub log_lines_per_sec_max: u32,
    /// What bounds what it remembers.
    pub state: StateRules,
}

impl Limits {
    /// The longest deadline of a call that can be asked for, in milliseconds.
    pub const DEADLINE_MS_LIMIT: u64 = 1_000;
    /// The most memory for an instance that can be asked for, in octets.
    pub const MEMORY_BYTES_LIMIT: usize = 1 << 30;
    /// The most table elements for an instance that can be asked for.
    pub const TABLE_ELEMENTS_LIMIT: usize = 100_000;

    /// The most lines in a second that can be asked for.
    pub const LOG_LINES_PER_SEC_LIMIT: u32 = 1_000;

    /// The limits that are out of range: name, what was found, smallest and largest.
    pub(crate) fn out_of_range(&self) -> impl Iterator<Item = (&'static str, u64, u64, u64)> {
        let table = self.table_elements_max as u64;
        let lines = u64::from(self.log_lines_per_sec_max);
        [
            ("deadline-ms", self.deadline_ms, 1, Self::DEADLINE_MS_LIMIT),
            (
                "memory-mib, in octets,",
                self.memory_bytes_max as u64,
                64 << 10,
                Self::MEMORY_BYTES_LIMIT as u64,
            ),
            ("table-elements", table, 1, Self::TABLE_ELEMENTS_LIMIT as u64),
            ("log-lines-per-sec", lines, 1, u64::from(Self::LOG_LINES_PER_SEC_LIMIT)),
        ]
        .into_iter()
        .filter(|(_, found, min, max)| found < min || found > max)
    }
}

/// 10 ms for a call, 64 MiB of memory, 20,000 table elements, 20 lines in a second.
impl Default for Limits {
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

/// What becomes of a packet when a plugin fails: faults, or cannot be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailurePolicy {
    /// Go on as if the plugin were absent.
    #[default]
    Skip,
    /// Drop the packet: better no answer than one without this plugin.
    Drop,
}

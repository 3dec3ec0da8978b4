//! Limits: what a policy may use, whatever is configured. Every resource that a policy could use
//! without bound has a limit here or in [`PluginLimits`], and a test that reaches it.

use lessor_settings::PluginLimits;

/// The maximum size of a plugin file, in octets.
pub const PLUGIN_OCTETS_MAX: u64 = 64 << 20;
/// The maximum number of plugins in a chain.
pub const CHAIN_PLUGINS_MAX: usize = 64;
/// The maximum wall-clock time of a call, as a multiple of its deadline, for when it has to wait
/// for a processor.
pub const DEADLINE_WALL_FACTOR_MAX: u32 = 10;
/// How long `configure` may compute, in milliseconds; the same applies to instantiation.
pub const CONFIGURE_DEADLINE_MS: u64 = 5_000;
/// The size of a plugin's call stack, in octets. It is part of the calling thread's stack.
pub const STACK_OCTETS_MAX: usize = 512 << 10;
/// The maximum size of what a plugin passes in one call or answer, in octets; more is a bad answer.
pub const ANSWER_OCTETS_MAX: usize = 64 << 10;
/// The maximum length of the text of an option's value that a plugin has the server encode, in
/// octets: room for the longest value in any form.
pub const OPTION_TEXT_OCTETS_MAX: usize = 16 << 10;
/// The number of octets that are kept of a verdict's reason, or of a refusal of settings.
pub const REASON_OCTETS_MAX: usize = 256;
/// The number of octets that are kept of the reason with which a policy ends its call, or an
/// interpreter refuses a script.
pub const FAILURE_OCTETS_MAX: usize = 1_024;
/// The maximum size of a script, in octets.
pub const SCRIPT_OCTETS_MAX: u64 = 1 << 20;
/// The maximum length of a pool's name, in octets.
pub const POOL_NAME_OCTETS_MAX: usize = 255;
/// The maximum length of a subscriber's name, in octets.
pub const SUBSCRIBER_NAME_OCTETS_MAX: usize = 255;
/// The maximum number of lookups that a plugin may plan for a message, in both rounds together, or
/// for a lease event.
pub const LOOKUPS_MAX: usize = 8;
/// The maximum length of the name of a lookup or of a source, in octets.
pub const LOOKUP_NAME_OCTETS_MAX: usize = 64;
/// The maximum length of a lookup's key, in octets.
pub const LOOKUP_KEY_OCTETS_MAX: usize = 1_024;
/// The number of octets that are kept of a line that a policy logs.
pub const LOG_LINE_OCTETS_MAX: usize = 1_024;
/// The maximum number of metrics of a policy.
pub const METRICS_MAX: usize = 64;
/// The maximum length of a metric's name, in octets.
pub const METRIC_NAME_OCTETS_MAX: usize = 64;
/// The maximum total size of the keys and values in the state of a policy, in octets.
pub const STATE_OCTETS_MAX: usize = 16 << 20;
/// The maximum length of a state key, in octets.
pub const STATE_KEY_OCTETS_MAX: usize = 255;
/// The maximum length of a state value, in octets.
pub const STATE_VALUE_OCTETS_MAX: usize = 4_096;
/// How often the time of the last set is written to disk within the time that a key is kept, if its
/// value stays the same.
pub const STATE_REFRESHES: u64 = 8;
/// The maximum number of removed keys whose removal is not on disk yet.
pub const STATE_REMOVALS_MAX: usize = 65_536;
/// The delay between a change of state and its write to disk, in milliseconds.
pub const STATE_WRITE_AFTER_MS: u64 = 200;
/// The delay before a failed write of state is retried, in milliseconds.
pub const STATE_RETRY_EVERY_MS: u64 = 1_000;
/// The maximum number of options that one call may set and remove.
pub const OPTIONS_MAX: usize = 64;
/// The maximum total size of the option values that one call sets, in octets.
pub const OPTIONS_OCTETS_MAX: usize = 4_096;
/// The maximum number of core instances of one component. One from componentize-py 0.25 has 38,
/// because every library of Python is a separate module; others have a handful.
pub const CORE_INSTANCES_MAX: usize = 64;
/// See [`CORE_INSTANCES_MAX`].
pub const MEMORIES_MAX: usize = 4;
/// See [`CORE_INSTANCES_MAX`].
pub const TABLES_MAX: usize = 32;
/// The maximum number of handles that a component may hold at a time.
pub const HANDLES_MAX: usize = 1_000;
/// The time that the plugins of a chain may compute for one packet before a warning, in
/// milliseconds: a tenth of the delay that a person notices when waiting for an address.
pub const PACKET_WAIT_MS_WARNED: u64 = 100;
/// The processor time that the faults of a plugin may cost, in milliseconds per second, averaged
/// over [`FAULT_COST_WINDOW_SECS`]: the time of the failed calls, and the time to recreate their
/// instances. Beyond it, and if no single offender can be shut out, the plugin is suspended. Its
/// hook `on-lease` has a separate budget of the same size.
pub const FAULT_MS_PER_SEC: u64 = 100;
/// The same for all faults on one link: a relay, or an interface of the server.
pub const LINK_FAULT_MS_PER_SEC: u64 = 50;
/// The same for all faults of one line. Beyond it the line is shut out.
pub const LINE_FAULT_MS_PER_SEC: u64 = 10;
/// The same for all faults of one client. Beyond it the client is shut out.
pub const CLIENT_FAULT_MS_PER_SEC: u64 = 5;
/// The window over which these costs are averaged, in seconds.
pub const FAULT_COST_WINDOW_SECS: u64 = 10;
/// The length of one tick of the clock, in milliseconds: a call that fails within it is charged its
/// wall-clock time.
pub const FAULT_UNMEASURED_MS_MAX: u64 = 1;
/// The maximum number of clients, of lines and of links that faults are counted for.
pub const FAULT_ACCOUNTS_MAX: usize = 512;
/// The number of offenders that the status names.
pub const OFFENDERS_SHOWN_MAX: usize = 10;
/// The number of faults of a plugin that are logged per second; others are only counted.
pub const FAULT_LINES_PER_SEC_MAX: u32 = 5;
/// How long a client, line or link is shut out the first time, in milliseconds; doubled each
/// further time.
pub const SHUT_OUT_MS_MIN: u64 = 10_000;
/// The longest that a client, line or link is shut out, in milliseconds.
pub const SHUT_OUT_MS_MAX: u64 = 600_000;
/// How long a plugin is suspended the first time, in milliseconds; doubled each further time.
pub const SUSPENSION_MS_MIN: u64 = 1_000;
/// The longest suspension, in milliseconds.
pub const SUSPENSION_MS_MAX: u64 = 60_000;
/// How long after a pause the next one is as short as the first again, in milliseconds; or as long
/// as the pause was, if that is longer.
pub const FORGIVEN_AFTER_MS: u64 = 60_000;
/// The maximum processor time to create an instance on a worker thread when none is ready, in
/// milliseconds. A plugin that takes longer is not called until an instance is ready.
pub const INSTANCE_ON_DEMAND_MS_MAX: u64 = 20;
/// The number of exchanges and lease events that may wait for the shadows of a chain; further ones
/// are dropped and counted.
pub const WAITING_SAMPLES_MAX: usize = 4_096;
/// The number of exchanges with differences that are kept as examples; the newest are kept.
pub const DIFFERENCE_EXAMPLES_MAX: usize = 20;
/// The number of differences of one exchange that are kept and journalled. All are counted.
pub const DIFFERENCES_MAX: usize = 16;
/// The number of characters that are kept of each side of a difference.
pub const DIFFERENCE_CHARS_MAX: usize = 200;
/// The default maximum number of instances of all plugins in a process.
pub const INSTANCES_MAX: u32 = 2_048;
/// The number of files that the cache keeps: compiled components, and what was found in files.
pub const CACHED_FILES_MAX: usize = 128;
/// The maximum address space for examining or compiling one file, in octets.
pub const COMPILE_MEMORY_OCTETS_MAX: u64 = 2 << 30;
/// The maximum processor time for it, in seconds.
pub const COMPILE_PROCESSOR_SECS_MAX: u64 = 300;
/// The maximum wall-clock time for it, in seconds, for when it has to wait for a processor.
pub const COMPILE_WALL_SECS_MAX: u64 = 1_800;
/// The maximum size of the code generated from one file, in octets.
pub const COMPILED_OCTETS_MAX: u64 = 512 << 20;

/// The limits of a plugin that are out of range: name, value, minimum and maximum.
pub(crate) fn out_of_range(
    limits: &PluginLimits,
) -> impl Iterator<Item = (&'static str, u64, u64, u64)> {
    let memory = limits.memory_bytes_max as u64;
    let table = limits.table_elements_max as u64;
    let lines = u64::from(limits.log_lines_per_sec_max);
    let lines_max = u64::from(PluginLimits::LOG_LINES_PER_SEC_LIMIT);
    [
        ("deadline-ms", limits.deadline_ms, 1, PluginLimits::DEADLINE_MS_LIMIT),
        ("memory-mib, in octets,", memory, 64 << 10, PluginLimits::MEMORY_BYTES_LIMIT as u64),
        ("table-elements", table, 1, PluginLimits::TABLE_ELEMENTS_LIMIT as u64),
        ("log-lines-per-sec", lines, 1, lines_max),
    ]
    .into_iter()
    .filter(|(_, found, min, max)| found < min || found > max)
}

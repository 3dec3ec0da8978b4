//! What the author of a plugin needs to know about a fault.

use lessor_settings::PluginLimits;

use crate::{FaultKind, Hook, fault::Fault, script::Script};

/// Adds what the author of the plugin needs to know to a fault: the hook, and what to do.
pub(crate) fn advised(
    fault: Fault,
    hook: Hook,
    limits: &PluginLimits,
    script: Option<&Script>,
) -> Fault {
    let Fault { kind, message, computed } = fault;
    let message = match kind {
        FaultKind::DeadlineExceeded => format!(
            "{hook} computed longer than its deadline, {} ms. {} Move large tables to a \
                 source for lookups, or raise deadline-ms below [limits] in the sidecar file (at \
                 most {} ms)",
            limits.deadline_ms,
            script.map_or_else(|| "Check for a loop that does not end.".to_owned(), Script::loops),
            PluginLimits::DEADLINE_MS_LIMIT
        ),
        FaultKind::StackExhausted => {
            format!("{hook}: {message}. Check whether its functions recurse without end")
        }
        FaultKind::MemoryExceeded => format!(
            "{hook}: {message}. Keep less in memory, or raise memory-mib below [limits] in \
                 the sidecar file"
        ),
        FaultKind::Trap => format!("{hook}: {message}"),
        // A bad answer names its subject already, and a reason is the plugin's own text.
        _ => return Fault { kind, message, computed },
    };
    let message = match script {
        Some(script) => format!("{}: {message}", script.file_name),
        None => message,
    };
    Fault { kind, message, computed }
}

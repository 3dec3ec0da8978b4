//! Whether addresses are probed before they are offered: `probe` and `probe-timeout-ms`.

use lessor_core::{ProbeMethod, Probing};

use crate::reader::Table;

/// The shortest and the longest time that an answer is waited for, in milliseconds. Clients repeat
/// a DISCOVER after three seconds or more (RFC 2131 section 4.1), and several addresses may be
/// probed before one is offered.
const TIMEOUT_MS: (u32, u32) = (10, 1_000);

/// Reads the keys of a level.
pub(super) fn read(table: &Table) -> Probing {
    let methods = ProbeMethod::ALL.map(|method| (method.name(), method));
    let timeout_ms = table.get("probe-timeout-ms");
    Probing {
        method: table.get("probe").and_then(|value| value.choice(&methods)),
        timeout_ms: timeout_ms.and_then(|value| value.number(TIMEOUT_MS.0, TIMEOUT_MS.1)),
    }
}

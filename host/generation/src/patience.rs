//! A warning about deadlines of plugins: how long one packet can delay all others.
//!
//! Does not calculate the delay; see [`lessor_policy_host::LongestWait`].

use lessor_policy_host::{
    Chain, LongestWait, WaitPart,
    limits::{CLIENT_FAULT_MS_PER_SEC, FAULT_MS_PER_SEC, PACKET_WAIT_MS_WARNED},
};

/// The number of plugins that are named; the others are only counted.
const NAMED_MAX: usize = 3;

/// Returns a warning if one packet can delay others for too long, in a server with this chain and
/// this number of workers.
pub fn warning(chain: &Chain, workers: usize) -> Option<String> {
    let wait = chain.longest_wait().filter(|wait| wait.wait_ms > PACKET_WAIT_MS_WARNED)?;
    Some(in_words(&wait, workers))
}

/// Logs the warning, if there is one.
pub fn log_warning(chain: &Chain, workers: usize) {
    if let Some(warning) = warning(chain, workers) {
        tracing::warn!("deadlines: {warning}");
    }
}

fn in_words(wait: &LongestWait, workers: usize) -> String {
    let LongestWait { kind, wait_ms, parts } = wait;
    let named = parts.iter().take(NAMED_MAX).map(|part| {
        let WaitPart { plugin, deadline_ms, hooks } = part;
        let hooks: Vec<&str> = hooks.iter().map(|hook| hook.name()).collect();
        format!("{plugin} {deadline_ms} ms in each of {}", hooks.join(", "))
    });
    let mut named = named.collect::<Vec<_>>().join("; ");
    if parts.len() > NAMED_MAX {
        named.push_str(&format!("; and {} others", parts.len() - NAMED_MAX));
    }
    let kind = format!("{kind:?}").to_uppercase();
    let who = match workers {
        0 | 1 => "no client is answered meanwhile, because there is one worker".to_owned(),
        workers => format!(
            "the clients of that worker, about one in {workers}, wait as long, and {workers} such \
             packets at once stop all {workers} workers"
        ),
    };
    format!(
        "one {kind} for which its plugins compute until their deadlines occupies a worker for \
         {wait_ms} ms: {who}. A client is shut out once its faults cost more than \
         {CLIENT_FAULT_MS_PER_SEC} ms of each second on average, but the next one can do the same; \
         a plugin is suspended only when the faults of all cost more than {FAULT_MS_PER_SEC} ms of \
         each second. The deadlines are: {named}. Lower deadline-ms below [limits] in the files \
         beside them; the usual 10 ms is a hundred times what a decision takes"
    )
}

#[cfg(test)]
mod tests {
    use lessor_core::RequestKind;
    use lessor_policy_host::Hook;

    use super::*;

    #[test]
    fn the_whole_chain_and_all_workers_count() {
        let part = |plugin: &str, deadline_ms, hooks: &[Hook]| WaitPart {
            plugin: plugin.into(),
            deadline_ms,
            hooks: hooks.to_vec(),
        };
        let wait = LongestWait {
            kind: RequestKind::Discover,
            wait_ms: 1_020,
            parts: vec![
                part("20-slow", 1_000, &[Hook::OnDiscover]),
                part("10-table", 10, &[Hook::PlanLookups, Hook::OnDiscover]),
            ],
        };
        let alone = in_words(&wait, 1);
        for words in [
            "one DISCOVER for which",
            "for 1020 ms: no client is answered meanwhile",
            "is suspended only when the faults of all cost more than 100 ms of each second",
            "20-slow 1000 ms in each of on-discover; 10-table 10 ms in each of plan-lookups, \
             on-discover",
        ] {
            assert!(alone.contains(words), "no {words:?} in: {alone}");
        }
        let with_others = in_words(&wait, 4);
        assert!(with_others.contains("about one in 4"), "{with_others}");
        assert!(with_others.contains("4 such packets at once stop all 4 workers"), "{with_others}");
    }
}

//! The lines of `lessor status` about plugins, beside their table: which clients and lines cause
//! faults, which are shut out, and what happens to their packets.

use std::io::{self, Write};

use lessor_policy_host::{Hook, OffenderStatus, PluginStatus, StateStatus, Suspension};
use lessor_settings::FailurePolicy;

/// The number of faulty clients and lines that are named for each plugin, unless more are shut out.
const NAMED_MAX: usize = 3;

/// The percentage from which the state of a policy counts as nearly full.
const NEARLY_FULL_PERCENT: usize = 80;

/// Returns in a word or two whether the plugin is called.
pub(super) fn state(plugin: &PluginStatus) -> String {
    match (&plugin.suspended, plugin.shut_out) {
        (Some(suspended), _) => format!("suspended until {}", suspended.until),
        (None, 0) => "asked".to_owned(),
        (None, shut_out) => format!("asked; {shut_out} shut out"),
    }
}

/// Prints a line for each suspension, and for each client or line that causes faults.
pub(super) fn print(out: &mut impl Write, plugins: &[PluginStatus]) -> io::Result<()> {
    for plugin in plugins {
        let name = &plugin.name;
        if let Some(Suspension { until, caused_by, .. }) = &plugin.suspended {
            let worst = caused_by.as_ref().map(|who| format!("; most of it by {who}"));
            writeln!(
                out,
                "plugin {name}: SUSPENDED for all packets until {until}, because its faults cost \
                 too much{}; meanwhile packets are {}",
                worst.unwrap_or_default(),
                meanwhile(plugin.on_failure)
            )?;
        }
        for offender in named(&plugin.offenders) {
            writeln!(out, "plugin {name}: {}", told(offender, meanwhile(plugin.on_failure)))?;
        }
        if let Some(state) = &plugin.state {
            remembered(out, name, state)?;
        }
        let shown = named(&plugin.offenders).filter(|found| found.shut_out.is_some()).count();
        if plugin.shut_out > shown {
            writeln!(out, "plugin {name}: {} more are shut out", plugin.shut_out - shown)?;
        }
        if let Some(Suspension { until, .. }) = &plugin.lease_events_suspended {
            writeln!(
                out,
                "plugin {name}: receives no lease events until {until}, because faults of its hook \
                 {} cost too much; packets are not affected",
                Hook::OnLease
            )?;
        }
        for offender in named(&plugin.lease_event_offenders) {
            let told = told(offender, "not reported to it");
            writeln!(out, "plugin {name}, hook {}: {told}", Hook::OnLease)?;
        }
    }
    Ok(())
}

/// Prints how full the state of a policy is, if that is worth a line.
fn remembered(out: &mut impl Write, name: &str, state: &StateStatus) -> io::Result<()> {
    let StateStatus { keys, keys_max, octets, octets_max, gave_way, refused, .. } = state;
    let is_nearly_full = keys * 100 >= keys_max * NEARLY_FULL_PERCENT
        || octets * 100 >= octets_max * NEARLY_FULL_PERCENT;
    if !is_nearly_full && *gave_way == 0 && *refused == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "plugin {name}: remembers {keys} of {keys_max} keys, {octets} of {octets_max} octets; \
         {refused} times there was no room, and {gave_way} keys gave way to others; `lessor state \
         list` shows them"
    )
}

fn named(offenders: &[OffenderStatus]) -> impl Iterator<Item = &OffenderStatus> {
    let is_named =
        |(at, offender): &(usize, &OffenderStatus)| *at < NAMED_MAX || offender.shut_out.is_some();
    offenders.iter().enumerate().filter(is_named).map(|(_, offender)| offender)
}

fn told(offender: &OffenderStatus, meanwhile: &str) -> String {
    let OffenderStatus { who, faults, cost, shut_out, .. } = offender;
    let faults = if *faults == 1 { "1 fault".to_owned() } else { format!("{faults} faults") };
    let caused = format!("{who} caused {faults}, which cost {} ms", cost.as_millis());
    match shut_out {
        Some(Suspension { until, .. }) => {
            format!("{caused}; SHUT OUT until {until}, meanwhile its packets are {meanwhile}")
        }
        None => caused,
    }
}

fn meanwhile(on_failure: FailurePolicy) -> &'static str {
    match on_failure {
        FailurePolicy::Skip => "decided without it (on-failure = skip)",
        FailurePolicy::Drop => "dropped (on-failure = drop)",
    }
}

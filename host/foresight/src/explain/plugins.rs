//! Describes what each plugin of a chain did at a hook.

use std::time::Duration;

use lessor_policy_host::{Chain, Hook, TraceEntry};

use super::{PluginStep, texts::microseconds, verdict_text};
use lessor_vocabulary::Catalogue;

/// Returns the total time of the calls of each plugin, in order.
pub(super) fn times(chain: &Chain) -> Vec<Duration> {
    chain.status().iter().map(|status| status.call_time_total).collect()
}

/// Returns what each plugin of the chain did at `hook`. `final_by` is the plugin that made the
/// terms final earlier; `before` contains the total time of the calls of each plugin before the
/// step, if there were any.
pub(super) fn plugin_steps(
    chain: &Chain,
    hook: Hook,
    trace: &[TraceEntry],
    final_by: Option<&str>,
    before: &[Duration],
    catalogue: &Catalogue,
) -> Vec<PluginStep> {
    let status = chain.status();
    let before = before.iter().copied().chain(std::iter::repeat(Duration::ZERO));
    let mut ended_by: Option<String> = None;
    let mut steps = Vec::new();
    for ((plugin, status), before) in chain.plugins().zip(&status).zip(before) {
        let mut step = PluginStep {
            plugin: plugin.name.clone(),
            hook: hook.name().to_owned(),
            not_asked: None,
            set: Vec::new(),
            verdict: None,
            fault: None,
            took_us: None,
        };
        let entry = trace.iter().find(|entry| *entry.plugin == *plugin.name);
        if let Some(entry) = entry {
            let planned = entry.planned.iter().map(|lookup| {
                format!("{}: look up {} in {}", lookup.name, lookup.key, lookup.source)
            });
            step.set = planned.chain(entry.shown_settings(catalogue)).collect();
            step.verdict = entry.verdict.as_ref().map(verdict_text);
            step.fault = entry.fault.map(|fault| match &status.last_fault {
                Some(last) if last.kind == fault => format!("{fault}: {}", last.message),
                _ => fault.to_string(),
            });
            step.took_us = Some(microseconds(status.call_time_total.saturating_sub(before)));
            if entry.verdict.is_some() {
                ended_by = Some(format!("{} ended the exchange", plugin.name));
            } else if entry.is_final() {
                ended_by = Some(made_final(&plugin.name));
            }
        } else {
            let has_hook = plugin.hooks.contains(&hook);
            step.not_asked = Some(match &ended_by {
                Some(why) if has_hook => why.clone(),
                _ if has_hook => "not asked".to_owned(),
                _ => format!("has no hook {hook}"),
            });
        }
        if final_by == Some(&*plugin.name) {
            ended_by = Some(made_final(&plugin.name));
        }
        steps.push(step);
    }
    steps
}

fn made_final(plugin: &str) -> String {
    format!("{plugin} made the terms final")
}

//! Describes what each plugin of a chain did at a hook, and what each option of a reply is from.

use std::time::Duration;

use lessor_core::{OptionOrigin, Reply, Request, option::code};
use lessor_policy_host::{Chain, Hook, Setting, TraceEntry};

use super::{OptionStep, PluginStep, texts::microseconds, verdict_text};
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

/// Returns the options of a reply, and who set each: `trace` is of the plugins that set the terms,
/// `edited` of those that edited the reply.
pub(super) fn option_steps(
    request: &Request,
    reply: &Reply,
    origins: &[(u8, OptionOrigin)],
    trace: &[TraceEntry],
    edited: &[TraceEntry],
    catalogue: &Catalogue,
) -> Vec<OptionStep> {
    let set_by = |entries: &[TraceEntry], option: u8| {
        let sets = |entry: &&TraceEntry| {
            entry.set.iter().any(|set| matches!(set, Setting::Option(code, _) if *code == option))
        };
        entries.iter().rev().find(sets).map(|entry| format!("plugin {}", entry.plugin))
    };
    let origin = |option: u8| {
        let found = origins.iter().find(|(code, _)| *code == option);
        match found.map(|(_, origin)| *origin) {
            Some(OptionOrigin::Policy) => {
                set_by(trace, option).unwrap_or_else(|| "a policy".to_owned())
            }
            Some(OptionOrigin::Reservation) => "the reservation".to_owned(),
            Some(OptionOrigin::Pool) => "the pool".to_owned(),
            Some(OptionOrigin::Subnet) => "the subnet".to_owned(),
            Some(OptionOrigin::Prefix) => "the subnet's prefix".to_owned(),
            Some(OptionOrigin::HostRequirements) => "RFC 1122".to_owned(),
            Some(OptionOrigin::Client) => "the client".to_owned(),
            Some(OptionOrigin::Server) | None => match option {
                code::LEASE_TIME if request.lease_time_secs.is_some() => {
                    "the client, within the subnet's limits".to_owned()
                }
                code::LEASE_TIME => "the subnet".to_owned(),
                code::RENEWAL_TIME | code::REBINDING_TIME => "the lease time".to_owned(),
                _ => "the server".to_owned(),
            },
        }
    };
    let lease_time_by = |option: u8| {
        let sets = |entry: &&TraceEntry| {
            entry.set.iter().any(|set| matches!(set, Setting::LeaseTimeSecs(_)))
        };
        let found = trace.iter().rev().find(sets).filter(|_| option == code::LEASE_TIME);
        found.map(|entry| format!("plugin {}", entry.plugin))
    };
    let steps = reply.options.iter().map(|(option, value)| OptionStep {
        code: *option,
        name: catalogue.shown_name(*option).to_string(),
        value: catalogue.shown(*option, value, request.options.get(code::VENDOR_CLASS)),
        set_by: set_by(edited, *option)
            .or_else(|| lease_time_by(*option))
            .unwrap_or_else(|| origin(*option)),
    });
    steps.collect()
}

fn made_final(plugin: &str) -> String {
    format!("{plugin} made the terms final")
}

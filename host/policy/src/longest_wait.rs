//! The longest time that one packet can delay others: the time that the plugins of a chain may
//! compute for it.
//!
//! Neither measures how often that happens nor reports it. A worker decides one message after
//! another, so the time for one delays all that follow.

use std::sync::Arc;

use lessor_core::RequestKind;
use lessor_settings::PluginMode;

use crate::{Chain, hook::Hook, plugin::Plugin};

/// The time that the plugins of a chain may take for one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongestWait {
    /// The kind of message that can take longest.
    pub kind: RequestKind,
    /// How long its plugins may compute in total, in milliseconds of processor time.
    pub wait_ms: u64,
    /// The share of each plugin, the largest first.
    pub parts: Vec<WaitPart>,
}

/// The share of one plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitPart {
    /// The plugin.
    pub plugin: Arc<str>,
    /// Its deadline, in milliseconds.
    pub deadline_ms: u64,
    /// The hooks that one packet may call, in order; the deadline applies to each.
    pub hooks: Vec<Hook>,
}

impl LongestWait {
    /// Computes it for the live plugins of a chain. Returns `None` if no packet calls any.
    pub(crate) fn of(plugins: &[Arc<Plugin>]) -> Option<Self> {
        let of_kind = |kind| {
            let live = plugins.iter().filter(|plugin| plugin.mode == PluginMode::Live);
            let mut parts: Vec<WaitPart> = live.filter_map(|plugin| part(plugin, kind)).collect();
            parts.sort_by_key(|part| std::cmp::Reverse(part.wait_ms()));
            let wait_ms = parts.iter().map(WaitPart::wait_ms).sum();
            (wait_ms > 0).then_some(Self { kind, wait_ms, parts })
        };
        // Of several kinds that take equally long, the most common is the first.
        RequestKind::ALL.iter().copied().filter_map(of_kind).rev().max_by_key(|wait| wait.wait_ms)
    }
}

impl WaitPart {
    /// How long the plugin may compute for one packet, in milliseconds of processor time.
    pub fn wait_ms(&self) -> u64 {
        self.deadline_ms.saturating_mul(self.hooks.len() as u64)
    }
}

impl Chain {
    /// How long one packet can occupy a worker; `None` if no packet calls a plugin.
    pub fn longest_wait(&self) -> Option<LongestWait> {
        LongestWait::of(self.all())
    }
}

fn part(plugin: &Plugin, kind: RequestKind) -> Option<WaitPart> {
    let hook = Hook::for_request(kind);
    let is_planned = plugin.hooks.planned().contains(hook);
    let has_reply = !matches!(kind, RequestKind::Decline | RequestKind::Release);
    let called = [
        (Hook::PlanLookups, is_planned),
        (Hook::PlanFurtherLookups, plugin.hooks.planned_further().contains(hook)),
        (hook, plugin.hooks.contains(hook)),
        (Hook::ReplyOptions, has_reply && plugin.hooks.contains(Hook::ReplyOptions)),
    ];
    let hooks: Vec<Hook> =
        called.into_iter().filter(|(_, is_called)| *is_called).map(|(hook, _)| hook).collect();
    let (name, deadline_ms) = (Arc::clone(&plugin.name), plugin.deadline_ms());
    (!hooks.is_empty()).then_some(WaitPart { plugin: name, deadline_ms, hooks })
}

//! Hooks: the points at which policies are called.

use std::fmt;

use lessor_core::RequestKind;
use serde::{Deserialize, Serialize};

/// A point at which policies are called; each is an interface of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// Before one of the next five hooks: plans what is looked up for the plugin.
    PlanLookups,
    /// A DISCOVER, before an address is chosen.
    OnDiscover,
    /// A REQUEST, before it is decided.
    OnRequest,
    /// A DECLINE, before the address is set aside.
    OnDecline,
    /// A RELEASE, before the lease ends.
    OnRelease,
    /// An INFORM, before it is answered.
    OnInform,
    /// A complete OFFER or ACK, before it is sent.
    ReplyOptions,
    /// A change of a lease, after it was made durable.
    OnLease,
}

impl Hook {
    /// Every hook, in the order of a packet's life.
    pub const ALL: [Self; 8] = [
        Self::PlanLookups,
        Self::OnDiscover,
        Self::OnRequest,
        Self::OnDecline,
        Self::OnRelease,
        Self::OnInform,
        Self::ReplyOptions,
        Self::OnLease,
    ];

    /// The name of the hook's interface.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PlanLookups => "plan-lookups",
            Self::OnDiscover => "on-discover",
            Self::OnRequest => "on-request",
            Self::OnDecline => "on-decline",
            Self::OnRelease => "on-release",
            Self::OnInform => "on-inform",
            Self::ReplyOptions => "reply-options",
            Self::OnLease => "on-lease",
        }
    }

    /// The hook whose interface has this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.name() == name)
    }

    /// The hook for messages of this kind.
    pub const fn for_request(kind: RequestKind) -> Self {
        match kind {
            RequestKind::Discover => Self::OnDiscover,
            RequestKind::Request => Self::OnRequest,
            RequestKind::Decline => Self::OnDecline,
            RequestKind::Release => Self::OnRelease,
            RequestKind::Inform => Self::OnInform,
        }
    }

    /// Whether the hook handles messages, so that lookups can be planned for it.
    pub const fn is_asked_about_requests(self) -> bool {
        !matches!(self, Self::PlanLookups | Self::ReplyOptions | Self::OnLease)
    }

    /// All names, for error messages.
    pub(crate) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of hooks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HookSet(u8);

impl HookSet {
    pub(crate) fn insert(&mut self, hook: Hook) {
        self.0 |= 1 << hook as u8;
    }

    pub(crate) const fn contains(self, hook: Hook) -> bool {
        self.0 & (1 << hook as u8) != 0
    }

    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The hooks in this set that lookups are planned for.
    pub(crate) const fn planned(self) -> Self {
        if self.contains(Hook::PlanLookups) { self } else { Self(0) }
    }

    /// Whether lookups are planned although no hook could read them.
    pub(crate) fn plans_for_nothing(self) -> bool {
        let is_asked = |hook: &Hook| hook.is_asked_about_requests() && self.contains(*hook);
        self.contains(Hook::PlanLookups) && !Hook::ALL.iter().any(is_asked)
    }

    /// Whether the set contains a hook of the packet path.
    pub(crate) const fn touches_packets(self) -> bool {
        self.0 & !(1 << Hook::OnLease as u8) != 0
    }
}

//! Hooks: the points at which policies are called, as the table of `lessor-vocabulary` lists them.

use std::fmt;

use lessor_core::RequestKind;
use lessor_vocabulary::{HOOKS, Shape, with_hooks};
use serde::{Deserialize, Serialize};

macro_rules! hooks {
    ($(
        $(#[$documentation:meta])*
        $Name:ident $function:ident $interface:literal: $shape:ident
        $($Kind:ident $(by $shared:ident)?)?;
    )+) => {
        /// A point at which policies are called; each is an interface of the contract.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(rename_all = "kebab-case")]
        pub enum Hook {
            $(
                #[doc = concat!("The hook `", $interface, "`.")]
                $Name,
            )+
        }

        impl Hook {
            /// Every hook, in the order of a packet's life.
            pub const ALL: [Self; HOOKS_LEN] = [$(Self::$Name),+];

            /// The name of the hook's interface.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Name => $interface,)+
                }
            }

            /// The hook for messages of this kind. A BOOTP client asks for an address, as the
            /// client of a DISCOVER does.
            pub const fn for_request(kind: RequestKind) -> Self {
                match kind {
                    $($(RequestKind::$Kind => Self::$Name,)?)+
                    RequestKind::Bootp => Self::OnDiscover,
                }
            }
        }
    };
}

/// The number of hooks.
const HOOKS_LEN: usize = HOOKS.len();

with_hooks!(hooks);

impl Hook {
    /// The hook whose interface has this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.name() == name)
    }

    /// What the hook is called with.
    pub fn shape(self) -> Shape {
        HOOKS.get(self as usize).map_or(Shape::Decide, |definition| definition.shape)
    }

    /// Whether the hook is called for lease events, off the reply path.
    pub fn is_about_leases(self) -> bool {
        matches!(self.shape(), Shape::Tell | Shape::PlanEvent)
    }

    /// Whether the hook handles messages, so that lookups can be planned for it.
    pub fn is_asked_about_requests(self) -> bool {
        self.shape() == Shape::Decide
    }

    /// All names, for error messages.
    pub(crate) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// The names of the hooks that lookups can be planned for, for error messages.
    pub(crate) fn names_about_requests() -> String {
        let hooks = Self::ALL.into_iter().filter(|hook| hook.is_asked_about_requests());
        let names: Vec<&str> = hooks.map(Self::name).collect();
        match names.as_slice() {
            [others @ .., last] => format!("{} and {last}", others.join(", ")),
            [] => String::new(),
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of hooks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HookSet(u32);

/// Every hook has a bit in a [`HookSet`].
const _: () = assert!(HOOKS_LEN <= u32::BITS as usize);

impl HookSet {
    pub(crate) fn insert(&mut self, hook: Hook) {
        self.0 |= Self::only(hook).0;
    }

    pub(crate) const fn contains(self, hook: Hook) -> bool {
        self.0 & Self::only(hook).0 != 0
    }

    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The hooks in this set that lookups are planned for.
    pub(crate) const fn planned(self) -> Self {
        if self.contains(Hook::PlanLookups) { self } else { Self(0) }
    }

    /// The hooks in this set that a second round of lookups is planned for.
    pub(crate) const fn planned_further(self) -> Self {
        if self.contains(Hook::PlanFurtherLookups) { self.planned() } else { Self(0) }
    }

    /// Whether lookups are planned for lease events.
    pub(crate) const fn plans_for_events(self) -> bool {
        self.contains(Hook::PlanLeaseLookups) && self.contains(Hook::OnLease)
    }

    /// A hook that plans lookups although the hook that it depends on is missing, and a description
    /// of that one.
    pub(crate) fn plans_in_vain(self) -> Option<(Hook, String)> {
        let is_asked = |hook: &Hook| hook.is_asked_about_requests() && self.contains(*hook);
        let is_read = Hook::ALL.iter().any(is_asked);
        let wanted = [
            (Hook::PlanLookups, is_read, None),
            (Hook::PlanFurtherLookups, self.contains(Hook::PlanLookups), Some(Hook::PlanLookups)),
            (Hook::PlanLeaseLookups, self.contains(Hook::OnLease), Some(Hook::OnLease)),
        ];
        let in_vain =
            wanted.into_iter().find(|(hook, is_there, _)| self.contains(*hook) && !is_there);
        in_vain.map(|(hook, _, wanted)| {
            (hook, wanted.map_or_else(Hook::names_about_requests, |wanted| wanted.to_string()))
        })
    }

    /// Whether the set contains a hook of the packet path.
    pub(crate) fn touches_packets(self) -> bool {
        let is_called = |hook: &Hook| !hook.is_about_leases() && self.contains(*hook);
        Hook::ALL.iter().any(is_called)
    }

    const fn only(hook: Hook) -> Self {
        Self(1 << hook as u32)
    }
}

#[cfg(test)]
mod tests {
    use lessor_vocabulary::HookDefinition;

    use super::*;

    #[test]
    fn hooks_are_distinguished_and_are_those_of_the_table() {
        for hook in Hook::ALL {
            let mut set = HookSet::default();
            set.insert(hook);
            let members: Vec<Hook> =
                Hook::ALL.into_iter().filter(|other| set.contains(*other)).collect();
            assert_eq!(members, [hook]);
            let is_of_leases = matches!(hook, Hook::OnLease | Hook::PlanLeaseLookups);
            assert_eq!(set.touches_packets(), !is_of_leases);
            assert_eq!(HookDefinition::by_name(hook.name()).unwrap().name, hook.name());
            assert_eq!(serde_json::to_value(hook).unwrap(), hook.name());
        }
        assert_eq!(
            Hook::names_about_requests(),
            "on-discover, on-request, on-decline, on-release and on-inform"
        );
    }

    #[test]
    fn lookups_are_planned_for_a_hook_that_reads_them() {
        let in_vain = |hooks: &[Hook]| {
            let mut set = HookSet::default();
            hooks.iter().for_each(|hook| set.insert(*hook));
            set.plans_in_vain().map(|(hook, _)| hook)
        };
        use Hook::{OnInform, OnLease, PlanFurtherLookups, PlanLeaseLookups, PlanLookups};
        assert_eq!(in_vain(&[PlanLookups, OnInform, PlanFurtherLookups]), None);
        assert_eq!(in_vain(&[PlanLeaseLookups, OnLease]), None);
        assert_eq!(in_vain(&[PlanLookups, OnLease]), Some(PlanLookups));
        assert_eq!(in_vain(&[PlanFurtherLookups, OnInform]), Some(PlanFurtherLookups));
        assert_eq!(in_vain(&[PlanLeaseLookups, OnInform]), Some(PlanLeaseLookups));
    }
}

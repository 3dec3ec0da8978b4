//! Hooks: the points at which the server calls policies.
//!
//! The table is [`with_hooks!`](crate::with_hooks), because other crates make types, methods and
//! exports of it. A hook that is added there is known to the server, to the SDKs and to the
//! interpreters; see `docs/contributing.md` for the rest.

/// Calls the macro `$then` with the table of hooks, in the order of a packet's life.
///
/// Each row has the documentation of the method in the SDK for Rust, then: the name as a type, the
/// name as a function, the name of the interface in the contract, and the [`Shape`]. After the
/// shape `decide` come the kind of message that the hook is about, and `by decide` if the function
/// `decide` of a script serves the hook.
///
/// ```
/// macro_rules! names {
///     ($(
///         $(#[$documentation:meta])*
///         $Name:ident $function:ident $interface:literal: $shape:ident
///         $($Kind:ident $(by $shared:ident)?)?;
///     )+) => {
///         [$($interface),+]
///     };
/// }
/// let names = lessor_vocabulary::with_hooks!(names);
/// assert!(names.contains(&"on-discover"));
/// ```
#[macro_export]
macro_rules! with_hooks {
    ($then:ident) => {
        $then! {
            /// Plans the lookups for a message before one of the next five methods is called for
            /// it. The server performs the lookups, and [`Request::lookup`] returns the answers.
            ///
            /// ```
            /// # use lessor_policy::{LookupPlan, Policy, Request, Terms, Verdict, policy};
            /// # struct Plans;
            /// #[policy]
            /// impl Policy for Plans {
            ///     fn configure(_settings: &str) -> Result<Self, String> {
            ///         Ok(Self)
            ///     }
            ///
            ///     fn plan_lookups(&mut self, request: &Request, plan: &LookupPlan) {
            ///         if let Some(line) = request.circuit_id_text() {
            ///             // Fails if the server has no such source; then nothing is found.
            ///             let _ = plan.add("line", "subscribers", &line);
            ///         }
            ///     }
            ///
            ///     fn on_discover(&mut self, request: &Request, terms: &Terms) -> Verdict {
            ///         match request.lookup("line").field("pool") {
            ///             Some(pool) => terms.set_pool(&pool),
            ///             None => terms.set_pool("walled-garden"),
            ///         }
            ///         Verdict::Proceed
            ///     }
            /// }
            /// # fn main() {}
            /// ```
            PlanLookups plan_lookups "plan-lookups": plan;
            /// Plans lookups that depend on those of [`Policy::plan_lookups`], whose answers
            /// [`Request::lookup`] returns. Called if that method planned any. This is the last
            /// round; both have at most 8 lookups together, and share the time that a message may
            /// wait.
            PlanFurtherLookups plan_further_lookups "plan-further-lookups": plan;
            /// Called when a client sends a DISCOVER. All terms apply.
            OnDiscover on_discover "on-discover": decide Discover by decide;
            /// Called when a client accepts an offer, verifies an address or extends a lease
            /// ([`Request::client_state`]). All terms apply: if they do not allow the address that
            /// the client asks for, the client gets a NAK and starts again. Therefore, decide as in
            /// [`Policy::on_discover`].
            OnRequest on_request "on-request": decide Request by decide;
            /// Called when a client has found that another host uses its address. With
            /// [`Verdict::Ignore`], the address is not quarantined. No terms apply.
            OnDecline on_decline "on-decline": decide Decline;
            /// Called when a client releases its address. With [`Verdict::Ignore`], the client
            /// keeps its lease. No terms apply.
            OnRelease on_release "on-release": decide Release;
            /// Called when a client that has an address asks for options. Of the terms, only
            /// options apply.
            OnInform on_inform "on-inform": decide Inform by decide;
            /// Called before the server sends an OFFER or ACK. The policy can read the reply and
            /// change its options.
            ReplyOptions reply_options "reply-options": edit;
            /// Plans the lookups for a lease event before [`Policy::on_lease`] is called for it,
            /// which reads the answers with [`LeaseEvent::lookup`].
            PlanLeaseLookups plan_lease_lookups "plan-lease-lookups": plan_event;
            /// Called after a lease has changed. This call runs in a separate instance and does not
            /// delay replies.
            OnLease on_lease "on-lease": tell;
        }
    };
}

/// What a hook is called with, and what it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Plans lookups for a request.
    Plan,
    /// Plans lookups for a lease event.
    PlanEvent,
    /// Sets terms for a request and returns a verdict.
    Decide,
    /// Edits a reply to a request.
    Edit,
    /// Is notified of a lease event.
    Tell,
}

/// A hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookDefinition {
    /// The name of its interface in the contract.
    pub name: &'static str,
    /// The name of the function that serves it, in snake case.
    pub function: &'static str,
    /// What it is called with.
    pub shape: Shape,
    /// Whether the function `decide` of a script can serve it.
    pub is_decision: bool,
}

macro_rules! definitions {
    ($(
        $(#[$documentation:meta])*
        $Name:ident $function:ident $interface:literal: $shape:ident
        $($Kind:ident $(by $shared:ident)?)?;
    )+) => {
        /// Every hook, in the order of `with_hooks!`.
        pub const HOOKS: &[HookDefinition] = &[
            $(HookDefinition {
                name: $interface,
                function: stringify!($function),
                shape: Shape::of(stringify!($shape)),
                is_decision: !matches!(
                    concat!($($(stringify!($shared))?)?).as_bytes(), []
                ),
            },)+
        ];
    };
}

with_hooks!(definitions);

impl Shape {
    /// The name of the function of the interface.
    pub const fn function(self) -> &'static str {
        match self {
            Self::Edit => "edit",
            Self::Plan | Self::PlanEvent | Self::Decide | Self::Tell => "handle",
        }
    }

    /// The parameters of the function, as names of objects of the script API.
    pub const fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Plan => &["request", "plan"],
            Self::PlanEvent => &["event", "plan"],
            Self::Decide => &["request", "terms"],
            Self::Edit => &["request", "reply"],
            Self::Tell => &["event"],
        }
    }

    /// The name of the shape in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::PlanEvent => "plan_event",
            Self::Decide => "decide",
            Self::Edit => "edit",
            Self::Tell => "tell",
        }
    }

    const fn of(name: &str) -> Self {
        match name.as_bytes() {
            b"plan" => Self::Plan,
            b"plan_event" => Self::PlanEvent,
            b"edit" => Self::Edit,
            b"tell" => Self::Tell,
            _ => Self::Decide,
        }
    }
}

impl HookDefinition {
    /// The hook whose interface has this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        HOOKS.iter().find(|hook| hook.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_after_interfaces_and_shapes_are_known() {
        for hook in HOOKS {
            assert_eq!(hook.function.replace('_', "-"), hook.name);
            assert_eq!(HookDefinition::by_name(hook.name), Some(hook));
            assert!(!hook.is_decision || hook.shape == Shape::Decide);
        }
        let shared = HOOKS.iter().filter(|hook| hook.is_decision).map(|hook| hook.name);
        assert!(shared.eq(["on-discover", "on-request", "on-inform"]));
        macro_rules! shapes {
            ($(
                $(#[$documentation:meta])*
                $Name:ident $function:ident $interface:literal: $shape:ident
                $($Kind:ident $(by $shared:ident)?)?;
            )+) => {
                [$(stringify!($shape)),+]
            };
        }
        let shapes = with_hooks!(shapes);
        assert!(shapes.into_iter().eq(HOOKS.iter().map(|hook| hook.shape.name())));
    }
}

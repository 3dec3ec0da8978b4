//! The macros that turn an implementation of `Policy` into a component's exports; `#[policy]`
//! expands to them.

/// Functions for the expansion of `#[policy]`, not for policy authors.
#[doc(hidden)]
pub mod __private {
    use std::cell::RefCell;

    use crate::{
        __bindings::types, LeaseEvent, LookupPlan, Policy, Reply, Request, Terms, Verdict,
    };

    /// Holds the policy of an instance after `configure`.
    pub type Slot<P> = RefCell<Option<P>>;

    /// Creates the policy from its settings and stores it in `slot`.
    pub fn configure<P: Policy>(slot: &Slot<P>, settings: &str) -> Result<(), String> {
        let policy = P::configure(settings)?;
        slot.replace(Some(policy));
        Ok(())
    }

    /// Calls a hook that plans lookups.
    pub fn plan<P: Policy>(
        slot: &Slot<P>,
        hook: fn(&mut P, &Request, &LookupPlan),
        request: &types::Request,
        plan: &types::LookupPlan,
    ) {
        configured(slot, |policy| hook(policy, &Request(request), &LookupPlan(plan)));
    }

    /// Calls a hook that plans lookups for a lease event.
    pub fn plan_event<P: Policy>(
        slot: &Slot<P>,
        hook: fn(&mut P, &LeaseEvent, &LookupPlan),
        event: &types::LeaseEvent,
        plan: &types::LookupPlan,
    ) {
        configured(slot, |policy| hook(policy, &LeaseEvent(event), &LookupPlan(plan)));
    }

    /// Calls a hook that decides about a request.
    pub fn decide<P: Policy>(
        slot: &Slot<P>,
        hook: fn(&mut P, &Request, &Terms) -> Verdict,
        request: &types::Request,
        terms: &types::Terms,
    ) -> types::Verdict {
        configured(slot, |policy| hook(policy, &Request(request), &Terms(terms)).into())
    }

    /// Calls a hook that edits a reply.
    pub fn edit<P: Policy>(
        slot: &Slot<P>,
        hook: fn(&mut P, &Request, &Reply),
        request: &types::Request,
        reply: &types::Reply,
    ) {
        configured(slot, |policy| hook(policy, &Request(request), &Reply(reply)));
    }

    /// Calls a hook about a lease event.
    pub fn tell<P: Policy>(
        slot: &Slot<P>,
        hook: fn(&mut P, &LeaseEvent),
        event: &types::LeaseEvent,
    ) {
        configured(slot, |policy| hook(policy, &LeaseEvent(event)));
    }

    fn configured<P, T>(slot: &Slot<P>, act: impl FnOnce(&mut P) -> T) -> T {
        match slot.borrow_mut().as_mut() {
            Some(policy) => act(policy),
            // The server calls `configure` first, so this line is never reached.
            None => std::process::abort(),
        }
    }
}

/// Exports the methods that `#[policy]` found, each with its shape.
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($policy:ty : $($shape:ident $method:ident,)*) => {
        const _: () = {
            struct Exported;

            ::std::thread_local! {
                static POLICY: $crate::__private::Slot<$policy> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }

            $($crate::__export_hook! { $shape $method $policy, Exported, POLICY })*
        };
    };
}

/// Exports one function, by its shape.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_hook {
    (configure $hook:ident $policy:ty, $exported:ident, $slot:ident) => {
        impl $crate::__bindings::configuring::Guest for $exported {
            fn configure(
                settings: ::std::string::String,
            ) -> ::std::result::Result<(), ::std::string::String> {
                $slot.with(|slot| $crate::__private::configure(slot, &settings))
            }
        }
        $crate::__export_function! { configuring configure $exported }
    };
    (plan $hook:ident $policy:ty, $exported:ident, $slot:ident) => {
        impl $crate::__bindings::$hook::Guest for $exported {
            fn handle(
                request: &$crate::__bindings::types::Request,
                plan: &$crate::__bindings::types::LookupPlan,
            ) {
                let hook = <$policy as $crate::Policy>::$hook;
                $slot.with(|slot| $crate::__private::plan(slot, hook, request, plan))
            }
        }
        $crate::__export_function! { $hook handle $exported }
    };
    (plan_event $hook:ident $policy:ty, $exported:ident, $slot:ident) => {
        impl $crate::__bindings::$hook::Guest for $exported {
            fn handle(
                event: &$crate::__bindings::types::LeaseEvent,
                plan: &$crate::__bindings::types::LookupPlan,
            ) {
                let hook = <$policy as $crate::Policy>::$hook;
                $slot.with(|slot| $crate::__private::plan_event(slot, hook, event, plan))
            }
        }
        $crate::__export_function! { $hook handle $exported }
    };
    (decide $hook:ident $policy:ty, $exported:ident, $slot:ident) => {
        impl $crate::__bindings::$hook::Guest for $exported {
            fn handle(
                request: &$crate::__bindings::types::Request,
                terms: &$crate::__bindings::types::Terms,
            ) -> $crate::__bindings::types::Verdict {
                let hook = <$policy as $crate::Policy>::$hook;
                $slot.with(|slot| $crate::__private::decide(slot, hook, request, terms))
            }
        }
        $crate::__export_function! { $hook handle $exported }
    };
    (edit $hook:ident $policy:ty, $exported:ident, $slot:ident) => {
        impl $crate::__bindings::$hook::Guest for $exported {
            fn edit(
                request: &$crate::__bindings::types::Request,
                reply: &$crate::__bindings::types::Reply,
            ) {
                let hook = <$policy as $crate::Policy>::$hook;
                $slot.with(|slot| $crate::__private::edit(slot, hook, request, reply))
            }
        }
        $crate::__export_function! { $hook edit $exported }
    };
    (tell $hook:ident $policy:ty, $exported:ident, $slot:ident) => {
        impl $crate::__bindings::$hook::Guest for $exported {
            fn handle(event: &$crate::__bindings::types::LeaseEvent) {
                let hook = <$policy as $crate::Policy>::$hook;
                $slot.with(|slot| $crate::__private::tell(slot, hook, event))
            }
        }
        $crate::__export_function! { $hook handle $exported }
    };
}

/// Exports the one function of a hook's interface. On targets other than WebAssembly (an editor,
/// unit tests), it only marks the function as used.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_function {
    ($hook:ident $function:ident $exported:ident) => {
        #[cfg(target_arch = "wasm32")]
        $crate::__bindings::$hook::export!($exported with_types_in $crate::__bindings::$hook);
        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            let _ = <$exported as $crate::__bindings::$hook::Guest>::$function;
        };
    };
}

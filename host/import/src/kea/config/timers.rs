//! Kea's T1 and T2 as parts of the lease time.
//!
//! Kea has them only where `calculate-tee-times` is on and no scope sets seconds; otherwise it
//! sends neither, and clients take 1/2 and 7/8, which they get here. Invariant: a scope sets what
//! differs from the scope around it.

use lessor_core::{Fraction, LeasePart};

use crate::model::Scope;

use super::Node;

/// When clients extend their leases if nothing says so, as parts of the lease time.
const RENEWAL: f64 = 0.5;
const REBINDING: f64 = 0.875;

/// Returns whether T1 and T2 are calculated anywhere.
pub(super) fn are_calculated(dhcp: &Node) -> bool {
    let is_on = |node: &Node| node.get("calculate-tee-times").and_then(Node::flag) == Some(true);
    let is_on_in = |node: &Node| {
        let subnets = node.get("subnet4").and_then(Node::list).unwrap_or_default();
        is_on(node) || subnets.iter().any(is_on)
    };
    let networks = dhcp.get("shared-networks").and_then(Node::list).unwrap_or_default();
    is_on_in(dhcp) || networks.iter().any(is_on_in)
}

/// Sets the timers of a scope within `outer`, from which the server inherits its own.
pub(super) fn set(scope: &mut Scope, outer: &Scope) {
    let parts = scope.parts.within(outer.parts).in_use();
    let inherited = outer.parts.in_use();
    let set = |timer: &mut Option<LeasePart>, outer, part: Option<Fraction>, inherited, default| {
        let has_secs = timer.is_some() || matches!(outer, Some(LeasePart::Secs(_)));
        if !has_secs && part != inherited {
            *timer = part.or(Fraction::from_number(default)).map(LeasePart::Fraction);
        }
    };
    set(&mut scope.renewal_time, outer.renewal_time, parts.0, inherited.0, RENEWAL);
    set(&mut scope.rebinding_time, outer.rebinding_time, parts.1, inherited.1, REBINDING);
}

//! `authoritative` of `dhcpd.conf`, which applies to the subnets behind it only.
//!
//! All other settings of a block apply to the blocks in it wherever they stand. Invariant: a subnet
//! of the result is authoritative if it is in dhcpd.

use crate::{dhcpd::grammar::Statement, model::Scope, report::LineOutcome};

use super::Reading;

const BEFORE: &str = "dhcpd takes `authoritative` for the subnets behind it only";

/// What a statement says.
pub(super) fn said(statement: &Statement) -> Option<bool> {
    match (statement.word(0)?, statement.word(1)) {
        ("authoritative", _) => Some(true),
        ("not", Some("authoritative")) => Some(false),
        _ => None,
    }
}

/// What a block says of itself.
pub(super) fn of_block(block: &[Statement]) -> Option<bool> {
    block.iter().rev().find_map(said)
}

impl Reading {
    /// Takes it from the subnets before which it does not stand.
    pub(super) fn keep_authority(&mut self, everywhere: &Scope) {
        for (subnet, of_subnet) in self.site.subnets.iter_mut().zip(&self.of_subnets) {
            let is = of_subnet.is_authoritative.unwrap_or(false);
            let written = subnet.scope.authoritative.or(everywhere.authoritative);
            if written.unwrap_or(false) != is {
                subnet.scope.authoritative = Some(is);
                self.report.correct(subnet.entry, LineOutcome::Carried, BEFORE);
            }
        }
    }
}

//! The levels of the configuration that apply to one reply, in descending precedence.
//!
//! Does not know what they set; `parameters` reads that. A reply asks for dozens of values, so the
//! scopes are listed once for all of them. Invariant: every scope of a list sets something.

use smallvec::SmallVec;

use crate::{Membership, OptionSet, Pool, Reservation, ScopeSettings, Subnet};

use super::OptionOrigin;

/// What one level of the configuration sets.
#[derive(Clone, Copy)]
pub(super) struct Scope<'c> {
    pub(super) origin: OptionOrigin,
    pub(super) options: &'c OptionSet,
    pub(super) settings: &'c ScopeSettings,
}

/// The scopes of one reply. Another level is one more of them.
pub(super) struct Scopes<'c>(SmallVec<[Scope<'c>; 4]>);

impl<'c> Scopes<'c> {
    /// Lists those that set something. The reservation takes precedence over the classes of the
    /// client, these over the pool, and the pool over the subnet.
    pub(super) fn new(
        reservation: Option<&'c Reservation>,
        classes: &'c Membership,
        pool: Option<&'c Pool>,
        subnet: Option<&'c Subnet>,
    ) -> Self {
        let mut scopes = Self(SmallVec::new());
        if let Some(of) = reservation {
            scopes.add(OptionOrigin::Reservation, &of.options, &of.settings);
        }
        for (position, of) in (0..).zip(classes.iter()) {
            scopes.add(OptionOrigin::Class(position), &of.options, &of.settings);
        }
        if let Some(of) = pool {
            scopes.add(OptionOrigin::Pool, &of.options, &of.settings);
        }
        if let Some(of) = subnet {
            scopes.add(OptionOrigin::Subnet, &of.options, &of.settings);
        }
        scopes
    }

    /// Every scope, in descending precedence.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Scope<'c>> {
        self.0.iter().copied()
    }

    fn add(&mut self, origin: OptionOrigin, options: &'c OptionSet, settings: &'c ScopeSettings) {
        if !options.is_empty() || !settings.is_empty() {
            self.0.push(Scope { origin, options, settings });
        }
    }
}

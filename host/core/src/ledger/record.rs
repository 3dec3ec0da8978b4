//! A record in its in-memory form: one allocation of octets, about half as large as the form that
//! other parts of the server use. A server keeps millions of records and reads a few fields of one
//! or two of them for each message.
//!
//! Does not contain the resource that it belongs to, which its slot knows. Invariant: the octets
//! are those that [`Record::new`] wrote; only the flag [`HOLDS`] ever changes.
//!
//! | octets | content |
//! |---|---|
//! | 1 | state, and the flag [`HOLDS`] |
//! | 8, 8, 8 | began, changed, expires, in milliseconds since the Unix epoch |
//! | 8 | revision |
//! | 1 or more, … | the holder: length and octets |
//! | 1 or more, … | the subscriber: length + 1, or 0 for none, and octets |
//! | rest | the facts of the family |
//!
//! A length has seven bits in each octet, lowest first, and a bit that says whether more follow.

use std::{marker::PhantomData, sync::Arc};

use crate::{BindingState, Timestamp};

use super::{
    family::{BindingRecord as _, Family, Holder, Tenure},
    octets::{OctetReader, Octets, put_length, put_part},
};

/// The flag that the record is a lease or a quarantine whose end has not been noticed yet.
const HOLDS: u8 = 0x80;
const BEGAN_AT: usize = 1;
const CHANGED_AT: usize = 9;
const EXPIRES_AT: usize = 17;
const REVISION: usize = 25;
const VARIABLE: usize = 33;

/// A record.
#[derive(Clone, Debug)]
pub(crate) struct Record<F> {
    octets: Box<[u8]>,
    family: PhantomData<F>,
}

impl<F: Family> Record<F> {
    /// The record of `binding`; `holds` says whether it holds its resource.
    pub(crate) fn new(binding: &F::Binding, holds: bool) -> Self {
        let tenure = binding.tenure();
        let mut octets = Octets::new();
        octets.push(state_octet(tenure.state) | if holds { HOLDS } else { 0 });
        for at in [tenure.began_at, tenure.changed_at, tenure.expires_at] {
            octets.extend_from_slice(&at.unix_ms().to_le_bytes());
        }
        octets.extend_from_slice(&tenure.revision.to_le_bytes());
        put_part(&mut octets, &binding.holder().octets());
        match binding.subscriber() {
            None => put_length(&mut octets, 0),
            Some(name) => {
                put_length(&mut octets, name.len() + 1);
                octets.extend_from_slice(name.as_bytes());
            }
        }
        binding.put_facts(&mut octets);
        Self { octets: Box::from(octets.as_slice()), family: PhantomData }
    }

    /// The record as a binding of `resource`, as other parts of the server use it.
    pub(crate) fn binding(&self, resource: F::Resource) -> F::Binding {
        let parts = self.parts();
        let holder = F::Holder::from_octets(parts.holder);
        let subscriber = parts.subscriber.map(Arc::from);
        F::Binding::from_parts(resource, self.tenure(), holder, subscriber, parts.facts)
    }

    /// State, times and revision of the record.
    pub(crate) fn tenure(&self) -> Tenure {
        Tenure {
            state: self.state(),
            began_at: self.time(BEGAN_AT),
            changed_at: self.changed_at(),
            expires_at: self.expires_at(),
            revision: self.revision(),
        }
    }

    /// The state of the record.
    pub(crate) fn state(&self) -> BindingState {
        match self.first() & !HOLDS {
            0 => BindingState::Leased,
            1 => BindingState::Released,
            _ => BindingState::Quarantined,
        }
    }

    /// The time since which the holder has had the resource without a break.
    pub(crate) fn began_at(&self) -> Timestamp {
        self.time(BEGAN_AT)
    }

    /// The time of the last change.
    pub(crate) fn changed_at(&self) -> Timestamp {
        self.time(CHANGED_AT)
    }

    /// The end of the lease or the quarantine.
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.time(EXPIRES_AT)
    }

    /// The number of changes that were made to the record.
    pub(crate) fn revision(&self) -> u64 {
        self.number(REVISION)
    }

    /// The octets of its holder.
    pub(crate) fn holder(&self) -> &[u8] {
        self.parts().holder
    }

    /// Returns whether the record belongs to `holder`.
    pub(crate) fn is_of(&self, holder: &F::Holder) -> bool {
        *self.holder() == *holder.octets()
    }

    /// The subscriber that the lease counts against.
    pub(crate) fn subscriber(&self) -> Option<&str> {
        self.parts().subscriber
    }

    /// The facts that the family stored.
    pub(crate) fn facts(&self) -> &[u8] {
        self.parts().facts
    }

    /// Returns whether the record is a lease or a quarantine whose end has not been noticed yet.
    pub(crate) fn holds(&self) -> bool {
        self.first() & HOLDS != 0
    }

    /// Marks that the end of the record was noticed.
    pub(crate) fn end(&mut self) {
        if let Some(first) = self.octets.first_mut() {
            *first &= !HOLDS;
        }
    }

    fn first(&self) -> u8 {
        self.octets.first().copied().unwrap_or_default()
    }

    fn time(&self, at: usize) -> Timestamp {
        Timestamp::from_unix_ms(self.number(at))
    }

    fn number(&self, at: usize) -> u64 {
        let octets = self.octets.get(at..).and_then(|octets| octets.first_chunk());
        octets.map_or(0, |octets| u64::from_le_bytes(*octets))
    }

    fn parts(&self) -> Parts<'_> {
        let mut rest = OctetReader(self.octets.get(VARIABLE..).unwrap_or_default());
        let holder = rest.part();
        let subscriber = match rest.length() {
            0 => None,
            length => std::str::from_utf8(rest.take(length - 1)).ok(),
        };
        Parts { holder, subscriber, facts: rest.0 }
    }
}

struct Parts<'r> {
    holder: &'r [u8],
    subscriber: Option<&'r str>,
    facts: &'r [u8],
}

const fn state_octet(state: BindingState) -> u8 {
    match state {
        BindingState::Leased => 0,
        BindingState::Released => 1,
        BindingState::Quarantined => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::families::{Numbers, binding, tenure};

    #[test]
    fn a_record_says_what_the_lease_says() {
        for (number, state) in [
            (0, BindingState::Leased),
            (1, BindingState::Released),
            (200, BindingState::Quarantined),
        ] {
            let tenure = tenure(state, Timestamp::from_unix_ms(u64::MAX - 5), u32::MAX);
            let tenure = Tenure { revision: u64::MAX - 1, ..tenure };
            let mut binding = binding::<u32>(number, number as u8, tenure);
            binding.interface_id = (0..number).map(|octet| octet as u8).collect();
            for name in [None, Some(String::new()), Some("é".repeat(200))] {
                binding.subscriber = name.map(Arc::from);
                let mut record = Record::<Numbers>::new(&binding, true);
                assert_eq!(record.binding(binding.resource), binding);
                assert_eq!(record.tenure(), tenure);
                assert!(record.holds() && record.is_of(&binding.holder));
                record.end();
                assert!(!record.holds());
                assert_eq!(record.binding(binding.resource), binding);
            }
        }
    }
}

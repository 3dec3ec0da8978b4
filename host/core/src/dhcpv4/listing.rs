//! Every binding of a network, without a pause for its clients: a few records at a time, or
//! copies that are made quickly and read later.
//!
//! Changes nothing. Invariant: a record of an address that was known when a listing began is listed
//! once unless it is gone by then.

use std::net::Ipv4Addr;

use crate::{Binding, Engine, ledger::Record};

use super::{
    family::{Ipv4, SlotView},
    plan::address_of,
};

/// The progress of a listing of the bindings of a network. Records of addresses that had
/// neither a record nor an offer when it began may be missing.
#[derive(Clone, Debug)]
pub struct Listing {
    pages: std::vec::IntoIter<u32>,
}

/// Copies of bindings.
#[derive(Clone, Debug)]
pub struct BindingCopies(Vec<(u32, Record<Ipv4>)>);

impl Engine {
    /// Every address that has a record, an offer or a change in flight, in order.
    pub fn known_addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.bindings.slots().map(|view| address_of(view.resource()))
    }

    /// Begins a listing of the bindings, in order of address.
    pub fn listing(&self) -> Listing {
        Listing { pages: self.bindings.pages().into_iter() }
    }

    /// The next records, at least `enough` of them as long as there are more; empty at the end.
    pub fn list(&self, listing: &mut Listing, enough: usize) -> Vec<Binding> {
        let mut bindings = Vec::new();
        while bindings.len() < enough
            && let Some(page) = listing.pages.next()
        {
            bindings.extend(self.bindings.on_page(page).filter_map(SlotView::binding));
        }
        bindings
    }

    /// Every record as it will be if all changes in flight are committed: for a replay, in which
    /// storage answers immediately.
    pub fn copies_if_made(&self) -> BindingCopies {
        let views = self.bindings.slots();
        let records = views.filter_map(|view| Some((view.resource(), view.record_if_made()?)));
        BindingCopies(records.collect())
    }
}

impl BindingCopies {
    /// The bindings, in order of address.
    pub fn bindings(&self) -> impl Iterator<Item = Binding> {
        self.0.iter().map(|(address, record)| record.binding(*address))
    }
}

//! Resources in the order of a time. Most sets have one or two, so a short one is a list.
//!
//! Not here: what the time means. Invariant: no entry is contained twice, and entries are in order.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::Timestamp;

/// A list with more entries becomes a tree. Nearly every subscriber has one or two leases.
pub(super) const LIST_MAX: usize = 8;

/// Resources in the order of a time, ties by resource.
#[derive(Clone, Debug)]
pub(super) enum Ordered<R> {
    List(SmallVec<[(Timestamp, R); 1]>),
    Tree(BTreeSet<(Timestamp, R)>),
}

impl<R: Copy + Ord> Ordered<R> {
    /// No resource.
    pub(super) fn new() -> Self {
        Self::List(SmallVec::new())
    }

    /// Adds an entry, unless it is there.
    pub(super) fn insert(&mut self, entry: (Timestamp, R)) {
        match self {
            Self::List(list) if list.len() < LIST_MAX => {
                if let Err(place) = list.binary_search(&entry) {
                    list.insert(place, entry);
                }
            }
            Self::List(list) => {
                let mut tree: BTreeSet<_> = list.drain(..).collect();
                tree.insert(entry);
                *self = Self::Tree(tree);
            }
            Self::Tree(tree) => {
                tree.insert(entry);
            }
        }
    }

    /// Removes an entry, if it is there.
    pub(super) fn remove(&mut self, entry: (Timestamp, R)) {
        match self {
            Self::List(list) => {
                if let Ok(place) = list.binary_search(&entry) {
                    list.remove(place);
                }
            }
            Self::Tree(tree) => {
                tree.remove(&entry);
                if tree.is_empty() {
                    *self = Self::new();
                }
            }
        }
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::List(list) => list.len(),
            Self::Tree(tree) => tree.len(),
        }
    }

    /// The earliest entry.
    pub(super) fn first(&self) -> Option<(Timestamp, R)> {
        match self {
            Self::List(list) => list.first().copied(),
            Self::Tree(tree) => tree.first().copied(),
        }
    }

    /// The resources, the earliest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = R> {
        self.entries().map(|(_, resource)| resource)
    }

    /// Every entry, the earliest first.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Timestamp, R)> {
        let (list, tree) = match self {
            Self::List(list) => (Some(list), None),
            Self::Tree(tree) => (None, Some(tree)),
        };
        let (list, tree) = (list.into_iter().flatten(), tree.into_iter().flatten());
        list.chain(tree).copied()
    }
}

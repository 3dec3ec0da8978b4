//! A set of resources ordered by a time. Most sets have one or two entries, so a short one is a
//! list.
//!
//! Does not know what the time means. Invariant: no entry occurs twice, and entries are in order.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::Timestamp;

/// The maximum length of a list; a larger set is a tree. Nearly every subscriber has one or two
/// leases.
pub(super) const LIST_MAX: usize = 8;

/// Resources ordered by a time, then by resource.
#[derive(Clone, Debug)]
pub(super) enum Ordered<R> {
    List(SmallVec<[(Timestamp, R); 1]>),
    Tree(BTreeSet<(Timestamp, R)>),
}

impl<R: Copy + Ord> Ordered<R> {
    /// Creates an empty set.
    pub(super) fn new() -> Self {
        Self::List(SmallVec::new())
    }

    /// Adds an entry, unless it is already present.
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

    /// Removes an entry, if it is present.
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

    /// The number of entries.
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

    /// The resources, earliest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = R> {
        self.entries().map(|(_, resource)| resource)
    }

    /// The entries, earliest first.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Timestamp, R)> {
        let (list, tree) = match self {
            Self::List(list) => (Some(list), None),
            Self::Tree(tree) => (None, Some(tree)),
        };
        let (list, tree) = (list.into_iter().flatten(), tree.into_iter().flatten());
        list.chain(tree).copied()
    }
}

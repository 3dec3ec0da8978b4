//! The hash function of tables whose keys the senders of messages choose, such as client
//! identifiers.
//!
//! A sender that knew which keys have the same hash could fill one place of a table with them, and
//! every message would be compared with all of them. So all that the function mixes with a key
//! comes from a secret seed. (A hasher that also mixes in published constants is not enough:
//! whatever its seed, a key that equals a constant multiplies the rest by zero.) Invariant: the
//! same seed gives the same hashes within one process.

use std::{
    hash::{BuildHasher, DefaultHasher, Hasher as _},
    sync::Arc,
};

use ahash::{AHasher, RandomState};

/// A seed, expanded to the keys of the hash function. Copies share them.
#[derive(Clone, Debug)]
pub(crate) struct KeyedState(Arc<RandomState>);

impl KeyedState {
    /// Expands `seed`, which no sender of messages may know.
    pub(crate) fn with_seed(seed: u64) -> Self {
        let [first, second, third, fourth] = [0, 1, 2, 3].map(|number| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u64(seed);
            hasher.write_u64(number);
            hasher.finish()
        });
        Self(Arc::new(RandomState::with_seeds(first, second, third, fourth)))
    }
}

impl BuildHasher for KeyedState {
    type Hasher = AHasher;

    fn build_hasher(&self) -> AHasher {
        self.0.build_hasher()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// A constant of a hash function that is fast and has a seed, but also published constants.
    const PUBLISHED: u64 = 0xc0ac_29b7_c97c_50dd;

    /// Octets that have the same hash under [`PUBLISHED`], whatever the seed.
    fn colliding(number: u64) -> [u8; 24] {
        let mut octets = [0; 24];
        for (part, word) in octets.chunks_exact_mut(8).zip([number, PUBLISHED, PUBLISHED]) {
            part.copy_from_slice(&word.to_ne_bytes());
        }
        octets
    }

    fn distinct(state: &impl BuildHasher) -> usize {
        (0..1000).map(|number| state.hash_one(colliding(number))).collect::<HashSet<_>>().len()
    }

    #[test]
    fn keys_that_collide_under_published_constants_do_not_collide() {
        // The control: without it this test would show nothing.
        let published = foldhash::fast::FixedState::with_seed(7);
        assert_eq!(distinct(&published), 1);
        assert_eq!(distinct(&KeyedState::with_seed(7)), 1000);
    }

    #[test]
    fn the_seed_decides_every_hash() {
        let [one, same, other] = [1, 1, 2].map(KeyedState::with_seed);
        assert_eq!(one.hash_one("client"), same.hash_one("client"));
        assert_ne!(one.hash_one("client"), other.hash_one("client"));
    }
}

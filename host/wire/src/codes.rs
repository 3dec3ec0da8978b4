//! Sets of option codes.
//!
//! Does not know what the codes mean. Invariant: a code is in a set at most once.

/// A set of option codes, on the stack.
#[derive(Clone, Copy, Default)]
pub(crate) struct CodeSet([u64; 4]);

impl CodeSet {
    /// Adds a code. Returns `false` if it was already present.
    pub(crate) fn insert(&mut self, code: u8) -> bool {
        let is_new = !self.contains(code);
        if let Some(word) = self.0.get_mut(usize::from(code / 64)) {
            *word |= 1 << (code % 64);
        }
        is_new
    }

    /// Returns whether a code is present.
    pub(crate) fn contains(&self, code: u8) -> bool {
        self.0.get(usize::from(code / 64)).is_some_and(|word| word & (1 << (code % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_distinguished_from_every_other() {
        for code in 0..=255 {
            let mut set = CodeSet::default();
            assert!(set.insert(code));
            assert!(!set.insert(code));
            let members: Vec<u8> = (0..=255).filter(|other| set.contains(*other)).collect();
            assert_eq!(members, [code]);
        }
    }
}

//! A hash function that never changes: every server and every version gets the same result.
//!
//! Does not protect a table against senders who choose its keys; see [`crate::keyed_hash`].

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Hashes octets (FNV-1a), and mixes the result so that each of its bits depends on all octets.
pub(crate) fn fixed_hash(octets: &[u8]) -> u64 {
    let hash = octets
        .iter()
        .fold(FNV_OFFSET, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(FNV_PRIME));
    // The finalizer of MurmurHash3.
    let hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn results_are_those_of_every_version() {
        assert_eq!(fixed_hash(b""), 0xefd0_1f60_ba99_2926);
        let hardware = [1, 1, 6, 2, 0, 0x5e, 0, 0x53, 1];
        assert_eq!(fixed_hash(&hardware), 0xcad6_c6d6_5d88_238c);
    }

    #[test]
    fn neighbouring_keys_are_spread() {
        let places: BTreeSet<u64> = (0..=255).map(|last| fixed_hash(&[1, 6, last]) % 256).collect();
        assert!(places.len() > 140, "{}", places.len());
    }
}

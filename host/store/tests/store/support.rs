//! Bindings and changes for testing stores, and reproducible random numbers.

use std::{collections::BTreeMap, env, net::Ipv4Addr, sync::Arc, time::SystemTime};

use lessor_core::{
    Binding, BindingState, Change, Changes, ClientKey, HardwareAddress, RelayInformation,
    StorageAnswer, Timestamp,
};
use lessor_store::Store;

/// An address of the test network, by number.
pub(crate) fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + number)
}

/// A binding that is derived from address and revision alone, so that it can be checked later.
pub(crate) fn binding(address: Ipv4Addr, revision: u64) -> Binding {
    let [_, b, c, d] = address.octets();
    let hardware_address = HardwareAddress::ethernet([2, 0, b, c, d, revision as u8]);
    let changed_at = Timestamp::from_unix_ms(1_800_000_000_000 + revision * 1000);
    Binding {
        address,
        vpn: None,
        client: ClientKey::Hardware(hardware_address),
        hardware_address,
        state: BindingState::Leased,
        began_at: Timestamp::from_unix_ms(1_800_000_000_000),
        changed_at,
        expires_at: changed_at.after_secs(3600),
        subscriber: None,
        relay_information: Some(RelayInformation::from_octets(revision.to_be_bytes())),
        relay_address: None,
        revision,
        host_name: None,
        unknown_fields: Default::default(),
    }
}

/// The change that gives the record of `address` the revision `revision`.
pub(crate) fn change(address: Ipv4Addr, revision: u64) -> Change {
    Change {
        binding: Arc::new(binding(address, revision)),
        previous: (revision > 1).then(|| Arc::new(binding(address, revision - 1))),
    }
}

/// Makes each change a separate decision.
pub(crate) fn apart(changes: impl IntoIterator<Item = Change>) -> Vec<Changes> {
    changes.into_iter().map(|change| Changes::from_iter([change])).collect()
}

/// Commits independent changes.
pub(crate) fn commit(
    store: &mut dyn Store,
    changes: impl IntoIterator<Item = Change>,
) -> Vec<StorageAnswer> {
    store.commit(&apart(changes))
}

/// The answer for a decision with one change that conflicts with this record.
pub(crate) fn conflict(address: Ipv4Addr, revision: u64) -> StorageAnswer {
    conflicts([Some((address, revision))])
}

/// The answer for a decision whose changes conflict with these records.
pub(crate) fn conflicts<const N: usize>(found: [Option<(Ipv4Addr, u64)>; N]) -> StorageAnswer {
    let found = found.into_iter();
    StorageAnswer::Conflict(
        found
            .map(|found| found.map(|(address, revision)| binding(address, revision).into()))
            .collect(),
    )
}

/// Every record of a store. Panics if the store passes a record twice.
pub(crate) fn load(store: &mut dyn Store) -> BTreeMap<Ipv4Addr, Binding> {
    let mut bindings = BTreeMap::new();
    let mut twice = Vec::new();
    let records = store
        .load(&mut |binding| {
            twice.extend(bindings.insert(binding.address, binding));
        })
        .unwrap();
    assert_eq!(twice, []);
    assert_eq!(records, bindings.len() as u64);
    bindings
}

/// Numbers that look random (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    /// Takes the seed from `LESSOR_SEED` or the clock, and prints it.
    pub(crate) fn announced() -> Self {
        let seed = match env::var("LESSOR_SEED") {
            Ok(text) => text.parse().expect("LESSOR_SEED is a number"),
            Err(_) => {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
                now.as_nanos() as u64
            }
        };
        println!("repeat with LESSOR_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

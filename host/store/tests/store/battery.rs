//! A battery of tests that runs against every backend.

use std::{collections::BTreeMap, sync::Arc};

use lessor_core::{
    Binding, BindingState, Change, Changes, ClientKey, HardwareAddress, HostName, RelayInformation,
    StorageAnswer, Timestamp, VpnName,
};
use lessor_settings::StoreBackend;
use lessor_store::{MemoryStore, Store, StoreError};

use crate::support::{address, binding, change, commit, conflict, conflicts, load};

/// Opens the store. Another call after the last store was dropped reopens the same one.
type Open = dyn Fn() -> Box<dyn Store>;

fn memory() -> Box<Open> {
    let store = MemoryStore::new();
    Box::new(move || Box::new(store.clone()))
}

fn on_disk() -> Box<Open> {
    let folder = tempfile::tempdir().unwrap();
    Box::new(move || {
        let path = folder.path().to_owned();
        lessor_store::open(&StoreBackend::Embedded { path }).unwrap()
    })
}

macro_rules! battery {
    ($($case:ident)*) => {
        mod in_memory {
            $(#[test] fn $case() { super::$case(&*super::memory()); })*
        }
        mod on_disk {
            $(#[test] fn $case() { super::$case(&*super::on_disk()); })*
        }
    };
}

battery! {
    a_new_store_is_empty
    committed_leases_are_loaded
    a_change_of_the_current_record_holds
    a_change_of_an_older_record_conflicts_with_the_current_one
    creating_a_record_that_exists_conflicts_with_it
    changing_a_record_that_does_not_exist_conflicts_with_nothing
    changes_of_one_address_build_on_each_other
    a_conflict_can_be_with_an_earlier_change_of_the_batch
    answers_come_in_the_order_of_the_decisions
    the_changes_of_a_decision_are_made_together_or_not_at_all
    a_large_batch_is_written_whole
    an_empty_batch_has_no_answers
    contents_are_kept_octet_by_octet
    the_same_address_of_two_vpns_has_two_records
    leases_outlive_the_store
    a_store_that_was_not_loaded_compares_all_the_same
    many_small_batches_are_kept
}

use StorageAnswer::Made;

fn the_same_address_of_two_vpns_has_two_records(open: &Open) {
    let mut store = open();
    let in_vpn = |name: Option<&str>, revision| {
        let vpn = name.and_then(VpnName::new);
        let of = |revision| Arc::new(Binding { vpn: vpn.clone(), ..binding(address(1), revision) });
        Change { binding: of(revision), previous: (revision > 1).then(|| of(revision - 1)) }
    };
    let spaces = [None, Some("green"), Some("red")];
    let first = spaces.map(|vpn| in_vpn(vpn, 1));
    assert_eq!(commit(&mut *store, first.clone()), [Made, Made, Made]);
    // A later change of one VPN conflicts with no other.
    let found = Arc::clone(&in_vpn(spaces[1], 2).binding);
    assert_eq!(commit(&mut *store, [in_vpn(spaces[1], 2)]), [Made]);
    let again = commit(&mut *store, [in_vpn(spaces[1], 2)]);
    assert_eq!(again, [StorageAnswer::Conflict([Some(found)].into_iter().collect())]);
    drop(store);
    let mut read = Vec::new();
    open().load(&mut |binding| read.push((binding.vpn, binding.revision))).unwrap();
    read.sort();
    let expected = [(None, 1), (VpnName::new("green"), 2), (VpnName::new("red"), 1)];
    assert_eq!(read, expected);
}

#[test]
fn a_store_that_no_server_uses_is_read_without_creating_one() {
    let folder = tempfile::tempdir().unwrap();
    let backend = StoreBackend::Embedded { path: folder.path().join("leases") };
    let read = |backend: &StoreBackend| {
        let mut bindings = Vec::new();
        lessor_store::read(backend, &mut |binding| bindings.push(binding))
            .map(|count| (count, bindings))
    };
    assert_eq!(read(&backend).unwrap(), (0, Vec::new()));
    assert!(!backend.folder().unwrap().exists());
    let mut store = lessor_store::open(&backend).unwrap();
    assert_eq!(commit(&mut *store, [change(address(1), 1)]), [Made]);
    assert!(matches!(read(&backend), Err(StoreError::InUse { .. })));
    drop(store);
    assert_eq!(read(&backend).unwrap(), (1, vec![binding(address(1), 1)]));
    assert_eq!(read(&StoreBackend::Memory).unwrap(), (0, Vec::new()));
}

fn a_new_store_is_empty(open: &Open) {
    assert_eq!(load(&mut *open()), BTreeMap::new());
    assert_eq!(load(&mut *open()), BTreeMap::new());
}

fn committed_leases_are_loaded(open: &Open) {
    let mut store = open();
    load(&mut *store);
    assert_eq!(commit(&mut *store, [change(address(1), 1), change(address(2), 1)]), [Made, Made]);
    let expected = [1, 2].map(|number| (address(number), binding(address(number), 1)));
    assert_eq!(load(&mut *store), BTreeMap::from(expected));
    assert_eq!(store.last_error(), None);
}

fn a_change_of_the_current_record_holds(open: &Open) {
    let mut store = open();
    for revision in 1..=4 {
        assert_eq!(commit(&mut *store, [change(address(1), revision)]), [Made]);
        assert_eq!(load(&mut *store)[&address(1)], binding(address(1), revision));
    }
}

fn a_change_of_an_older_record_conflicts_with_the_current_one(open: &Open) {
    let mut store = open();
    for revision in 1..=3 {
        commit(&mut *store, [change(address(1), revision)]);
    }
    let mut late = change(address(1), 3);
    Arc::make_mut(&mut late.binding).state = BindingState::Released;
    assert_eq!(commit(&mut *store, [late]), [conflict(address(1), 3)]);
    assert_eq!(commit(&mut *store, [change(address(1), 5)]), [conflict(address(1), 3)]);
    assert_eq!(load(&mut *store)[&address(1)], binding(address(1), 3));
    assert_eq!(store.last_error(), None);
}

fn creating_a_record_that_exists_conflicts_with_it(open: &Open) {
    let mut store = open();
    commit(&mut *store, [change(address(1), 1)]);
    assert_eq!(commit(&mut *store, [change(address(1), 1)]), [conflict(address(1), 1)]);
    assert_eq!(load(&mut *store).len(), 1);
}

fn changing_a_record_that_does_not_exist_conflicts_with_nothing(open: &Open) {
    let mut store = open();
    assert_eq!(commit(&mut *store, [change(address(1), 2)]), [conflicts([None])]);
    assert_eq!(load(&mut *store), BTreeMap::new());
}

fn changes_of_one_address_build_on_each_other(open: &Open) {
    let mut store = open();
    commit(&mut *store, [change(address(1), 1)]);
    let batch = [
        change(address(1), 2),
        change(address(2), 1),
        change(address(1), 3),
        change(address(2), 2),
        change(address(1), 4),
    ];
    assert_eq!(commit(&mut *store, batch.clone()), [Made, Made, Made, Made, Made]);
    let expected = [(1, 4), (2, 2)]
        .map(|(number, revision)| (address(number), binding(address(number), revision)));
    assert_eq!(load(&mut *store), BTreeMap::from(expected.clone()));
    drop(store);
    assert_eq!(load(&mut *open()), BTreeMap::from(expected));
}

fn a_conflict_can_be_with_an_earlier_change_of_the_batch(open: &Open) {
    let mut store = open();
    let batch = [change(address(1), 1), change(address(1), 1), change(address(1), 2)];
    assert_eq!(commit(&mut *store, batch.clone()), [Made, conflict(address(1), 1), Made]);
    assert_eq!(load(&mut *store)[&address(1)], binding(address(1), 2));
}

fn answers_come_in_the_order_of_the_decisions(open: &Open) {
    let mut store = open();
    commit(&mut *store, (0..100).map(|number| change(address(number), 1)));
    let batch: Vec<Change> =
        (0..150).rev().map(|number| change(address(number), 1 + u64::from(number % 3))).collect();
    let expected: Vec<StorageAnswer> = (0..150)
        .rev()
        .map(|number| match (number < 100, number % 3) {
            (true, 1) | (false, 0) => Made,
            (true, _) => conflict(address(number), 1),
            (false, _) => conflicts([None]),
        })
        .collect();
    assert_eq!(commit(&mut *store, batch.clone()), expected);
}

fn the_changes_of_a_decision_are_made_together_or_not_at_all(open: &Open) {
    let mut store = open();
    let decision = |changes: &[(u32, u64)]| -> Changes {
        changes.iter().map(|(number, revision)| change(address(*number), *revision)).collect()
    };
    commit(&mut *store, [change(address(1), 1), change(address(2), 1)]);
    let results = store.commit(&[
        decision(&[(3, 1), (1, 2)]),
        // The record of 1 has changed by now; that of 2 is as expected, and 4 is free.
        decision(&[(4, 1), (1, 2), (2, 2)]),
        // These decisions build on a change that was refused.
        decision(&[(5, 1), (2, 3)]),
        decision(&[(4, 1), (1, 3), (3, 2)]),
    ]);
    let expected = [
        Made,
        conflicts([None, Some((address(1), 2)), Some((address(2), 1))]),
        conflicts([None, Some((address(2), 1))]),
        Made,
    ];
    assert_eq!(results, expected);
    drop(store);
    let expected = [(1, 3), (2, 1), (3, 2), (4, 1)]
        .map(|(number, revision)| (address(number), binding(address(number), revision)));
    assert_eq!(load(&mut *open()), BTreeMap::from(expected));
}

fn a_large_batch_is_written_whole(open: &Open) {
    let mut store = open();
    let batch: Vec<Change> = (0..20_000).map(|number| change(address(number), 1)).collect();
    assert!(commit(&mut *store, batch.clone()).iter().all(|result| *result == Made));
    drop(store);
    let bindings = load(&mut *open());
    assert_eq!(bindings.len(), 20_000);
    assert!(bindings.values().all(|found| *found == binding(found.address, 1)));
}

fn an_empty_batch_has_no_answers(open: &Open) {
    assert_eq!(open().commit(&[]), []);
}

fn contents_are_kept_octet_by_octet(open: &Open) {
    let all_octets: Vec<u8> = (0..=255).collect();
    let plain = binding(address(0), 1);
    let hardware = |kind, octets| HardwareAddress::new(kind, octets).unwrap();
    let bindings = [
        Binding { state: BindingState::Released, relay_information: None, ..plain.clone() },
        Binding {
            state: BindingState::Quarantined,
            began_at: Timestamp::default(),
            ..plain.clone()
        },
        Binding { expires_at: Timestamp::NEVER, ..plain.clone() },
        Binding { client: ClientKey::Identifier(Box::from(&*all_octets)), ..plain.clone() },
        Binding { client: ClientKey::Identifier(Box::from(&[][..])), ..plain.clone() },
        Binding { hardware_address: hardware(32, &all_octets[..16]), ..plain.clone() },
        Binding { client: ClientKey::Hardware(hardware(0, &[])), ..plain.clone() },
        Binding {
            relay_information: Some(RelayInformation::from_octets(all_octets.repeat(20))),
            ..plain.clone()
        },
        Binding { host_name: HostName::read("pc.example").ok(), ..plain.clone() },
        Binding { subscriber: Some("a".repeat(255).into()), ..plain.clone() },
        Binding { subscriber: Some("\u{e9} / \0".into()), ..plain.clone() },
        Binding { relay_address: Some([10, 0, 255, 3].into()), ..plain.clone() },
        Binding { relay_address: Some([0; 4].into()), ..plain.clone() },
        Binding { relay_information: Some(RelayInformation::from_octets(*b"")), ..plain },
    ];
    let ends = [address(0), [0, 0, 0, 0].into(), [255, 255, 255, 255].into()];
    let batch: Vec<Change> = bindings
        .into_iter()
        .zip(ends.into_iter().chain((1..).map(address)))
        .map(|(binding, address)| Change {
            binding: Arc::new(Binding { address, ..binding }),
            previous: None,
        })
        .collect();
    let mut store = open();
    assert!(commit(&mut *store, batch.clone()).iter().all(|result| *result == Made));
    drop(store);
    let bindings = load(&mut *open());
    assert_eq!(bindings.len(), batch.len());
    for change in batch {
        assert_eq!(bindings[&change.binding.address], *change.binding);
    }
}

fn leases_outlive_the_store(open: &Open) {
    for revision in 1..=5 {
        let mut store = open();
        let bindings = load(&mut *store);
        assert_eq!(bindings.len(), if revision == 1 { 0 } else { 1_000 });
        assert!(bindings.values().all(|found| *found == binding(found.address, revision - 1)));
        let batch: Vec<Change> =
            (0..1_000).map(|number| change(address(number), revision)).collect();
        assert!(commit(&mut *store, batch.clone()).iter().all(|result| *result == Made));
        assert!(
            commit(&mut *store, batch.clone())
                .iter()
                .all(|result| matches!(result, StorageAnswer::Conflict(_)))
        );
    }
}

fn a_store_that_was_not_loaded_compares_all_the_same(open: &Open) {
    commit(&mut *open(), [change(address(1), 1)]);
    assert_eq!(commit(&mut *open(), [change(address(1), 1)]), [conflict(address(1), 1)]);
    assert_eq!(commit(&mut *open(), [change(address(1), 2), change(address(2), 1)]), [Made, Made]);
}

fn many_small_batches_are_kept(open: &Open) {
    let mut store = open();
    for revision in 1..=20 {
        for number in 0..20 {
            assert_eq!(commit(&mut *store, [change(address(number), revision)]), [Made]);
        }
    }
    drop(store);
    let bindings = load(&mut *open());
    assert_eq!(bindings.len(), 20);
    assert!(bindings.values().all(|found| *found == binding(found.address, 20)));
}

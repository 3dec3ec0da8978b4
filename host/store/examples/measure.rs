//! Measures how many bindings a disk can make durable in a second, the longest duration of a flush,
//! and how long a server with many bindings takes to load them.
//!
//! ```text
//! cargo run --release -p lessor-store --example measure -- <empty folder> [records]
//! ```
use std::{
    env,
    net::Ipv4Addr,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use lessor_core::{
    Binding, BindingState, Change, Changes, ClientKey, HardwareAddress, RelayInformation,
    StorageAnswer, Timestamp,
};
use lessor_store::{DiskStore, Store};

const SECS_PER_MEASUREMENT: u64 = 10;
/// The load of a network of nine million clients with a lease time of an hour.
const PACED_LEASES_PER_SEC: f64 = 5_000.0;

fn main() {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().expect("name an empty folder on the disk to measure");
    let records: u32 = arguments.next().map_or(1_000_000, |text| text.parse().expect("a number"));
    let folder = Path::new(&folder);

    let mut store = DiskStore::open(folder).unwrap();
    let begin = Instant::now();
    let mut longest = Duration::ZERO;
    for first in (0..records).step_by(1024) {
        let batch: Vec<Changes> = (first..records.min(first + 1024)).map(created).collect();
        longest = longest.max(commit(&mut store, &batch));
    }
    println!("created {records} leases in {:.1?}, longest flush {longest:.1?}", begin.elapsed());

    drop(store);
    let begin = Instant::now();
    let mut store = DiskStore::open(folder).unwrap();
    let opened = begin.elapsed();
    let mut bindings = vec![None; records as usize];
    let loaded = store
        .load(&mut |binding| {
            let position = position(binding.address);
            bindings[position as usize] = Some(Arc::new(binding));
        })
        .unwrap();
    println!("loaded {loaded} leases in {:.1?}, {opened:.1?} of it to open", begin.elapsed());

    let mut random = 1;
    let mut renewals = |size: usize| -> Vec<Changes> {
        let any = |_| renewed(&mut bindings[(next(&mut random) % u64::from(records)) as usize]);
        (0..size).map(any).collect()
    };
    for size in [1, 64, 256] {
        let what = format!("batches of {size:>3}");
        measure(&what, || commit(&mut store, &renewals(size)), size);
    }
    let begin = Instant::now();
    let mut done = 0;
    let what = format!("{PACED_LEASES_PER_SEC} leases/s, those due together");
    measure(
        &what,
        || {
            let due = (begin.elapsed().as_secs_f64() * PACED_LEASES_PER_SEC) as usize - done;
            done += due;
            if due == 0 {
                thread::sleep(Duration::from_micros(100));
            }
            commit(&mut store, &renewals(due))
        },
        0,
    );
}

/// Flushes for a while, and prints how long that took.
fn measure(what: &str, mut flush: impl FnMut() -> Duration, size: usize) {
    let begin = Instant::now();
    let mut flushes = Vec::new();
    while begin.elapsed() < Duration::from_secs(SECS_PER_MEASUREMENT) {
        flushes.push(flush());
    }
    let per_sec = (flushes.len() * size) as f64 / begin.elapsed().as_secs_f64();
    flushes.retain(|took| *took > Duration::from_micros(1));
    flushes.sort_unstable();
    let percentile = |thousandths| flushes[(flushes.len() - 1) * thousandths / 1_000];
    let rate = if size > 0 { format!("{per_sec:.0} leases/s, ") } else { String::new() };
    println!(
        "{what}: {rate}flush median {:.1?}, p99 {:.1?}, p99.9 {:.1?}, longest {:.1?}",
        percentile(500),
        percentile(990),
        percentile(999),
        percentile(1_000),
    );
}

fn commit(store: &mut DiskStore, batch: &[Changes]) -> Duration {
    let begin = Instant::now();
    let results = store.commit(batch);
    let took = begin.elapsed();
    assert!(
        results.iter().all(|result| *result == StorageAnswer::Made),
        "{:?}",
        store.last_error()
    );
    took
}

fn created(position: u32) -> Changes {
    let [a, b, c, d] = position.to_be_bytes();
    let hardware_address = HardwareAddress::ethernet([2, 0, a, b, c, d]);
    let mut relay = b"\x01\x10olt1/1/3/onu0000\x02\x04".to_vec();
    relay.extend([a, b, c, d]);
    let binding = Binding {
        address: Ipv4Addr::from(0x0a00_0000 + position),
        vpn: None,
        client: ClientKey::Hardware(hardware_address),
        hardware_address,
        state: BindingState::Leased,
        began_at: Timestamp::from_unix_ms(1_800_000_000_000),
        changed_at: Timestamp::from_unix_ms(1_800_000_000_000),
        expires_at: Timestamp::from_unix_ms(1_800_003_600_000),
        subscriber: None,
        relay_information: Some(RelayInformation::from_octets(relay)),
        relay_address: None,
        revision: 1,
        host_name: None,
        unknown_fields: Default::default(),
    };
    [Change { binding: Arc::new(binding), previous: None }].into_iter().collect()
}

fn renewed(slot: &mut Option<Arc<Binding>>) -> Changes {
    let previous = slot.take().unwrap();
    let mut binding = Binding::clone(&previous);
    binding.changed_at = Timestamp::from_unix_ms(binding.changed_at.unix_ms() + 1_800_000);
    binding.expires_at = Timestamp::from_unix_ms(binding.expires_at.unix_ms() + 1_800_000);
    binding.revision += 1;
    let binding = Arc::new(binding);
    *slot = Some(Arc::clone(&binding));
    [Change { binding, previous: Some(previous) }].into_iter().collect()
}

fn position(address: Ipv4Addr) -> u32 {
    u32::from(address) - 0x0a00_0000
}

/// splitmix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

//! A process that is killed in the middle of its writes.
//!
//! The tests run themselves again as a child process, which writes bindings and reports each as
//! soon as the committer reports that it is durable. They kill the child with SIGKILL and then
//! check that every reported binding is there.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader},
    net::Ipv4Addr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use lessor_core::{Changes, StorageAnswer};
use lessor_store::{Committer, CommitterLimits, DiskStore, Submission};

use crate::support::{Random, address, apart, binding, change, load};

const FOLDER: &str = "LESSOR_STORE_TEST_FOLDER";
const SEED: &str = "LESSOR_STORE_TEST_SEED";
const ROUNDS: usize = 10;
const ADDRESSES: u64 = 3_000;

#[test]
fn reported_leases_survive_sigkill() {
    if let Ok(folder) = env::var(FOLDER) {
        return write_until_killed(Path::new(&folder));
    }
    let mut random = Random::announced();
    let folder = tempfile::tempdir().unwrap();
    let mut reported = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut child =
            spawn("crash::reported_leases_survive_sigkill", folder.path(), random.next());
        let (first_seen, first) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        let reader = thread::spawn(move || {
            let mut reports = Vec::new();
            for line in output.split(b'\n').map_while(Result::ok) {
                if let Some(report) = parse_report(&line) {
                    reports.push(report);
                    let _ = first_seen.send(());
                }
            }
            reports
        });
        first.recv_timeout(Duration::from_secs(60)).expect("the child reports a lease");
        thread::sleep(Duration::from_micros(random.below(150_000)));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(!status.success() && status.code().is_none(), "it ended by itself: {status}");
        let reports = reader.join().unwrap();
        println!("round {round}: {} leases reported", reports.len());
        reported.extend(reports);

        let bindings = load(&mut DiskStore::open(folder.path()).unwrap());
        for (address, revision) in &reported {
            let found = bindings.get(address).map_or(0, |binding| binding.revision);
            assert!(found >= *revision, "{address}: {found} found, {revision} reported");
        }
        assert!(bindings.values().all(|found| *found == binding(found.address, found.revision)));
    }
    assert!(reported.values().any(|revision| *revision > 2), "leases were changed, too");
}

#[test]
fn a_store_whose_creation_was_interrupted_opens() {
    if let Ok(folder) = env::var(FOLDER) {
        return write_until_killed(Path::new(&folder));
    }
    let mut random = Random::announced();
    let mut created = 0;
    for _ in 0..2 * ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let mut child =
            spawn("crash::a_store_whose_creation_was_interrupted_opens", &path, random.next());
        while !path.exists() {
            thread::yield_now();
        }
        thread::sleep(Duration::from_micros(random.below(60_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        created += usize::from(path.join("leases").exists());
        load(&mut DiskStore::open(&path).unwrap());
    }
    println!("{created} of {} had been created before the kill", 2 * ROUNDS);
}

fn spawn(test: &str, folder: &Path, seed: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(FOLDER, folder)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Parses a line with "durable", an address and a revision. The test harness may have written to
/// the same line before. A line that the kill cut short has no last word.
fn parse_report(line: &[u8]) -> Option<(Ipv4Addr, u64)> {
    let line = std::str::from_utf8(line).ok()?;
    let (_, report) = line.split_once("durable ")?;
    let report = report.strip_suffix(" .")?;
    let (address, revision) = report.split_once(' ')?;
    Some((address.parse().unwrap(), revision.parse().unwrap()))
}

/// The child process: changes random addresses without end, several submissions at a time.
fn write_until_killed(folder: &Path) {
    let mut random = Random::seeded(env::var(SEED).unwrap().parse().unwrap());
    let mut store = DiskStore::open(folder).unwrap();
    let mut revisions: BTreeMap<Ipv4Addr, u64> =
        load(&mut store).into_values().map(|binding| (binding.address, binding.revision)).collect();
    let limits = CommitterLimits { waiting_changes: 1_000, batch_changes: 64 };
    let (committer, _thread) = Committer::start(Box::new(store), limits);
    let (done, finished) = mpsc::channel();
    for submissions in 0_u64.. {
        // Changes of one address do not have to wait for each other, because the queue keeps their
        // order.
        let decisions = apart((0..1 + random.below(8)).map(|_| {
            let address = address(random.below(ADDRESSES) as u32);
            let revision = revisions.entry(address).or_default();
            *revision += 1;
            change(address, *revision)
        }));
        let done = done.clone();
        let on_done = Box::new(move |decisions, results| done.send((decisions, results)).unwrap());
        committer.submit(Submission { decisions, on_done }).unwrap();
        if submissions < 50 {
            continue;
        }
        let (decisions, results): (Vec<Changes>, Vec<StorageAnswer>) = finished.recv().unwrap();
        for (change, result) in decisions.iter().flatten().zip(&results) {
            assert_eq!(*result, StorageAnswer::Made, "{:?}", committer.status());
            println!("durable {} {} .", change.binding.address, change.binding.revision);
        }
    }
}

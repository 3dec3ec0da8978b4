//! Stores that are damaged in many ways: each is refused, or has every acknowledged change.
//!
//! `LESSOR_SEED` repeats a run; `LESSOR_DAMAGE_TRIALS` sets the number of damaged stores.

use std::{collections::BTreeMap, env, fs, net::Ipv4Addr, time::SystemTime};

use tempfile::TempDir;

use super::{
    tests::{SMALL, address, change, commit, open, revisions},
    *,
};

const TRIALS: usize = 300;
/// The number of trials with copies of one store.
const TRIALS_PER_STORE: usize = 15;

/// Numbers that look random (splitmix64).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn announced() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let seed =
            env::var("LESSOR_SEED").map_or(now.as_nanos() as u64, |seed| seed.parse().unwrap());
        println!("repeat with LESSOR_SEED={seed}");
        Self(seed)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}

/// A store as a killed or stopped server leaves it, with the acknowledged revisions.
struct Left {
    folder: TempDir,
    acknowledged: BTreeMap<Ipv4Addr, u64>,
}

fn left(random: &mut Random) -> Left {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live");
    let mut acknowledged = BTreeMap::new();
    let mut store = open(&path);
    for _ in 0..20 + random.below(100) {
        let first = random.below(120) as u16;
        let numbers = first..=first + random.below(6) as u16;
        let changes: Vec<_> = numbers
            .map(|number| change(number, acknowledged.get(&address(number)).unwrap_or(&0) + 1))
            .collect();
        let results = commit(&mut store, changes.iter().cloned());
        assert!(results.iter().all(|result| *result == StorageAnswer::Made));
        acknowledged.extend(changes.iter().map(|c| (c.binding.address, c.binding.revision)));
        if random.below(40) == 0 {
            store.table.log().abandon();
            store.table.retry_now();
        }
    }
    if random.below(2) == 0 {
        // Killed: copies the files while the store is open.
        copy(&path.join(FOLDER), &folder.path().join("left").join(FOLDER));
        drop(store);
    } else {
        drop(store);
        fs::rename(path, folder.path().join("left")).unwrap();
    }
    Left { folder, acknowledged }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// Damages a file and describes the damage.
fn damage(random: &mut Random, file: &Path) -> String {
    let mut octets = fs::read(file).unwrap();
    let length = octets.len();
    let how = match random.below(8) {
        0 => {
            fs::remove_file(file).unwrap();
            return "removed".to_owned();
        }
        1 => {
            octets.clear();
            "emptied".to_owned()
        }
        2 => {
            octets.truncate(random.below(length));
            format!("cut off after {} octets", octets.len())
        }
        3 => {
            let (from, count) = (random.below(length), 1 + random.below(512));
            octets.iter_mut().skip(from).take(count).for_each(|octet| *octet = 0);
            format!("{count} octets from {from} on are zeros")
        }
        _ => {
            let bit = random.below(length * 8);
            octets[bit / 8] ^= 1 << (bit % 8);
            format!("bit {} of octet {} flipped", bit % 8, bit / 8)
        }
    };
    fs::write(file, octets).unwrap();
    how
}

#[test]
fn no_damage_loses_an_acknowledged_lease_silently() {
    let trials = env::var("LESSOR_DAMAGE_TRIALS").map_or(TRIALS, |text| text.parse().unwrap());
    let mut random = Random::announced();
    let (mut refused, mut whole) = (0, 0);
    let mut store = left(&mut random);
    for trial in 0..trials {
        if trial % TRIALS_PER_STORE == 0 {
            store = left(&mut random);
        }
        let folder = TempDir::new().unwrap();
        copy(&store.folder.path().join("left").join(FOLDER), &folder.path().join(FOLDER));
        let log = Folder::new(&folder.path().join(FOLDER));
        let numbers = log.segments().unwrap();
        let newest = *numbers.last().unwrap();
        let any = numbers[random.below(numbers.len())];
        let file = match random.below(5) {
            0 => log.mark(),
            1 | 2 => log.segment(any),
            _ => log.segment(newest),
        };
        let before = fs::read(&file).unwrap();
        let how = damage(&mut random, &file);
        let what = format!("trial {trial}, {}: {how}", file.display());
        match DiskStore::open_with(folder.path(), SMALL) {
            Err(error) => {
                assert!(matches!(error, StoreError::Damaged { .. }), "{what}: {error}");
                assert!(!file.exists() || fs::read(&file).unwrap() != before, "{what}: changed");
                assert!(!DiskStore::survey(folder.path()).unwrap().log.damage.is_empty(), "{what}");
                refused += 1;
            }
            Ok(mut store_again) => {
                assert_eq!(revisions(&mut store_again), store.acknowledged, "{what}: silent loss");
                whole += 1;
            }
        }
    }
    println!("{trials} damaged stores: {refused} refused, {whole} with every lease, 0 silent");
    report(trials, whole, refused);
    assert!(refused > trials / 2);
}

/// Reports to `cargo xtask attack`, if that runs the test.
fn report(trials: usize, whole: usize, refused: usize) {
    let Some(path) = env::var_os("LESSOR_ATTACK_REPORT") else { return };
    let subject = "stores with a file changed, emptied or removed";
    let line = format!(
        r#"{{"attack":"damaged stores","subject":"{subject}","sent":{trials},"served":{whole},"refused":{refused},"lost":0,"wanted":"no silent loss","note":"","held":true}}"#
    );
    fs::write(path, line + "\n").unwrap();
}

/// The possible results of a power cut: any part of the last batch, and a mark from some time
/// before.
#[test]
fn a_torn_tail_costs_nothing_that_was_acknowledged() {
    let mut random = Random::announced();
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(&folder.path().join("live"));
        let log = Folder::new(&folder.path().join("live").join(FOLDER));
        let mut marks = Vec::new();
        for number in 0..10 {
            marks.push(fs::read(log.mark()).unwrap());
            commit(&mut store, [change(number, 1)]);
        }
        let before = fs::read(log.segment(1)).unwrap();
        commit(&mut store, (10..14).map(|number| change(number, 1)));
        let after = fs::read(log.segment(1)).unwrap();
        for length in (before.len()..after.len()).step_by(1 + random.below(9)) {
            let cut = folder.path().join("cut");
            let torn = Folder::new(&cut.join(FOLDER));
            copy(log.path(), torn.path());
            let mut octets = after[..length].to_vec();
            if random.below(2) == 0 {
                // Pages that were not written are read as zeros.
                octets.resize(after.len(), 0);
            }
            fs::write(torn.segment(1), octets).unwrap();
            fs::write(torn.mark(), &marks[random.below(marks.len())]).unwrap();
            let survey = DiskStore::survey(&cut).unwrap().log;
            assert_eq!(survey.damage, []);
            assert_eq!(
                survey.torn.is_some(),
                length > before.len() || !before_only(&torn, &before)
            );
            let mut store = open(&cut);
            assert_eq!(revisions(&mut store).len(), 10, "{length} octets");
            assert_eq!(commit(&mut store, [change(10, 1)]), [StorageAnswer::Made]);
            drop(store);
            assert_eq!(revisions(&mut open(&cut)).len(), 11);
            fs::remove_dir_all(cut).unwrap();
        }
    }
}

fn before_only(torn: &Folder, before: &[u8]) -> bool {
    fs::read(torn.segment(1)).unwrap() == before
}

#[test]
fn a_log_that_ends_before_its_mark_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let log = Folder::new(&folder.path().join(FOLDER));
    commit(&mut store, [change(1, 1)]);
    let before = fs::read(log.segment(1)).unwrap();
    commit(&mut store, [change(2, 1)]);
    commit(&mut store, [change(3, 1)]);
    let left = TempDir::new().unwrap();
    copy(log.path(), &left.path().join(FOLDER));
    // No octet is wrong, but two batches are missing.
    fs::write(left.path().join(FOLDER).join("0000000001.log"), &before).unwrap();
    let refused = DiskStore::open(left.path()).err().unwrap().to_string();
    let expected = format!(
        "0000000001.log, octet {}: the log ends here, after batch 1; the 2 batch(es) up to 3 had \
         been on disk",
        before.len()
    );
    assert!(refused.contains(&expected), "{refused}");
}

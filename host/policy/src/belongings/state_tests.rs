use super::*;
use crate::{
    Capability, Grants,
    belongings::{Registry, StateStore, StateStoreError},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// A disk that can be full or unreadable.
#[derive(Debug, Default)]
struct Disk {
    kept: Mutex<BTreeMap<(String, String), Vec<u8>>>,
    is_full: AtomicBool,
    is_unreadable: AtomicBool,
    writes: AtomicUsize,
}

impl StateStore for Disk {
    fn load(&self, plugin: &str, each: &mut dyn FnMut(&str, &[u8])) -> Result<(), StateStoreError> {
        let kept = self.kept.lock().unwrap();
        for ((_, key), value) in kept.iter().filter(|((owner, _), _)| owner == plugin) {
            each(key, value);
        }
        match self.is_unreadable.load(Ordering::Relaxed) {
            true => Err("a block is damaged".into()),
            false => Ok(()),
        }
    }

    fn write(&self, changes: &[StateChange]) -> Result<(), StateStoreError> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err("no space left on device".into());
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        let mut kept = self.kept.lock().unwrap();
        for change in changes {
            let key = (change.plugin.to_string(), change.key.to_string());
            match &change.value {
                Some(value) => kept.insert(key, value.to_vec()),
                None => kept.remove(&key),
            };
        }
        Ok(())
    }
}

impl Disk {
    fn value(&self, key: &str) -> Option<Vec<u8>> {
        self.kept.lock().unwrap().get(&("10-a".to_owned(), key.to_owned())).cloned()
    }
}

fn grants() -> Grants {
    Grants::default().with(Capability::State)
}

fn opened(disk: &Arc<Disk>) -> (Registry, Arc<crate::belongings::Belongings>) {
    let store: Arc<dyn StateStore> = Arc::clone(disk) as _;
    let registry = Registry::new(Some(store));
    let belongings = registry.of(&"10-a".into(), grants());
    (registry, belongings)
}

fn in_memory() -> State {
    let state = State::new("10-a".into(), None);
    state.open();
    state
}

#[test]
fn values_are_set_replaced_and_removed() {
    let state = in_memory();
    assert_eq!(state.get("line"), Ok(None));
    state.set("line", Some(b"1")).unwrap();
    assert_eq!(state.replace("line", Some(b"2"), Some(b"3")), Ok(false));
    assert_eq!(state.replace("line", None, Some(b"3")), Ok(false));
    assert_eq!(state.replace("line", Some(b"1"), Some(b"")), Ok(true));
    assert_eq!(state.get("line"), Ok(Some(vec![])));
    assert_eq!(state.status(), StateStatus { keys: 1, octets: 4, is_durable: false });
    assert_eq!(state.replace("line", Some(b""), None), Ok(true));
    assert_eq!(state.replace("line", None, Some(b"4")), Ok(true));
    state.set("line", None).unwrap();
    assert_eq!(state.status(), StateStatus { keys: 0, octets: 0, is_durable: false });
}

#[test]
fn keys_and_values_have_limits() {
    let state = in_memory();
    let (longest, too_long) = ("k".repeat(255), "k".repeat(256));
    assert_eq!(state.set("", Some(b"")), Err(StateError::UnusableKey));
    assert_eq!(state.get(&too_long), Err(StateError::UnusableKey));
    assert_eq!(state.replace(&too_long, None, None), Err(StateError::UnusableKey));
    state.set(&longest, Some(&[0; 4_096])).unwrap();
    assert_eq!(state.set("k", Some(&[0; 4_097])), Err(StateError::ValueTooLong));
    assert_eq!(state.replace("k", None, Some(&[0; 4_097])), Err(StateError::ValueTooLong));
    for number in 1..STATE_KEYS_MAX {
        state.set(&number.to_string(), Some(b"")).unwrap();
    }
    assert_eq!(state.set("one more", Some(b"")), Err(StateError::LimitReached));
    state.set("1", None).unwrap();
    state.set("one more", Some(b"")).unwrap();

    let state = in_memory();
    let value = [0; STATE_VALUE_OCTETS_MAX];
    let fitting = STATE_OCTETS_MAX / (STATE_VALUE_OCTETS_MAX + 4);
    for number in 0..fitting {
        state.set(&format!("{number:04}"), Some(&value)).unwrap();
    }
    assert_eq!(state.set("more", Some(&value)), Err(StateError::LimitReached));
    assert_eq!(state.status().keys, fitting);
    let rest = STATE_OCTETS_MAX - state.status().octets - 4;
    state.set("more", Some(&vec![0; rest])).unwrap();
    assert_eq!(state.set("more", Some(&vec![0; rest + 1])), Err(StateError::LimitReached));
    assert_eq!(state.status().octets, STATE_OCTETS_MAX);
    // What takes no more room than before is always possible.
    state.set("more", Some(b"")).unwrap();
}

#[test]
fn changes_are_on_disk_within_a_second_and_there_after_a_restart() {
    let disk = Arc::<Disk>::default();
    let (registry, belongings) = opened(&disk);
    let began = Instant::now();
    for number in 0..1_000 {
        belongings.state.set(&number.to_string(), Some(b"value")).unwrap();
    }
    belongings.state.set("7", None).unwrap();
    while disk.value("999").is_none() {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    registry.flush();
    assert_eq!(disk.value("7"), None);
    // Many changes go with one write.
    assert!(disk.writes.load(Ordering::Relaxed) <= 3);
    drop((registry, belongings));
    let (_registry, belongings) = opened(&disk);
    assert_eq!(belongings.state.get("999"), Ok(Some(b"value".to_vec())));
    assert_eq!(belongings.state.get("7"), Ok(None));
    let (keys, is_durable) = (999, true);
    let status = belongings.state.status();
    assert_eq!((status.keys, status.is_durable), (keys, is_durable));
}

#[test]
fn a_plugin_that_goes_and_comes_back_has_its_belongings_again() {
    let disk = Arc::<Disk>::default();
    let (registry, belongings) = opened(&disk);
    belongings.state.set("line", Some(b"1")).unwrap();
    let again = registry.of(&"10-a".into(), grants());
    assert!(Arc::ptr_eq(&belongings, &again), "the next generation shares them");
    drop((belongings, again));
    let again = registry.of(&"10-a".into(), grants());
    assert_eq!(again.state.get("line"), Ok(Some(b"1".to_vec())));
    assert_eq!(registry.of(&"10-b".into(), grants()).state.get("line"), Ok(None));
}

#[test]
fn what_cannot_be_written_is_written_later() {
    let disk = Arc::<Disk>::default();
    let (registry, belongings) = opened(&disk);
    belongings.state.set("gone", Some(b"1")).unwrap();
    registry.flush();
    disk.is_full.store(true, Ordering::Relaxed);
    belongings.state.set("gone", None).unwrap();
    belongings.state.set("line", Some(b"1")).unwrap();
    registry.flush();
    belongings.state.set("line", Some(b"2")).unwrap();
    assert_eq!((disk.value("line"), disk.value("gone")), (None, Some(b"1".to_vec())));
    assert_eq!(belongings.state.removals.load(Ordering::Relaxed), 1);
    disk.is_full.store(false, Ordering::Relaxed);
    registry.flush();
    assert_eq!((disk.value("line"), disk.value("gone")), (Some(b"2".to_vec()), None));
    assert_eq!(belongings.state.removals.load(Ordering::Relaxed), 0);
}

#[test]
fn removals_that_wait_for_the_disk_have_a_limit() {
    let disk = Arc::<Disk>::default();
    let (registry, belongings) = opened(&disk);
    disk.is_full.store(true, Ordering::Relaxed);
    let state = &belongings.state;
    for number in 0..STATE_REMOVALS_MAX {
        state.set(&number.to_string(), Some(b"")).unwrap();
        state.set(&number.to_string(), None).unwrap();
    }
    state.set("line", Some(b"")).unwrap();
    assert_eq!(state.set("line", None), Err(StateError::LimitReached));
    assert_eq!(state.get("line"), Ok(Some(vec![])));
    disk.is_full.store(false, Ordering::Relaxed);
    registry.flush();
    state.set("line", None).unwrap();
}

#[test]
fn what_cannot_be_read_is_left_as_it_is() {
    let disk = Arc::<Disk>::default();
    disk.kept.lock().unwrap().insert(("10-a".to_owned(), "old".to_owned()), b"1".to_vec());
    disk.is_unreadable.store(true, Ordering::Relaxed);
    let (registry, belongings) = opened(&disk);
    let status = belongings.state.status();
    assert_eq!(status, StateStatus { keys: 0, octets: 0, is_durable: false });
    belongings.state.set("old", Some(b"2")).unwrap();
    registry.flush();
    assert_eq!(belongings.state.get("old"), Ok(Some(b"2".to_vec())));
    assert_eq!(disk.value("old"), Some(b"1".to_vec()));
}

#[test]
fn many_threads_change_one_key_and_none_gets_lost() {
    let disk = Arc::<Disk>::default();
    let (registry, belongings) = opened(&disk);
    let state = &belongings.state;
    let count = || {
        for _ in 0..1_000 {
            loop {
                let found = state.get("count").unwrap();
                let number: u32 = found
                    .as_deref()
                    .map_or(0, |text| std::str::from_utf8(text).unwrap().parse().unwrap());
                let next = (number + 1).to_string();
                if state.replace("count", found.as_deref(), Some(next.as_bytes())).unwrap() {
                    break;
                }
            }
        }
    };
    std::thread::scope(|scope| {
        (0..4).for_each(|_| {
            scope.spawn(count);
        });
        (0..50).for_each(|_| registry.flush());
    });
    registry.flush();
    assert_eq!(disk.value("count"), Some(b"4000".to_vec()));
}

use super::*;
use crate::{
    belongings::{Registry, StateStore, StateStoreError, writer::StateChange},
    limits::STATE_VALUE_OCTETS_MAX,
};
use lessor_settings::{Capability, Grants, STATE_KEYS_MAX, STATE_LINE_KEYS_MAX, WhenFull};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// A store that can be full or unreadable.
#[derive(Debug, Default)]
struct Disk {
    kept: Mutex<BTreeMap<(String, String), KeptValue>>,
    is_full: AtomicBool,
    is_unreadable: AtomicBool,
    writes: AtomicUsize,
}

impl StateStore for Disk {
    fn load(
        &self,
        plugin: &str,
        each: &mut dyn FnMut(&str, KeptValue),
    ) -> Result<(), StateStoreError> {
        let kept = self.kept.lock().unwrap();
        for ((_, key), value) in kept.iter().filter(|((owner, _), _)| owner == plugin) {
            each(key, value.clone());
        }
        match self.is_unreadable.load(Ordering::Relaxed) {
            true => Err("a block is damaged".into()),
            false => Ok(()),
        }
    }

    fn owners(&self) -> Result<Vec<Arc<str>>, StateStoreError> {
        let kept = self.kept.lock().unwrap();
        Ok(kept.keys().map(|(owner, _)| Arc::from(owner.as_str())).collect())
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
                Some(value) => kept.insert(key, value.clone()),
                None => kept.remove(&key),
            };
        }
        Ok(())
    }
}

impl Disk {
    fn value(&self, key: &str) -> Option<Vec<u8>> {
        let kept = self.kept.lock().unwrap();
        kept.get(&("10-a".to_owned(), key.to_owned())).map(|found| found.value.to_vec())
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

/// Default rules, a fixed time and no line.
const AT_ONCE: Occasion<'static> = Occasion { rules: &RULES, now_ms: Some(1_000), line: None };
const RULES: StateRules = StateRules {
    keep_secs: None,
    keys_max: STATE_KEYS_MAX,
    line_keys_max: STATE_LINE_KEYS_MAX,
    when_full: WhenFull::Error,
};

fn remembered(value: &[u8], set_at_ms: u64) -> KeptValue {
    KeptValue { value: value.into(), set_at_ms, line: 0 }
}

/// The number of keys and octets, and whether the state is durable.
fn amount(state: &KeptState) -> (usize, usize, bool) {
    let StateStatus { keys, octets, is_durable, .. } = state.status(&RULES);
    (keys, octets, is_durable)
}

fn in_memory() -> KeptState {
    let state = KeptState::new("10-a".into(), None);
    state.open();
    state
}

#[test]
fn values_are_set_replaced_and_removed() {
    let state = in_memory();
    assert_eq!(state.get(&AT_ONCE, "line"), Ok(None));
    state.set(&AT_ONCE, "line", Some(b"1")).unwrap();
    assert_eq!(state.replace(&AT_ONCE, "line", Some(b"2"), Some(b"3")), Ok(false));
    assert_eq!(state.replace(&AT_ONCE, "line", None, Some(b"3")), Ok(false));
    assert_eq!(state.replace(&AT_ONCE, "line", Some(b"1"), Some(b"")), Ok(true));
    assert_eq!(state.get(&AT_ONCE, "line"), Ok(Some(vec![])));
    assert_eq!(amount(&state), (1, 4, false));
    assert_eq!(state.replace(&AT_ONCE, "line", Some(b""), None), Ok(true));
    assert_eq!(state.replace(&AT_ONCE, "line", None, Some(b"4")), Ok(true));
    state.set(&AT_ONCE, "line", None).unwrap();
    assert_eq!(amount(&state), (0, 0, false));
}

#[test]
fn keys_and_values_have_limits() {
    let state = in_memory();
    let (longest, too_long) = ("k".repeat(255), "k".repeat(256));
    assert_eq!(state.set(&AT_ONCE, "", Some(b"")), Err(StateError::UnusableKey));
    assert_eq!(state.get(&AT_ONCE, &too_long), Err(StateError::UnusableKey));
    assert_eq!(state.replace(&AT_ONCE, &too_long, None, None), Err(StateError::UnusableKey));
    state.set(&AT_ONCE, &longest, Some(&[0; 4_096])).unwrap();
    assert_eq!(state.set(&AT_ONCE, "k", Some(&[0; 4_097])), Err(StateError::ValueTooLong));
    assert_eq!(
        state.replace(&AT_ONCE, "k", None, Some(&[0; 4_097])),
        Err(StateError::ValueTooLong)
    );
    for number in 1..STATE_KEYS_MAX {
        state.set(&AT_ONCE, &number.to_string(), Some(b"")).unwrap();
    }
    assert_eq!(state.set(&AT_ONCE, "one more", Some(b"")), Err(StateError::KeysFull));
    state.set(&AT_ONCE, "1", None).unwrap();
    state.set(&AT_ONCE, "one more", Some(b"")).unwrap();

    let state = in_memory();
    let value = [0; STATE_VALUE_OCTETS_MAX];
    let fitting = STATE_OCTETS_MAX / (STATE_VALUE_OCTETS_MAX + 4);
    for number in 0..fitting {
        state.set(&AT_ONCE, &format!("{number:04}"), Some(&value)).unwrap();
    }
    assert_eq!(state.set(&AT_ONCE, "more", Some(&value)), Err(StateError::OctetsFull));
    assert_eq!(state.status(&RULES).keys, fitting);
    let rest = STATE_OCTETS_MAX - state.status(&RULES).octets - 4;
    state.set(&AT_ONCE, "more", Some(&vec![0; rest])).unwrap();
    assert_eq!(state.set(&AT_ONCE, "more", Some(&vec![0; rest + 1])), Err(StateError::OctetsFull));
    assert_eq!(state.status(&RULES).octets, STATE_OCTETS_MAX);
    // A value that takes no more room than the one before can always be set.
    state.set(&AT_ONCE, "more", Some(b"")).unwrap();
}

#[test]
fn changes_are_on_disk_within_a_second_and_there_after_a_restart() {
    let disk = Arc::<Disk>::default();
    let (registry, belongings) = opened(&disk);
    let began = Instant::now();
    for number in 0..1_000 {
        belongings.state.set(&AT_ONCE, &number.to_string(), Some(b"value")).unwrap();
    }
    belongings.state.set(&AT_ONCE, "7", None).unwrap();
    while disk.value("999").is_none() {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    registry.flush();
    assert_eq!(disk.value("7"), None);
    // Many changes are written together.
    assert!(disk.writes.load(Ordering::Relaxed) <= 3);
    drop((registry, belongings));
    let (_registry, belongings) = opened(&disk);
    assert_eq!(belongings.state.get(&AT_ONCE, "999"), Ok(Some(b"value".to_vec())));
    assert_eq!(belongings.state.get(&AT_ONCE, "7"), Ok(None));
    let (keys, is_durable) = (999, true);
    let status = belongings.state.status(&RULES);
    assert_eq!((status.keys, status.is_durable), (keys, is_durable));
}

#[test]
fn a_plugin_that_goes_and_comes_back_has_its_belongings_again() {
    let disk = Arc::<Disk>::default();
    let (registry, belongings) = opened(&disk);
    belongings.state.set(&AT_ONCE, "line", Some(b"1")).unwrap();
    let again = registry.of(&"10-a".into(), grants());
    assert!(Arc::ptr_eq(&belongings, &again), "the next generation shares them");
    drop((belongings, again));
    let again = registry.of(&"10-a".into(), grants());
    assert_eq!(again.state.get(&AT_ONCE, "line"), Ok(Some(b"1".to_vec())));
    assert_eq!(registry.of(&"10-b".into(), grants()).state.get(&AT_ONCE, "line"), Ok(None));
}

#[test]
fn what_cannot_be_written_is_written_later() {
    let disk = Arc::<Disk>::default();
    let (registry, belongings) = opened(&disk);
    belongings.state.set(&AT_ONCE, "gone", Some(b"1")).unwrap();
    registry.flush();
    disk.is_full.store(true, Ordering::Relaxed);
    belongings.state.set(&AT_ONCE, "gone", None).unwrap();
    belongings.state.set(&AT_ONCE, "line", Some(b"1")).unwrap();
    registry.flush();
    belongings.state.set(&AT_ONCE, "line", Some(b"2")).unwrap();
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
        state.set(&AT_ONCE, &number.to_string(), Some(b"")).unwrap();
        state.set(&AT_ONCE, &number.to_string(), None).unwrap();
    }
    state.set(&AT_ONCE, "line", Some(b"")).unwrap();
    assert_eq!(state.set(&AT_ONCE, "line", None), Err(StateError::RemovalsFull));
    assert_eq!(state.get(&AT_ONCE, "line"), Ok(Some(vec![])));
    disk.is_full.store(false, Ordering::Relaxed);
    registry.flush();
    state.set(&AT_ONCE, "line", None).unwrap();
}

#[test]
fn what_cannot_be_read_is_left_as_it_is() {
    let disk = Arc::<Disk>::default();
    disk.kept.lock().unwrap().insert(("10-a".to_owned(), "old".to_owned()), remembered(b"1", 1));
    disk.is_unreadable.store(true, Ordering::Relaxed);
    let (registry, belongings) = opened(&disk);
    assert_eq!(amount(&belongings.state), (0, 0, false));
    belongings.state.set(&AT_ONCE, "old", Some(b"2")).unwrap();
    registry.flush();
    assert_eq!(belongings.state.get(&AT_ONCE, "old"), Ok(Some(b"2".to_vec())));
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
                let found = state.get(&AT_ONCE, "count").unwrap();
                let number: u32 = found
                    .as_deref()
                    .map_or(0, |text| std::str::from_utf8(text).unwrap().parse().unwrap());
                let next = (number + 1).to_string();
                if state
                    .replace(&AT_ONCE, "count", found.as_deref(), Some(next.as_bytes()))
                    .unwrap()
                {
                    break;
                }
            }
        }
    };
    std::thread::scope(|scope| {
        (0..4).for_each(|_| {
            scope.spawn(count);
        });
        (0..50).for_each(|_| {
            registry.flush();
        });
    });
    registry.flush();
    assert_eq!(disk.value("count"), Some(b"4000".to_vec()));
}

/// An occasion for a line, at a time in seconds.
fn occasion(rules: &StateRules, line: u64, secs: u64) -> Occasion<'_> {
    Occasion { rules, now_ms: Some(secs * 1_000), line: LineTag::from_stored(line) }
}

#[test]
fn a_key_that_is_not_set_again_is_forgotten() {
    let rules = StateRules { keep_secs: Some(60), ..RULES };
    let state = in_memory();
    state.set(&occasion(&rules, 0, 100), "old", Some(b"1")).unwrap();
    state.set(&occasion(&rules, 0, 100), "kept", Some(b"1")).unwrap();
    // A set to the same value refreshes the key.
    state.set(&occasion(&rules, 0, 150), "kept", Some(b"1")).unwrap();
    assert_eq!(state.get(&occasion(&rules, 0, 159), "old"), Ok(Some(b"1".to_vec())));
    let later = occasion(&rules, 0, 160);
    assert_eq!(state.get(&later, "old"), Ok(None));
    assert_eq!(state.replace(&later, "old", None, Some(b"2")), Ok(true), "it is not there");
    assert_eq!(state.get(&later, "kept"), Ok(Some(b"1".to_vec())));
    state.get(&occasion(&rules, 0, 1_000), "kept").unwrap();
    let status = state.status(&rules);
    assert_eq!((status.keys, status.octets, status.expired), (0, 0, 3));
}

#[test]
fn when_each_key_was_set_outlives_a_restart() {
    let rules = StateRules { keep_secs: Some(800), ..RULES };
    let disk = Arc::<Disk>::default();
    let (registry, belongings) = opened(&disk);
    for (key, secs) in [("refreshed", 100), ("left", 100), ("refreshed", 150), ("refreshed", 400)] {
        belongings.state.set(&occasion(&rules, 7, secs), key, Some(b"1")).unwrap();
        registry.flush();
    }
    // A small change of the time is not written.
    let writes = disk.writes.load(Ordering::Relaxed);
    assert_eq!(writes, 3);
    drop((registry, belongings));
    // Keys of earlier server versions have no time: their lifetime begins when they are first
    // checked.
    disk.kept.lock().unwrap().insert(("10-a".to_owned(), "former".to_owned()), remembered(b"1", 0));
    let (_registry, belongings) = opened(&disk);
    let state = &belongings.state;
    let at = |secs, key: &str| state.get(&occasion(&rules, 7, secs), key).unwrap().is_some();
    assert_eq!(
        [at(1_000, "refreshed"), at(1_000, "left"), at(1_000, "former")],
        [true, false, true]
    );
    assert_eq!(state.status(&rules).keys, 2);
    assert_eq!(
        [at(1_201, "refreshed"), at(1_799, "former"), at(1_801, "former")],
        [false, true, false]
    );
}

#[test]
fn one_line_does_not_take_the_room_of_others() {
    let rules = StateRules { keys_max: 100, line_keys_max: 10, ..RULES };
    let state = in_memory();
    for number in 0..1_000 {
        let done = state.set(&occasion(&rules, 7, 1), &format!("made-up {number}"), Some(b""));
        assert_eq!(done, if number < 10 { Ok(()) } else { Err(StateError::LineFull) });
    }
    // The line may still change its keys, and remove keys to make room.
    state.set(&occasion(&rules, 7, 1), "made-up 3", Some(b"more")).unwrap();
    state.set(&occasion(&rules, 7, 1), "made-up 4", None).unwrap();
    state.set(&occasion(&rules, 7, 1), "another", Some(b"")).unwrap();
    // Other lines are not affected, nor are messages without a line.
    for line in 8..16 {
        state.set(&occasion(&rules, line, 1), &format!("of {line}"), Some(b"")).unwrap();
    }
    for number in 0..82 {
        state.set(&occasion(&rules, 0, 1), &format!("without {number}"), Some(b"")).unwrap();
    }
    assert_eq!(
        state.set(&occasion(&rules, 0, 1), "one more", Some(b"")),
        Err(StateError::KeysFull)
    );
    assert_eq!(StateError::KeysFull.limit(&rules), "100 keys (keys-max below [state])");
    assert!(StateError::LineFull.limit(&rules).starts_with("10 keys that messages of one line"));
}

#[test]
fn the_oldest_goes_first_of_the_line_that_is_full_or_of_all() {
    let when_full = WhenFull::OldestGoesFirst;
    let rules = StateRules { keys_max: 20, line_keys_max: 10, when_full, ..RULES };
    let disk = Arc::<Disk>::default();
    let (registry, belongings) = opened(&disk);
    let state = &belongings.state;
    state.set(&occasion(&rules, 1, 1), "bystander", Some(b"")).unwrap();
    for number in 0..1_000 {
        let at = occasion(&rules, 7, 2 + number);
        state.set(&at, &format!("made-up {number}"), Some(b"")).unwrap();
        // A key that is set repeatedly is never the oldest.
        state.set(&at, "favourite", Some(&number.to_be_bytes())).unwrap();
    }
    let has = |key: &str| state.get(&AT_ONCE, key).unwrap().is_some();
    assert!(has("bystander") && has("favourite") && has("made-up 999") && has("made-up 991"));
    assert!(!has("made-up 990"));
    assert_eq!(state.status(&rules).keys, 11);
    for line in 100..109 {
        state.set(&occasion(&rules, line, 2_000), &format!("of {line}"), Some(b"")).unwrap();
    }
    assert!(has("bystander"), "there is room yet");
    state.set(&occasion(&rules, 200, 2_000), "last", Some(b"")).unwrap();
    assert!(!has("bystander") && has("last") && has("favourite"));
    registry.flush();
    assert_eq!(disk.kept.lock().unwrap().len(), 20);
    assert_eq!(disk.value("bystander"), None);
}

#[test]
fn octets_give_way_too() {
    let rules = StateRules { when_full: WhenFull::OldestGoesFirst, ..RULES };
    let state = in_memory();
    let value = [0; STATE_VALUE_OCTETS_MAX];
    for number in 0..2 * STATE_OCTETS_MAX / STATE_VALUE_OCTETS_MAX {
        state.set(&occasion(&rules, 0, 1), &number.to_string(), Some(&value)).unwrap();
    }
    let StateStatus { octets, gave_way, .. } = state.status(&rules);
    assert!(octets <= STATE_OCTETS_MAX && gave_way > 4_000, "{octets} {gave_way}");
}

#[test]
fn lines_are_distinguished_and_are_the_same_after_a_restart() {
    use lessor_core::{Link, Origin};
    let line = |circuit: &[u8], remote: &[u8]| {
        LineTag::of(&Origin {
            link: Link::Relay([192, 0, 2, 1].into()),
            circuit_id: Some(circuit.into()),
            remote_id: Some(remote.into()),
        })
    };
    assert_eq!(line(b"a", b"bc"), line(b"a", b"bc"));
    assert_ne!(line(b"a", b"bc"), line(b"ab", b"c"));
    assert_eq!(LineTag::of(&Origin::UNKNOWN), None);
}

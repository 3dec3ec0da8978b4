//! Reaches every limit of a remote source. The source is a web service that counts its requests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use lessor_core::LookupAnswer;
use lessor_e2e::sources::{Answer, WebService};
use lessor_lookup::{
    FAILED_KEY_FOR, FAILED_KEYS_IN_A_ROW_MAX, KEY_OCTETS_MAX, RETRY_AFTER_MIN, Sources,
};
use lessor_settings::RemoteLimits;

use crate::support::{fields, generous, http, open, status, unavailable};

const ROW: &str = r#"{"plan":"fast"}"#;

fn asking(service: &WebService, limits: RemoteLimits) -> Arc<Sources> {
    open(http(format!("http://{}/ports/{{key}}", service.address()), limits))
}

fn ask_together(
    sources: &Arc<Sources>,
    keys: impl IntoIterator<Item = String>,
) -> Vec<tokio::task::JoinHandle<LookupAnswer>> {
    let ask = |key: String| {
        let sources = Arc::clone(sources);
        tokio::spawn(async move { sources.ask("it", &key).await })
    };
    keys.into_iter().map(ask).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_for_one_key_make_one_question() {
    let service = WebService::start(|_| Answer::ok(ROW).after(Duration::from_millis(300)));
    let sources = asking(&service, generous());
    let questions = ask_together(&sources, (0..200).map(|_| "a".to_owned()));
    for question in questions {
        assert_eq!(fields(&question.await.unwrap()), [("plan", "fast")]);
    }
    assert_eq!(service.asked().len(), 1);
    let status = status(&sources);
    assert_eq!((status.asked, status.fetched, status.in_flight), (200, 1, 0));
    assert!(status.max_us >= 300_000 && status.mean_us == status.max_us);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_caller_may_leave() {
    let service = WebService::start(|_| Answer::ok(ROW).after(Duration::from_millis(200)));
    let sources = asking(&service, generous());
    let impatient = tokio::time::timeout(Duration::from_millis(20), sources.ask("it", "a")).await;
    assert!(impatient.is_err());
    assert_eq!(fields(&sources.ask("it", "a").await), [("plan", "fast")]);
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_questions_than_allowed_are_at_the_source() {
    let service = WebService::start(|_| Answer::ok(ROW).after(Duration::from_millis(20)));
    let sources = asking(&service, RemoteLimits { concurrency_max: 3, ..generous() });
    for question in ask_together(&sources, (0..30).map(|number| number.to_string())) {
        assert_eq!(fields(&question.await.unwrap()), [("plan", "fast")]);
    }
    assert_eq!((service.asked().len(), service.working_most()), (30, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_queue_has_no_room_for_is_refused_at_once() {
    let service = WebService::start(|_| Answer::ok(ROW).after(Duration::from_millis(500)));
    let limits = RemoteLimits { concurrency_max: 1, queue_max: 2, ..generous() };
    let sources = asking(&service, limits);
    let begun = Instant::now();
    let mut refused = 0;
    for question in ask_together(&sources, (0..10).map(|number| number.to_string())) {
        if let LookupAnswer::Unavailable(why) = question.await.unwrap() {
            assert_eq!(why, "`it` already has 3 queries waiting");
            refused += 1;
        }
    }
    assert!(begun.elapsed() >= Duration::from_millis(1500));
    assert_eq!((refused, service.asked().len()), (7, 3));
    assert_eq!(status(&sources).refused, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_turn_says_nothing_about_the_source() {
    let takes = Duration::from_millis(1200);
    let service = WebService::start(move |_| Answer::ok(ROW).after(takes));
    let limits =
        RemoteLimits { deadline: Duration::from_secs(4), concurrency_max: 1, ..generous() };
    let sources = asking(&service, limits);
    let mut refused = 0;
    for question in ask_together(&sources, (0..10).map(|number| number.to_string())) {
        if let LookupAnswer::Unavailable(why) = question.await.unwrap() {
            assert_eq!(why, "`it` could not start the query within 2000 ms");
            refused += 1;
        }
    }
    let counted = status(&sources);
    assert_eq!((refused, counted.refused), (8, 8));
    assert_eq!((counted.fetched, counted.timeouts, counted.failures), (2, 0, 0));
    assert!(!counted.is_down);
    assert!(counted.max_us < 2 * takes.as_micros() as u64, "the wait for a turn is not counted");
    fields(&sources.ask("it", "later").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_takes_no_longer_than_its_deadline() {
    let service = WebService::start(|_| Answer::ok(ROW).after(Duration::from_secs(30)));
    let limits = RemoteLimits { deadline: Duration::from_millis(100), ..generous() };
    let sources = asking(&service, limits);
    let begun = Instant::now();
    let why = unavailable(sources.ask("it", "a").await);
    assert_eq!(why, "`it`: no answer within 100 ms");
    assert!(begun.elapsed() < Duration::from_secs(20));
    let status = status(&sources);
    assert_eq!((status.timeouts, status.failures, status.unavailable), (1, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_remembered_for_as_long_as_they_count() {
    let service = WebService::start(|asked| match asked.path.ends_with("/none") {
        true => Answer::status(404),
        false => Answer::ok(ROW),
    });
    let ttl = Duration::from_millis(1500);
    let limits = RemoteLimits { cache_ttl: ttl, negative_ttl: ttl, ..generous() };
    let sources = asking(&service, limits);
    assert_eq!(sources.now("it", "a"), None);
    for _ in 0..3 {
        assert_eq!(fields(&sources.ask("it", "a").await), [("plan", "fast")]);
        assert_eq!(sources.ask("it", "none").await, LookupAnswer::NotFound);
    }
    assert_eq!(service.asked().len(), 2);
    let counted = status(&sources);
    assert_eq!((counted.rows, counted.hits, counted.negative_hits), (2, 2, 2));
    tokio::time::sleep(ttl).await;
    assert_eq!((sources.now("it", "a"), sources.now("it", "none")), (None, None));
    sources.ask("it", "a").await;
    sources.ask("it", "none").await;
    assert_eq!(service.asked().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_is_bounded() {
    let service = WebService::start(|_| Answer::ok(ROW));
    let limits = RemoteLimits { cache_entries_max: 10, concurrency_max: 4, ..generous() };
    let sources = asking(&service, limits);
    for question in ask_together(&sources, (0..100).map(|number| number.to_string())) {
        fields(&question.await.unwrap());
    }
    let remembered = status(&sources).rows;
    assert!((1..=10).contains(&remembered), "{remembered}");
    let none = asking(&service, RemoteLimits { cache_entries_max: 0, ..generous() });
    none.ask("it", "a").await;
    assert_eq!((none.now("it", "a"), status(&none).rows), (None, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_counts_as_several() {
    let service = WebService::start(|_| Answer::ok(&format!(r#"{{"a":"{}"}}"#, "x".repeat(9000))));
    let sources = asking(&service, RemoteLimits { cache_entries_max: 20, ..generous() });
    for key in 0..10 {
        fields(&sources.ask("it", &key.to_string()).await);
    }
    assert!(status(&sources).rows <= 2, "{}", status(&sources).rows);
}

/// When this many good answers are left, the next one is slow.
const SLOW: u64 = 1000;

/// A service that fails after a number of good answers.
fn failing_after(good: u64) -> (WebService, Arc<AtomicU64>) {
    let left = Arc::new(AtomicU64::new(good));
    let counted = Arc::clone(&left);
    let service = WebService::start(move |_| {
        let one_less = |left: u64| left.checked_sub(1);
        match counted.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
            Ok(SLOW) => Answer::ok(ROW).after(Duration::from_secs(5)),
            Ok(_) => Answer::ok(ROW),
            Err(_) => Answer::status(503),
        }
    });
    (service, left)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_row_serves_while_the_source_fails_and_not_for_ever() {
    let (service, _) = failing_after(1);
    let limits = RemoteLimits {
        cache_ttl: Duration::from_millis(1),
        stale_for: Duration::from_secs(3),
        ..generous()
    };
    let sources = asking(&service, limits);
    fields(&sources.ask("it", "a").await);
    tokio::time::sleep(Duration::from_millis(10)).await;
    let LookupAnswer::Found { row, is_stale: true } = sources.ask("it", "a").await else {
        panic!("the old row serves");
    };
    assert_eq!(row.field("plan"), Some("fast"));
    assert_eq!(
        unavailable(sources.ask("it", "b").await),
        "`it`: the service answers 503 Service Unavailable"
    );
    assert_eq!(status(&sources).stale, 1);
    tokio::time::sleep(Duration::from_secs(3)).await;
    unavailable(sources.ask("it", "a").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_fails_is_left_alone_and_taken_up_again() {
    let (service, left) = failing_after(0);
    let limits = RemoteLimits { cache_entries_max: 0, ..generous() };
    let sources = asking(&service, limits);
    for number in 0..FAILED_KEYS_IN_A_ROW_MAX {
        assert!(!status(&sources).is_down);
        unavailable(sources.ask("it", &number.to_string()).await);
    }
    assert!(status(&sources).is_down);
    // The source is not queried, and no caller waits.
    for _ in 0..50 {
        let why = unavailable(sources.now("it", "b").expect("an answer at once"));
        assert!(why.contains("`it` is paused after failures: the service"), "{why}");
        assert!(why.ends_with(" s ago)"), "{why}");
    }
    assert_eq!(service.asked().len(), FAILED_KEYS_IN_A_ROW_MAX);
    left.store(100, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(sources.now("it", "b"), None, "it is time for a trial");
    fields(&sources.ask("it", "b").await);
    fields(&sources.ask("it", "c").await);
    assert!(!status(&sources).is_down);
}

/// A service that works for keys that do not begin with `bad`.
fn failing_for_some() -> WebService {
    WebService::start(|asked| match asked.path.rsplit('/').next() {
        Some(key) if key.starts_with("bad") => Answer::status(500),
        _ => Answer::ok(ROW),
    })
}

fn times_asked(service: &WebService, key: &str) -> usize {
    service.asked().iter().filter(|asked| asked.path.ends_with(&format!("/{key}"))).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_fails_is_remembered_for_a_moment_and_takes_nothing_from_others() {
    let service = failing_for_some();
    let sources = asking(&service, generous());
    let why = unavailable(sources.ask("it", "bad").await);
    assert_eq!(why, "`it`: the service answers 500 Internal Server Error");
    let begun = Instant::now();
    for number in 0..100 {
        let why = unavailable(sources.now("it", "bad").expect("an answer at once"));
        assert!(why.contains("answers 500") && why.ends_with(" s ago)"), "{why}");
        fields(&sources.ask("it", &number.to_string()).await);
    }
    assert!(begun.elapsed() < FAILED_KEY_FOR, "this machine is too slow for the test");
    assert_eq!(times_asked(&service, "bad"), 1);
    tokio::time::sleep(FAILED_KEY_FOR).await;
    assert_eq!(sources.now("it", "bad"), None);
    unavailable(sources.ask("it", "bad").await);
    assert_eq!(times_asked(&service, "bad"), 2);
    assert!(!status(&sources).is_down);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_keys_that_fail_do_not_take_a_source_away_that_works_for_others() {
    let service = failing_for_some();
    let sources = asking(&service, generous());
    fields(&sources.ask("it", "good").await);
    for number in 0..50 {
        unavailable(sources.ask("it", &format!("bad-{number}")).await);
        assert!(!status(&sources).is_down, "after {number}");
    }
    // The key that was answered last is the probe, at most once per second.
    let probes = times_asked(&service, "good") - 1;
    assert!((1..=10).contains(&probes), "{probes}");
    fields(&sources.ask("it", "other").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_answers_nobody_any_more_is_probed_and_left_alone() {
    let (service, left) = failing_after(1);
    let sources = asking(&service, RemoteLimits { cache_entries_max: 0, ..generous() });
    fields(&sources.ask("it", "good").await);
    for number in 0..FAILED_KEYS_IN_A_ROW_MAX {
        unavailable(sources.ask("it", &number.to_string()).await);
    }
    let begun = Instant::now();
    while !status(&sources).is_down {
        assert!(begun.elapsed() < Duration::from_secs(10), "the probe fails too");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(times_asked(&service, "good"), 2);
    left.store(100, Ordering::SeqCst);
    tokio::time::sleep(RETRY_AFTER_MIN).await;
    fields(&sources.ask("it", "other").await);
    assert!(!status(&sources).is_down);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_a_time() {
    let (service, _) = failing_after(0);
    let sources = asking(&service, generous());
    assert_eq!(status(&sources).last_error_at, None);
    unavailable(sources.ask("it", "a").await);
    let at = status(&sources).last_error_at.unwrap();
    let at: jiff::Timestamp = at.parse().unwrap();
    assert!(jiff::Timestamp::now().duration_since(at).as_secs().abs() < 60, "{at}");
}

#[test]
fn a_trial_that_is_given_up_is_followed_by_another() {
    let (service, left) = failing_after(0);
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let gone = runtime();
    let sources = asking(&service, generous());
    for number in 0..FAILED_KEYS_IN_A_ROW_MAX {
        unavailable(gone.block_on(sources.ask("it", &number.to_string())));
    }
    std::thread::sleep(RETRY_AFTER_MIN);
    left.store(SLOW, Ordering::SeqCst);
    let trial = gone.block_on(async {
        tokio::time::timeout(Duration::from_millis(500), sources.ask("it", "a")).await
    });
    assert!(trial.is_err() && status(&sources).in_flight == 1);
    // The task ends as if it had panicked, without an answer.
    drop(gone);
    assert_eq!(status(&sources).in_flight, 0);
    assert!(status(&sources).is_down);
    std::thread::sleep(RETRY_AFTER_MIN * 2);
    fields(&runtime().block_on(sources.ask("it", "b")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_one_is_not_asked_for() {
    let service = WebService::start(|_| Answer::ok(ROW));
    let sources = asking(&service, generous());
    for key in ["", &"k".repeat(KEY_OCTETS_MAX + 1)] {
        assert_eq!(sources.now("it", key), Some(LookupAnswer::NotFound));
    }
    fields(&sources.ask("it", &"k".repeat(KEY_OCTETS_MAX)).await);
    assert_eq!(service.asked().len(), 1);
}

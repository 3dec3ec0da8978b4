//! Tests with SQLite.

use std::{
    os::unix::fs::FileExt,
    time::{Duration, Instant},
};

use lessor_core::LookupAnswer;
use lessor_lookup::{
    COMPUTING_THREADS_MAX, FAILED_KEY_FOR, FAILED_KEYS_IN_A_ROW_MAX, SQLITE_STEPS_MAX, Sources,
};
use lessor_settings::{RemoteLimits, SourceKind, SqliteSettings};
use rusqlite::Connection;

use crate::support::{Folder, fields, generous, open, refused, source, status, unavailable};

const QUERY: &str = "SELECT plan, vlan, price, note, raw FROM ports WHERE port = $1";

fn database(folder: &Folder, name: &str) -> Connection {
    let database = Connection::open(folder.path(name)).unwrap();
    database
        .execute_batch(
            "CREATE TABLE ports (port TEXT, plan TEXT, vlan INTEGER, price REAL, note TEXT, raw BLOB);
             INSERT INTO ports VALUES
                ('olt1/1', 'fast', 7, 12.5, NULL, x'00ff'),
                ('twice', 'a', 1, 1, '', NULL), ('twice', 'b', 1, 1, '', NULL);",
        )
        .unwrap();
    database
}

fn kind(folder: &Folder, query: &str, limits: RemoteLimits) -> SourceKind {
    let (path, query) = (folder.path("ports.db"), query.to_owned());
    SourceKind::Sqlite(SqliteSettings { path, query }, limits)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_found_by_parameter() {
    let folder = Folder::new();
    let database = database(&folder, "ports.db");
    let sources = open(kind(&folder, QUERY, generous()));
    let row =
        [("plan", "fast"), ("vlan", "7"), ("price", "12.5"), ("note", ""), ("raw", "hex:00ff")];
    assert_eq!(fields(&sources.ask("it", "olt1/1").await), row);
    assert_eq!(sources.ask("it", "' OR 1=1 --").await, LookupAnswer::NotFound);
    let why = unavailable(sources.ask("it", "twice").await);
    assert!(why.contains("more than one row for the key"), "{why}");
    // Later changes of the database are found.
    database.execute("INSERT INTO ports VALUES ('new', 'slow', 1, 1, '', '')", []).unwrap();
    assert_eq!(fields(&sources.ask("it", "new").await)[0], ("plan", "slow"));
    assert!(sources.table("it").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_takes_too_long_is_stopped() {
    let folder = Folder::new();
    database(&folder, "ports.db");
    let limits =
        RemoteLimits { deadline: Duration::from_millis(50), concurrency_max: 1, ..generous() };
    let sources = open(kind(&folder, ENDLESS, limits));
    let begun = Instant::now();
    // The second query gets the permit that the first one released.
    for key in ["a", "b"] {
        unavailable(sources.ask("it", key).await);
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
    let status = status(&sources);
    assert_eq!(status.timeouts + status.failures, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_database_is_waited_for_until_the_deadline() {
    let folder = Folder::new();
    let database = database(&folder, "ports.db");
    let limits = RemoteLimits { deadline: Duration::from_millis(200), ..generous() };
    let sources = open(kind(&folder, QUERY, limits));
    database.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let why = unavailable(sources.ask("it", "olt1/1").await);
    assert!(why.contains("locked") || why.contains("no answer within 200 ms"), "{why}");
    database.execute_batch("COMMIT").unwrap();
    tokio::time::sleep(FAILED_KEY_FOR).await;
    fields(&sources.ask("it", "olt1/1").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_query_cannot_take_leaves_the_others_alone() {
    let folder = Folder::new();
    let database = database(&folder, "ports.db");
    let by_number = "SELECT plan FROM ports WHERE vlan = abs(CAST($1 AS INTEGER)) LIMIT 1";
    let limits = RemoteLimits { cache_ttl: Duration::ZERO, ..generous() };
    let sources = open(kind(&folder, by_number, limits));
    for number in 0..FAILED_KEYS_IN_A_ROW_MAX {
        let key = format!("{}{}", i64::MIN, " ".repeat(number));
        let why = unavailable(sources.ask("it", &key).await);
        assert!(why.contains("integer overflow"), "{why}");
    }
    assert_eq!(fields(&sources.ask("it", "7").await), [("plan", "fast")]);
    // A failure that the key does not cause pauses the source.
    drop(database);
    let file = std::fs::File::options().write(true).open(folder.path("ports.db")).unwrap();
    file.write_all_at(&[0xff; 8192], 0).unwrap();
    for number in 0..FAILED_KEYS_IN_A_ROW_MAX {
        unavailable(sources.ask("it", &(100 + number).to_string()).await);
    }
    wait_until_down(&sources).await;
}

/// Waits until the source is paused; a probe may be running.
async fn wait_until_down(sources: &Sources) {
    let begun = Instant::now();
    while !status(sources).is_down {
        assert!(begun.elapsed() < Duration::from_secs(10), "it fails for all keys");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A query that never ends.
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                       SELECT count(*) AS c FROM n WHERE i = $1";

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_computes_too_much_is_stopped_long_before_its_deadline() {
    let folder = Folder::new();
    database(&folder, "ports.db");
    let limits = RemoteLimits { deadline: Duration::from_secs(600), ..generous() };
    let sources = open(kind(&folder, ENDLESS, limits));
    let why = unavailable(sources.ask("it", "a").await);
    assert!(why.contains(&format!("stopped after {SQLITE_STEPS_MAX} steps")), "{why}");
    assert_eq!((status(&sources).timeouts, status(&sources).failures), (0, 1));
}

/// The nice values of the threads of this process that query databases.
fn computing_threads() -> Vec<i64> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let stats =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let niceness = |stat: String| {
        let (name, rest) = stat.rsplit_once(") ")?;
        name.ends_with("(lookup-sqlite").then(|| rest.split(' ').nth(16)?.parse().ok())?
    };
    stats.filter_map(niceness).collect()
}

#[test]
fn databases_are_asked_on_few_threads_of_low_priority_that_end_with_them() {
    // The check runs in a separate process, because other tests have such threads too.
    let alone = std::env::var_os("LESSOR_ALONE").is_some();
    if !alone {
        let name = "sqlite::databases_are_asked_on_few_threads_of_low_priority_that_end_with_them";
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        let again = again.args(["--exact", name]).env("LESSOR_ALONE", "1").output().unwrap();
        assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stdout));
        return;
    }
    let folder = Folder::new();
    database(&folder, "ports.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let limits = RemoteLimits { concurrency_max: 100, ..generous() };
    let sources = open(kind(&folder, QUERY, limits));
    let questions: Vec<_> = (0..200)
        .map(|number: u32| {
            let sources = std::sync::Arc::clone(&sources);
            runtime.spawn(async move { sources.ask("it", &number.to_string()).await })
        })
        .collect();
    for question in questions {
        assert_eq!(runtime.block_on(question).unwrap(), LookupAnswer::NotFound);
    }
    let threads = computing_threads();
    assert_eq!(threads.len(), COMPUTING_THREADS_MAX);
    assert!(threads.iter().all(|niceness| *niceness >= 10), "{threads:?}");
    drop((sources, runtime));
    let begun = Instant::now();
    while !computing_threads().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10), "they end with the source");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_query_that_scans_is_warned_of() {
    let folder = Folder::new();
    let database = database(&folder, "ports.db");
    let warnings = || open(kind(&folder, QUERY, generous())).warnings();
    let told = warnings();
    assert_eq!((told.len(), &*told[0].0), (1, "it"));
    assert!(told[0].1.contains("reads the whole of ports for each key"), "{}", told[0].1);
    database.execute_batch("CREATE INDEX by_port ON ports (port)").unwrap();
    assert_eq!(warnings(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_in_its_place_is_noticed_without_a_reload() {
    let folder = Folder::new();
    database(&folder, "ports.db");
    let limits = RemoteLimits { cache_entries_max: 0, concurrency_max: 1, ..generous() };
    let sources = open(kind(&folder, QUERY, limits));
    assert_eq!(fields(&sources.ask("it", "olt1/1").await)[0], ("plan", "fast"));
    let next = database(&folder, "next.db");
    next.execute("UPDATE ports SET plan = 'other' WHERE port = 'olt1/1'", []).unwrap();
    drop(next);
    std::fs::rename(folder.path("next.db"), folder.path("ports.db")).unwrap();
    assert_eq!(fields(&sources.ask("it", "olt1/1").await)[0], ("plan", "other"));
    std::fs::remove_file(folder.path("ports.db")).unwrap();
    let why = unavailable(sources.ask("it", "olt1/1").await);
    assert!(why.contains("cannot read") && why.contains("No such file"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_the_table_takes_the_source_down_for_all_keys() {
    let folder = Folder::new();
    database(&folder, "ports.db");
    let sources = open(kind(&folder, QUERY, generous()));
    fields(&sources.ask("it", "olt1/1").await);
    std::fs::write(folder.path("empty.db"), "").unwrap();
    std::fs::rename(folder.path("empty.db"), folder.path("ports.db")).unwrap();
    for number in 0..FAILED_KEYS_IN_A_ROW_MAX {
        let why = unavailable(sources.ask("it", &number.to_string()).await);
        assert!(why.contains("no such table"), "{why}");
    }
    wait_until_down(&sources).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_in_its_place_is_opened_at_a_reload() {
    let folder = Folder::new();
    database(&folder, "ports.db");
    let settings = source(kind(&folder, QUERY, generous()));
    let first = open(settings.kind.clone());
    fields(&first.ask("it", "olt1/1").await);
    let next = database(&folder, "next.db");
    next.execute("UPDATE ports SET plan = 'other' WHERE port = 'olt1/1'", []).unwrap();
    drop(next);
    std::fs::rename(folder.path("next.db"), folder.path("ports.db")).unwrap();
    let second = first.reload(&[settings]).unwrap();
    assert_eq!(fields(&second.ask("it", "olt1/1").await)[0], ("plan", "other"));
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let folder = Folder::new();
    let missing = refused(kind(&folder, QUERY, generous()));
    assert!(missing.contains("cannot read") && missing.contains("ports.db"), "{missing}");
    database(&folder, "ports.db");
    for (query, told) in [
        ("SELECT plan FROM lines WHERE port = $1", "no such table: lines"),
        ("SELECT plan FROM ports", "it has 0 parameters; wanted one, $1: the key"),
        ("SELECT plan FROM ports WHERE port = $1 AND vlan = $2", "it has 2 parameters"),
        ("DELETE FROM ports WHERE port = $1", "wanted a query that only reads"),
        ("SELEKT", "syntax error"),
    ] {
        let error = refused(kind(&folder, query, generous()));
        assert!(error.contains(told), "{query}: {error}");
    }
    folder
        .file("ports.db", "this is no database, and long enough to be told from one: it is a text");
    let error = refused(kind(&folder, QUERY, generous()));
    assert!(error.contains("not a database"), "{error}");
}

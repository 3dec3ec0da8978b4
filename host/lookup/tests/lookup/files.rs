//! Files that are held in memory, as sources.

use lessor_core::LookupAnswer;
use lessor_lookup::Sources;
use lessor_settings::{JsonSettings, SourceKind};

use crate::support::{Folder, csv, fields, open, source, status, unavailable};

#[tokio::test]
async fn files_answer_at_once() {
    let folder = Folder::new();
    let sources = open(csv(folder.file("ports.csv", "port,plan\nolt1/1,fast\n")));
    let answer = sources.now("it", "olt1/1").unwrap();
    assert_eq!(fields(&answer), [("port", "olt1/1"), ("plan", "fast")]);
    assert_eq!(sources.now("it", "olt1/2"), Some(LookupAnswer::NotFound));
    assert_eq!(sources.ask("it", "olt1/1").await, answer);
    assert_eq!(sources.table("it").unwrap().field("olt1/1", "plan"), Some("fast"));
    let status = status(&sources);
    assert_eq!((status.rows, status.asked, status.hits, status.negative_hits), (1, 3, 2, 1));
    assert_eq!((&*status.name, &*status.kind), ("it", "csv"));
}

#[tokio::test]
async fn a_source_that_is_not_there_is_unavailable() {
    let sources = Sources::open(&[]).unwrap();
    assert!(sources.is_empty() && !sources.contains("ports"));
    let why = unavailable(sources.now("ports", "olt1/1").unwrap());
    assert_eq!(why, "there is no lookup source `ports`");
    assert_eq!(unavailable(sources.ask("ports", "olt1/1").await), why);
}

#[test]
fn every_source_that_cannot_be_used_is_named() {
    let folder = Folder::new();
    let good = csv(folder.file("ports.csv", "port\nx\n"));
    let json = JsonSettings { path: folder.file("ports.json", "{"), key: None, rows_min: None };
    let mut settings = [
        source(good.clone()),
        source(good),
        source(SourceKind::Json(json)),
        source(csv(folder.path("none.csv"))),
    ];
    settings[2].name = "second".to_owned();
    settings[3].name = "third".to_owned();
    let errors = Sources::open(&settings).err().unwrap();
    let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(
        told[0],
        "lookup source `it`: another source has the same name; give each source \
         its own name"
    );
    assert!(
        told[1].starts_with("lookup source `second`: ") && told[1].contains("this is not JSON")
    );
    assert!(told[2].starts_with("lookup source `third`: cannot read "), "{}", told[2]);
}

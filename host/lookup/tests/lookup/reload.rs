//! Successive sets of sources.

use std::time::Duration;

use lessor_core::LookupAnswer;
use lessor_e2e::sources::{Answer, WebService};
use lessor_lookup::Sources;
use lessor_settings::{
    CsvSettings, HttpSettings, OnSourceFailure, RemoteLimits, SourceKind, SourceSettings,
};

use crate::support::{Folder, csv, fields, generous, http, open, source, status};

#[test]
fn a_file_that_changed_is_read_and_the_old_rows_serve_on() {
    let folder = Folder::new();
    let kind = csv(folder.file("ports.csv", "port,plan\na,old\n"));
    let old = open(kind.clone());
    folder.file("ports.csv", "port,plan\na,new\n");
    let new = old.reload(&[source(kind.clone())]).unwrap();
    assert_eq!(new.table("it").unwrap().field("a", "plan"), Some("new"));
    assert_eq!(old.table("it").unwrap().field("a", "plan"), Some("old"));
    folder.file("ports.csv", "port,plan\na\n");
    let errors = new.reload(&[source(kind)]).err().unwrap();
    assert!(errors[0].to_string().contains("ports.csv:2: the row has 1 values"), "{}", errors[0]);
    assert_eq!(new.table("it").unwrap().field("a", "plan"), Some("new"));
}

fn rows(count: usize) -> String {
    (0..count).fold("port,plan\n".to_owned(), |text, number| text + &format!("{number},fast\n"))
}

#[test]
fn a_file_that_lost_almost_all_of_its_rows_is_refused_unless_that_is_allowed() {
    let folder = Folder::new();
    let ports = |rows_min| {
        let (path, key) = (folder.path("ports.csv"), "port".to_owned());
        source(SourceKind::Csv(CsvSettings { path, key, delimiter: ',', rows_min }))
    };
    let put = |count| folder.file("ports.csv", &rows(count));
    put(1000);
    let serving = Sources::open(&[ports(None)]).unwrap();
    let reload = |rows_min| match serving.reload(&[ports(rows_min)]) {
        Ok(sources) => Ok(status(&sources).rows),
        Err(errors) => Err(errors[0].to_string()),
    };
    put(100);
    assert_eq!(reload(None), Ok(100), "a tenth may be right");
    put(99);
    let error = reload(None).unwrap_err();
    let told = "ports.csv has 99 rows, and 1000 rows of it are in use. So few rows look like a \
                mistake; if they are right, set `rows-min = 99`";
    assert!(error.ends_with(told), "{error}");
    assert_eq!(serving.table("it").unwrap().rows(), 1000, "what serves is unchanged");
    assert_eq!(reload(Some(99)), Ok(99));
    assert_eq!(reload(Some(0)), Ok(99));
    let error = reload(Some(100)).unwrap_err();
    assert!(error.ends_with("has 99 rows; wanted at least 100, as `rows-min` says"), "{error}");
    put(0);
    assert!(reload(None).is_err());
    assert_eq!(reload(Some(0)), Ok(0));
    // The first set has nothing to compare with, but an explicit minimum applies.
    assert!(Sources::open(&[ports(None)]).is_ok());
    assert!(Sources::open(&[ports(Some(1))]).is_err());
    let empty = Sources::open(&[ports(None)]).unwrap();
    put(1);
    assert!(empty.reload(&[ports(None)]).is_ok(), "nothing was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_remembered_goes_over_unless_the_source_changed() {
    let service = WebService::start(|_| Answer::ok(r#"{"plan":"fast"}"#));
    let folder = Folder::new();
    let token = folder.file("token", "first");
    let settings = HttpSettings {
        url: format!("http://{}/{{key}}", service.address()),
        headers: Vec::new(),
        bearer_token_file: Some(token),
        ca_file: None,
    };
    let kind = SourceKind::Http(settings, generous());
    let first = open(kind.clone());
    first.ask("it", "a").await;
    // The caller decides what a failure means: it is no part of the source.
    let dropping = SourceSettings { on_failure: OnSourceFailure::Drop, ..source(kind.clone()) };
    let second = first.reload(&[dropping]).unwrap();
    assert_eq!(fields(&second.now("it", "a").unwrap()), [("plan", "fast")]);
    folder.file("token", "second");
    let third = second.reload(&[source(kind)]).unwrap();
    assert_eq!(third.now("it", "a"), None, "it may be told something else with the other token");
    third.ask("it", "a").await;
    let tokens: Vec<String> = service
        .asked()
        .iter()
        .flat_map(|asked| asked.headers.clone())
        .filter(|header| header.to_lowercase().starts_with("authorization"))
        .collect();
    assert_eq!(tokens.len(), 2);
    assert!(tokens[0].ends_with("Bearer first") && tokens[1].ends_with("Bearer second"));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_limits_make_another_source() {
    let service = WebService::start(|_| Answer::status(404));
    let url = format!("http://{}/{{key}}", service.address());
    let first = open(http(url.clone(), generous()));
    assert_eq!(first.ask("it", "a").await, LookupAnswer::NotFound);
    let limits = RemoteLimits { negative_ttl: Duration::from_secs(7), ..generous() };
    let second = first.reload(&[source(http(url, limits))]).unwrap();
    assert_eq!(second.now("it", "a"), None);
    assert_eq!(status(&second).asked, 0);
}

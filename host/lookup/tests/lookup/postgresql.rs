//! Tests with a real PostgreSQL server.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use lessor_core::LookupAnswer;
use lessor_e2e::{require, sources::PostgreSql};
use lessor_lookup::FAILED_KEYS_IN_A_ROW_MAX;
use lessor_settings::{PostgresqlSettings, RemoteLimits, SourceKind};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::support::{Folder, fields, generous, open, refused, status, unavailable};

const QUERY: &str = "SELECT plan, vlan, price, since, mac FROM ports WHERE port = $1;";
const TABLE: &str = "CREATE TABLE ports (port text, plan varchar(20), vlan int, price numeric(8,2), \
                     since timestamp, mac macaddr); \
                     INSERT INTO ports VALUES \
                     ('olt1/1', 'fast', 7, 12.50, '2026-01-02 03:04:05', '02:00:00:00:00:01'), \
                     ('twice', 'a', 1, 1, NULL, NULL), ('twice', 'b', 1, 1, NULL, NULL)";

fn kind(
    server: &PostgreSql,
    folder: &Folder,
    query: &str,
    (arguments, ca_file): (&str, Option<PathBuf>),
    limits: RemoteLimits,
) -> SourceKind {
    let settings = PostgresqlSettings {
        url: format!("postgresql://lessor@{}/postgres?{arguments}", server.address()),
        password_file: Some(folder.file("password", PostgreSql::PASSWORD)),
        ca_file,
        query: query.to_owned(),
    };
    SourceKind::Postgresql(settings, limits)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_found_by_parameter_in_a_database_that_comes_and_goes() {
    require!(psql);
    let mut server = PostgreSql::start(None);
    server.run(TABLE);
    let folder = Folder::new();
    let plain = ("sslmode=disable", None);
    let sources = open(kind(&server, &folder, QUERY, plain.clone(), generous()));
    let row = [
        ("plan", "fast"),
        ("vlan", "7"),
        ("price", "12.50"),
        ("since", "2026-01-02T03:04:05"),
        ("mac", "02:00:00:00:00:01"),
    ];
    assert_eq!(fields(&sources.ask("it", "olt1/1").await), row);
    assert_eq!(sources.ask("it", "' OR true --").await, LookupAnswer::NotFound);
    let why = unavailable(sources.ask("it", "twice").await);
    assert!(why.contains("more than one row for the key"), "{why}");

    // A key of another type, and one that is not valid for the type.
    let by_mac = "SELECT plan FROM ports WHERE mac = $1::macaddr -- by the client's own";
    let by_mac = open(kind(&server, &folder, by_mac, plain.clone(), generous()));
    assert_eq!(fields(&by_mac.ask("it", "02-00-00-00-00-01").await), [("plan", "fast")]);
    let why = unavailable(by_mac.ask("it", "olt1/1").await);
    assert!(why.contains("invalid input syntax for type macaddr"), "{why}");
    fields(&by_mac.ask("it", "02:00:00:00:00:01").await);

    // The server refuses changes by a query, and cancels a query that no caller waits for.
    let writing = "INSERT INTO ports VALUES ($1) RETURNING port";
    let writing = open(kind(&server, &folder, writing, plain.clone(), generous()));
    unavailable(writing.ask("it", "a").await);
    let limits = RemoteLimits { deadline: Duration::from_millis(500), ..generous() };
    let slow = "SELECT pg_sleep(20)::text AS slept WHERE 'a' = $1";
    let slow = open(kind(&server, &folder, slow, plain.clone(), limits));
    unavailable(slow.ask("it", "a").await);
    let working = "DO $$ BEGIN FOR i IN 1..100 LOOP \
         IF NOT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE \
         '%pg_sleep(20)::text%' AND pid <> pg_backend_pid()) THEN RETURN; END IF; \
         PERFORM pg_sleep(0.1), pg_stat_clear_snapshot(); END LOOP; \
         RAISE 'it works on'; END $$";
    server.run(working);

    // Connections that the server closed are replaced.
    server.pause();
    assert!(unavailable(sources.ask("it", "down").await).starts_with("`it`: "));
    server.resume();
    for _ in 0..3 {
        if status(&sources).is_down {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }
    assert_eq!(sources.ask("it", "up again").await, LookupAnswer::NotFound);
    let missing = "SELECT plan FROM lines WHERE port = $1";
    let missing = open(kind(&server, &folder, missing, plain, generous()));
    let why = unavailable(missing.ask("it", "a").await);
    assert!(why.contains("relation \"lines\" does not exist (42P01)"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_query_cannot_take_leaves_the_others_alone() {
    require!(psql);
    let server = PostgreSql::start(None);
    server.run(TABLE);
    server.run(
        "CREATE FUNCTION checked(port text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN \
         IF port = 'refused' THEN RAISE 'it has no such port'; END IF; RETURN port; END $$",
    );
    let folder = Folder::new();
    let query = "SELECT (SELECT plan FROM ports WHERE port = checked($1)) AS plan";
    let sources = open(kind(&server, &folder, query, ("sslmode=disable", None), generous()));
    for (key, told) in [("twice", "(21000)"), ("refused", "it has no such port (P0001)")] {
        for _ in 0..FAILED_KEYS_IN_A_ROW_MAX {
            let why = unavailable(sources.ask("it", key).await);
            assert!(why.contains(told), "{why}");
        }
    }
    assert_eq!(fields(&sources.ask("it", "olt1/1").await), [("plan", "fast")]);
}

/// A proxy between the server and its clients. When it forgets, existing connections stay open but
/// pass no more data.
fn forgetful_firewall(server: &PostgreSql) -> (SocketAddr, watch::Sender<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    let (forget, _) = watch::channel(());
    let (server, forgetting) = (server.address(), forget.clone());
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut forgotten = forgetting.subscribe();
            let server = server.clone();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(server).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    Ok(()) = forgotten.changed() => {
                        tokio::time::sleep(Duration::from_secs(60)).await;
                    }
                }
            });
        }
    });
    (address, forget)
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_were_lost_unnoticed_cost_one_deadline_and_not_one_each() {
    require!(psql);
    let server = PostgreSql::start(None);
    let (address, forget) = forgetful_firewall(&server);
    let folder = Folder::new();
    let settings = PostgresqlSettings {
        url: format!("postgresql://lessor@{address}/postgres?sslmode=disable"),
        password_file: Some(folder.file("password", PostgreSql::PASSWORD)),
        ca_file: None,
        query: "SELECT 'fast' AS plan FROM pg_sleep(0.5) WHERE $1 <> ''".to_owned(),
    };
    let limits = RemoteLimits { deadline: Duration::from_secs(4), ..generous() };
    let sources = open(SourceKind::Postgresql(settings, limits));
    let together = ["a", "b", "c"].map(|key| {
        let sources = Arc::clone(&sources);
        tokio::spawn(async move { sources.ask("it", key).await })
    });
    for question in together {
        fields(&question.await.unwrap());
    }
    forget.send_replace(());
    let why = unavailable(sources.ask("it", "d").await);
    assert!(why.contains("no answer within 4000 ms"), "{why}");
    assert_eq!(fields(&sources.ask("it", "e").await), [("plan", "fast")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_encrypted_if_the_certificate_is_trusted() {
    require!(psql);
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names.clone()).unwrap();
    let server = PostgreSql::start(Some((&cert.pem(), &signing_key.serialize_pem())));
    let folder = Folder::new();
    let query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND $1 <> ''";
    let trusted = ("sslmode=require", Some(folder.file("ca.pem", &cert.pem())));
    let sources = open(kind(&server, &folder, query, trusted, generous()));
    assert_eq!(fields(&sources.ask("it", "a").await), [("ssl", "true")]);
    let other = generate_simple_self_signed(names).unwrap();
    let wary = ("sslmode=require", Some(folder.file("other.pem", &other.cert.pem())));
    let sources = open(kind(&server, &folder, query, wary, generous()));
    let why = unavailable(sources.ask("it", "a").await);
    assert!(why.contains("certificate"), "{why}");
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let refused = |url: &str, query: &str| {
        let (password_file, ca_file) = (None, None);
        let (url, query) = (url.to_owned(), query.to_owned());
        let settings = PostgresqlSettings { url, password_file, ca_file, query };
        refused(SourceKind::Postgresql(settings, generous()))
    };
    for (url, query, told) in [
        ("postgresql://lessor:s3cret@host/db", "SELECT $1", "set password-file"),
        ("postgresql:///db", "SELECT $1", "it names no host"),
        ("mysql://host/db", "SELECT $1", "wanted postgresql://user@host:port/database"),
        ("postgresql://lessor@host/db", "SELECT 1", "wanted $1 where the key goes"),
    ] {
        let error = refused(url, query);
        assert!(error.contains(told) && !error.contains("s3cret"), "{url}: {error}");
    }
}
